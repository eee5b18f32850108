"""Open labs, confined: what their evaluators do goes on working, what an attack does fails."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from leanlab import lab as labs
from leanlab import run
from leanlab.backends.scripted import ScriptedBackend
from leanlab.checks import check
from leanlab.errors import ConfinementUnavailable, EvaluatorError
from leanlab.evaluator import Evaluator
from leanlab.ledger import Ledger
from leanlab.records import Trial
from leanlab.sandbox import commands
from leanlab.sandbox.enclosure import PROCESSES

from .conftest import MakeLab
from .processes import descendants, gone, soon, spawns, tagged

ROOT = Path(__file__).parents[1]
VALID = "print('VALID')\n"
# Runs the experiment in its own process, as labs of leanlab 0.2 do.
OPEN = """
import json, runpy, sys
found = runpy.run_path(sys.argv[1])
print(json.dumps({"accuracy": float(found["worked"])}))
"""


def trial(lab: Path, experiment: str = "worked = 1\n", **options: object) -> Trial:
    run(lab, backend=ScriptedBackend([experiment]), trials=1, **options)  # type: ignore[arg-type]
    return [r for r in Ledger(lab / "results.jsonl").read() if isinstance(r, Trial)][-1]


def failure(record: Trial) -> str:
    return record.error.text if record.error else ""


@pytest.fixture
def open_lab(make_lab: MakeLab) -> Path:
    return make_lab(
        evaluation=OPEN,
        validate=VALID,
        sample="worked = 0.5\n",
        max_fix_calls=0,
        limits={"seconds": 20},
    )


# What evaluators do.


def test_records_of_a_confined_open_lab(open_lab: Path) -> None:
    record = trial(open_lab)
    assert (record.status, record.metrics) == ("scored", {"accuracy": 1.0}), failure(record)
    assert (record.open, record.untrusted) == (True, False)
    assert record.tier in ("A", "C")


def test_an_evaluator_that_starts_python_and_reads_a_pickle_back(make_lab: MakeLab) -> None:
    evaluation = """
import json, pickle, subprocess, sys, tempfile
with tempfile.NamedTemporaryFile(suffix=".pickle") as file:
    code = "import pickle, runpy, sys; found = runpy.run_path(sys.argv[1]);" \\
        "pickle.dump(found['worked'], open(sys.argv[2], 'wb'))"
    subprocess.run(["python", "-c", code, sys.argv[1], file.name], check=True)
    print(json.dumps({"accuracy": pickle.load(file)}))
"""
    record = trial(make_lab(evaluation=evaluation, validate=VALID), "worked = 0.75\n")
    assert record.metrics == {"accuracy": 0.75}, failure(record)


@pytest.mark.slow
def test_an_evaluator_that_trains_with_processes_and_threads(make_lab: MakeLab) -> None:
    if importlib.util.find_spec("sklearn") is None:
        assert "CI" not in os.environ, "scikit-learn is in the dev extra"
        pytest.skip("scikit-learn is not installed")
    evaluation = """
import json, runpy, sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pool
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

def double(x):
    return 2 * x

if __name__ == "__main__":
    depth = runpy.run_path(sys.argv[1])["depth"]
    X, y = load_iris(return_X_y=True)
    model = RandomForestClassifier(50, max_depth=depth, random_state=0, n_jobs=2)
    score = cross_val_score(model, X, y, n_jobs=2).mean()
    with Pool(2) as pool, ThreadPoolExecutor(4) as threads:
        assert pool.map(double, range(4)) == list(threads.map(double, range(4)))
    print(json.dumps({"accuracy": score}))
"""
    lab = make_lab(evaluation=evaluation, validate=VALID, limits={"seconds": 60})
    record = trial(lab, "depth = 3\n")
    assert record.status == "scored", failure(record)
    assert 0.9 < record.metrics["accuracy"] < 1


def snapshot(folder: Path) -> dict[str, bytes]:
    kept = [p for p in folder.rglob("*") if p.is_file() and ".leanlab" not in p.parts]
    return {str(p): p.read_bytes() for p in kept if p.suffix != ".jsonl"}


def test_what_it_writes_into_its_folder_is_gone_afterwards(make_lab: MakeLab) -> None:
    evaluation = """
