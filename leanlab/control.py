"""What a person asks of a lab: that its run ends, waits, or goes on, and what to try next."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from leanlab.errors import ConfigError, LabError
from leanlab.lab import make_home
from leanlab.ledger import Ledger
from leanlab.lock import holder
from leanlab.records import Note

if TYPE_CHECKING:
    from pathlib import Path

    from leanlab.lab import Lab


def stop_file(lab: Lab) -> Path:
    return lab.state / "stop"


def pause_file(lab: Lab) -> Path:
    return lab.state / "pause"


def forget(lab: Lab) -> None:
    """Drop what was asked of an earlier run."""
    for path in (stop_file(lab), pause_file(lab)):
        path.unlink(missing_ok=True)


def stop(lab: Lab, *, now: bool = False) -> int:
    """Ask the run to end after its present trial, or to abandon it; return the run's pid."""
    pid = _running(lab)
    if now:
        os.kill(pid, signal.SIGTERM)
    else:
        stop_file(lab).touch()
    return pid


def pause(lab: Lab) -> int:
    """Ask the run to wait once its present trial is recorded; return the run's pid."""
    pid = _running(lab)
    pause_file(lab).touch()
    return pid


def resume(lab: Lab) -> int:
    """Let a paused run go on; raise LabError when none is paused. Return the run's pid."""
    pid = _running(lab)
    if not pause_file(lab).exists():
        raise LabError(f"the run in {lab.home} is not paused.")
    pause_file(lab).unlink(missing_ok=True)
    return pid


def note(lab: Lab, text: str) -> None:
    """Record a line for the very next Worker, whether a run is going on or not."""
    line = " ".join(text.split())
    if not line:
        raise ConfigError("the note is empty. Say in a line what the next Worker should try.")
    make_home(lab)
    Ledger(lab.results).append(Note(run="person", text=line))


def _running(lab: Lab) -> int:
    pid = holder(lab)
    if pid is None:
        raise LabError(f"no run is going on in {lab.home}.")
    return pid
