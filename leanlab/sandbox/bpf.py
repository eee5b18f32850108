"""What system-call filters are written in: instructions of classic BPF, eight bytes each."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leanlab.sandbox.syscalls import Architecture

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16
X32 = 0x40000000


def native_calls_only(table: Architecture) -> list[bytes]:
    """Begin a filter: kill on another table's calls, leave the call's number loaded."""
    return [
        line(LOAD, ARCHITECTURE_AT),
        line(EQUAL, table.audit, 1, 0),
        line(RETURN, KILL),
        line(LOAD, NUMBER_AT),
        # x32 calls carry the architecture of x86_64 and other meanings.
        line(AT_LEAST, X32, 0, 1),
        line(RETURN, KILL),
    ]


def line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def refuse(number: int) -> bytes:
    return line(RETURN, ERRNO | number)
