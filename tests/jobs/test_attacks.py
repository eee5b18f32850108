"""Attacks by a job. Each sets `worked`, and works where nothing confines it, or says why not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from leanlab.config import Limits
from leanlab.errors import ConfinementUnavailable
from leanlab.labkit import Candidate
from leanlab.sandbox import Sandbox

from ..processes import soon, spawns, tagged
from .conftest import Job, failed

CONTROLLED = {
    "read hidden files": "worked = open(HIDDEN + '/labels.txt').read() == 'secret'",
    "list them": "import os\nworked = 'labels.txt' in os.listdir(HIDDEN)",
    "write outside": "open(HIDDEN + '/new', 'w').write('x')\nworked = 1",
    "connect": "import socket\nsocket.create_connection(('127.0.0.1', PORT), 2)\nworked = 1",
    "udp": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM)\nworked = 1",
    "abstract socket": (
        "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0leanlab-' + TAG)\nworked = 1"
    ),
    "signal the evaluator": "import os\nos.kill(EVALUATOR, 0)\nworked = 1",
    "signal a bystander": "import os\nos.kill(PID, 0)\nworked = 1",
    "environment of the evaluator": "worked = b'KEY' in open(f'/proc/{PID}/environ', 'rb').read()",
    "a session of its own": "import subprocess\n"
    "subprocess.run(['true'], start_new_session=True)\nworked = 1",
    "change its inputs": "open('inputs/x', 'w').write('y')\nworked = 1",
    "replace its inputs": "import os\nos.rename('inputs', 'other')\nworked = 1",
    "leave something for the next job": "import os\nworked = os.path.exists('/tmp/left-' + TAG)\n"
    "if not worked:\n    open('/tmp/left-' + TAG, 'w')\n    worked = CONTROL",
}
IMPOSSIBLE = {
    "a key in the environment": "import os\nworked = 'OPENAI_API_KEY' in os.environ",
    "passwords": "worked = len(open('/etc/shadow').read())",
    "write to its inputs again": (
        "import ctypes\nworked = not ctypes.CDLL(None).mount(None, b'inputs', None, 32, None)"
    ),
    "see what its inputs cover": (
        "import ctypes\nworked = not ctypes.CDLL(None).umount2(b'inputs', 2)"
    ),
    "new namespace": "import ctypes\nworked = not ctypes.CDLL(None).unshare(0x10000000)",
    "trace its init": "import ctypes\nworked = not ctypes.CDLL(None).ptrace(16, 1, 0, 0)",
    "memory of its init": "worked = len(open('/proc/1/mem', 'rb').read(1)) < 9",
    "descriptors of its init": "import os\nworked = len(os.listdir('/proc/1/fd'))",
    "descriptors of its own": (
        "import os\nown = {'0', '1', '2', '3'}\n"
        "worked = len(set(os.listdir('/proc/self/fd')) - own)"
    ),
    "end its init": "import os, time\nos.kill(1, 9)\ntime.sleep(0.2)\nworked = 0",
    "change python": "import os\nopen(os.path.dirname(os.__file__) + '/x.py', 'w')\nworked = 1",
    "fill the disk": (
        "f = open('/tmp/x', 'wb')\nfor _ in range(2000): f.write(bytes(1 << 20))\nworked = 1"
    ),
    "a device": (
        "import os\nos.mknod('output/d', 0o60600, 2048)\n"
        "worked = len(open('output/d', 'rb').read(1))"
    ),
}
REPORTS = """
{names}
worked = 0
try:
    exec({attack!r})
finally:
    open("output/worked", "w").write(str(int(bool(worked))))
