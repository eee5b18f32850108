"""Which files a candidate may read: its Python runtime and the packages that `imports` loaded.

Never leanlab, never a package that is merely installed, never a hidden path.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from types import ModuleType

_SYSTEM = ("/usr/share/zoneinfo", "/etc/localtime", "/etc/ld.so.cache")
PACKAGES = ("site-packages", "dist-packages")


class HiddenRuntimeError(Exception):
    """Something that candidates must read lies inside a hidden path; the message names both."""


class Readable(NamedTuple):
    """What to mount, and what to allow."""

    files: dict[str, str]
    """Path as candidates know it: its real path. No real path lies below another."""
    listable: tuple[str, ...]
    """Folders whose names may be listed, though not all that is in them may be read."""


def expand(root: Path, excluded: Collection[Path]) -> list[Path]:
    """Return [root] where nothing excluded lies below it, else what remains, child by child.

    Links that lead out of root are left out, as they could lead to what is excluded. root and
    excluded are resolved paths.
    """
    inside = [path for path in excluded if _within(path, root)]
    if not inside:
        return [root]
    if root in inside:
        return []
    remaining: list[Path] = []
    with os.scandir(root) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            child = Path(entry.path)
            if not entry.is_symlink():
                remaining += expand(child, inside)
            elif _leads_to(child.resolve(), root, inside):
                remaining.append(child)
    return remaining


def _leads_to(real: Path, root: Path, excluded: Collection[Path]) -> bool:
    """Tell whether a link's end is there, inside root, and apart from everything excluded."""
    apart = not any(_within(real, path) or _within(path, real) for path in excluded)
    return apart and _within(real, root) and real.exists()


def _within(path: Path, root: Path) -> bool:
    return f"{path}/".startswith(f"{root}/")


def standard_library() -> list[Path]:
    """Return the folders of the standard library, as this interpreter names them."""
    dynamic = [Path(entry) for entry in sys.path if Path(entry).name == "lib-dynload"]
    return [Path(os.__file__).parent, *dynamic]


def find(packages: Iterable[str], hidden: Collection[Path]) -> Readable:
    """Find everything that this interpreter needs to go on importing these top-level packages."""
    concealed = {path.resolve() for path in hidden}
    standard = standard_library()
    stores = {Path(entry).resolve() for entry in sys.path if Path(entry).name in PACKAGES}
    stores |= {(path / name).resolve() for path in standard for name in PACKAGES}
    excluded = concealed | stores | {Path(__file__).resolve().parents[1]}
    wanted = [*standard, *map(Path, _SYSTEM)]
    wanted += [path for name in packages for path in _locations(sys.modules.get(name))]
    wanted += _libraries(stores if packages else set())
    files: dict[str, str] = {}
    for path in sorted(set(wanted)):
        if path.exists() and not any(str(one) in files for one in (path, *path.parents)):
            files |= _reachable(path, excluded, concealed)
    files = {at: source for at, source in files.items() if not _below_another(at, files)}
    listable = {str(at) for path in standard for at in (path, path.resolve())}
    return Readable(files, tuple(sorted(listable)))


def _libraries(stores: set[Path]) -> set[Path]:
    """Return the folders of the shared libraries in use: what is loaded later lies beside them.

    A library in a folder that is not one of libraries (it could be anyone's home) is left out:
    it is loaded, and its neighbours are nobody's business.
    """
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return set()
    mapped = {Path(line.split(maxsplit=5)[5]) for line in lines if ".so" in line}
    folders = {path.parent for path in mapped if path.is_absolute()} - stores
    return {folder for folder in folders if _holds_libraries(folder, stores)}


def _below_another(path: str, paths: Collection[str]) -> bool:
    while path != "/":
        path = os.path.dirname(path)  # noqa: PTH120 - hundreds of paths, at every start
        if path in paths:
            return True
    return False


def _holds_libraries(folder: Path, stores: set[Path]) -> bool:
    if any(store in folder.parents for store in stores):
        return True
    return folder.name.startswith("lib") or folder.parent.name.startswith("lib")


def _locations(module: ModuleType | None) -> list[Path]:
    """Return the files of a loaded top-level module, with the libraries packed beside it."""
    folders = [Path(entry) for entry in getattr(module, "__path__", ())]
    if folders:
        return folders + [folder.with_name(f"{folder.name}.libs") for folder in folders]
    file = getattr(module, "__file__", None)
    return [Path(file)] if file else []


def _reachable(path: Path, excluded: set[Path], concealed: set[Path]) -> dict[str, str]:
    real = path.resolve()
    for secret in concealed:
        if _within(real, secret):
            raise HiddenRuntimeError(f"{path} lies inside {secret}")
    reachable: dict[str, str] = {}
    for found in expand(real, excluded):
        source = str(found.resolve() if found.is_symlink() else found)
        reachable[str(found)] = reachable[f"{path}{str(found)[len(str(real)) :]}"] = source
    return reachable
