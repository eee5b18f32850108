"""Opens files of the workspace, and of nothing else: no link is followed, no way leads out."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from leanlab.labkit.tool import ToolRefused

MAX_BYTES = 8 << 20
"""Of one file: more than a model can read."""


def relative(workspace: Path, named: str) -> PurePosixPath:
    """Return the path inside the workspace that a model means; ToolRefused where it is none."""
    path = PurePosixPath(named)
    if path.is_absolute() and path.is_relative_to(PurePosixPath(workspace)):
        path = path.relative_to(PurePosixPath(workspace))
    if path.is_absolute() or ".." in path.parts or "\0" in named:
        raise ToolRefused(f"{named[:200]!r} is outside your folder. Name a path inside it.")
    return path


def open_folder(workspace: Path, folder: PurePosixPath) -> int:
    """Return a descriptor of a folder, having followed no link on the way."""
    handle = os.open(workspace, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for part in folder.parts:
        try:
            below = os.open(
                part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle
            )
        except OSError as error:
            raise ToolRefused(f"there is no folder {str(folder)[:200]!r}.") from error
        finally:
            os.close(handle)
        handle = below
    return handle


def read(workspace: Path, path: PurePosixPath) -> bytes:
    """Read a plain file."""
    folder = open_folder(workspace, path.parent)
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path.name or ".", flags, dir_fd=folder)
    except OSError as error:
        why = "is a link" if error.errno == errno.ELOOP else "is not there"
        raise ToolRefused(f"{str(path)[:200]!r} {why}. search lists the files.") from error
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ToolRefused(f"{str(path)[:200]!r} is no plain file.")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ToolRefused(f"{str(path)!r} is larger than {MAX_BYTES:,} bytes.")
    return content


def text(workspace: Path, path: PurePosixPath) -> str:
    """Read a plain file of text."""
    try:
        return read(workspace, path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ToolRefused(f"{str(path)!r} is not UTF-8 text.") from error


def write(workspace: Path, path: PurePosixPath, content: str) -> None:
    """Write a file in experiments/, new or over one that this turn wrote."""
    if len(path.parts) != 2 or path.parts[0] != "experiments":
        raise ToolRefused(f"{str(path)[:200]!r} is not in experiments/. Only there you can write.")
    data = content.encode("utf-8", "surrogatepass")
    if len(data) > MAX_BYTES:
        raise ToolRefused(f"{len(data):,} bytes are too many. Write a smaller file.")
    folder = open_folder(workspace, path.parent)
    try:
        # A name that is a link, or another name of some file, is replaced, never written through.
        unfinished = f".{path.name[:100]}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(unfinished, flags, 0o600, dir_fd=folder), "wb") as file:
            file.write(data)
        os.rename(unfinished, path.name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError as error:
        raise ToolRefused(f"{str(path)[:200]!r} cannot be written: {error.strerror}.") from error
    finally:
        os.close(folder)


def files(workspace: Path, below: PurePosixPath) -> Iterator[PurePosixPath]:
    """Yield the plain files of the workspace that are, or are below, a path; in order."""
    for folder, names, found in os.walk(workspace):
        names.sort()
        for name in sorted(found):
            whole = Path(folder, name)
            path = PurePosixPath(whole.relative_to(workspace))
            if stat.S_ISREG(whole.lstat().st_mode) and path.is_relative_to(below):
                yield path
