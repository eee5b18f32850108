"""Workspaces of killed runs: swept by whatever runs next, and no living one with them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leanlab.lab import open_lab
from leanlab.workspace import Workspace, sweep

from .conftest import MakeLab
from .processes import command, script

SLEEPS = "import time\n\ndef f(x):\n    time.sleep(60)\n    return 0\n"
# Opens and closes a workspace of its own while others do, and sweeps: it must stay whole meanwhile.
WORKS = """
import sys
from pathlib import Path
from leanlab.lab import open_lab
from leanlab.workspace import Workspace, sweep
lab = open_lab(sys.argv[1])
for _ in range(60):
    workspace = Workspace(lab, int(sys.argv[2])).open()
    workspace.remember([b"{}"])
    sweep()
    workspace.lay({"task.md": b"x"}, history=True)
    assert sorted(path.name for path in workspace.path.iterdir()) == [
        "experiments", "history.jsonl", "task.md"
    ]
    workspace.close()
    assert not workspace.path.exists()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files, with leanlab's own below it."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder / f"leanlab-{os.getuid()}"


def kept(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_killed_run_s_workspace_goes_with_the_next_command_of_any_lab(
    make_lab: MakeLab, temporary: Path
) -> None:
    runs = []
    for name in ("killed", "living"):
        lab = make_lab(name, limits={"seconds": 60})
        line = command(lab, "--backend", script(lab, SLEEPS))
        pipe = subprocess.PIPE
        runs.append(subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True))
    killed, living = runs
    try:
        while not temporary.exists() or len(kept(temporary)) < 4:
            assert killed.poll() is living.poll() is None
            time.sleep(0.02)
        killed.kill()
        killed.communicate()
        assert len(kept(temporary)) == 4
        other = make_lab("other")
        check = [sys.executable, "-m", "leanlab", "check", str(other)]
        assert subprocess.run(check, capture_output=True).returncode == 0
        left = {path.stem for path in temporary.iterdir()}
        assert left == {Workspace(open_lab(other.parent / "living")).path.name}
        assert len(kept(temporary)) == 2
    finally:
        for process in runs:
            process.kill()
            process.communicate()
    last = subprocess.run(command(other, "-n", "1", "--backend", "offline"), capture_output=True)
    assert last.returncode == 0, last.stderr
    assert kept(temporary) == set()


def test_runs_that_begin_and_end_at_once_leave_each_other_alone(lab: Path, temporary: Path) -> None:
    line = [sys.executable, "-c", WORKS, str(lab)]
    working = [
        subprocess.Popen([*line, str(slot)], stderr=subprocess.PIPE, text=True) for slot in range(4)
    ]
    for process in working:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert kept(temporary) == set()


def test_a_sweep_follows_no_link_and_takes_nothing_that_is_not_a_workspace(
    lab: Path, temporary: Path, tmp_path: Path
) -> None:
    sweep()
    assert not temporary.exists()
    dead = Workspace(open_lab(lab)).path
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    dead.mkdir()
    (dead / "inner").symlink_to(outside)
    orphan = temporary / f"{'0' * 16}-3.history"
    orphan.touch()
    link = temporary / f"{'1' * 16}-0"
    link.symlink_to(outside)
    other = temporary / "somebody's"
    other.mkdir()
    sweep()
    assert kept(temporary) == {link.name, other.name}
    assert (outside / "precious").read_text() == "x"
