"""Files that an evaluation left: a few lines of each on a trial's page, the whole as a download.

Only what a record names is offered, by its place in the record, and only from the lab's folder
`artifacts`: no address takes a path, and no link is followed.
"""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

import msgspec

from leanlab.dashboard.inside import NotShown, open_inside, read_inside
from leanlab.memory import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leanlab.lab import Lab
    from leanlab.records import Artifact

FOLDER = "artifacts"
_PREVIEW = 1 << 14
"""Bytes of a text that a page shows."""
_CHUNK = 1 << 16


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact as a trial's page shows it."""

    name: str
    path: str
    place: int
    """Among the record's artifacts; its address ends with it."""
    size: int
    preview: str
    """Its beginning; empty where it is no text."""
    missing: str
    """Why it is not offered; empty when it is."""


class Download(msgspec.Struct, frozen=True, kw_only=True):
    """An open file, on its way out."""

    file: BinaryIO
    size: int
    name: str

    def headers(self) -> dict[str, str]:
        """It is saved, never shown: what is in it may be made to look like a page of ours."""
        return {
            "content-disposition": f"attachment; filename*=UTF-8''{quote(self.name, safe='')}",
            "content-length": str(self.size),
        }

    def chunks(self) -> Iterator[bytes]:
        """As much as there was when it was opened; the file is closed at the end."""
        left = self.size
        with self.file:
            while left and (chunk := self.file.read(min(left, _CHUNK))):
                left -= len(chunk)
                yield chunk


def shown(lab: Lab, artifacts: tuple[Artifact, ...], *, hidden: bool) -> tuple[Shown, ...]:
    """All of a trial's. hidden tells that it has hidden metrics which nobody has seen yet."""
    return tuple(_shown(lab, one, place, hidden) for place, one in enumerate(artifacts))


def download(lab: Lab, artifact: Artifact, *, hidden: bool) -> Download:
    """Open it; NotShown says why not."""
    descriptor, size = _open(lab, artifact, hidden)
    name = PurePosixPath(artifact.path).name
    return Download(file=os.fdopen(descriptor, "rb"), size=size, name=name)


def _shown(lab: Lab, artifact: Artifact, place: int, hidden: bool) -> Shown:
    size, preview, missing = 0, "", ""
    try:
        descriptor, size = _open(lab, artifact, hidden)
        os.close(descriptor)
        preview = _preview(read_inside(lab.folder, artifact.path, _PREVIEW))
    except NotShown as reason:
        missing = str(reason)
    return Shown(
        name=artifact.name,
        path=artifact.path,
        place=place,
        size=size,
        preview=preview,
        missing=missing,
    )


def _open(lab: Lab, artifact: Artifact, hidden: bool) -> tuple[int, int]:
    parts = PurePosixPath(artifact.path).parts
    if parts[:1] != (FOLDER,) or len(parts) < 2:
        raise NotShown(f"It is not in the lab's folder {FOLDER}, so it is not shown.")
    if hidden and not artifact.visible:
        raise NotShown("It may tell of the hidden metrics: it is shown when they are.")
    return open_inside(lab.folder, artifact.path)


def _preview(text: str) -> str:
    """Empty for what is no text; a character may be cut in two at the end of one."""
    is_text = "\0" not in text and "\ufffd" not in text[: _PREVIEW // 2]
    return printable(text) if is_text else ""