import json, os, pathlib
fresh = not os.path.exists("catboost_info")
os.makedirs("catboost_info/tmp", exist_ok=True)
pathlib.Path("catboost_info/learn.tsv").write_text("x")
pathlib.Path("data/values.txt").write_text("changed")
pathlib.Path.home().joinpath("cache").write_text("x")
pathlib.Path("/dev/shm/x").write_text("x")
print(json.dumps({"accuracy": fresh}))
print(json.dumps({"accuracy": int(fresh)}))
"""
    lab = make_lab(evaluation=evaluation, validate=VALID)
    (lab / "data").mkdir()
    (lab / "data" / "values.txt").write_text("1 2 3")
    trial(lab)
    before = snapshot(lab)
    for _ in range(2):
        record = trial(lab)
        assert record.metrics == {"accuracy": 1.0}, failure(record)
    after = {name: text for name, text in snapshot(lab).items() if name in before}
    assert after == before
    new = {Path(name).name for name in snapshot(lab).keys() - before.keys()}
    assert new == {"0002_scripted.py", "0003_scripted.py"}


def test_what_the_copy_holds(make_lab: MakeLab) -> None:
    evaluation = """
import json, os, sys
names = sorted(f"{p}/{n}".removeprefix("./") for p, _, files in os.walk(".") for n in files)
whole = len(open("data/large", "rb").read()) == 40 << 20
try:
    open("data/large", "r+b")
except OSError:
    whole += 1
print(" ".join(names), file=sys.stderr)
print(json.dumps({"accuracy": whole}))
sys.exit(len(names) != 7)
"""
    lab = make_lab(evaluation=evaluation, validate=VALID)
    (lab / "data").mkdir()
    with (lab / "data" / "large").open("wb") as file:
        file.truncate(40 << 20)
    for folder in (".git", "archive", "variants", ".leanlab"):
        (lab / folder).mkdir()
        (lab / folder / "secret").write_text("x")
    (lab / ".env").write_text("KEY=x")
    assert trial(lab).status == "scored"
    record = trial(lab)
    assert record.metrics == {"accuracy": 2.0}, failure(record)


def test_a_variant_scores_its_own_experiment(make_lab: MakeLab) -> None:
    lab = make_lab(evaluation=OPEN, validate=VALID, params={"size": 1})
    run(lab, backend=ScriptedBackend(["worked = 1\n"]), trials=1, sets={"size": "2"})
    (record,) = Ledger(lab / "variants" / "size=2" / "results.jsonl").read()
    assert isinstance(record, Trial)
    assert record.metrics == {"accuracy": 1.0}, failure(record)


def test_the_enclosing_project_can_be_read_and_not_written(make_lab: MakeLab) -> None:
    evaluation = """
import json, os, sys
sys.path.insert(0, os.path.abspath(".."))
import helper
try:
    open("../.env")
except OSError:
    pass
else:
    sys.exit(1)
try:
    open("../helper.py", "a")
except OSError:
    print(json.dumps({"accuracy": helper.VALUE}))
"""
    lab = make_lab(name="project/lab", evaluation=evaluation, validate=VALID)
    project = lab.parent
    (project / "helper.py").write_text("import os\nVALUE = 1.0 - len(os.listdir('../.git'))\n")
    (project / "pyproject.toml").touch()
    (project / ".env").write_text("OPENAI_API_KEY=secret")
    (project / ".git").mkdir()
    (project / ".git" / "config").write_text("token")
    record = trial(lab)
    assert record.metrics == {"accuracy": 1.0}, failure(record)


@pytest.mark.skipif(os.getuid() != 0, reason="only root changes its user")
def test_where_an_unprivileged_user_could_not_read_it_root_stays_without_rights(
    make_lab: MakeLab,
) -> None:
    evaluation = """
import json, os
status = open("/proc/self/status").read()
powers = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith("Cap")]
children = []
try:
    while len(children) < 3000:
        pid = os.fork()
        if pid == 0:
            os.read(os.pipe()[0], 1)
        children.append(pid)
except OSError:
    pass
for pid in children:
    os.kill(pid, 9)
