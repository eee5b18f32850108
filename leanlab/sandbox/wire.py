"""What is said on the pipes, for both ends: frames of fixed layout, nothing that needs parsing.

    request   nonce 16 | header length | payload length | header (JSON) | payload
    reply     nonce 16 | outcome | payload length | note length | payload | note

The payload of a call's reply is one mark an item; for JSON, then one length an item, then the
texts. A note is a traceback, and is asked for on public inputs only.
"""

from __future__ import annotations

import builtins
import json
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

NONCE = 16
REQUEST = struct.Struct(f"<{NONCE}sIQ")
REPLY = struct.Struct(f"<{NONCE}sBII")
HELLO = b"\x06"
"""Sent by a worker once it is confined, before it reads anything."""

JOB = struct.Struct("<ddQQ")
"""To the zygote, with four descriptors: wall-clock seconds, CPU seconds, bytes, seed."""
END = struct.Struct("<Biddd")
"""From a supervisor: one of ENDS, exit code, wall seconds, CPU seconds, resident MB at most."""
ENDS = ("ended", "closed", "timed out", "out of cpu time")

OK, RAISED, LOAD_FAILED, NO_FUNCTION, OUT_OF_MEMORY, TOO_MUCH, UNPICKLABLE, WRONG_LENGTH = range(8)
CATEGORIES = {
    LOAD_FAILED: "load failed",
    NO_FUNCTION: "no such function",
    OUT_OF_MEMORY: "out of memory",
    TOO_MUCH: "too much output",
    UNPICKLABLE: "model cannot be pickled",
    WRONG_LENGTH: "wrong length",
}
"""What an outcome is called; RAISED is followed by one mark, whose name is the category."""

ZERO, ONE, JSON, INVALID, TOO_LARGE = b"01.?>"
_FIRST_EXCEPTION = 128
EXCEPTIONS = tuple(
    sorted(
        name
        for name, value in vars(builtins).items()
        if isinstance(value, type) and issubclass(value, BaseException) and value.__name__ == name
    )
)
"""The only class names that are ever reported: any other could carry what the candidate saw."""
EXCEPTION_MARKS = {
    getattr(builtins, name): _FIRST_EXCEPTION + i for i, name in enumerate(EXCEPTIONS)
}

MARKS = {
    "bit": bytes((ZERO, ONE, INVALID, *EXCEPTION_MARKS.values())),
    "json": bytes((JSON, INVALID, TOO_LARGE, *EXCEPTION_MARKS.values())),
}
"""The marks that may stand in a reply of each kind."""


def mark_of(error: BaseException) -> int:
    """Return the mark of an exception: its class by exact type, Exception for any other."""
    return EXCEPTION_MARKS.get(type(error), EXCEPTION_MARKS[Exception])


def name_of(mark: int, reply: str) -> str:
    """Return the category that a mark other than ZERO, ONE and JSON stands for."""
    if mark == INVALID:
        return "not a bit" if reply == "bit" else "not JSON"
    if mark == TOO_LARGE:
        return "too large"
    name = EXCEPTIONS[mark - _FIRST_EXCEPTION]
    return CATEGORIES[OUT_OF_MEMORY] if name == "MemoryError" else name


def send_json(channel: socket.socket, value: Any) -> None:
    """Send one length-prefixed JSON value between trusted processes."""
    text = json.dumps(value).encode()
    channel.sendall(struct.pack("<I", len(text)) + text)


def receive_json(channel: socket.socket) -> bytes:
    """Return the text of one length-prefixed JSON value; empty when the other side is gone."""
    size = _receive(channel, 4)
    return _receive(channel, struct.unpack("<I", size)[0]) if size else b""


def _receive(channel: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        try:
            part = channel.recv(size - len(received))
        except ConnectionResetError:
            return b""
        if not part:
            return b""
        received += part
    return bytes(received)
