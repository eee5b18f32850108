"""The system-call filter of a worker: an allow-list, compiled to BPF.

Everything else fails with EPERM: no fork, no exec, no sockets, no memfd, no ptrace, no chmod.
As nothing can be forked, RLIMIT_AS is all the memory there is, and killing one pid kills all.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import TYPE_CHECKING

from leanlab.sandbox import kernel, syscalls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.sandbox.syscalls import Architecture

_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_X32 = 0x40000000

_F_DUPFD_CLOEXEC, _F_GETPIPE_SZ = 1030, 1032
_FCNTLS = (0, 1, 2, 3, 4, _F_DUPFD_CLOEXEC, _F_GETPIPE_SZ)
"""F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL; F_SETOWN would send signals."""
_IOCTLS = (0x5401, 0x5421, 0x5450, 0x5451)
"""TCGETS, FIONBIO, FIONCLEX, FIOCLEX; TIOCSTI would type into a terminal."""


def program(table: Architecture, pid: int, *, reading: bool = True) -> bytes:
    """Compile the filter for a process that knows itself as pid.

    reading allows opening and looking at files by name: something else must decide which.
    """
    column = table.column
    lines = [
        _line(_LOAD, _ARCHITECTURE_AT),
        _line(_EQUAL, table.audit, 1, 0),
        _line(_RETURN, _KILL),
        _line(_LOAD, _NUMBER_AT),
        # x32 calls carry the architecture of x86_64 and other meanings.
        _line(_AT_LEAST, _X32, 0, 1),
        _line(_RETURN, _KILL),
    ]
    rows = {**syscalls.ALLOWED, **(syscalls.READING if reading else {})}
    for row in rows.values():
        number = row[column]
        if number is not None:
            lines += [_line(_EQUAL, number, 0, 1), _line(_RETURN, _ALLOW)]
    for row, argument, values in (
        (syscalls.FCNTL, 1, _FCNTLS),
        (syscalls.IOCTL, 1, _IOCTLS),
        (syscalls.KILL, 0, (pid,)),
        (syscalls.TKILL, 0, (pid,)),
        (syscalls.TGKILL, 0, (pid,)),
    ):
        lines += _guarded(row[column], _one_of(argument, values))
    own_limits_read_only = _one_of(0, (0, pid)) + _null(2)
    lines += _guarded(syscalls.PRLIMIT[column], own_limits_read_only)
    # glibc falls back to clone, whose refusal it reports well.
    lines += [_line(_EQUAL, syscalls.CLONE3[column], 0, 1), _refuse(errno.ENOSYS)]
    lines.append(_refuse(errno.EPERM))
    return b"".join(lines)


def install(table: Architecture, *, reading: bool) -> None:
    """Put this process behind its filter, for ever. OSError when it is there and denies nothing."""
    kernel.install_filter(program(table, os.getpid(), reading=reading))
    try:
        os.getsid(0)  # harmless, and not allowed
    except PermissionError:
        return
    raise OSError("seccomp is there, and does not deny")


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def _refuse(number: int) -> bytes:
    return _line(_RETURN, _ERRNO | number)


def _one_of(argument: int, values: Sequence[int]) -> list[bytes]:
    """Go on when the low word of the argument is one of values: the kernel takes 32 bits there."""
    tests = [_line(_EQUAL, value, len(values) - i, 0) for i, value in enumerate(values)]
    return [_line(_LOAD, _ARGUMENTS_AT + 8 * argument), *tests, _refuse(errno.EPERM)]


def _null(argument: int) -> list[bytes]:
    """Go on when the argument, a pointer, is null in both words."""
    return [*_one_of(argument, (0,)), *_high_word_zero(argument)]


def _high_word_zero(argument: int) -> list[bytes]:
    load = _line(_LOAD, _ARGUMENTS_AT + 8 * argument + 4)
    return [load, _line(_EQUAL, 0, 1, 0), _refuse(errno.EPERM)]


def _guarded(number: int, checks: list[bytes]) -> list[bytes]:
    body = [*checks, _line(_RETURN, _ALLOW)]
    return [_line(_EQUAL, number, 0, len(body)), *body]
