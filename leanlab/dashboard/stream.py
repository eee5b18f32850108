"""Server-sent events: what a run writes, as it writes it, to pages that may stay open for days.

Nothing is kept between two looks but a position, so a page costs the same after a day. The position
is the event's id: a browser that comes back names it, and goes on where it was.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import msgspec

from leanlab.dashboard.moments import moment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection
    from pathlib import Path

    from leanlab.dashboard.moments import Moment

LOOK = 0.4
"""Seconds between looks at the files."""
BEAT = 15.0
"""Seconds after which a silent stream says that it is alive."""
MOST = 200
"""Moments that a page holds; its script keeps to the same number."""
_CHUNK = 1 << 17
_BACK = 1 << 18
"""Bytes before the end in which the present trial's beginning is looked for."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A position in one file; a file that was replaced has another inode."""

    inode: int = 0
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.inode}-{self.offset}"

    @staticmethod
    def of(text: str) -> Place | None:
        """Read what str() wrote; None for anything else."""
        inode, _, offset = text.partition("-")
        if inode.isdecimal() and offset.isdecimal() and len(text) < 60:
            return Place(inode=int(inode), offset=int(offset))
        return None


def news(path: Path | None, place: Place) -> tuple[list[bytes], Place]:
    """Return whole lines after a place, at most some hundred kilobytes, and the place after them.

    A file that was replaced or cut is read from its beginning.
    """
    if path is None:
        return [], place
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            same = found.st_ino == place.inode and found.st_size >= place.offset
            start = place.offset if same else 0
            file.seek(start)
            chunk = file.read(_CHUNK)
            if b"\n" not in chunk:
                chunk += file.readline()
    except OSError:
        return [], place
    end = chunk.rfind(b"\n") + 1
    return chunk[:end].splitlines(), Place(inode=found.st_ino, offset=start + end)


def latest(path: Path, revealed: Collection[str]) -> tuple[list[Moment], Place]:
    """What happened since the latest trial began, for a page's first sight, and where that ends."""
    try:
        found = path.stat()
    except OSError:
        return [], Place()
    size = found.st_size
    place = Place(inode=found.st_ino, offset=max(0, size - _BACK))
    lines: list[bytes] = []
    while place.offset < size:
        more, after = news(path, place)
        if after == place:
            break
        lines, place = lines + more, after
    starts = [i for i, line in enumerate(lines) if line.startswith(b'{"event":"trial_started"')]
    moments = (moment(line, revealed) for line in lines[starts[-1] if starts else 0 :])
    return [one for one in moments if one][-MOST:], place


async def stream(
    events: Path | None,
    place: Place,
    revealed: Collection[str],
    state: Callable[[], Awaitable[str]],
    known: str,
    look: float = LOOK,
) -> AsyncIterator[bytes]:
    """Yield moments as they happen, and a word whenever state() is another than before.

    known is the state that the page was made from: one that was away learns at once that it missed
    something.
    """
    yield b"retry: 2000\n\n"
    silent = 0.0
    while True:
        lines, place = news(events, place)
        moments = (moment(line, revealed) for line in lines)
        said = [_message("moment", msgspec.json.encode(one), str(place)) for one in moments if one]
        if (now := await state()) != known:
            known = now
            said.append(_message("changed", b"{}"))
        silent = 0.0 if said else silent + look
        if silent >= BEAT:
            said, silent = [b": still here\n\n"], 0.0
        if said:
            yield b"".join(said)
        await asyncio.sleep(0 if lines else look)


def _message(name: str, content: bytes, place: str = "") -> bytes:
    """One event; JSON has no line break, so it is one line of data."""
    head = f"id: {place}\n" if place else ""
    return f"{head}event: {name}\ndata: ".encode() + content + b"\n\n"
