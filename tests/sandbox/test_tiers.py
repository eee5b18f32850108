"""Tiers, with what a tier needs really taken away; as root and as an ordinary user."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

import leanlab
from leanlab.config import Limits
from leanlab.errors import CandidateFailed
from leanlab.labkit.candidate import Candidate
from leanlab.sandbox import Sandbox
from leanlab.sandbox.confinement import Found, tier_of
from leanlab.sandbox.preload import MODULES

HERE = Path(__file__).parent
NOBODY = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/"}


def run(script, *arguments, python=sys.executable, **options):
    """Run a script of this folder and return the JSON that it prints."""
    command = [python, str(script), *arguments]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, **options
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@contextmanager
def home_with(interpreter):
    """Yield an environment that everybody can read, with leanlab and these tests in it."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    with tempfile.TemporaryDirectory(prefix="home-") as name:
        home = Path(name)
        home.chmod(0o755)
        (home / "bin").mkdir()
        (home / "bin" / "python").symlink_to(interpreter)
        (home / "pyvenv.cfg").write_text(f"home = {interpreter.parent}\n")
        packages = home / "lib" / version / "site-packages"
        for package in (leanlab, msgspec):
            source = Path(package.__file__).parent
            shutil.copytree(source, packages / source.name)
        shutil.copytree(HERE, home / "tests")
        yield home


def _interpreters():
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return [Path(sys.base_prefix, "bin", version), Path("/usr/bin", version)]


def _nobody_can_run(python):
    try:
        return subprocess.run([python, "-c", "import json"], **NOBODY).returncode == 0
    except OSError:
        return False


@pytest.fixture(scope="session")
def as_nobody():
    """run() by an ordinary user, where an interpreter is readable to one."""
    if os.geteuid() != 0:
        pytest.skip("this is an ordinary user already, so every other test is this one")
    interpreter = next(filter(_nobody_can_run, _interpreters()), None)
    if interpreter is None:
        pytest.skip("there is no such Python that an ordinary user can run")
    with home_with(interpreter) as home:
        python = home / "bin" / "python"
        yield lambda name, *more: run(home / "tests" / name, *more, python=python, **NOBODY)


@pytest.fixture(params=["me", "nobody"])
def run_as(request, best_tier):
    if best_tier != "A":
        pytest.skip("this machine does not give tier A, so that nothing can be taken away")
    if request.param == "nobody":
        return request.getfixturevalue("as_nobody")
    return lambda name, *more: run(HERE / name, *more)


@pytest.mark.parametrize(
    ("taken", "tier", "says"),
    [
        ([], "A", "namespaces, Landlock"),
        (["namespaces"], "B", "no namespaces (unshare: Operation not permitted)"),
        (["mount"], "B", "no namespaces (mount /: Operation not permitted)"),
        (["landlock=ENOSYS"], "C", "no landlock (landlock: Function not implemented)"),
        (["landlock"], "C", "no landlock (landlock: Operation not permitted)"),
        (["restrict=0"], "C", "no landlock (landlock is there, and does not deny)"),
        (["landlock=ENOSYS", "namespaces"], "D", "no namespaces (unshare: Operation not perm"),
        (["landlock=ENOSYS", "mount"], "D", "no landlock (landlock: Function not implemented)"),
    ],
)
def test_every_attack_fails_whatever_is_taken_away(run_as, taken, tier, says):
    report = run_as("attack.py", *taken)
    assert (report["tier"], report["worked"]) == (tier, [])
    assert says in report["text"]
    assert ("To get tier A: " in report["text"]) == (tier != "A")
    assert "\n" not in report["text"]


@pytest.mark.parametrize("others", [[], ["landlock=ENOSYS"], ["namespaces"]])
@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("seccomp", "Operation not permitted"),
        ("seccomp=EINVAL", "Invalid argument"),
        ("seccomp=0", "is there, and does not deny"),
    ],
)
def test_without_seccomp_leanlab_refuses_and_says_what_is_missing(run_as, how, why, others):
    report = run_as("attack.py", *others, how)
    assert report["tier"] == "none"
    assert why in report["text"].partition("no seccomp (")[2]
    assert "CONFIG_SECCOMP_FILTER" in report["text"]
    assert "--allow-unsandboxed" in report["text"]


def test_root_in_a_container_without_the_right_to_mount_gets_user_namespaces(best_tier):
    if best_tier != "A" or os.geteuid() != 0:
        pytest.skip("for root, where there is tier A")
    report = run(HERE / "attack.py", "sys_admin")
    assert (report["tier"], report["worked"]) == ("A", [])
    assert "(user, mount, net, ipc, uts and pid namespaces" in report["text"]


