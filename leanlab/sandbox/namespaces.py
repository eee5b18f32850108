"""Namespaces: a root of our own that holds the readable files and nothing else, and no network.

The pid namespace is not entered here but by each supervisor thread, for its one worker.
"""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from leanlab.sandbox import kernel, syscalls

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NOBODY = 65533
"""An unprivileged uid and gid that no distribution gives to anybody."""

_SHARED = kernel.NEW_MOUNT | kernel.NEW_NET | kernel.NEW_IPC | kernel.NEW_UTS
_STAGES = ("/tmp", "/mnt", "/var", "/usr")  # noqa: S108 - a mount point; nothing is written there


def enter(readable: Mapping[str, str], *, user: bool) -> None:
    """Move this process into a private root, without network, and empty IPC; never half.

    readable maps the path in the new root to the real one. user makes a user namespace first,
    which an ordinary user needs. An OSError leaves the process between two worlds: it must end.
    """
    table = syscalls.architecture()
    if table is None:
        raise OSError("no system-call numbers for this architecture")
    if user:
        _enter_user_namespace()
    kernel.unshare(_SHARED)
    kernel.mount(None, "/", kernel.MS_REC | kernel.MS_PRIVATE)
    trees = {target: kernel.clone_tree(source) for target, source in readable.items()}
    links = {path: path.readlink() for path in Path("/").glob("lib*") if path.is_symlink()}
    stage = next((path for path in _STAGES if Path(path).is_dir()), "")
    if not stage:
        raise OSError(f"no folder to mount a root on: there is no {', '.join(_STAGES)}")
    options = "size=64k,mode=755"
    kernel.mount("tmpfs", stage, kernel.MS_NOSUID | kernel.MS_NODEV, options)
    previous = os.umask(0o022)
    for target, tree in trees.items():
        _place(tree, stage + target)
    for link, destination in links.items():
        if not os.path.lexists(stage + str(link)):
            Path(stage + str(link)).symlink_to(destination)
    os.umask(previous)
    _swap_root(syscalls.PIVOT_ROOT[table.column], stage)
    _verify(readable, {link.name for link in links})


def _enter_user_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(kernel.NEW_USER)
    _tell("/proc/self/setgroups", "deny")
    _tell("/proc/self/uid_map", f"{uid or NOBODY} {uid} 1")
    _tell("/proc/self/gid_map", f"{gid or NOBODY} {gid} 1")


def _tell(path: str, text: str) -> None:
    try:
        Path(path).write_text(text)
    except OSError as error:
        raise OSError(error.errno, f"{path}: {error.strerror}") from error


def _place(tree: int, target: str) -> None:
    # Not by pathlib: with hundreds of files to place, it takes longer than the kernel.
    if stat.S_ISDIR(os.fstat(tree).st_mode):
        os.makedirs(target, exist_ok=True)  # noqa: PTH103
    else:
        os.makedirs(target.rpartition("/")[0], exist_ok=True)  # noqa: PTH103
        os.close(os.open(target, os.O_CREAT | os.O_CLOEXEC, 0o444))
    kernel.attach_read_only(tree, target)
    os.close(tree)


def _swap_root(number: int, stage: str) -> None:
    old = f"{stage}/old"
    Path(old).mkdir()
    kernel.pivot_root(number, stage, old)
    os.chdir("/")
    kernel.detach("/old")
    Path("/old").rmdir()
    flags = kernel.MS_REMOUNT | kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount(None, "/", flags)


def _verify(readable: Iterable[str], links: Iterable[str]) -> None:
    """Look around: a call can succeed and do nothing. OSError when all is not as it must be."""
    expected = {path.split("/")[1] for path in readable}.union(links)
    found = set(os.listdir("/"))  # noqa: PTH208 - nothing but the names
    if found - expected:
        raise OSError(f"the new root also holds {', '.join(sorted(found - expected))}")
    for path in ("/", *readable):
        if not os.statvfs(path).f_flag & os.ST_RDONLY:
            raise OSError(f"{path} can be written to in the new root")
    interfaces = {name for _, name in socket.if_nameindex()}
    if interfaces - {"lo"}:
        raise OSError(f"the network is there: {', '.join(sorted(interfaces))}")
