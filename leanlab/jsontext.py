"""Changes one place of a JSON text, and leaves all the rest as a person wrote it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

_decoder = json.JSONDecoder()


class _Members(NamedTuple):
    """Where things stand in the text of an object."""

    opened: int
    """Behind its brace."""
    first: int
    """Its first key; where it is empty, what closes it."""
    values: dict[str, tuple[int, int]]
    """Each value, from its first sign to behind its last."""


def put(text: str, path: Sequence[str], value: Any) -> str:
    """Set the value under a path of keys in the text of an object.

    A new key comes last, on a line of its own where the first has one. text is valid JSON; a value
    on the way that is no object is an error of the caller's.
    """
    key, *rest = path
    members = _members(text)
    if key in members.values:
        start, end = members.values[key]
        new = put(text[start:end], rest, value) if rest else _written(value)
        return f"{text[:start]}{new}{text[end:]}"
    for name in reversed(rest):
        value = {name: value}
    member = f"{_written(key)}: {_written(value)}"
    if not members.values:
        return f"{text[: members.opened]}{member}{text[members.opened :]}"
    behind = max(end for _, end in members.values.values())
    between = text[members.opened : members.first] or " "
    return f"{text[:behind]},{between}{member}{text[behind:]}"


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _members(text: str) -> _Members:
    opened = text.index("{") + 1
    first = at = _next(text, opened)
    values: dict[str, tuple[int, int]] = {}
    while text[at] != "}":
        key, at = _decoder.raw_decode(text, at)
        start = _next(text, _next(text, at) + 1)
        _, end = _decoder.raw_decode(text, start)
        values[key] = (start, end)
        at = _next(text, end)
        if text[at] == ",":
            at = _next(text, at + 1)
    return _Members(opened, first, values)


def _next(text: str, at: int) -> int:
    """Return where white space ends."""
    while text[at] in " \t\r\n":
        at += 1
    return at
