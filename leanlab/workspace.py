"""The folder that a role works in: a copy of what it may see, outside the lab."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from leanlab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from leanlab.lab import Lab

HISTORY = "history.jsonl"
_OURS = re.compile(r"([0-9a-f]{16}-\d+)(\.history)?")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Workspace:
    """One slot's folder, under a name that says nothing of the lab.

    The folder is locked while it is open, by a lock that ends with its holder. What a killed run
    left is thus known by being unlocked, and the next one of the same user removes it.
    """

    def __init__(self, lab: Lab, slot: int = 0) -> None:
        key = hashlib.sha256(os.fsencode(lab.home)).hexdigest()[:16]
        self.path = _private_folder() / f"{key}-{slot}"
        self._history = self.path.with_suffix(".history")
        self._held = -1

    def open(self) -> Workspace:
        """Start from an empty folder, with nothing beside it that a killed run left."""
        self.close()
        with _alone(self.path.parent):
            _remove_abandoned(self.path.parent)
            self.path.mkdir(mode=0o700)
            self._history.touch(mode=0o600)
            self._held = os.open(self.path, _FOLDER)
            _lock(self._held)
        return self

    def close(self) -> None:
        _remove(self.path)
        if self._held >= 0:
            os.close(self._held)
            self._held = -1

    def lay(self, files: Mapping[str, bytes], *, history: bool) -> None:
        """Replace everything by these files, an empty experiments/ and, if asked, the history."""
        for entry in self.path.iterdir():
            _remove_entry(entry)
        for name, content in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        (self.path / "experiments").mkdir(exist_ok=True)
        if history:
            (self.path / HISTORY).hardlink_to(self._history)

    def write(self, code: str) -> str:
        """Write an experiment for a role that answered with code; return its name."""
        name = "experiments/proposal.py"
        folder = self.path / "experiments"
        _remove_entry(folder)
        folder.mkdir()
        (self.path / name).write_bytes(code.encode("utf-8", "surrogatepass"))
        return name

    def remember(self, lines: Iterable[bytes]) -> None:
        """Append rows to the history.

        It only ever grows, so that a trial costs the same at 10 records and at 100,000.
        """
        with self._history.open("ab") as file:
            file.writelines(line + b"\n" for line in lines)


def sweep() -> None:
    """Remove workspaces of this user whose processes have ended without doing so."""
    folder = _place()
    if folder.is_dir():
        with _alone(_private_folder()):
            _remove_abandoned(folder)


def _remove_abandoned(parent: Path) -> None:
    """Call it alone: then no folder is new and not locked yet."""
    for entry in sorted(parent.iterdir()):
        match = _OURS.fullmatch(entry.name)
        if match is None:
            continue
        workspace = parent / match.group(1)
        try:
            descriptor = os.open(workspace, _FOLDER)
        except FileNotFoundError:
            _remove(workspace)
            continue
        except OSError:
            # A link, or no folder: not ours.
            continue
        try:
            if _lock(descriptor):
                _remove(workspace)
        finally:
            os.close(descriptor)


def _remove(workspace: Path) -> None:
    shutil.rmtree(workspace, ignore_errors=True)
    workspace.with_suffix(".history").unlink(missing_ok=True)


def _remove_entry(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)


def _lock(descriptor: int) -> bool:
    """Take the lock; False where another process has it, or the file system knows none."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep others from making or sweeping workspaces meanwhile."""
    descriptor = os.open(folder, _FOLDER)
    try:
        # Where the file system knows no locks, nothing is ever found abandoned either.
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _place() -> Path:
    return Path(tempfile.gettempdir()) / f"leanlab-{os.getuid()}"


def _private_folder() -> Path:
    """leanlab's own folder for temporary files; nobody else may enter it."""
    path = _place()
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise LabError(
                f"{path} is not a private folder of this user. Remove it, or set TMPDIR."
            ) from None
    return path
