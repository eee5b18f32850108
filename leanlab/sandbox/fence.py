"""The fence around an agent's own program: what it may read and write, by Landlock.

The network stays open, as such a program talks to its provider. Names and sizes of files can be
seen; what is in them cannot.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from leanlab.errors import ConfinementUnavailable
from leanlab.sandbox import kernel, landlock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

_SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/opt",
    "/nix/store",
    "/proc",
    "/sys",
)
# Not all of /etc: keys and passwords lie there too.
_SETTINGS = (
    "alternatives", "ca-certificates", "gai.conf", "group", "host.conf", "hosts", "ld.so.cache",
    "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "nsswitch.conf", "os-release",
    "passwd", "pki", "protocols", "resolv.conf", "services", "ssl", "timezone",
)  # fmt: skip
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts")


class Fence(msgspec.Struct, frozen=True, kw_only=True):
    """What a program may read and run, which folders it may list, and what it may write."""

    readable: tuple[str, ...]
    listable: tuple[str, ...]
    writable: tuple[str, ...]

    @contextlib.contextmanager
    def prepared(self) -> Iterator[Callable[[], None]]:
        """Yield what puts the fence up around a program, out of which nothing leads.

        It is the preexec_fn of a process that is started before the context ends, and calls
        what a thread that is not there after the fork cannot hold a lock of. Where it fails,
        the process says so on standard error, and ends with status 1: nothing was started.
        """
        with contextlib.ExitStack() as stack:
            try:
                rules = stack.enter_context(
                    landlock.fence(self.readable, self.listable, self.writable)
                )
            except OSError as error:
                raise ConfinementUnavailable(f"the fence cannot be put up: {error}") from error
            yield functools.partial(_put_up, rules, os.getpid())


def missing() -> str:
    """Return why no fence can be put up here; empty when one can."""
    if sys.platform != "linux":
        return "there is no Landlock outside of Linux"
    try:
        landlock.version()
    except OSError as error:
        return f"{error}; it needs Linux 5.13 or later, with landlock among its security modules"
    return ""


def around(
    *, readable: Iterable[Path], writable: Iterable[Path], hidden: Collection[Path]
) -> Fence:
    """Return the fence of a program that may read, besides, the system and this Python.

    What is hidden it may not read, wherever that lies.
    """
    python = [sys.prefix, sys.base_prefix, os.path.realpath(sys.executable)]
    wanted = [*_SYSTEM, *(f"/etc/{name}" for name in _SETTINGS), *python, *map(str, readable)]
    secrets = [path.resolve() for path in (*hidden, Path(__file__).parents[1])]
    shown: list[str] = []
    listed: list[str] = []
    for path in dict.fromkeys(os.path.realpath(path) for path in wanted):
        _carve(Path(path), secrets, shown, listed)
    devices = [f"/dev/{name}" for name in _DEVICES]
    written = [path for path in [*map(str, writable), *devices] if os.path.exists(path)]  # noqa: PTH110
    return Fence(readable=tuple(shown), listable=tuple(listed), writable=tuple(written))


def _put_up(rules: int, parent: int) -> None:
    try:
        # Before all else root's: with its capabilities it would read the environment of others.
        kernel.drop_bounding_set()
        kernel.forbid_new_privileges()
        kernel.drop_capabilities()
        landlock.enter(rules)
        kernel.die_with_parent()
    except OSError as error:
        os.write(2, f"the fence cannot be put up: {error}\n".encode())
        os._exit(1)
    if os.getppid() != parent:
        os._exit(1)


def _carve(path: Path, secrets: list[Path], shown: list[str], listed: list[str]) -> None:
    """Show a path, but for the secrets in it: then what lies around them, one by one."""
    if path in secrets or any(secret in path.parents for secret in secrets) or not path.exists():
        return
    if not any(path in secret.parents for secret in secrets):
        shown.append(str(path))
        return
    # Python lists a folder to import from it.
    listed.append(str(path))
    for entry in sorted(path.iterdir()):
        if not entry.is_symlink():
            _carve(entry, secrets, shown, listed)
