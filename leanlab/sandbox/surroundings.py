"""What the commands of a lab may read of this machine: the system, this Python, their program."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SYSTEM = ("/usr", "/nix/store", "/sys/devices/system/cpu")
_MERGED = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# Not all of /etc: keys and passwords lie there too.
_SETTINGS = (
    "alternatives", "fonts", "group", "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
    "locale.alias", "localtime", "mime.types", "nsswitch.conf", "os-release", "passwd",
    "protocols", "services", "ssl/certs", "ssl/openssl.cnf", "timezone",
)  # fmt: skip


def find(
    program: str, further: Iterable[str], inside: str = ""
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what to show, as path and real path, and links of the root folder.

    further are folders beside the system's and Python's; what lies inside the last folder is there
    anyhow.
    """
    links = {path: os.readlink(path) for path in _MERGED if os.path.islink(path)}  # noqa: PTH114, PTH115
    wanted = [*_SYSTEM, *(path for path in _MERGED if path not in links)]
    wanted += [f"/etc/{name}" for name in _SETTINGS]
    wanted += [*_interpreter(), *further]
    found: dict[str, str] = {}
    for path in sorted(dict.fromkeys(wanted), key=lambda path: path.split("/")):
        if os.path.exists(path) and not _is_seen(path, found, inside):  # noqa: PTH110
            found[path] = os.path.realpath(path)
    for path in (program, os.path.realpath(program)) if program.startswith("/") else ():
        if not _is_seen(path, found, inside):
            found[path] = os.path.realpath(program)
    return found, links


def _is_seen(path: str, found: dict[str, str], inside: str) -> bool:
    """Tell whether the path is there anyhow: below a tree that lies where it is, or inside."""
    trees = [tree for tree, real in found.items() if tree == real]
    trees += [inside] if inside else []
    return any(f"{path}/".startswith(f"{tree}/") for tree in trees)


def _interpreter() -> list[str]:
    """The folders of this Python, of the one it was made from, and of links between them."""
    folders = [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix]
    folders += [path for path in sysconfig.get_paths().values() if "/lib" in path]
    folders += [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    program = sys.executable
    while os.path.islink(program):  # noqa: PTH114
        program = os.path.join(os.path.dirname(program), os.readlink(program))  # noqa: PTH115, PTH118, PTH120
        folders.append(os.path.dirname(os.path.dirname(os.path.abspath(program))))  # noqa: PTH100, PTH120
    folders += [os.path.realpath(folder) for folder in folders]
    home = os.path.realpath(Path.home())
    return [folder for folder in folders if not f"{home}/".startswith(f"{folder.rstrip('/')}/")]
