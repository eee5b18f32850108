"""Labelled strings and the files they are kept in: one `string -> label` a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab.labkit import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """Strings with their labels, in file order."""

    strings: tuple[str, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.strings)

    def accuracy(self, replies: Sequence[int | None]) -> float:
        """Return the share of right replies; None is wrong. One reply for each string."""
        pairs = zip(replies, self.labels, strict=True)
        return sum(reply == label for reply, label in pairs) / len(self.labels)


def write(path: Path, split: Split) -> None:
    """Write the file anew, one line for each string, ended by a bare line feed."""
    lines = (f"{x} -> {y}\n" for x, y in zip(split.strings, split.labels, strict=True))
    path.write_bytes("".join(lines).encode())


def read(path: Path) -> Split:
    """Read a file of labelled strings; the first line that is not one is an error."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file; make the lab's data first.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: byte {error.start} is not UTF-8; make the data again."
        ) from None
    seen: dict[str, int] = {}
    labels = []
    for number, line in enumerate(lines, start=1):
        string, arrow, label = line.partition(" -> ")
        if not arrow or label not in ("0", "1") or not string or string.split() != [string]:
            raise ConfigError(
                f"{path}, line {number}: expected 'string -> 0' or 'string -> 1', "
                f"found {line[:60]!r}; correct the line or make the data again."
            )
        if string in seen:
            raise ConfigError(
                f"{path}, line {number}: the string of line {seen[string]} comes again; remove one."
            )
        seen[string] = number
        labels.append(int(label))
    if not seen:
        raise ConfigError(f"{path}: the file holds no strings; make the data again.")
    return Split(strings=tuple(seen), labels=tuple(labels))
