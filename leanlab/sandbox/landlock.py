"""Landlock: which files may be read. Everything else about files, TCP and signals is denied.

What Landlock does not know (chmod, UDP, names of files) the seccomp filter and the namespaces
cover; so an old version of it (Debian 12 has 2) serves as well as a new one.
"""

from __future__ import annotations

import posix  # os takes longer to import than all of this
import stat
import sys

from leanlab.sandbox.libc import syscall

TYPE_CHECKING = False  # and typing longer still

if TYPE_CHECKING:
    from collections.abc import Iterable

_CREATE, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH = 1, 1
_EXECUTE, _READ_FILE, _READ_DIR = 1, 1 << 2, 1 << 3
_MAKE_DEVICES = 1 << 6 | 1 << 11
_CAN_RENAME = 2
_TCP, _SCOPES = 0b11, 0b11
_SIGNALS = 0b10
_TO_FILES = 1 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
"""The rights that a file can have: the others are a folder's."""


def version() -> int:
    """Return the kernel's Landlock version; OSError where there is none."""
    return syscall("landlock", _CREATE, None, 0, _ASK_VERSION)


def restrict(readable: Iterable[str], listable: Iterable[str]) -> None:
    """Confine this process and its children: read what is readable, list what is listable.

    Needs kernel.forbid_new_privileges() first. It cannot be undone, and no mount can be changed
    afterwards.
    """
    have = version()
    # Versions 1, 2, 3 and 5 know 13, 14, 15 and 16 rights on files; 4 adds TCP, 6 adds scopes.
    rights = (1 << (13 + (have >= 2) + (have >= 3) + (have >= 5))) - 1
    attributes = _words(rights, _TCP, _SCOPES)
    size = 24 if have >= 6 else 16 if have >= 4 else 8
    rules = syscall("landlock rules", _CREATE, attributes[:size], size, 0)
    try:
        for path in readable:
            _allow(rules, path, _READ_FILE | _READ_DIR)
        for path in listable:
            _allow(rules, path, _READ_DIR)
        syscall("landlock", _RESTRICT_SELF, rules, 0)
    finally:
        posix.close(rules)


def restrict_writing(writable: Iterable[str]) -> None:
    """Confine this process and its children: read and run everything, change what is writable.

    Needs kernel.forbid_new_privileges() first, and version 2: 1 cannot rename between folders.
    """
    have = version()
    if have < _CAN_RENAME:
        raise OSError(f"Landlock {have} cannot rename between folders")
    rights = (1 << (14 + (have >= 3) + (have >= 5))) - 1
    attributes = _words(rights, _TCP, _SCOPES)
    size = 24 if have >= 6 else 16 if have >= 4 else 8
    rules = syscall("landlock rules", _CREATE, attributes[:size], size, 0)
    try:
        _allow(rules, "/", _EXECUTE | _READ_FILE | _READ_DIR)
        for path in writable:
            _allow(rules, path, rights & ~_MAKE_DEVICES)
        syscall("landlock", _RESTRICT_SELF, rules, 0)
    finally:
        posix.close(rules)


def fence(readable: Iterable[str], listable: Iterable[str], writable: Iterable[str]) -> None:
    """Confine this process and its children in files and signals alone: the network stays open.

    Everything is denied but to read and run what is readable, to list what is listable, and to
    do anything with what is writable. Needs kernel.forbid_new_privileges() first.
    """
    have = version()
    rights = (1 << (13 + (have >= 2) + (have >= 3) + (have >= 5))) - 1
    attributes = _words(rights, 0, _SIGNALS)
    size = 24 if have >= 6 else 8
    rules = syscall("landlock rules", _CREATE, attributes[:size], size, 0)
    try:
        for path in readable:
            _allow(rules, path, _EXECUTE | _READ_FILE | _READ_DIR)
        for path in listable:
            _allow(rules, path, _READ_DIR)
        for path in writable:
            _allow(rules, path, rights & ~_MAKE_DEVICES)
        syscall("landlock", _RESTRICT_SELF, rules, 0)
    finally:
        posix.close(rules)


def verify() -> None:
    """Find out that it does deny what no candidate may do; OSError when not."""
    try:
        posix.listdir("/")
    except PermissionError:
        return
    raise OSError("landlock is there, and does not deny")


def _words(*values: int) -> bytes:
    """Numbers as the kernel reads them, 64 bits each."""
    return b"".join(value.to_bytes(8, sys.byteorder) for value in values)


def _allow(rules: int, path: str, rights: int) -> None:
    handle = posix.open(path, posix.O_PATH | posix.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(posix.fstat(handle).st_mode):
            rights &= _TO_FILES
        rule = _words(rights) + handle.to_bytes(4, sys.byteorder)
        syscall(f"landlock rule for {path}", _ADD_RULE, rules, _PATH_BENEATH, rule, 0)
    finally:
        posix.close(handle)
