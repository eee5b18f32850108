"""The labs that are served: found on disk, opened once, kept fresh."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from leanlab import control
from leanlab.dashboard.index import Index
from leanlab.errors import LabError, LeanlabError
from leanlab.lab import VARIANT_FILE, open_lab
from leanlab.lock import holder
from leanlab.overview import fingerprint_of, lab_folders

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leanlab.lab import Lab

Stamp = tuple[int, int, int]


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """One lab, or one variant of it, as it was a moment ago."""

    key: str
    """Its name in addresses."""
    home: Path
    lab: Lab | None
    index: Index | None
    problems: tuple[str, ...]
    """What is missing or broken, in the words of the error."""
    running_pid: int | None
    paused: bool
    """Asked to wait; it may still be at its present trial."""
    stopping: bool

    def opened(self) -> tuple[Lab, Index]:
        """Raise LabError, saying what is wrong, where it could not be opened."""
        if self.lab is None or self.index is None:
            raise LabError(self.problems[0])
        return self.lab, self.index

    @property
    def name(self) -> str:
        return self.lab.config.name if self.lab else self.home.name

    @property
    def variant(self) -> str:
        """Its parameters in words; empty for a lab itself."""
        changed = self.lab.changed if self.lab else {}
        return ", ".join(f"{key} = {value}" for key, value in changed.items())


class _Kept(msgspec.Struct, kw_only=True):
    """What is opened of a lab, and the state of the files that it was opened from."""

    rules: tuple[Stamp | None, ...]
    ledger: int | None
    """The inode: another one means that the lab was reset."""
    lab: Lab
    index: Index


class Library:
    """Every lab below one folder. Hold `lock` while a page is made: indices grow in place."""

    def __init__(self, place: Path) -> None:
        self.place = place.resolve()
        self.lock = threading.Lock()
        self._kept: dict[Path, _Kept] = {}

    def keys(self) -> dict[str, tuple[Path, Path]]:
        """Each lab's and variant's folder and home by its key, in the order of the overview."""
        found: dict[str, tuple[Path, Path]] = {}
        for folder in lab_folders(self.place):
            key = _free(folder, found)
            found[key] = (folder, folder)
            for marker in sorted((folder / "variants").glob(f"*/{VARIANT_FILE}")):
                found[f"{key}~{marker.parent.name}"] = (folder, marker.parent)
        return found

    def shelves(self) -> list[Shelf]:
        return [self._shelf(key, *place) for key, place in self.keys().items()]

    def shelf(self, key: str) -> Shelf | None:
        place = self.keys().get(key)
        return self._shelf(key, *place) if place else None

    def state(self, shelf: Shelf) -> str:
        """A word that differs when a page about the lab is to be made anew; costs a few stats."""
        return hashlib.sha256(repr(self._state(shelf)).encode()).hexdigest()[:16]

    def state_of(self, shelves: Iterable[Shelf]) -> str:
        """The same for the pages that show them all."""
        return hashlib.sha256("".join(map(self.state, shelves)).encode()).hexdigest()[:16]

    def _state(self, shelf: Shelf) -> object:
        lab = shelf.lab
        if lab is None:
            return _stamp(shelf.home / "lab.json"), _stamp(shelf.home / "task.md")
        notes = (lab.note_file(role) for role in ("critic", "director"))
        files = (lab.results, lab.seal_file, lab.folder / "lab.json", *notes)
        asked = (control.pause_file(lab), control.stop_file(lab))
        return *map(_stamp, files), holder(lab), *(path.exists() for path in asked)

    def _shelf(self, key: str, folder: Path, home: Path) -> Shelf:
        try:
            kept = self._fresh(folder, home)
        except (LeanlabError, OSError) as error:
            self._kept.pop(home, None)
            return Shelf(
                key=key, home=home, lab=None, index=None, problems=(str(error),),
                running_pid=None, paused=False, stopping=False,
            )  # fmt: skip
        pid = holder(kept.lab)
        return Shelf(
            key=key,
            home=home,
            lab=kept.lab,
            index=kept.index,
            problems=(kept.index.problem,) if kept.index.problem else (),
            running_pid=pid,
            paused=pid is not None and control.pause_file(kept.lab).exists(),
            stopping=pid is not None and control.stop_file(kept.lab).exists(),
        )

    def _fresh(self, folder: Path, home: Path) -> _Kept:
        rules = tuple(
            _stamp(path) for path in (folder / "lab.json", home / VARIANT_FILE, home / "lab.lock")
        )
        kept = self._kept.get(home)
        if kept is None or kept.rules != rules or _replaced(kept):
            lab = _open(folder, home)
            kept = _Kept(
                rules=rules,
                ledger=_inode(lab.results),
                lab=lab,
                index=Index(lab, fingerprint_of(lab)),
            )
            self._kept[home] = kept
        kept.index.refresh()
        kept.ledger = kept.ledger or _inode(kept.lab.results)
        return kept


def _open(folder: Path, home: Path) -> Lab:
    lab = open_lab(folder)
    if home == folder:
        return lab
    for variant in lab.variants():
        if variant.home == home:
            return variant
    raise LabError(f"{home} is gone.")


def _free(folder: Path, taken: dict[str, tuple[Path, Path]]) -> str:
    """The folder's name, with as much of its path as tells it from others."""
    parts = folder.parts
    names = (".".join(parts[-count:]) for count in range(1, len(parts) + 1))
    return next(name for name in names if name not in taken)


def _replaced(kept: _Kept) -> bool:
    """Whether the ledger is another file than the one that was read, or became shorter."""
    now = _stamp(kept.lab.results)
    if now is None:
        return kept.ledger is not None
    inode, size, _ = now
    return kept.ledger not in (None, inode) or size < kept.index.read_bytes


def _stamp(path: Path) -> Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _inode(path: Path) -> int | None:
    stamp = _stamp(path)
    return stamp[0] if stamp else None
