"""Values: which there are, when two are the same, and how large one may be.

Two notions of sameness, and no other anywhere in this package:

- `identity` tells states of a search apart. It is strict: 1, True and 1.0 differ, 0.0 and -0.0
  differ, and so do dicts in another order. Every NaN is one state.
- `grading` decides whether an answer is right: as identity, but -0.0 equals 0.0, and the order of
  a dict does not count. What is one state is always one answer.

Sets have no order in either.
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from itertools import chain
from operator import ne
from types import NoneType
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.labkit import ConfigError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

KINDS: dict[str, type] = {
    f"builtins.{kind.__name__}": kind
    for kind in (
        int, float, str, bool, list, tuple, set, dict, bytes, bytearray, complex, range,
    )
}  # fmt: skip
"""Every type that a list may have, by the name that files use."""

PLAIN_KEYS = frozenset({int, str, bool, bytes})
"""Types whose values are their own keys, in both notions of sameness."""

MAX_SIZE = 10_000
"""Characters, bytes and items of one value, at every depth together."""
MAX_DIGITS = 4_300
"""Decimal digits of an integer: what Python is willing to print."""
MAX_DEPTH = 30
"""Levels of containers in one value."""

INTEGER_BOUND = 10**MAX_DIGITS
_FLAT = frozenset({bool, float, complex, NoneType})
_TEXTS = frozenset({str, bytes, bytearray})
_CONTAINERS = frozenset({list, tuple, set, frozenset})
_MUTABLE = frozenset({list, set, dict, bytearray})
_PLAIN = frozenset({int, str, bytes, bool, NoneType})
_ITEMS = _PLAIN | {float}


class BadValue(ConfigError):
    """A value that no list here can hold; the message begins with what is wrong with it."""


class TypedList(msgspec.Struct, frozen=True, kw_only=True):
    """Items of one type, at least one."""

    type: str
    """A name of KINDS, such as builtins.int."""
    items: tuple[Any, ...]

    @classmethod
    def of(cls, items: Iterable[Any], *, where: str = "the list") -> TypedList:
        """Take the type from the items, and check them; where begins the message of a BadValue."""
        found = tuple(items)
        if not found:
            raise BadValue(f"{where} is empty: give at least one item.")
        kind = type(found[0])
        name = f"builtins.{kind.__name__}"
        if KINDS.get(name) is not kind:
            raise BadValue(f"{where}[0] is of type {kind.__name__}; use one of: {short_names()}.")
        return cls.checked(name, found, where=where)

    @classmethod
    def checked(cls, name: str, items: Iterable[Any], *, where: str = "the list") -> TypedList:
        """Hold items of the type of that name, or raise a BadValue that says which is not."""
        kind = kind_of(name, where)
        found = tuple(items)
        if not found:
            raise BadValue(f"{where} is empty: give at least one item.")
        for i, item in enumerate(found):
            if type(item) is not kind:
                raise BadValue(
                    f"{where}[{i}] is of type {type(item).__name__} where the list holds "
                    f"{kind.__name__}: the items of a list share one type, and True is no int."
                )
            try:
                check(item)
            except BadValue as problem:
                raise BadValue(f"{where}[{i}] {problem}") from None
        return cls(type=name, items=found)

    @property
    def state(self) -> tuple[Hashable, ...]:
        """What tells this list from another state of a search."""
        return (self.type, *map(identity, self.items))

    def answers(self, target: TypedList) -> bool:
        """Tell whether this list is right where target was asked for."""
        return (
            self.type == target.type
            and len(self.items) == len(target.items)
            and all(map(same, self.items, target.items))
        )


def short(name: str) -> str:
    """builtins.int as people write it."""
    return name.removeprefix("builtins.")


def short_names() -> str:
    """The types there are, for a message."""
    return " ".join(map(short, KINDS))


def kind_of(name: str, where: str) -> type:
    """Return the type of that name, from the whitelist; nothing is ever imported for a name."""
    if name not in KINDS:
        raise BadValue(
            f"{where}: there is no type {name!r}; use builtins. before one of: {short_names()}."
        )
    return KINDS[name]


def check(value: Any) -> None:
    """Raise BadValue unless the value, all the way down, is plain data within the caps."""
    size = 0
    ahead = [(value, 0)]
    while ahead:
        one, depth = ahead.pop()
        kind = type(one)
        size += 1
        if kind is int:
            if not -INTEGER_BOUND < one < INTEGER_BOUND:
                raise BadValue(f"has an integer of more than {MAX_DIGITS:,} digits.")
        elif kind in _TEXTS:
            size += len(one)
        elif kind is range:
            size += _length(one)
        elif kind is dict or kind in _CONTAINERS:
            if depth == MAX_DEPTH:
                raise BadValue(f"is nested more than {MAX_DEPTH} levels deep, or holds itself.")
            size += len(one)  # counted before they are looked at
            if size <= MAX_SIZE:
                ahead += [(each, depth + 1) for each in one]
                ahead += [(each, depth + 1) for each in one.values()] if kind is dict else ()
        elif kind not in _FLAT:
            raise BadValue(f"has a value of type {kind.__name__}, which is no plain data.")
        if size > MAX_SIZE:
            raise BadValue(f"is larger than {MAX_SIZE:,} characters, bytes and items together.")


def _length(one: range) -> int:
    for bound in (one.start, one.stop, one.step):
        check(bound)
    try:
        return len(one)
    except OverflowError:
        return MAX_SIZE + 1


def within_caps(value: Any) -> bool:
    """Do what check does, at the speed that a search needs for what functions return."""
    kind = type(value)
    if kind is int:
        return bool(-INTEGER_BOUND < value < INTEGER_BOUND)
    if kind in _FLAT:
        return True
    if kind in _TEXTS:
        return len(value) < MAX_SIZE
    if kind in _CONTAINERS and len(value) < MAX_SIZE // 2:
        held = set(map(type, value))
        if held <= _FLAT:
            return True
        if held == {int}:
            return bool(min(value) > -INTEGER_BOUND and max(value) < INTEGER_BOUND)
        if held == {str}:
            return len(value) + sum(map(len, value)) < MAX_SIZE
    try:
        check(value)
    except BadValue:
        return False
    return True


def fresh(value: Any) -> Any:
    """Return a copy that a function may change without anybody noticing.

    Equal NaNs in a container become one object: `in` and == look at that, and it is no part of a
    state.
    """
    kind = type(value)
    if kind in _PLAIN or kind is range:
        return value
    if kind is bytearray:
        return value.copy()
    if kind is dict:
        return {fresh(key): fresh(held) for key, held in value.items()}
    if kind in _CONTAINERS:
        if _PLAIN.issuperset(map(type, value)):
            return value.copy() if kind in _MUTABLE else value
        return kind(map(fresh, value))
    return value if value == value else _one_nan(repr(value))


def all_fresh(values: list[Any]) -> list[Any]:
    """Return fresh values of one type, without those that are too large to copy.

    Where there is nothing to make fresh, in almost all lists, nothing is copied.
    """
    kind = type(values[0]) if values else int
    if kind in _PLAIN:
        return values
    if kind in _CONTAINERS:
        items = list(chain.from_iterable(values))
        if _ITEMS.issuperset(map(type, items)) and not any(map(ne, items, items)):
            return values
    return [fresh(one) for one in values if within_caps(one)]


@lru_cache(maxsize=1024)
def _one_nan(text: str) -> float | complex:
    return float(text) if text == "nan" else complex(text)


def needs_copy(value: Any) -> bool:
    """Tell whether fresh makes something new of the value."""
    kind = type(value)
    if kind is tuple:
        return not _PLAIN.issuperset(map(type, value))
    return kind in _MUTABLE


def identity(value: Any) -> Hashable:
    """Return the key of a value among values of its own type: equal keys, one state."""
    kind = type(value)
    if kind in PLAIN_KEYS:
        return value  # type: ignore[no-any-return]
    if kind is float:
        return value if value == value and value != 0.0 else repr(value)
    return _text(value, strict=True)


def grading(value: Any) -> Hashable:
    """Return the key of a value as an answer: equal keys and equal types, equally right."""
    kind = type(value)
    if kind in PLAIN_KEYS:
        return value  # type: ignore[no-any-return]
    if kind is float:
        return value if value == value else "nan"
    return _text(value, strict=False)


def same(value: Any, target: Any) -> bool:
    """Tell whether value is right where target was asked for."""
    return type(value) is type(target) and grading(value) == grading(target)


def _text(value: Any, *, strict: bool) -> str:
    """Write a value so that equal texts are equal values: as repr, with sets in one order."""
    kind = type(value)
    if kind in _CONTAINERS or kind is dict or kind in (float, complex):
        text = repr(value)
        # Only braces, and a minus before a zero, can stand for more than they show.
        if "{" not in text and (strict or "-0" not in text):
            return text
        return _written(value, kind, strict=strict)
    return repr(value)


def _written(value: Any, kind: type, *, strict: bool) -> str:
    if kind is float:
        return repr(value) if strict else repr(value + 0.0)
    if kind is complex:
        return repr(value) if strict else repr(complex(value.real + 0.0, value.imag + 0.0))
    if kind is dict:
        pairs = [
            f"{_text(key, strict=strict)}: {_text(held, strict=strict)}"
            for key, held in value.items()
        ]
        return f"{{{', '.join(pairs if strict else sorted(pairs))}}}"
    texts = [_text(each, strict=strict) for each in value]
    if kind is list:
        return f"[{', '.join(texts)}]"
    if kind is tuple:
        return f"({', '.join(texts)}{',' * (len(texts) == 1)})"
    return f"{kind.__name__}{{{', '.join(sorted(texts))}}}"


def canonical(items: Iterable[Any]) -> list[Any]:
    """List a set's items in an order that is the same everywhere: ascending where they compare."""
    found = list(items)
    kinds = set(map(type, found))
    if len(kinds) == 1 and kinds <= {int, str, bytes, bool}:
        return sorted(found)
    if kinds == {float}:
        return sorted(found, key=lambda one: (one != one, one))
    return sorted(found, key=_bytes)


def stable_hash(value: Any) -> int:
    """Return a number of 32 bits that hangs on the value alone: a CRC-32, of text as UTF-8."""
    if type(value) is str:
        return zlib.crc32(value.encode("utf-8", "surrogatepass"))
    return zlib.crc32(_bytes(value))


def _bytes(value: Any) -> bytes:
    # Versions of Python differ in which characters repr escapes; here all of them are.
    return _text(value, strict=True).encode("ascii", "backslashreplace")
