"""Labelled strings and the files they are kept in: `string -> label` lines, CSV or TSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab.labkit import ConfigError
from leanlab.synthesis import rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BITS = ("0", "1")


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """Strings with their labels, in file order; no string comes twice."""

    strings: tuple[str, ...]
    labels: tuple[int, ...]
    """0 or 1 for each string: an index into classes."""
    classes: tuple[str, str] = BITS
    """What the file calls labels 0 and 1."""
    repeated: int = 0
    """How many lines were left out because an earlier one had the same string and label."""

    def __len__(self) -> int:
        return len(self.strings)

    def accuracy(self, replies: Sequence[int | None]) -> float:
        """Return the share of right replies; None is wrong. One reply for each string."""
        pairs = zip(replies, self.labels, strict=True)
        return sum(reply == label for reply, label in pairs) / len(self.labels)


def write(path: Path, split: Split) -> None:
    """Write the file anew, one `string -> class` line each, ended by a bare line feed."""
    names = split.classes
    lines = (f"{x} -> {names[y]}\n" for x, y in zip(split.strings, split.labels, strict=True))
    path.write_bytes("".join(lines).encode())


def read(path: Path, classes: tuple[str, str] | None = None, *, strict: bool = True) -> Split:
    """Read anyone's labelled strings; docs/synthesis.md says what is taken how.

    The two class names become labels 0 and 1: `0` and `1` themselves, else in sorted order. With
    classes given, as those of the training split, the file may hold one of them alone. The same
    string with two labels is an error, unless strict is False: then the first of them counts.
    Strings of several lengths and of any alphabet are no error.
    """
    lines = rows.labelled(path)
    if classes is None:
        classes = classes_of(path, lines)
    labels = dict(zip(classes, (0, 1), strict=True))
    found: dict[str, int] = {}
    for number, string, name in lines:
        label = labels.get(name)
        if label is None:
            raise ConfigError(
                f"{path}, line {number}: the label {name[:40]!r} is neither {classes[0]!r} nor "
                f"{classes[1]!r}; leave two classes and correct or remove the line."
            )
        if found.setdefault(string, label) != label and strict:
            raise ConfigError(
                f"{path}, line {number}: {string[:40]!r} is labelled {name!r}, and "
                f"{classes[1 - label]!r} further up; remove one of the lines."
            )
    return Split(
        strings=tuple(found),
        labels=tuple(found.values()),
        classes=classes,
        repeated=len(lines) - len(found),
    )


def classes_of(path: Path, lines: Sequence[rows.Labelled]) -> tuple[str, str]:
    """Return the two class names in label order; an error names a third, or the only one."""
    first_lines: dict[str, int] = {}
    for number, _, name in lines:
        if name not in first_lines:
            first_lines[name] = number
            if len(first_lines) > 2:
                break
    names = list(first_lines)
    if len(names) == 1:
        raise ConfigError(
            f"{path}, line {first_lines[names[0]]}: every label is {names[0][:40]!r}; "
            f"two classes are needed."
        )
    if len(names) > 2:
        raise ConfigError(
            f"{path}, line {first_lines[names[2]]}: {names[2][:40]!r} is a third class after "
            f"{names[0][:40]!r} and {names[1][:40]!r}; leave two classes."
        )
    low, high = sorted(names)
    return low, high


def read_strings(path: Path) -> tuple[str, ...]:
    """Read unlabelled strings, one a line, in file order with their repetitions.

    Labels in a file of labelled strings are passed over.
    """
    return tuple(string for _, string in rows.unlabelled(path))
