"""Progress: what a job says of itself while it runs. Lines that mean nothing are not looked at."""

from __future__ import annotations

import re
import time

import msgspec

_LINE = re.compile(rb"progress:[ \t]*([01]?\.?\d{0,17})(?:[ \t]+(.*))?")
_LONGEST = 400
"""Bytes of a line; a longer one is no progress."""
_WORDS = 100
_APART = 0.5


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job says that it is."""

    fraction: float
    """From 0 to 1, in whole hundredths."""
    text: str = ""
    """In its own words, printable and in one line; empty on hidden inputs."""


class ProgressLines:
    """Finds lines such as `progress: 0.4 epoch 2` in what a job prints.

    One is given at most every half second; those in between are dropped.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False
        self._next = 0.0

    def feed(self, chunk: bytes) -> Progress | None:
        """Take what was printed next; return the latest progress, where one is due."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        if lines and self._skipping:
            del lines[0]
            self._skipping = False
        self._skipping = self._skipping or len(rest) > _LONGEST
        self._rest = b"" if self._skipping else rest
        if time.monotonic() < self._next:
            return None
        found = next((found for line in reversed(lines) if (found := parse(line))), None)
        if found is not None:
            self._next = time.monotonic() + _APART
        return found


def parse(line: bytes) -> Progress | None:
    """Read a line; None when it is no progress, or no fraction from 0 to 1."""
    found = _LINE.fullmatch(line.rstrip(b"\r")) if len(line) <= _LONGEST else None
    try:
        fraction = float(found[1]) if found else -1.0
    except ValueError:
        return None
    if found is None or not 0 <= fraction <= 1:
        return None
    words = (found[2] or b"").decode("utf-8", "replace")
    text = "".join(char for char in words if char.isprintable())
    return Progress(fraction=round(fraction, 2), text=text[:_WORDS].strip())
