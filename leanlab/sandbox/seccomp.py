"""The system-call filter of a worker: an allow-list, compiled to BPF.

Everything else fails with EPERM: no fork, no exec, no sockets, no memfd, no ptrace, no chmod.
As nothing can be forked, RLIMIT_AS is all the memory there is, and killing one pid kills all.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from leanlab.sandbox import kernel, syscalls
from leanlab.sandbox.bpf import (
    ALLOW,
    ARGUMENTS_AT,
    EQUAL,
    LOAD,
    RETURN,
    line,
    native_calls_only,
    refuse,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.sandbox.syscalls import Architecture


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
    lines = native_calls_only(table)
    rows = {**syscalls.ALLOWED, **(syscalls.READING if reading else {})}
    for row in rows.values():
        number = row[column]
        if number is not None:
            lines += [line(EQUAL, number, 0, 1), line(RETURN, ALLOW)]
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
    lines += [line(EQUAL, syscalls.CLONE3[column], 0, 1), refuse(errno.ENOSYS)]
    lines.append(refuse(errno.EPERM))
    return b"".join(lines)


def install(compiled: bytes) -> None:
    """Put this process behind its program, for ever. OSError when that denies nothing."""
    kernel.install_filter(compiled)
    try:
        os.getsid(0)  # harmless, and not allowed
    except PermissionError:
        return
    raise OSError("seccomp is there, and does not deny")


def _one_of(argument: int, values: Sequence[int]) -> list[bytes]:
    """Go on when the low word of the argument is one of values: the kernel takes 32 bits there."""
    tests = [line(EQUAL, value, len(values) - i, 0) for i, value in enumerate(values)]
    return [line(LOAD, ARGUMENTS_AT + 8 * argument), *tests, refuse(errno.EPERM)]


def _null(argument: int) -> list[bytes]:
    """Go on when the argument, a pointer, is null in both words."""
    return [*_one_of(argument, (0,)), *_high_word_zero(argument)]


def _high_word_zero(argument: int) -> list[bytes]:
    load = line(LOAD, ARGUMENTS_AT + 8 * argument + 4)
    return [load, line(EQUAL, 0, 1, 0), refuse(errno.EPERM)]


def _guarded(number: int, checks: list[bytes]) -> list[bytes]:
    body = [*checks, line(RETURN, ALLOW)]
    return [line(EQUAL, number, 0, len(body)), *body]
