"""Takes the one experiment that a Worker left, under the file rules."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from leanlab.files import write_whole

if TYPE_CHECKING:
    from leanlab.lab import Lab

MAX_BYTES = 1 << 20
_NUMBERED = re.compile(r"(\d{4,})_.+\.py")


class Rejected(Exception):
    """The Worker's file breaks a rule; the message tells the Worker which, and what to do."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment in the lab's own folder."""

    path: Path
    sha256: str


def take(
    named: str | None, workspace: Path, lab: Lab, number: int, replaces: Taken | None = None
) -> Taken:
    """Copy the experiment into the lab as NNNN_slug.py, on disk before this returns.

    named is the Worker's own word for it, relative to the workspace; replaces is an earlier try
    of the same trial, which goes once the new one is there.
    """
    path, content = look(named, workspace)
    target = lab.experiments / f"{number:04d}_{_slug(path.stem)}.py"
    write_whole(target, content)
    if replaces is not None and replaces.path != target:
        replaces.path.unlink(missing_ok=True)
    return Taken(path=target, sha256=hashlib.sha256(content).hexdigest())


def look(named: str | None, workspace: Path) -> tuple[Path, bytes]:
    """Return path and content of the experiment; None means the only file that there is."""
    path = _inside(named or _only_file(workspace), workspace)
    content = _read(path)
    try:
        source = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Rejected(f"{path.name} is not UTF-8 text. Write plain Python source.") from error
    if "\0" in source:
        raise Rejected(f"{path.name} holds a NUL character. Write plain Python source.")
    return path, content


def unnamed(workspace: Path, earlier: Taken | None) -> tuple[str, bytes] | None:
    """The experiment of a Worker that was cut off before it could name one.

    None where it left none, or several: nobody knows which it meant. earlier is not looked at
    again.
    """
    found: tuple[str, bytes] | None = None
    try:
        for name in os.listdir(workspace / "experiments"):  # noqa: PTH208 - names alone
            with contextlib.suppress(Rejected):
                content = look(f"experiments/{name}", workspace)[1]
                if earlier is None or hashlib.sha256(content).hexdigest() != earlier.sha256:
                    if found is not None:
                        return None
                    found = name, content
    except OSError:
        return None
    return found


def unrecorded(lab: Lab, last_number: int) -> list[Path]:
    """Experiments numbered above the last recorded trial: paid for, and not yet evaluated.

    The newest counts where a run was cut off while it replaced a trial's file.
    """
    newest: dict[int, tuple[int, Path]] = {}
    with os.scandir(lab.experiments) as entries:
        for entry in entries:
            match = _NUMBERED.fullmatch(entry.name)
            number = int(match.group(1)) if match else 0
            if number > last_number and entry.is_file(follow_symlinks=False):
                found = entry.stat(follow_symlinks=False).st_mtime_ns, Path(entry.path)
                newest[number] = max(found, newest.get(number, found))
    return [newest[number][1] for number in sorted(newest)]


def sweep(lab: Lab) -> None:
    """Remove what a run that was killed left of files it was writing."""
    for folder in (lab.home, lab.experiments, lab.state):
        for path in folder.glob(".*.part"):
            if path.is_file():
                path.unlink()


def adopt(path: Path) -> tuple[Taken, int]:
    """Take an experiment that is in the lab's folder already, with its number."""
    match = _NUMBERED.fullmatch(path.name)
    assert match is not None
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Taken(path=path, sha256=digest), int(match.group(1))


def _only_file(workspace: Path) -> str:
    names = sorted(entry.name for entry in os.scandir(workspace / "experiments"))
    if len(names) == 1:
        return f"experiments/{names[0]}"
    found = f"it has {len(names)} files" if names else "the folder is empty"
    raise Rejected(
        f"no experiment was named, and {found}. Write one file into experiments/ and name it in "
        "experiment_file."
    )


def _inside(named: str, workspace: Path) -> Path:
    relative = PurePosixPath(named)
    if relative.is_absolute() and relative.is_relative_to(PurePosixPath(workspace)):
        relative = relative.relative_to(PurePosixPath(workspace))
    parts = relative.parts
    if len(parts) == 1:
        parts = ("experiments", *parts)
    if len(parts) != 2 or parts[0] != "experiments" or ".." in parts or "\0" in named:
        raise Rejected(
            f"experiment_file is {named[:100]!r}, which is not in experiments/. "
            "Write one file there."
        )
    if not parts[1].endswith(".py"):
        raise Rejected(f"{parts[1][:100]!r} is no Python file. Give it a name that ends in .py.")
    folder = workspace / "experiments"
    if folder.is_symlink():
        raise Rejected("experiments/ was replaced by a link. Leave the folder as it is.")
    return folder / parts[1]


def _read(path: Path) -> bytes:
    """Read a regular file that has no other name; links and special files are refused."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Rejected(
            f"there is no file {path.name[:100]!r} in experiments/. Write it first."
        ) from error
    except (OSError, ValueError) as error:
        raise Rejected(f"{path.name[:100]!r} cannot be opened: it must be a plain file.") from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(descriptor)
        raise Rejected(f"{path.name} is a link or a special file. Write a plain file.")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise Rejected(
            f"{path.name} has {found.st_size:,} bytes; an experiment may have {MAX_BYTES:,}. "
            "Make it smaller."
        )
    return content


def _slug(stem: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", re.sub(r"^\d+_", "", stem.lower())).strip("_")
    return words[:40].rstrip("_") or "experiment"
