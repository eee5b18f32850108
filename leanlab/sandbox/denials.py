"""The system-call filter of an open lab's commands: a deny-list, as they may do much.

They start programs, threads and children, and write files. What they may not do is change the
world they are in, look into other processes, or speak to anything but each other.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from leanlab.sandbox import syscalls
from leanlab.sandbox.bpf import (
    ALLOW,
    ANY_BIT,
    ARGUMENTS_AT,
    EQUAL,
    LOAD,
    NUMBER_AT,
    RETURN,
    line,
    native_calls_only,
    refuse,
)

if TYPE_CHECKING:
    from leanlab.sandbox.syscalls import Architecture

_NEW_NAMESPACES = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET."""
_AF_UNIX = 1
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C

# name: (x86_64, aarch64); None where the architecture has no such call.
DENIED: dict[str, tuple[int | None, int | None]] = {
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "unshare": (272, 97),
    "setns": (308, 268),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "fanotify_init": (300, 262),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # A daemon dies with the pid namespace all the same.
    "setsid": (112, 157),
    "setpgid": (109, 154),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "iopl": (172, None),
    "ioperm": (173, None),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
}

_CLONE = (56, 220)
_SOCKET, _SOCKETPAIR = (41, 198), (53, 199)


def program(table: Architecture) -> bytes:
    """Compile the filter."""
    column = table.column
    lines = native_calls_only(table)
    for row in DENIED.values():
        number = row[column]
        if number is not None:
            lines += [line(EQUAL, number, 0, 1), refuse(errno.EPERM)]
    # glibc falls back to clone, whose flags a filter can read.
    lines += [line(EQUAL, syscalls.CLONE3[column], 0, 1), refuse(errno.ENOSYS)]
    lines += _when(_CLONE[column], _argument(0), line(ANY_BIT, _NEW_NAMESPACES, 0, 1))
    for call in (_SOCKET, _SOCKETPAIR):
        lines += _when(call[column], _argument(0), line(EQUAL, _AF_UNIX, 1, 0))
    for code in (_TIOCSTI, _TIOCLINUX):
        lines += _when(syscalls.IOCTL[column], _argument(1), line(EQUAL, code, 0, 1))
    # Limits are its own alone to change, not those of the process that watches over it.
    lines += _when(syscalls.PRLIMIT[column], _argument(0), line(EQUAL, 0, 1, 0))
    lines.append(line(RETURN, ALLOW))
    return b"".join(lines)


def _when(number: int, load: bytes, test: bytes) -> list[bytes]:
    """Refuse the call unless test jumps over one line; reload the number for what follows."""
    body = [load, test, refuse(errno.EPERM), line(LOAD, NUMBER_AT)]
    return [line(EQUAL, number, 0, len(body)), *body]


def _argument(index: int) -> bytes:
    return line(LOAD, ARGUMENTS_AT + 8 * index)
