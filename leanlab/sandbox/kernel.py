"""The few Linux calls that Python does not offer, by ctypes. Every failure is an OSError.

Importing this works on every platform; the calls themselves work on Linux alone.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

NEW_MOUNT, NEW_UTS, NEW_IPC = 0x00020000, 0x04000000, 0x08000000
NEW_USER, NEW_PID, NEW_NET = 0x10000000, 0x20000000, 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_REC, MS_PRIVATE = 32, 0x4000, 0x40000

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP = 1, 4, 22
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 24, 38, 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_SECCOMP_MODE_FILTER = 2
_M_ARENA_MAX = -8
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63

# The same number on every architecture: they are younger than the unification of the tables.
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_OPEN_TREE_CLONE, _MOVE_MOUNT_F_EMPTY_PATH, _MNT_DETACH = 1, 4, 2

_libc = ctypes.CDLL(None, use_errno=True)
if sys.platform == "linux":
    # Here they are looked up: between fork and exec another thread may have left the loader locked.
    _libc.syscall.restype = ctypes.c_long
    _libc.prctl.restype = _libc.capset.restype = ctypes.c_int


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def share_memory_among_threads() -> None:
    """Have threads take memory from one place; without it each reserves one of its own (glibc)."""
    if hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, 1)


def syscall(what: str, number: int, *arguments: int | bytes | None) -> int:
    """Make a system call; integers are passed as longs, bytes as pointers."""
    values = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(_libc.syscall(ctypes.c_long(number), *values), what)


def _prctl(what: str, option: int, *arguments: int) -> None:
    padded = [*arguments, 0, 0, 0, 0][:4]
    _checked(_libc.prctl(ctypes.c_int(option), *map(ctypes.c_ulong, padded)), what)


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends.

    A change of user or of capabilities undoes it: call it again after one.
    """
    _prctl("parent death signal", _PR_SET_PDEATHSIG, 9)


def forbid_new_privileges() -> None:
    """Give up gaining privileges by exec, for ever; Landlock and seccomp ask for it."""
    _prctl("no new privileges", _PR_SET_NO_NEW_PRIVS, 1)


def forbid_inspection() -> None:
    """Keep this process' memory from others of the same user."""
    _prctl("not dumpable", _PR_SET_DUMPABLE, 0)


def drop_bounding_set() -> None:
    """Keep every capability from coming back by exec, as far as this process may."""
    for capability in range(_LAST_CAPABILITY + 1):
        try:
            _prctl("bounding set", _PR_CAPBSET_DROP, capability)
        except OSError:
            return


def drop_capabilities() -> None:
    """Drop every capability that this process has."""
    _prctl("ambient capabilities", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    _checked(_libc.capset(header, bytes(24)), "capset")


def unshare(flags: int) -> None:
    """Enter new namespaces; a new pid namespace holds for children only."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(kind: str | None, target: str, flags: int, options: str | None = None) -> None:
    """Mount a file system without a source, or change how target is mounted."""
    source, kind_bytes = (b"none", kind.encode()) if kind else (None, None)
    data = options.encode() if options else None
    result = _libc.mount(source, os.fsencode(target), kind_bytes, ctypes.c_ulong(flags), data)
    _checked(result, f"mount {kind or target}")


def detach(target: str) -> None:
    """Unmount target and all below it."""
    _checked(_libc.umount2(os.fsencode(target), _MNT_DETACH), f"unmount {target}")


def pivot_root(number: int, new: str, old: str) -> None:
    """Make new the root and hang the present root at old."""
    syscall("pivot_root", number, os.fsencode(new), os.fsencode(old))


def clone_tree(path: str) -> int:
    """Return a descriptor of a detached copy of the mounts at path."""
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | _AT_RECURSIVE
    return syscall(f"open_tree {path}", _OPEN_TREE, _AT_FDCWD, os.fsencode(path), flags)


def attach_read_only(tree: int, target: str) -> None:
    """Mount a detached tree at target: read-only, no devices, no set-user-ID."""
    attach(tree, target, MS_RDONLY | MS_NOSUID | MS_NODEV)


def attach(tree: int, target: str, how_restricted: int) -> None:
    """Mount a detached tree at target under further MS_RDONLY, MS_NOSUID, MS_NODEV."""
    attributes = struct.pack("QQQQ", how_restricted, 0, 0, 0)
    flags = _AT_EMPTY_PATH | _AT_RECURSIVE
    syscall("mount_setattr", _MOUNT_SETATTR, tree, b"", flags, attributes, len(attributes))
    to, how = os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH
    syscall(f"move_mount {target}", _MOVE_MOUNT, tree, b"", _AT_FDCWD, to, how)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def install_filter(program: bytes) -> None:
    """Install a seccomp program (8 bytes an instruction) for this thread and its children."""
    buffer = ctypes.create_string_buffer(program, len(program))
    header = _Program(len(program) // 8, ctypes.addressof(buffer))
    _prctl("seccomp", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(header))