def test_root_without_any_right_is_confined_all_the_same(best_tier):
    if best_tier != "A" or os.geteuid() != 0:
        pytest.skip("for root, where there is tier A")
    report = run(HERE / "attack.py", "capabilities")
    assert (report["tier"], report["worked"]) == ("B", [])
    assert "no namespaces (/proc/self/uid_map: Operation not permitted)" in report["text"]
    assert run(HERE / "attack.py", "capabilities", "landlock")["worked"] == []


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["once", "on"])
def test_half_a_confinement_is_none_whichever_call_fails(run_as, mode):
    outcomes = run_as("failing.py", mode)
    assert len(outcomes) > 25
    assert [outcome for outcome in outcomes if outcome["worked"]] == []
    assert outcomes[0]["tier"] == "A"
    refusals = [outcome["refusal"] for outcome in outcomes if outcome["tier"] == "refused"]
    for words in ("was entered by half", "process could not be confined"):
        told = [refusal for refusal in refusals if words in refusal]
        assert told
        assert all("peration not permitted" in refusal for refusal in told)


def found(*, landlock=0, seccomp=True):
    return Found("", landlock, seccomp, {"namespaces": "unshare: no"})


@pytest.mark.parametrize(
    ("setting", "closed", "opened"),
    [
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
        ("kernel/unprivileged_userns_clone", "0", "1"),
        ("user/max_user_namespaces", "0", "10000"),
    ],
)
def test_the_setting_that_closes_namespaces_is_named(tmp_path, setting, closed, opened):
    path = tmp_path / setting
    path.parent.mkdir()
    path.write_text(f"{closed}\n")
    remedy = f"sudo sysctl -w {setting.replace('/', '.')}={opened}"
    assert tier_of(found(landlock=4), tmp_path).summary.endswith(f"To get tier A: run: {remedy}.")
    path.write_text(f"{opened}\n")
    assert "sysctl" not in tier_of(found(landlock=4), tmp_path).remedy


def test_everything_that_is_missing_has_its_remedy(tmp_path):
    assert "Docker" in tier_of(found(landlock=4), tmp_path).remedy
    remedy = tier_of(found(), tmp_path).remedy
    assert "lsm=" in remedy
    assert "Docker" in remedy
    assert "CONFIG_SECCOMP_FILTER" in tier_of(found(seccomp=False), tmp_path).remedy


USES = f"""
import {", ".join(MODULES)}
from dataclasses import dataclass

@dataclass(order=True)
class Point:
    x: int

def uses():
    day = datetime.datetime.strptime("2024-02-29", "%Y-%m-%d")
    yield day.strftime("%A"), calendar.monthrange(day.year, day.month)
    yield "é".encode("latin-1"), "é".encode("utf-16"), b"x".decode("ascii")
    yield hashlib.sha256(b"x").hexdigest(), hashlib.md5(b"x").hexdigest()
    yield decimal.Decimal(2).sqrt(), fractions.Fraction(1, 3), statistics.quantiles(range(9))
    yield random.Random(1).sample(range(9), 3), math.comb(9, 4), heapq.nsmallest(2, [3, 1, 2])
    yield collections.namedtuple("Pair", "a b")(1, 2), enum.Enum("Colour", "RED").RED
    yield re.sub("a+", "b", "caat"), textwrap.wrap("some words", 5), string.Template("$x")
    yield json.dumps({{"a": [1.5]}}), struct.pack("<d", 1), array.array("d", [1])
    yield copy.deepcopy([1]), bisect.bisect([1, 2], 1), operator.add(1, 2)
    yield inspect.signature(uses), pprint.pformat(list(range(50))), typing.get_type_hints(Point)
    yield max(Point(1), Point(2)), zlib.decompress(zlib.compress(b"x")), base64.b64encode(b"x")
    yield unicodedata.name("é"), time.strftime("%Y"), graphlib.TopologicalSorter({{1: [2]}})

def f(x):
    return len([str(use) for use in uses()])
"""


def test_in_tier_d_the_common_part_of_the_standard_library_works(tier_d):
    with Candidate(tier_d, USES.encode(), "x.py", Limits()) as one:
        assert one.call("f", [0], returns=int, public=True).values == [12]


def test_in_tier_d_other_imports_fail_as_import_errors_and_the_worker_is_told_why(tier_d):
    said = pytest.raises(CandidateFailed, match="tier D of confinement opens no file")
    with Candidate(tier_d, b"import sqlite3\n", "x.py", Limits()) as one, said as caught:
        one.call("f", [0], public=True)
    assert "ModuleNotFoundError: No module named 'sqlite3' is preloaded" in caught.value.text
    source = b"""
try:
    import sqlite3
except ImportError:
    sqlite3 = None
def f(x):
    if x:
        import xml.dom
    return sqlite3 is None
"""
    with Candidate(tier_d, source, "x.py", Limits()) as one:
        assert one.call("f", [0], public=True).values == [1]
        assert one.call("f", [1], max_failed=1).failures == {"ModuleNotFoundError": 1}


