"""Lines of text files as strings with labels, whatever the file's form.

The first line that is not blank decides: `->` makes it arrow lines, a tab TSV, a comma or else a
semicolon CSV. Blank lines, space around a cell, a byte order mark and the kind of line end mean
nothing.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from leanlab.labkit import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

Labelled = tuple[int, str, str]
"""Line number, string, label."""
Cells = tuple[int, list[str]]
"""Line number and cells."""

ARROW = "->"
STRING_HEADS = {"x", "string", "strings", "input", "inputs", "text", "sequence"}
LABEL_HEADS = {"y", "label", "labels", "class", "target", "output"}


def labelled(path: Path) -> list[Labelled]:
    """Return every labelled line, repetitions and conflicts too, without a header."""
    table, at = _table(path)
    if at is None:
        wide = next((cells for cells in table if len(cells[1]) != 2), None)
        if wide is not None:
            raise ConfigError(
                f"{path}, line {wide[0]}: expected a string and its label, as in '0110 -> 1' or "
                f"'0110,1', found {_shown(wide[1])}; correct the line, or head the columns "
                f"'string' and 'label'."
            )
        at = 0, 1
    place, label_place = at
    least = max(at)
    lines = []
    for number, cells in table:
        if len(cells) <= least:
            raise _missing(path, number, cells, least)
        lines.append((number, cells[place], cells[label_place]))
    if _is_heading(lines):
        del lines[0]
    for number, string, label in lines:
        if not string or not label:
            raise ConfigError(
                f"{path}, line {number}: the {'label' if string else 'string'} is empty; "
                f"fill it in or remove the line."
            )
    _check_printable(path, [(number, string) for number, string, _ in lines])
    return lines


def unlabelled(path: Path) -> list[tuple[int, str]]:
    """Return every string with its line number; of labelled lines, the string alone."""
    table, at = _table(path)
    if at is None and (wide := next((cells for cells in table if len(cells[1]) > 2), None)):
        raise ConfigError(
            f"{path}, line {wide[0]}: expected one string, found {_shown(wide[1])}; put quotes "
            f"around a string with commas, or head its column 'string'."
        )
    place = at[0] if at else 0
    if short := next((cells for cells in table if len(cells[1]) <= place), None):
        raise _missing(path, *short, place)
    lines = [(number, cells[place]) for number, cells in table]
    first = lines[0][1]
    if first.lower() in STRING_HEADS and _has_own_letter(first, (x for _, x in lines[1:])):
        del lines[0]
    if empty := next((number for number, string in lines if not string), None):
        raise ConfigError(f"{path}, line {empty}: the string is empty; remove the line.")
    _check_printable(path, lines)
    return lines


def _table(path: Path) -> tuple[list[Cells], tuple[int, int] | None]:
    """Return the rows and, where a heading named them, the columns of string and label."""
    lines = _text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise ConfigError(f"{path}: the file holds no strings; add some, or name another file.")
    if ARROW in first:
        table = [_arrow(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    else:
        sign = next((sign for sign in "\t,;" if sign in first), ",")
        table = _separated(path, lines, sign)
    heads = [cell.lower() for cell in table[0][1]]
    strings = [i for i, head in enumerate(heads) if head in STRING_HEADS]
    labels = [i for i, head in enumerate(heads) if head in LABEL_HEADS]
    if len(strings) == len(labels) == 1 and len(table) > 1:
        return table[1:], (strings[0], labels[0])
    return table, None


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file; name one, or make the data.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; name a text file.") from None
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}, line {line}: byte {error.start} is not UTF-8; save the file as UTF-8."
        ) from None


def _arrow(number: int, line: str) -> Cells:
    string, arrow, label = line.rpartition(ARROW)
    return number, [string.strip(), label.strip()] if arrow else [label.strip()]


def _separated(path: Path, lines: Sequence[str], sign: str) -> list[Cells]:
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=sign, strict=True)
    table = []
    start = 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped) or len(stripped) > 1:
                table.append((start, stripped))
            start = reader.line_num + 1
    except csv.Error as error:
        raise ConfigError(
            f"{path}, line {start}: no well-formed CSV ({error}); correct the line."
        ) from None
    return table


def _missing(path: Path, number: int, cells: list[str], place: int) -> ConfigError:
    return ConfigError(
        f"{path}, line {number}: column {place + 1} is missing, found {_shown(cells)}; "
        f"correct the line."
    )


def _is_heading(lines: Sequence[Labelled]) -> bool:
    """Tell whether line 1 heads the others: its label is its own, of two classes below it.

    So that no row of a third class is lost in silence, its string has a letter of its own too.
    """
    (_, string, label), rest = lines[0], lines[1:]
    below = {name for _, _, name in rest}
    if len(below) != 2 or label in below:
        return False
    return _has_own_letter(string, (x for _, x, _ in rest))


def _has_own_letter(string: str, others: Iterable[str]) -> bool:
    return bool({c for c in string if c.isalpha()}.difference(*others))


def _check_printable(path: Path, lines: Sequence[tuple[int, str]]) -> None:
    if "".join(string for _, string in lines).isprintable():
        return
    number, string = next(line for line in lines if not line[1].isprintable())
    raise ConfigError(
        f"{path}, line {number}: {string[:40]!r} holds a line break or another character that "
        f"cannot be printed; remove it."
    )


def _shown(cells: Sequence[str]) -> str:
    return f"{len(cells)} cells: {', '.join(repr(cell[:40]) for cell in cells[:3])}"
