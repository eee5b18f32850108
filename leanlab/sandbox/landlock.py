"""Landlock: which files may be read. Everything else about files, TCP and signals is denied.

What Landlock does not know (chmod, UDP, names of files) the seccomp filter and the namespaces
cover; so an old version of it (Debian 12 has 2) serves as well as a new one.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
from typing import TYPE_CHECKING

from leanlab.sandbox import kernel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    return kernel.syscall("landlock", _CREATE, None, 0, _ASK_VERSION)


def _rights() -> int:
    """All that this kernel knows: 13, 14, 15 and 16 rights on files from versions 1, 2, 3 and 5."""
    have = version()
    return (1 << (13 + (have >= 2) + (have >= 3) + (have >= 5))) - 1


def restrict(readable: Iterable[str], listable: Iterable[str]) -> None:
    """Confine this process and its children: read what is readable, list what is listable.

    Needs kernel.forbid_new_privileges() first. It cannot be undone, and no mount can be changed
    afterwards.
    """
    with _rules(_TCP, _SCOPES) as rules:
        for path in readable:
            _allow(rules, path, _READ_FILE | _READ_DIR)
        for path in listable:
            _allow(rules, path, _READ_DIR)
        enter(rules)


def restrict_writing(writable: Iterable[str]) -> None:
    """Confine this process and its children: read and run everything, change what is writable.

    Needs kernel.forbid_new_privileges() first, and version 2: 1 cannot rename between folders.
    """
    have = version()
    if have < _CAN_RENAME:
        raise OSError(f"Landlock {have} cannot rename between folders")
    with _rules(_TCP, _SCOPES) as rules:
        _allow(rules, "/", _EXECUTE | _READ_FILE | _READ_DIR)
        for path in writable:
            _allow(rules, path, _rights() & ~_MAKE_DEVICES)
        enter(rules)


@contextlib.contextmanager
def fence(
    readable: Iterable[str], listable: Iterable[str], writable: Iterable[str]
) -> Iterator[int]:
    """Yield rules to enter() that hold for files and signals alone: the network stays open.

    Everything is denied but to read and run what is readable, to list what is listable, and to
    do anything with what is writable.
    """
    with _rules(0, _SIGNALS) as rules:
        for path in readable:
            _allow(rules, path, _EXECUTE | _READ_FILE | _READ_DIR)
        for path in listable:
            _allow(rules, path, _READ_DIR)
        for path in writable:
            _allow(rules, path, _rights() & ~_MAKE_DEVICES)
        yield rules


def enter(rules: int) -> None:
    """Put this process and its children under rules; needs kernel.forbid_new_privileges() first."""
    kernel.syscall("landlock", _RESTRICT_SELF, rules, 0)


def verify() -> None:
    """Find out that it does deny what no candidate may do; OSError when not."""
    try:
        os.listdir("/")  # noqa: PTH208 - nothing but the call itself
    except PermissionError:
        return
    raise OSError("landlock is there, and does not deny")


@contextlib.contextmanager
def _rules(tcp: int, scopes: int) -> Iterator[int]:
    """Open rules that deny every right on files, tcp and scopes, as far as the kernel knows."""
    have = version()
    attributes = struct.pack("QQQ", _rights(), tcp, scopes)
    # Version 4 adds TCP, 6 adds scopes.
    size = 24 if have >= 6 else 16 if have >= 4 else 8
    rules = kernel.syscall("landlock rules", _CREATE, attributes[:size], size, 0)
    try:
        yield rules
    finally:
        os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            rights &= _TO_FILES
        rule = struct.pack("=Qi", rights, handle)
        kernel.syscall(f"landlock rule for {path}", _ADD_RULE, rules, _PATH_BENEATH, rule, 0)
    finally:
        os.close(handle)
