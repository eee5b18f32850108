"""Attacks that no experiment's source can hold: what a Worker leaves, what lies around.

A step gives the loop's own intake, or a new evaluator, something to trip over. Its control does the
same to a loop that copies whatever it is told, and to an evaluator that inherits everything.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from leanlab.attacks.findings import Seen, worst
from leanlab.evaluator import Rejected, take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from leanlab.attacks.stage import Stage

_PATIENCE = 2.0
_COPY = "import sys; open(sys.argv[2], 'wb').write(open(sys.argv[1], 'rb').read())"
_BIG = 50 << 20
_IN_PROCESS = Path(__file__).with_name("in_process.py")


def intake_of_loop(stage: Stage, workspace: Path, named: str) -> Path:
    """What a run does with the word of a Worker."""
    return take(named, workspace, stage.lab, 2).path


def naive_intake(stage: Stage, workspace: Path, named: str) -> Path:
    """Copy what was named, wherever it is, to a file of that name."""
    target = stage.lab.experiments / Path(named).name
    command = [sys.executable, "-I", "-c", _COPY, str(workspace / named), str(target)]
    subprocess.run(command, check=True, timeout=_PATIENCE, stderr=subprocess.DEVNULL)
    return target


def files(stage: Stage, intake: Callable[[Stage, Path, str], Path]) -> Seen:
    """Leave links, a FIFO and a file of 50 MB as the experiment."""

    def link(path: Path) -> None:
        path.symlink_to(stage.secret)

    def hard_link(path: Path) -> None:
        os.link(stage.secret, path)

    def big(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(_BIG)

    seen = []
    for make in (link, hard_link, os.mkfifo, big):
        with _workspace(stage) as workspace:
            make(workspace / "experiments" / "idea.py")
            seen.append(_offered(stage, workspace, "experiments/idea.py", intake))
    return worst(seen)


def paths(stage: Stage, intake: Callable[[Stage, Path, str], Path]) -> Seen:
    """Name files that lie elsewhere."""
    seen = []
    up = f"../{stage.outside.name}/{stage.secret.name}"
    for named in (up, f"experiments/../{up}", str(stage.secret)):
        with _workspace(stage) as workspace:
            seen.append(_offered(stage, workspace, named, intake))
    return worst(seen)


def overwrite(stage: Stage, intake: Callable[[Stage, Path, str], Path]) -> Seen:
    """Leave a file that has the name of an older experiment."""
    with _workspace(stage) as workspace:
        named = "experiments/0001_older.py"
        (workspace / named).write_text("def f(x):\n    return 0\n")
        return _offered(stage, workspace, named, intake)


def _offered(
    stage: Stage, workspace: Path, named: str, intake: Callable[[Stage, Path, str], Path]
) -> Seen:
    older = stage.lab.experiments / "0001_older.py"
    before, start = older.read_bytes(), time.monotonic()
    try:
        taken = intake(stage, workspace, named)
    except Rejected as reason:
        return Seen(verdict="resisted", evidence=f"rejected: {reason}")
    except (subprocess.SubprocessError, OSError) as error:
        late = time.monotonic() - start >= _PATIENCE
        return Seen(verdict="stalled" if late else "resisted", evidence=type(error).__name__)
    if older.read_bytes() != before:
        return Seen(verdict="forged", evidence=f"{older.name} was overwritten")
    content = taken.read_bytes()
    if stage.secret.read_bytes() in content:
        return Seen(verdict="read", evidence="a file of another folder became the experiment")
    if len(content) >= _BIG:
        return Seen(verdict="survived", evidence=f"{len(content):,} bytes became the experiment")
    return Seen(verdict="resisted", evidence=f"taken as {taken.name}; nothing else changed")


@contextlib.contextmanager
def _workspace(stage: Stage) -> Iterator[Path]:
    folder = stage.root / "workspace"
    (folder / "experiments").mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def plant(kind: str, folder: Path, payload: str) -> dict[str, str]:
    """Put files into a folder; return variables to set."""
    names = {
        "sitecustomize": ("sitecustomize.py", "usercustomize.py"),
        "shadow": ("json.py", "numpy.py", "msgspec.py", "random.py"),
        "variables": ("sitecustomize.py",),
    }[kind]
    for name in names:
        if not (folder / name).exists():
            (folder / name).write_text(payload)
    if kind == "sitecustomize":
        (folder / "canary.pth").write_text("import sitecustomize\n")
    if kind == "shadow":
        _poison(folder, payload)
    if kind != "variables":
        return {}
    return {"PYTHONPATH": str(folder), "LD_PRELOAD": str(folder / "canary.so")}


def _poison(folder: Path, payload: str) -> None:
    """Put a cached file beside every module of the folder, of the kind that is never checked."""
    for source in [path for path in folder.glob("*.py") if path.stem.isidentifier()]:
        cached = Path(importlib.util.cache_from_source(str(source)))
        cached.parent.mkdir(exist_ok=True)
        program = f"import py_compile; py_compile.compile({str(source)!r}, {str(cached)!r}, "
        program += "invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)"
        original = source.read_bytes()
        try:
            source.write_text(payload)
            subprocess.run([sys.executable, "-I", "-c", program], check=True)
        finally:
            source.write_bytes(original)


def new_task(stage: Stage) -> str:
    """Add to task.md, as a person or another process might; return what was done, in words."""
    path = stage.folder / "task.md"
    path.write_text(path.read_text() + "\nEvery answer is right.\n")
    return "an edit of task.md"


def new_rules(stage: Stage) -> str:
    """Give experiments a day in lab.json; return what was done, in words."""
    path = stage.folder / "lab.json"
    raw = json.loads(path.read_bytes())
    raw["limits"]["seconds"] = 86_400
    path.write_text(json.dumps(raw))
    return "an edit of lab.json"


@contextlib.contextmanager
def inherited(variables: dict[str, str], folder: Path) -> Iterator[None]:
    """Be in that folder, with those variables, as a careless user would."""
    here, before = Path.cwd(), {name: os.environ.get(name) for name in variables}
    os.chdir(folder)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.chdir(here)
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def score_in_process(
    stage: Stage, source: str, *, planted: tuple[str, str] | None = None
) -> tuple[float | None, bool]:
    """Score with in_process.py; return what its last line of JSON says, and whether it hung."""
    folder = stage.outside / "scratch" / "naive"
    folder.mkdir()
    script = shutil.copy(_IN_PROCESS, folder)
    (folder / "experiment.py").write_text(source)
    environment = dict(os.environ)
    if planted is not None:
        environment |= {"PYTHONPATH": str(folder)} | plant(planted[0], folder, planted[1])
    command = [sys.executable, script, str(folder / "experiment.py")]
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, True
    for line in reversed(done.stdout.decode("utf-8", "replace").splitlines()):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return float(json.loads(line)["accuracy"]), False
    return None, False


INTAKES = {"files": files, "paths": paths, "overwrite": overwrite}
PLANTS = ("sitecustomize", "shadow", "variables")
