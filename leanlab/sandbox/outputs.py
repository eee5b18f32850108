"""Outputs: what a job left in its output folder, read as data once its processes are gone."""

from __future__ import annotations

import os
import stat


class Unusable(Exception):
    """An output that is no plain file of a permitted size; the message is safe to show."""

    def __init__(self, category: str, text: str) -> None:
        super().__init__(text)
        self.category = category


class Outputs:
    """An output folder, by a descriptor that keeps it in memory until close()."""

    def __init__(self, folder: int) -> None:
        self._folder = folder
        space = os.fstatvfs(folder)
        self._size = space.f_blocks * space.f_frsize

    def require_space(self) -> None:
        """Raise Unusable where the folder is full: what it holds may have been cut off."""
        found = os.fstatvfs(self._folder)
        if found.f_bfree == 0:
            raise Unusable("too much output", f"the output folder holds {self._size:,} bytes, all")
        if found.f_ffree == 0:
            raise Unusable("too much output", "the output folder holds as many files as it may")

    def read(self, name: str) -> bytes:
        """Read a plain file that has no other name, and no more bytes than the folder can hold.

        name is a relative path; no part of it may be a link.
        """
        try:
            descriptor = self._open(name)
        except FileNotFoundError as error:
            raise Unusable("missing output", f"there is no output/{name}") from error
        except OSError as error:
            raise Unusable(
                "bad output", f"output/{name} is no plain file that can be read"
            ) from error
        try:
            self._require_plain(name, os.fstat(descriptor))
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(descriptor)

    def _require_plain(self, name: str, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise Unusable("bad output", f"output/{name} is a link or a special file")
        if found.st_size > self._size:
            # It is sparse: what it seems to hold is not there.
            raise Unusable("too much output", f"output/{name} has over {self._size:,} bytes")

    def _open(self, name: str) -> int:
        """Go down part by part, because a link in the middle would be followed otherwise."""
        *folders, last = name.split("/")
        at = os.dup(self._folder)
        try:
            for folder in folders:
                below = os.open(
                    folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at
                )
                os.close(at)
                at = below
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            return os.open(last, flags, dir_fd=at)
        finally:
            os.close(at)

    def close(self) -> None:
        os.close(self._folder)
