"""Reads files of a lab, and only of a lab: no link is followed, whoever left it there."""

from __future__ import annotations

import os
import stat
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 2 << 20


class NotShown(Exception):
    """The file is not there, or must not be shown; the message says which, for the page."""


class Gone(NotShown):
    """There is no such file."""


def read_inside(home: Path, relative: str, limit: int = MAX_BYTES) -> str:
    """Return the text of a regular file below home, cut at limit bytes with a word that says so."""
    file, _ = open_inside(home, relative)
    try:
        content = _read(file, limit + 1)
    finally:
        os.close(file)
    text = content[:limit].decode("utf-8", "replace")
    return text if len(content) <= limit else f"{text}\n[the rest is left out]"


def open_inside(home: Path, relative: str) -> tuple[int, int]:
    """Open a regular file below home for reading: its descriptor, and its size.

    Each folder on the way is opened from the one before it, so that none can be swapped for a
    link between a check and its use.
    """
    parts = PurePosixPath(relative).parts
    if not parts or "\0" in relative or ".." in parts or relative.startswith("/"):
        raise NotShown(f"{relative!r} is not a file of this lab.")
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            below = _open(part, folder, os.O_DIRECTORY)
            os.close(folder)
            folder = below
        file = _open(parts[-1], folder, os.O_NONBLOCK)
    finally:
        os.close(folder)
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        os.close(file)
        raise NotShown(f"{relative} is not a plain file, so it is not shown.")
    return file, found.st_size


def _open(name: str, folder: int, flag: int) -> int:
    try:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flag, dir_fd=folder)
    except FileNotFoundError as error:
        raise Gone(f"{name} is gone.") from error
    except OSError as error:
        raise NotShown(f"{name} is not shown: {error.strerror}.") from error


def _read(file: int, size: int) -> bytes:
    chunks = []
    while size > 0 and (chunk := os.read(file, min(size, 1 << 16))):
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)
