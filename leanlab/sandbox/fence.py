"""The fence around an agent's own program: what it may read and write, by Landlock.

The network stays open, as such a program talks to its provider. Names and sizes of files can be
seen; what is in them cannot.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from leanlab.sandbox import landlock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

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
_START = """
import sys
package = sys.modules["leanlab"] = type(sys)("leanlab")
package.__path__ = [sys.argv[1]]
from leanlab.sandbox.fencing import main
main()
"""


def missing() -> str:
    """Return why no fence can be put up here; empty when one can."""
    if sys.platform != "linux":
        return "there is no Landlock outside of Linux"
    try:
        landlock.version()
    except OSError as error:
        return f"{error}; it needs Linux 5.13 or later, with landlock among its security modules"
    return ""


def fenced(
    command: Sequence[str],
    *,
    readable: Iterable[Path],
    writable: Iterable[Path],
    hidden: Collection[Path],
) -> list[str]:
    """Return the command that runs a command behind the fence, out of which nothing leads.

    Beside what is readable the system is, and this Python; what is hidden is not, wherever it lies.
    Words put behind the returned command reach the one within.
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
    plan = [str(os.getpid()), *shown, "", *listed, "", *written, ""]
    root = str(Path(__file__).resolve().parents[1])
    return [sys.executable, "-P", "-s", "-S", "-c", _START, root, *plan, *command]


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
