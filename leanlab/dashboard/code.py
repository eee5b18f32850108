"""Source as HTML: highlighted, or as what differs from another source. Escaped by construction."""

from __future__ import annotations

import difflib
from functools import lru_cache

import msgspec
from markupsafe import Markup

from leanlab.memory import printable

_CONTEXT = 3
_MOST_LINES = 5_000
"""difflib takes quadratic time; beyond this a difference says so instead."""


@lru_cache(maxsize=64)
def highlighted(source: str) -> Markup:
    """Lines of Python as HTML, each with its number."""
    from pygments import highlight  # type: ignore[import-untyped]
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
    from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

    lexer = PythonLexer(stripnl=False)
    formatter = HtmlFormatter(nowrap=True, classprefix="c-")
    html = highlight(printable(source), lexer, formatter)
    numbered = (
        Markup('<span class="line"><span class="number">{}</span>{}</span>\n').format(
            number,
            Markup(line),  # noqa: S704 - the formatter has escaped it
        )
        for number, line in enumerate(html.splitlines(), 1)
    )
    return Markup("").join(numbered)


class DiffLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a difference; mark is +, -, a blank, or @ where lines were left out."""

    mark: str
    old: int | None
    new: int | None
    text: str


def difference(old: str, new: str) -> list[DiffLine]:
    """The changed lines with some around them; empty when the sources are equal."""
    before, after = printable(old).splitlines(), printable(new).splitlines()
    if max(len(before), len(after)) > _MOST_LINES:
        return [DiffLine(mark="@", old=None, new=None, text="too long to compare")]
    lines: list[DiffLine] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for group in matcher.get_grouped_opcodes(_CONTEXT):
        if lines or group[0][1] or group[0][3]:
            lines.append(DiffLine(mark="@", old=None, new=None, text="…"))
        for kind, a, b, c, d in group:
            if kind == "equal":
                lines += [
                    DiffLine(mark=" ", old=a + i + 1, new=c + i + 1, text=text)
                    for i, text in enumerate(before[a:b])
                ]
                continue
            lines += [
                DiffLine(mark="-", old=a + i + 1, new=None, text=text)
                for i, text in enumerate(before[a:b])
            ]
            lines += [
                DiffLine(mark="+", old=None, new=c + i + 1, text=text)
                for i, text in enumerate(after[c:d])
            ]
    return lines