print(json.dumps({"accuracy": os.getuid(), "powers": sum(powers), "children": len(children)}))
"""
    for closed in (False, True):
        lab = make_lab(f"project{closed}/lab", evaluation=evaluation, validate=VALID)
        (lab.parent / "pyproject.toml").touch()
        lab.parent.chmod(0o700 if closed else 0o755)
        record = trial(lab)
        assert record.status == "scored", failure(record)
        assert (record.metrics["accuracy"] == 0) == closed
        assert record.metrics["powers"] == 0
        release = tuple(map(int, os.uname().release.split(".")[:2]))
        if not closed or release >= (6, 14):
            assert record.metrics["children"] < PROCESSES


def test_a_lab_that_is_too_large_to_copy_is_told_so(make_lab: MakeLab) -> None:
    lab = make_lab(evaluation=OPEN, validate=VALID, limits={"memory_mb": 16})
    (lab / "large").write_bytes(bytes(30 << 20))
    with pytest.raises(ConfinementUnavailable, match=r"does not fit into limits.memory_mb, 16"):
        trial(lab)


def test_a_home_folder_is_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, lab = tmp_path / "home", tmp_path / "home" / "lab"
    lab.mkdir(parents=True)
    (home / ".git").mkdir()
    (tmp_path / "requirements.txt").touch()
    assert commands.project_of(lab) == home
    monkeypatch.setenv("HOME", str(home))
    assert commands.project_of(lab) == lab


def test_a_program_that_is_not_there_is_named(make_lab: MakeLab) -> None:
    lab = make_lab(evaluation=OPEN, validate_cmd="nosuchprogram {file}")
    with pytest.raises(EvaluatorError, match="nosuchprogram cannot be started"):
        trial(lab)


def test_check_runs_the_sample_and_says_what_is_not_promised(make_lab: MakeLab) -> None:
    lab = make_lab(evaluation=OPEN, validate=VALID, sample="worked = 0.5\n")
    before = snapshot(lab)
    found = {finding.what: finding for finding in check(str(lab))}
    assert found["kind"].mark == "⚠"
    assert "a score was not forged" in found["kind"].text
    assert (found["sample"].mark, "accuracy 0.5" in found["sample"].text) == ("✓", True)
    assert not [finding for finding in found.values() if finding.mark == "✗"]
    assert snapshot(lab) == before


# What attacks do. Each sets `worked`; each works where nothing confines it, or says why not.

CONTROLLED = {
    "read a file in the home folder": "worked = open(HOME + '/.ssh/id').read() == 'secret'",
    "list the home folder": "import os\nworked = '.ssh' in os.listdir(HOME)",
    "write outside": "open(HOME + '/new', 'w').write('x')\nworked = 1",
    "connect": "import socket\nsocket.create_connection(('127.0.0.1', PORT), 2)\nworked = 1",
    "abstract socket": (
        "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0leanlab-' + TAG)\nworked = 1"
    ),
    "signal a bystander": "import os\nos.kill(PID, 0)\nworked = 1",
    "see other processes": "import os\nworked = os.path.exists(f'/proc/{PID}/fd')",
    "start a session": "import os, subprocess, sys\n"
    "subprocess.run([sys.executable, '-c', ''], start_new_session=True)\nworked = 1",
    "read the ledger": "worked = 'kind' in open('results.jsonl').read()",
    "read other experiments": "import glob\nworked = len(glob.glob('experiments/0*.py')) > 1",
    "udp": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nworked = 1",
    "change the lab for good": "open(LAB + '/task.txt', 'w').write('x')\nworked = KEPT",
}
IMPOSSIBLE = {
    "read a key in the environment": "import os\nworked = 'OPENAI_API_KEY' in os.environ",
    "read passwords": "worked = len(open('/etc/shadow').read())",
    "mount": "import ctypes\nworked = not ctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, 0)",
    "new namespace": "import ctypes\nworked = not ctypes.CDLL(None).unshare(0x10000000)",
    "clone into one": (
        "import ctypes, os\npid = ctypes.CDLL(None).syscall(56, 0x10000011, 0, 0, 0, 0)\n"
        "if pid == 0: os._exit(0)\nworked = pid > 0"
    ),
    "trace its init": "import ctypes\nworked = not ctypes.CDLL(None).ptrace(16, 1, 0, 0)",
    "memory of its init": "worked = len(open('/proc/1/mem', 'rb').read(1)) < 9",
    "environment of its init": "worked = len(open('/proc/1/environ').read()) < 9**9",
    "limits of its init": "import resource\nresource.prlimit(1, 7, (3, 3))\nworked = 1",
    "end its init": "import os, time\nos.kill(1, 9)\ntime.sleep(0.2)\nworked = 0",
    "kernel settings": "open('/proc/sys/kernel/core_pattern', 'w').write('|/x')\nworked = 1",
    "raw disk": (
        "import os\nos.mknod('/tmp/d', 0o60600, 2048)\nworked = len(open('/tmp/d', 'rb').read(1))"
    ),
    "fill the disk": (
        "f = open('/tmp/x', 'wb')\nfor _ in range(2000): f.write(bytes(1 << 20))\n"
        "f.flush()\nworked = 1"
    ),
    "take memory": "x = bytearray(3 << 30)\nworked = 1",
    "change the system": "open('/usr/x', 'w')\nworked = 1",
    "change python": "import os\nopen(os.path.dirname(os.__file__) + '/x.py', 'w')\nworked = 1",
}


@pytest.fixture
def prelude(tmp_path: Path, open_lab: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Victims, and the names by which an attack knows them."""
    home, tag = tmp_path / "home", uuid.uuid4().hex
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id").write_text("secret")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    trial(open_lab)
    bystander = subprocess.Popen(["sleep", "60"])
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(f"\0leanlab-{tag}")
        unix.listen()
        names = {"HOME": str(home), "PORT": server.getsockname()[1], "TAG": tag}
        names |= {"PID": bystander.pid, "LAB": str(open_lab)}
        yield "".join(f"{name} = {value!r}\n" for name, value in names.items())
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


