"""The script that the SDK starts in place of Claude: it puts up the fence, then becomes Claude."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from leanlab.sandbox import fence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.backends.claude.login import Login
    from leanlab.lab import Lab


PRIVATE = (Path("/proc"), Path("/sys"), Path("/dev"), Path("/etc"))
"""What no tool of Claude's reads, though its program may have to."""


def program() -> Path | None:
    """Where the Claude program is: with the SDK, or on the user's path."""
    import claude_agent_sdk

    bundled = Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"
    if bundled.is_file():
        return bundled
    found = shutil.which("claude")
    return Path(found) if found else None


class Launcher:
    """The script of one turn. It notes its process, so that this can be ended at once."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.sh"
        self._process = folder / f"{name}.pid"

    def write(self, command: Sequence[str]) -> None:
        self._process.unlink(missing_ok=True)
        note = f"echo $$ > {shlex.quote(str(self._process))}"
        self.path.write_text(f'#!/bin/sh\n{note}\nexec {shlex.join(command)} "$@"\n')
        self.path.chmod(0o700)

    def kill(self) -> None:
        """End the process at once. Only for one that has not been waited for."""
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(self._process.read_text()), signal.SIGKILL)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self._process.unlink(missing_ok=True)


def fenced(
    claude: Path, lab: Lab, workspace: Path, folder: Path, login: Login, *, writing: bool
) -> list[str]:
    """Claude behind the fence: it reads the workspace, and writes experiments/ and its folder."""
    writable = [folder]
    if writing:
        writable.append(workspace / "experiments")
    if login.folder is not None:
        writable += [login.folder, login.folder.with_name(".claude.json")]
    return fence.fenced(
        [str(claude)],
        readable=[workspace, claude, claude.resolve(), *writable[1:]],
        writable=writable,
        hidden=[lab.folder, lab.home],
    )
