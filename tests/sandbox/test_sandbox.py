import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from leanlab.config import Limits
from leanlab.errors import ConfinementUnavailable, EvaluatorError
from leanlab.sandbox import Sandbox, probe
from leanlab.sandbox.confinement import Found, tier_of


def evaluate(sandbox, expression, value=None, **limits):
    """Return the repr of an expression, as a candidate sees it."""
    source = f"import os, sys, gc\ndef f(x):\n    return repr({expression})\n"
    with sandbox.process(Limits(**limits)) as process:
        process.load(source.encode(), "x.py")
        answers = process.call("f", [value], reply="json", explain=True)
    return answers.texts[0].decode() or answers.note


def test_tier_a_names_its_layers_on_one_line(tier_a):
    confinement = tier_a.confinement
    assert {"mount", "net", "ipc", "uts", "pid", "seccomp", "rlimits"} <= {*confinement.layers}
    assert confinement.summary.startswith("confinement: tier A (")
    assert "mount, net, ipc, uts and pid namespaces, Landlock" in confinement.summary
    assert (confinement.missing, confinement.remedy) == ((), "")


def test_tier_b_says_what_is_missing_and_how_to_get_it(tier_b):
    summary = tier_b.confinement.summary
    assert summary.startswith("confinement: tier B (Landlock ")
    assert "no namespaces (switched off): names of hidden files stay visible" in summary
    assert "contents do not. To get tier A: " in summary
    assert "\n" not in summary


@pytest.mark.parametrize(
    ("found", "tier"),
    [
        (Found("root", 1, True, {}), "A"),
        (Found("user", 7, True, {}), "A"),
        (Found("", 2, True, {"namespaces": "no"}), "B"),
        (Found("user", 0, True, {"landlock": "no"}), "C"),
        (Found("", 0, True, {"namespaces": "no", "landlock": "no"}), "D"),
        (Found("user", 7, False, {"seccomp": "no"}), "none"),
        (Found("", 0, False, {"namespaces": "no", "landlock": "no", "seccomp": "no"}), "none"),
    ],
)
def test_what_is_found_makes_the_tier(found, tier):
    confinement = tier_of(found)
    assert confinement.tier == tier
    assert bool(confinement.remedy) == bool(confinement.missing) == (tier != "A")


def test_probe_tells_what_this_machine_offers(best_tier):
    with Sandbox(allow_unsandboxed=True) as sandbox:
        assert probe() == sandbox.confinement
    assert sandbox.confinement.tier == best_tier


@pytest.mark.parametrize("layers", [(), ("namespaces", "landlock"), ("landlock",)])
def test_nothing_is_a_tier_without_seccomp_and_is_refused_unless_allowed(layers):
    with pytest.raises(ConfinementUnavailable, match="--allow-unsandboxed"):
        Sandbox(layers=layers)
    with Sandbox(layers=layers, allow_unsandboxed=True) as sandbox:
        assert sandbox.confinement.tier == "none"
        assert evaluate(sandbox, "1 + 1") == '"2"'


@pytest.mark.parametrize("name", ["no_such_module", "no_such_module.part"])
def test_an_import_that_is_not_installed_is_named(name):
    with pytest.raises(EvaluatorError, match=r"no_such_module .*or take it out of lab.json"):
        Sandbox([name])


@pytest.mark.parametrize("name", ["leanlab", "leanlab.labkit.candidate"])
def test_leanlab_itself_cannot_be_an_import(name):
    with pytest.raises(EvaluatorError, match="leanlab is not for candidates"):
        Sandbox([name])


def test_a_hidden_runtime_is_refused():
    with pytest.raises(EvaluatorError, match="lies inside"):
        Sandbox(hidden=[Path(os.__file__).parents[1]])


@pytest.mark.parametrize("name", ["numpy", "msgspec", "pytest", "leanlab", "leanlab.sandbox.wire"])
def test_what_is_installed_is_not_importable_unless_it_is_in_imports(sandbox, name):
    assert "ModuleNotFoundError" in evaluate(sandbox, f"__import__({name!r})")


@pytest.mark.parametrize(
    "name",
    ["sqlite3", "ssl", "decimal", "lzma", "asyncio", "xml.dom", "ctypes", "zoneinfo"],
)
def test_the_standard_library_is_importable(reading, name):
    assert evaluate(reading, f"__import__({name!r})").startswith(f"\"<module '{name.split('.')[0]}")