@pytest.mark.parametrize("name", CONTROLLED)
def test_an_attack_fails_when_confined_and_works_when_not(
    open_lab: Path, prelude: str, name: str
) -> None:
    kept = open_lab / "task.txt"
    for unsandboxed in (False, True):
        code = f"{prelude}KEPT = {unsandboxed}\n{CONTROLLED[name]}\n"
        record = trial(open_lab, code, allow_unsandboxed=unsandboxed)
        assert (record.metrics.get("accuracy", 0) > 0) == unsandboxed, failure(record)
        assert kept.exists() == (unsandboxed and name == "change the lab for good")


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_attack_fails_when_confined(open_lab: Path, prelude: str, name: str) -> None:
    record = trial(open_lab, f"{prelude}{IMPOSSIBLE[name]}\n")
    assert record.metrics.get("accuracy", 0) == 0, failure(record)
    assert record.status in ("scored", "crashed")


def test_editing_ledger_and_rules_changes_the_copy_alone(open_lab: Path) -> None:
    trial(open_lab)
    before = (open_lab / "results.jsonl").read_bytes()
    forges = (
        "open('results.jsonl', 'a').write('{}')\nopen('evaluation.py', 'w').write('x')\n"
        "open('lab.json', 'w').write('{}')\nworked = 0\n"
    )
    assert trial(open_lab, forges).status == "scored"
    assert (open_lab / "results.jsonl").read_bytes().startswith(before)
    assert (open_lab / "evaluation.py").read_text() == OPEN
    assert not [found for found in check(str(open_lab)) if found.mark == "✗"]


def test_what_it_leaves_behind_ends_with_the_command(open_lab: Path) -> None:
    tag = uuid.uuid4().hex
    assert trial(open_lab, spawns(tag, "time.sleep(0.5)\nworked = 1")).status == "scored"
    assert soon(lambda: not tagged(tag))


