"""A fresh copy of a lab, to be written in and thrown away. Only the standard library is used."""

from __future__ import annotations

import os
import re
import shutil
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

TOO_LARGE_TO_COPY = 32 << 20
"""Bytes; such a file is shown as it is, read-only, since the copy lies in memory."""
_NUMBERED = re.compile(r"\d+_")


def fill(
    source: str, target: str, left_out: Collection[str], experiments: str
) -> list[tuple[str, str]]:
    """Copy a lab's folder, without what is left out and without numbered experiments.

    Paths in left_out and experiments are relative to source. Returns what is to be shown as it is,
    as pairs of source and target: large files, and virtual environments.
    """
    shown: list[tuple[str, str]] = []
    ahead = [""]
    while ahead:
        folder = ahead.pop()
        with os.scandir(os.path.join(source, folder)) as entries:  # noqa: PTH118 - thousands
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            name = f"{folder}/{entry.name}" if folder else entry.name
            numbered = folder == experiments and _NUMBERED.match(entry.name)
            if name in left_out or numbered or entry.name == "__pycache__":
                continue
            to = f"{target}/{name}"
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), to)  # noqa: PTH115, PTH211
            elif entry.is_dir():
                os.mkdir(to)  # noqa: PTH102
                if os.path.exists(f"{entry.path}/pyvenv.cfg"):  # noqa: PTH110
                    shown.append((entry.path, to))
                else:
                    ahead.append(name)
            elif stat.S_ISREG(entry.stat().st_mode):
                if entry.stat().st_size > TOO_LARGE_TO_COPY:
                    os.close(os.open(to, os.O_CREAT | os.O_CLOEXEC, 0o444))
                    shown.append((entry.path, to))
                else:
                    copy(entry.path, to)
    return shown


def copy(source: str, target: str) -> None:
    """Copy a file with its permissions; its owner may write it."""
    shutil.copyfile(source, target)
    os.chmod(target, stat.S_IMODE(os.stat(source).st_mode) | 0o600)  # noqa: PTH101, PTH116
