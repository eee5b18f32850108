"""lab.lock: the hashes of a lab's frozen files, so that a changed rule cannot pass unseen."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

import msgspec

from leanlab.errors import LabError, SealBroken
from leanlab.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from leanlab.lab import Lab

_SETTLED_SECONDS = 2.0
"""A file changed more recently than this may change again without a new time stamp."""


class Seal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """SHA-256 of each frozen file, in hex, by its path as lab.json names it."""

    files: dict[str, str]


class Hasher:
    """Hashes files; a file whose time stamps stood still is not read again."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, ...], str]] = {}

    def hash(self, path: Path) -> str:
        """Return SHA-256 in hex; raise SealBroken when the file cannot be read."""
        try:
            stat = path.stat()
            stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
            known = self._known.get(path)
            if known and known[0] == stamp:
                return known[1]
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise SealBroken(f"{path} cannot be read: {error.strerror}. Restore it.") from error
        if time.time() - stat.st_ctime > _SETTLED_SECONDS:
            self._known[path] = (stamp, digest)
        return digest

    def hash_all(self, lab: Lab) -> dict[str, str]:
        """Hash every frozen file of the lab as it stands."""
        return {name: self.hash(path) for name, path in lab.frozen_files().items()}


def read_seal(lab: Lab) -> Seal | None:
    """Return the seal, or None where there is none."""
    try:
        return msgspec.json.decode(lab.seal_file.read_bytes(), type=Seal)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise SealBroken(
            f"{lab.seal_file} cannot be read: {error}. Check the frozen files, "
            f"then run: leanlab seal {lab.folder}"
        ) from error


def write_seal(lab: Lab, hasher: Hasher | None = None) -> Seal:
    """Seal the frozen files as they stand."""
    seal = Seal(files=(hasher or Hasher()).hash_all(lab))
    if "evaluation.py" not in seal.files:
        raise LabError(f"{lab.folder}/lab.json does not freeze evaluation.py. Add it to 'frozen'.")
    raw = msgspec.json.format(msgspec.json.encode(seal, order="sorted"), indent=2)
    write_whole(lab.seal_file, raw + b"\n")
    return seal


def verify(lab: Lab, seal: Seal, hasher: Hasher) -> None:
    """Raise SealBroken, naming the first file, when a frozen file differs from the seal."""
    present = hasher.hash_all(lab)
    for name in sorted(seal.files.keys() | present.keys()):
        if seal.files.get(name) != present.get(name):
            what = (
                "is gone" if name not in present
                else "is new" if name not in seal.files
                else "has changed"
            )  # fmt: skip
            raise SealBroken(
                f"{lab.file(name)} {what} since the lab was sealed. Restore it, or accept it: "
                f"leanlab seal {lab.folder}"
            )