def test_a_timeout_ends_grandchildren(make_lab: MakeLab) -> None:
    tag = uuid.uuid4().hex
    lab = make_lab(evaluation=OPEN, validate=VALID, max_fix_calls=0, limits={"seconds": 2})
    start = time.monotonic()
    assert trial(lab, spawns(tag, "time.sleep(300)")).status == "timed_out"
    assert time.monotonic() - start < 15
    assert soon(lambda: not tagged(tag))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_no_process(
    open_lab: Path, tmp_path: Path, how: signal.Signals
) -> None:
    tag = uuid.uuid4().hex
    (tmp_path / "steps.json").write_text(json.dumps([spawns(tag, "time.sleep(300)")]))
    command = [sys.executable, "-m", "leanlab", "run", str(open_lab), "--backend"]
    with subprocess.Popen(
        [*command, f"scripted:{tmp_path}/steps.json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            assert soon(lambda: len(tagged(tag)) >= 4)
            process.send_signal(how)
            process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode in (130, -9)
    assert soon(lambda: not tagged(tag))


def test_a_fork_bomb_is_bounded(open_lab: Path) -> None:
    bomb = """
import os
count = 0
try:
    while count < 3000:
        pid = os.fork()
        if pid == 0:
            os.read(os.pipe()[0], 1)
        count += 1
except OSError:
    pass
worked = count
"""
    record = trial(open_lab, bomb)
    assert 0 < record.metrics["accuracy"] < PROCESSES, failure(record)


# Where it cannot be confined, and as an ordinary user.


def run_without(call: int, lab: Path) -> str:
    """Run where the kernel refuses one system call; return what it came to."""
    code = f"""
import struct
from leanlab import run
from leanlab.backends.scripted import ScriptedBackend
from leanlab.errors import ConfinementUnavailable
from leanlab.sandbox import kernel
lines = [(0x20, 0, 0, 0), (0x15, 0, 1, {call}), (6, 0, 0, 0x50001), (6, 0, 0, 0x7FFF0000)]
kernel.forbid_new_privileges()
kernel.install_filter(b"".join(struct.pack("HBBI", *line) for line in lines))
try:
    print(run({str(lab)!r}, backend=ScriptedBackend(["worked = 1"]), trials=1).best.tier)
except ConfinementUnavailable as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_where_namespaces_are_denied_it_is_refused_and_told_why(open_lab: Path) -> None:
    said = run_without({"x86_64": 272, "aarch64": 97}[os.uname().machine], open_lab)
    assert "Operation not permitted" in said
    assert "--allow-unsandboxed" in said
    assert not (open_lab / "results.jsonl").exists()


def test_without_landlock_it_is_tier_c(open_lab: Path) -> None:
    assert run_without(444, open_lab) == "C\n"


def test_an_ordinary_user_is_confined_alike(open_lab: Path, tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("the other tests ran as an ordinary user")
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    python = f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
    nobody = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/"}
    os.chmod(tmp_path, 0o755)
    for path in [tmp_path.parent, *tmp_path.parents]:
        if path.stat().st_mode & 5 != 5:
            subprocess.run(["chmod", "o+rx", path]) if path.name.startswith(
                ("pytest-", "popen-")
            ) else None
    for path in [open_lab, *open_lab.rglob("*")]:
        os.chown(path, 65534, 65534)
    attack = "import os, glob\nos.mkdir('x')\nworked = os.getuid() + len(glob.glob('/root/.*'))\n"
    (tmp_path / "steps.json").write_text(json.dumps([attack]))
    command = [python, "-m", "leanlab", "run", str(open_lab), "-n", "1", "--backend"]
    environment = {
        "PYTHONPATH": f"{ROOT}:{packages}", "HOME": "/nonexistent", "TMPDIR": str(open_lab),
        "PATH": "/usr/bin:/bin",
    }  # fmt: skip
    try:
        done = subprocess.run(
            [*command, f"scripted:{tmp_path}/steps.json"],
            env=environment, capture_output=True, text=True, **nobody,
        )  # fmt: skip
    except (FileNotFoundError, PermissionError):
        pytest.skip(f"an ordinary user cannot run {python}")
    if "No module named" in done.stderr:
        pytest.skip("an ordinary user cannot read leanlab here")
    assert done.returncode == 0, done.stderr
    (record, *_) = Ledger(open_lab / "results.jsonl").read()
    assert isinstance(record, Trial)
    assert record.metrics == {"accuracy": 65534.0}, failure(record)
    assert record.tier in ("A", "C")
    assert not record.untrusted


def test_when_its_time_is_over_a_command_and_all_that_it_started_are_gone(
    open_lab: Path,
) -> None:
    config = json.loads((open_lab / "lab.json").read_text())
    (open_lab / "lab.json").write_text(json.dumps(config | {"limits": {"seconds": 4}}))
    fills = (
        "import os, time\n"
        "for _ in range(40): os.fork() or os.read(os.pipe()[0], 1)\n"
        "try:\n    for n in range(10**9): os.mkdir(f'/tmp/{n}')\n"
        "except OSError:\n    time.sleep(60)\n"
    )

    async def ended() -> bool:
        async with Evaluator(labs.open_lab(open_lab)) as evaluator:
            experiment = open_lab / "experiments" / "fills.py"
            experiment.write_text(fills)
            evaluation = asyncio.create_task(evaluator.evaluate(experiment))
            started: set[int] = set()
            while len(started) < 40 and not evaluation.done():
                await asyncio.sleep(0.02)
                started = set(tagged("fills.py")) & descendants(os.getpid())
            assert (await evaluation).status == "timed_out"
            assert len(started) >= 40
            return gone(started, seconds=0.001)

    assert asyncio.run(ended())
