"""One run a lab: a lock that ends with its holder, however the holder ends."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from leanlab.errors import LabBusy

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from leanlab.lab import Lab


def lock_file(lab: Lab) -> Path:
    return lab.state / "run.lock"


class RunLock:
    """Held while records may be written; a second holder is refused with the first one's pid."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._descriptor = -1

    def __enter__(self) -> RunLock:
        path = lock_file(self._lab)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise LabBusy(
                f"{self._lab.home} is in use by process {pid}. Wait for it, or end it: "
                f"leanlab stop {self._lab.folder}"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def holder(lab: Lab) -> int | None:
    """Return the pid of the process that holds the lab, or None."""
    try:
        descriptor = os.open(lock_file(lab), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        text = os.pread(descriptor, 32, 0).strip()
        if not text.isdigit():
            # Nobody's: not even touched, for a run that starts at this moment would be refused.
            return None
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(text)
    finally:
        os.close(descriptor)
    return None