@pytest.mark.parametrize(
    "layers",
    [("namespaces", "landlock", "seccomp"), ("landlock", "seccomp"), ("namespaces", "seccomp")],
)
def test_an_import_brings_all_of_its_package_and_nothing_else(best_tier, layers):
    if best_tier != "A":
        pytest.skip("this machine does not give tier A")
    with Sandbox(["numpy.linalg"], layers=layers) as sandbox:
        assert "numpy.polynomial" in evaluate(sandbox, "__import__('numpy.polynomial').polynomial")
        assert evaluate(sandbox, "float(__import__('numpy').linalg.norm([3, 4]))") == '"5.0"'
        assert "ModuleNotFoundError" in evaluate(sandbox, "__import__('msgspec')")
        packages = str(Path(np.__file__).parents[1])
        read = f"open({packages!r} + '/msgspec/__init__.py').read()"
        assert "Error" in evaluate(sandbox, read)
        assert "import" in evaluate(sandbox, read.replace("msgspec", "numpy"))


def test_packages_inside_the_standard_librarys_folder_are_unreadable(sandbox):
    store = Path(os.__file__).parent / "site-packages"
    if not store.is_dir():
        pytest.skip("this interpreter keeps its packages elsewhere")
    file = next(path for path in store.rglob("*") if path.is_file())
    assert "Error" in evaluate(sandbox, f"open({str(file)!r})")


@pytest.mark.parametrize("layers", [("landlock", "seccomp"), ("namespaces", "seccomp")])
def test_hidden_paths_are_unreadable_even_inside_a_readable_package(best_tier, layers):
    if best_tier != "A":
        pytest.skip("this machine does not give tier A")
    package = Path(np.__file__).parent
    with Sandbox(["numpy"], hidden=[package / "testing"], layers=layers) as sandbox:
        shown = evaluate(sandbox, f"len(open({str(package / 'version.py')!r}).read()) > 10")
        hidden = evaluate(sandbox, f"open({str(package / 'testing' / '__init__.py')!r})")
    assert shown == '"True"'
    assert "Error" in hidden


def test_the_environment_and_descriptors_hold_nothing_of_the_evaluators(sandbox):
    os.environ["LEANLAB_TEST_SECRET"] = "sk-secret"
    try:
        with Sandbox(layers=("landlock", "seccomp"), allow_unsandboxed=True) as fresh:
            assert "secret" not in evaluate(fresh, "dict(os.environ)")
    finally:
        del os.environ["LEANLAB_TEST_SECRET"]
    source = """
import os
def is_open(n):
    try:
        os.get_inheritable(n)
    except OSError:
        return False
    return True
def f(x):
    return [n for n in range(1024) if is_open(n)]
"""
    with sandbox.process(Limits()) as process:
        process.load(source.encode(), "x.py")
        assert process.call("f", [0], reply="json").texts == (b"[0,1,2,3]",)


def test_no_object_in_reach_of_a_candidate_knows_the_hidden_path(tmp_path, best_tier):
    if best_tier == "none":
        pytest.skip("this machine gives no tier")
    source = b"""
import gc, sys

def f(marker):
    seen, found = set(), []
    todo = [o for o in gc.get_objects()] + [sys._getframe(), sys.modules]
    frame = sys._getframe()
    while frame:
        todo += [frame.f_locals, frame.f_globals]
        frame = frame.f_back
    while todo:
        value = todo.pop()
        if id(value) in seen or value is marker:
            continue
        seen.add(id(value))
        if isinstance(value, (str, bytes)):
            text = value if isinstance(value, str) else value.decode("latin-1")
            if "x".join(marker) in text:
                found.append(text)
        elif isinstance(value, dict):
            todo += [*value, *value.values()]
        elif isinstance(value, (list, tuple, set, frozenset)):
            todo += value
    return len(found)
"""
    with Sandbox(hidden=[tmp_path / "parityxlab"]) as sandbox, sandbox.process(Limits()) as process:
        process.load(source, "x.py")
        assert process.call("f", [["parity", "lab"]], reply="json").texts == (b"0",)


def test_standard_input_is_empty(sandbox):
    assert "EOFError" in evaluate(sandbox, "input()")


def test_a_closed_sandbox_says_so(tier_b):
    sandbox = Sandbox(layers=("landlock", "seccomp"))
    sandbox.close()
    with pytest.raises(EvaluatorError, match="Start the evaluation again"):
        sandbox.process(Limits())


def test_many_processes_at_once_do_not_disturb_each_other(tier_b):
    answers = {}

    def work(number):
        source = f"import time\ndef f(x):\n    time.sleep(0.02)\n    return x + {number}\n"
        with tier_b.process(Limits()) as process:
            process.load(source.encode(), "x.py")
            texts = process.call("f", [1, 2, 3], reply="json").texts
        answers[number] = [int(text) for text in texts]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: [number + 1, number + 2, number + 3] for number in range(8)}


def test_a_sandbox_outlives_the_thread_that_made_it(best_tier):
    if best_tier == "none":
        pytest.skip("this machine gives no tier")
    made = []
    thread = threading.Thread(target=lambda: made.append(Sandbox()))
    thread.start()
    thread.join()
    with made[0] as sandbox:
        assert evaluate(sandbox, "1 + 1") == '"2"'


