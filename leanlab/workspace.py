"""The folder that a role works in: a copy of what it may see, outside the lab."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from leanlab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from leanlab.lab import Lab

HISTORY = "history.jsonl"


class Workspace:
    """One slot's folder, under a name that says nothing of the lab.

    The name depends on the lab's path alone, so that the next run finds and empties what a
    killed one left.
    """

    def __init__(self, lab: Lab, slot: int = 0) -> None:
        key = hashlib.sha256(os.fsencode(lab.home)).hexdigest()[:16]
        self.path = _private_folder() / f"{key}-{slot}"
        self._history = self.path.with_suffix(".history")

    def open(self) -> Workspace:
        """Start from an empty folder."""
        self.close()
        self.path.mkdir(mode=0o700)
        self._history.touch(mode=0o600)
        return self

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._history.unlink(missing_ok=True)

    def lay(self, files: Mapping[str, bytes], *, history: bool) -> None:
        """Replace everything by these files, an empty experiments/ and, if asked, the history."""
        for entry in self.path.iterdir():
            _remove(entry)
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
        _remove(folder)
        folder.mkdir()
        (self.path / name).write_bytes(code.encode("utf-8", "surrogatepass"))
        return name

    def remember(self, lines: Iterable[bytes]) -> None:
        """Append rows to the history.

        It only ever grows, so that a trial costs the same at 10 records and at 100,000.
        """
        with self._history.open("ab") as file:
            file.writelines(line + b"\n" for line in lines)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)


def _private_folder() -> Path:
    """leanlab's own folder for temporary files; nobody else may enter it."""
    path = Path(tempfile.gettempdir()) / f"leanlab-{os.getuid()}"
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise LabError(
                f"{path} is not a private folder of this user. Remove it, or set TMPDIR."
            ) from None
    return path
