"""Calls of the C library for what has to start fast. Every failure is an OSError.

A program is started behind the fence once a turn. Importing ctypes takes half as long as starting
Python does, and typing longer; so this is made of what ctypes is made of, and imports neither.
"""

from __future__ import annotations

import _ctypes
import posix  # os takes longer to import than all of this
import sys

_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 1, 24, 38, 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63

_library = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]


class _Long(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "l"


class _Int(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "i"


class _ToLong(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _Long


class _ToInt(_ctypes.CFuncPtr):
    """For what returns an int: read as a long, its -1 would be a large number."""

    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _Int


def _call(
    what: str, kind: type[_ctypes.CFuncPtr], name: str, *arguments: int | bytes | None
) -> int:
    function = kind(_ctypes.dlsym(_library, name))
    result: int = function(*[_Long(a) if isinstance(a, int) else a for a in arguments])
    if result < 0:
        number = _ctypes.get_errno()
        raise OSError(number, f"{what}: {posix.strerror(number)}")
    return result


def syscall(what: str, number: int, *arguments: int | bytes | None) -> int:
    """Make a system call; integers are passed as longs, bytes as pointers."""
    return _call(what, _ToLong, "syscall", number, *arguments)


def prctl(what: str, option: int, *arguments: int) -> None:
    _call(what, _ToInt, "prctl", option, *[*arguments, 0, 0, 0, 0][:4])


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends.

    A change of user or of capabilities undoes it: call it again after one.
    """
    prctl("parent death signal", _PR_SET_PDEATHSIG, 9)


def forbid_new_privileges() -> None:
    """Give up gaining privileges by exec, for ever; Landlock and seccomp ask for it."""
    prctl("no new privileges", _PR_SET_NO_NEW_PRIVS, 1)


def drop_bounding_set() -> None:
    """Keep every capability from coming back by exec, as far as this process may."""
    for capability in range(_LAST_CAPABILITY + 1):
        try:
            prctl("bounding set", _PR_CAPBSET_DROP, capability)
        except OSError:
            return


def drop_capabilities() -> None:
    """Drop every capability that this process has."""
    prctl("ambient capabilities", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = _CAPABILITY_VERSION_3.to_bytes(4, sys.byteorder) + bytes(4)
    _call("capset", _ToInt, "capset", header, bytes(24))