"""


@pytest.fixture
def names(hidden: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """Victims, by the names by which an attack knows them."""
    tag = uuid.uuid4().hex
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    bystander = subprocess.Popen(["sleep", "60"])
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(f"\0leanlab-{tag}")
        unix.listen()
        known: dict[str, object] = {"HIDDEN": str(hidden), "PORT": server.getsockname()[1]}
        yield known | {"TAG": tag, "PID": bystander.pid, "EVALUATOR": os.getpid()}
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()
    assert [path.name for path in hidden.iterdir()] == ["labels.txt"]


def attack(names: dict[str, object], text: str, *, control: bool) -> str:
    words = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    return REPORTS.format(names=f"{words}CONTROL = {control}", attack=text)


def worked_unconfined(source: str, folder: Path) -> bool:
    for name in ("inputs", "output"):
        (folder / name).mkdir()
    (folder / "inputs" / "x").touch()
    subprocess.run([sys.executable, "-c", source], cwd=folder, check=False, stderr=-3)
    return (folder / "output" / "worked").read_text() == "1"


@pytest.mark.parametrize("name", CONTROLLED)
def test_an_attack_fails_in_a_job_and_works_outside(
    job: Job, names: dict[str, object], hidden: Path, tmp_path: Path, name: str
) -> None:
    source = attack(names, CONTROLLED[name], control=False)
    for _ in range(2):
        done = job(source, inputs={"x": "x"}, outputs={"worked": int}, any_exit=True)
        assert done.outputs == {"worked": 0}, done.log
    assert worked_unconfined(attack(names, CONTROLLED[name], control=True), tmp_path)
    (hidden / "new").unlink(missing_ok=True)
    Path(f"/tmp/left-{names['TAG']}").unlink(missing_ok=True)


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_attack_fails_in_a_job(job: Job, names: dict[str, object], name: str) -> None:
    source = attack(names, IMPOSSIBLE[name], control=False)
    files = {"inputs": {"x": "x"}, "outputs": {"worked": int}}
    done = job(source, **files, any_exit=True, limits=Limits(seconds=20, memory_mb=512))
    assert done.outputs == {"worked": 0}, done.log


def test_a_lab_below_what_is_shown_is_hidden_all_the_same(tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    made = [sys.executable, "-m", "venv", "--without-pip", str(environment)]
    subprocess.run(made, check=True)
    lab = environment / "share" / "lab"
    lab.mkdir(parents=True)
    (lab / "labels.txt").write_text("secret")
    source = f"import os\nopen('output/x', 'w').write(str(len(os.listdir({str(lab)!r}))))\n"
    program = (str(environment / "bin" / "python"), "{file}")
    for hidden, count in (([lab], 0), ([], 1)):
        with (
            Sandbox(hidden=hidden) as sandbox,
            Candidate(sandbox, source.encode(), "x.py", Limits()) as candidate,
        ):
            assert candidate.job(program, outputs={"x": int}).outputs == {"x": count}


@pytest.mark.parametrize(
    ("then", "category"),
    [("pass", ""), ("time.sleep(60)", "timed out"), ("os.abort()", "exit status")],
)
def test_what_it_starts_ends_with_it(job: Job, then: str, category: str) -> None:
    tag = uuid.uuid4().hex
    source = spawns(tag, f"time.sleep(0.3)\n{then}")
    if category:
        assert failed(lambda: job(source, limits=Limits(seconds=2))).category == category
    else:
        assert job(source).exit_code == 0
    assert soon(lambda: not tagged(tag))


def test_a_fork_bomb_is_bounded_and_ends(job: Job) -> None:
    tag = uuid.uuid4().hex
    source = (
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n"
    )
    failure = failed(lambda: job("", "python", "-c", source, tag, limits=Limits(seconds=2)))
    assert failure.category in ("timed out", "out of cpu time")
    assert soon(lambda: not tagged(tag))


@pytest.mark.parametrize("layers", [("landlock", "seccomp"), ("seccomp",), ()])
def test_without_namespaces_or_seccomp_jobs_are_refused(layers: tuple[str, ...]) -> None:
    with (
        Sandbox(layers=layers, allow_unsandboxed=True) as sandbox,
        Candidate(sandbox, b"", "0001_idea.py", Limits()) as candidate,
        pytest.raises(ConfinementUnavailable, match="jobs, which need namespaces"),
    ):
        candidate.job()
