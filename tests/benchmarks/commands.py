"""How long a user waits: for the help, and for the demo's run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from .figures import Figure, timed
from .labs import fresh_parity


def leanlab(*arguments: str) -> str:
    """Run the installed command as a shell does; return what it printed."""
    command = [str(Path(sys.executable).with_name("leanlab")), *arguments]
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=_environment()
    ).stdout


def _environment() -> dict[str, str]:
    """The user's own, but for options, and for what keeps Python from compiling only once."""
    return {
        key: value
        for key, value in os.environ.items()
        if key != "PYTHONDONTWRITEBYTECODE" and not key.startswith("LEANLAB_")
    }


def help_seconds(*, runs: int) -> list[float]:
    leanlab("--help")
    return [timed(lambda: leanlab("--help")) for _ in range(runs)]


def demo_seconds(folder: Path, *, runs: int) -> list[float]:
    """What `make demo` runs once leanlab is installed, each time on a fresh copy of the lab."""
    return [_demo_seconds(fresh_parity(folder / f"demo-{number}")) for number in range(runs)]


def _demo_seconds(lab: Path) -> float:
    start = time.perf_counter()
    printed = leanlab("run", "--lab", str(lab))
    seconds = time.perf_counter() - start
    assert "target reached" in printed
    return seconds


def figures(folder: Path, *, helps: int, demos: int) -> list[Figure]:
    return [
        Figure(
            name="leanlab --help",
            unit="s",
            values=tuple(help_seconds(runs=helps)),
            at_most=0.2,
        ),
        Figure(
            name="make demo, once installed",
            unit="s",
            values=tuple(demo_seconds(folder, runs=demos)),
            at_most=20,
        ),
    ]