def test_the_zygote_needs_nothing_beyond_the_standard_library():
    code = "import sys, leanlab.sandbox.zygote; print({'msgspec', 'numpy'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "set()\n", result.stderr


def test_hashes_are_the_same_in_every_sandbox(sandbox):
    with Sandbox(layers=(), allow_unsandboxed=True) as fresh:
        assert evaluate(sandbox, "hash('label')") == evaluate(fresh, "hash('label')")


def test_a_candidate_of_roots_runs_as_nobody(tier_a):
    if os.geteuid() != 0:
        pytest.skip("this is an ordinary user already")
    ids = "[os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getgroups()]"
    assert evaluate(tier_a, ids) == '"[65533, 65533, 65533, 65533, []]"'


EVALUATOR = """
import sys, time
from leanlab.config import Limits
from leanlab.sandbox import Sandbox
sandbox = Sandbox()
hanging, sleeping = sandbox.process(Limits()), sandbox.process(Limits())
for process in (hanging, sleeping):
    process.load(b"def f(x):\\n    while True:\\n        pass\\n", "x.py")
print("ready", flush=True)
hanging.call("f", [1], reply="bit")
"""


def descendants(pid):
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        found += children
        todo += children
    return found


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_evaluator_leaves_no_process(best_tier, how):
    if best_tier == "none":
        pytest.skip("this machine gives no tier")
    evaluator = subprocess.Popen([sys.executable, "-c", EVALUATOR], stdout=subprocess.PIPE)
    with evaluator:
        assert evaluator.stdout.readline() == b"ready\n"
        # The zygote, two workers, and one that stands by, which comes last.
        deadline = time.monotonic() + 2
        while len(family := descendants(evaluator.pid)) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(family) == 4
        evaluator.send_signal(how)
        evaluator.wait()
    deadline = time.monotonic() + 2
    while any(map(alive, family)):
        assert time.monotonic() < deadline, [pid for pid in family if alive(pid)]
        time.sleep(0.01)


def test_a_killed_zygote_takes_its_workers_along(best_tier):
    if best_tier == "none":
        pytest.skip("this machine gives no tier")
    before = set(descendants(os.getpid()))
    with Sandbox() as sandbox, sandbox.process(Limits()) as process:
        process.load(b"def f(x): return 1", "x.py")
        family = set(descendants(os.getpid())) - before
        zygote = min(family)
        os.kill(zygote, signal.SIGKILL)
        deadline = time.monotonic() + 2
        while any(map(alive, family - {zygote})):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(EvaluatorError, match="ended from outside"):
            process.call("f", [1], reply="bit")


def test_a_killed_standby_is_replaced(best_tier):
    if best_tier == "none":
        pytest.skip("this machine gives no tier")
    before = set(descendants(os.getpid()))
    with Sandbox() as sandbox:
        for _ in range(3):
            with sandbox.process(Limits()) as process:
                process.load(b"def f(x): return 1", "x.py")
                assert process.call("f", [0], reply="bit").marks == b"1"
            # The standby is forked while the evaluator already goes on.
            deadline = time.monotonic() + 2
            while len(family := set(descendants(os.getpid())) - before) != 2:
                assert time.monotonic() < deadline, family
                time.sleep(0.01)
            standby = max(family)
            os.kill(standby, signal.SIGKILL)
            while alive(standby):
                assert time.monotonic() < deadline
                time.sleep(0.01)


def test_workers_end_alike_where_nothing_tells_that_they_did(best_tier):
    """Before Linux 5.3 there is no descriptor of a process: the supervisor looks instead."""
    if best_tier == "none":
        pytest.skip("this machine gives no tier")
    script = (
        "import runpy, sys\n"
        "runpy.run_path(sys.argv[1])['deny'](['pidfd'])\n"
        "from leanlab.config import Limits\n"
        "from leanlab.errors import CandidateFailed\n"
        "from leanlab.sandbox import Sandbox\n"
        "def ended(source, **limits):\n"
        "    with sandbox.process(Limits(**limits)) as one:\n"
        "        try:\n"
        "            one.load(source, 'x.py')\n"
        "            print(one.call('f', [0], reply='bit').marks)\n"
        "        except CandidateFailed as failed:\n"
        "            print(failed.category)\n"
        "    print(one.usage.reason)\n"
        "with Sandbox() as sandbox:\n"
        "    ended(b'def f(x): return 1')\n"
        "    ended(b'def f(x):\\n import os\\n os._exit(3)')\n"
        "    ended(b'def f(x):\\n while 1: pass', seconds=0.3)\n"
        "    ended(b'def f(x):\\n while 1: pass', cpu_seconds=0.3)\n"
    )
    attack = Path(__file__).with_name("attack.py")
    done = subprocess.run(
        [sys.executable, "-c", script, attack], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == [
        "b'1'", "closed", "died", "ended", "timed out", "timed out",
        "out of cpu time", "out of cpu time",
    ], done.stderr  # fmt: skip