def test_in_tier_d_no_file_can_be_opened_or_looked_at(tier_d):
    source = b"""
import os
def f(name):
    try:
        (open if name == "open" else getattr(os, name))(os.__file__)
    except PermissionError:
        return 1
"""
    names = ["open", "stat", "lstat", "listdir", "scandir", "readlink", "statvfs", "unlink"]
    with Candidate(tier_d, source, "x.py", Limits()) as one:
        assert one.call("f", names, public=True).values == [1] * len(names)


def test_in_tier_d_a_failure_is_told_whole(tier_d):
    source = (
        b"def g(x):\n    return {}[x] + len(x)\n\ndef f(x):\n    print('at', x)\n    return g(x)\n"
    )
    failed = pytest.raises(CandidateFailed)
    with Candidate(tier_d, source, "0001_x.py", Limits()) as one, failed as caught:
        one.call("f", ["a"], public=True)
    assert 'File "0001_x.py", line 2, in g\n    return {}[x] + len(x)' in caught.value.text
    assert "KeyError: 'a'" in caught.value.text
    assert caught.value.log == "at a\n"


def test_in_tier_d_numpy_works_with_the_parts_that_it_imports_late():
    source = b"""
import numpy as np
def f(x):
    x = np.array([[2.0, 1.0], [1.0, x]])
    values = [np.linalg.det(x), np.fft.fft(x[0]).real.sum(), np.random.default_rng(1).normal()]
    values += [np.polynomial.Polynomial([1, 2])(1), np.median(x), np.ma.masked_array(x).sum()]
    return len([str(value) for value in values])
"""
    with Sandbox(["numpy"], layers=("seccomp",)) as sandbox:
        assert sandbox.confinement.tier == "D"
        with Candidate(sandbox, source, "x.py", Limits()) as one:
            assert one.call("f", [4.0], returns=int, public=True).values == [6]


@pytest.mark.parametrize("name", ["sqlite3", "xml.dom", "sympy.integrals.risch"])
def test_in_tier_d_what_imports_name_is_there(name):
    source = f"import {name}\ndef f(x):\n    return 1\n".encode()
    with (
        Sandbox([name], layers=("seccomp",)) as sandbox,
        Candidate(sandbox, source, "x.py", Limits()) as one,
    ):
        assert one.call("f", [0], public=True).values == [1]


def test_in_tier_d_a_model_travels_from_fit_to_predict(tier_d):
    source = b"""
from fractions import Fraction
def fit(inputs, labels):
    return Fraction(sum(labels), len(labels))
def predict(model, batch):
    return [int(model > Fraction(1, 2)) for _ in batch]
"""
    with Candidate(tier_d, source, "x.py", Limits()) as one:
        assert one.fit_predict([1, 2, 3], [1, 1, 0], [4, 5]).values == [1, 1]


def test_an_import_that_leaves_a_thread_running_is_named():
    interpreter = next(path for path in _interpreters() if path.exists())
    with home_with(interpreter) as home:
        (packages,) = home.glob("lib/*/site-packages")
        (packages / "restless.py").write_text(
            "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        )
        code = "from leanlab.sandbox import Sandbox\nSandbox(['math', 'restless', 'json'])"
        command = [home / "bin" / "python", "-c", code]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    last = result.stderr.strip().splitlines()[-1]
    assert "experiments import what they cannot: importing restless starts a thread and" in last
    assert last.endswith("Take it out of lab.json, or import what starts no thread.")


COMMAND = """
import runpy, sys
runpy.run_path(sys.argv[1])["deny"](sys.argv[2].split())
from leanlab.cli import main
sys.argv[1:] = sys.argv[3:]
main()
"""


@pytest.fixture
def command(best_tier, lab):
    """Run `leanlab try` on the lab's sample with mechanisms taken away."""
    if best_tier != "A":
        pytest.skip("this machine does not give tier A, so that nothing can be taken away")

    def command(taken, *arguments):
        sample = str(lab / "experiments" / "sample.py")
        line = [str(HERE / "attack.py"), taken, "try", str(lab), sample, *arguments]
        return subprocess.run(
            [sys.executable, "-c", COMMAND, *line], capture_output=True, text=True, timeout=60
        )

    return command


TAKEN = {"A": "", "B": "namespaces", "C": "landlock=ENOSYS", "D": "namespaces landlock=ENOSYS"}


@pytest.mark.parametrize("tier", "ABCD")
@pytest.mark.parametrize("required", "ABCD")
def test_a_tier_can_be_required_and_a_weaker_one_is_refused(command, tier, required):
    done = command(TAKEN[tier], "--require-tier", required)
    assert done.returncode == (0 if tier <= required else 2), done.stderr
    if tier > required:
        (line,) = done.stderr.strip().splitlines()
        assert f"--require-tier asks for tier {required}, and here is less: tier {tier} (" in line
        assert "To get tier A: " in line


def test_no_tier_meets_no_requirement(command):
    done = command("seccomp", "--require-tier", "D", "--allow-unsandboxed")
    assert done.returncode == 2
    assert "asks for tier D, and here is less: tier none (" in done.stderr
    assert "no seccomp (seccomp: Operation not permitted)" in done.stderr
