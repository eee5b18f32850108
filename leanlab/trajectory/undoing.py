"""Undoing: what each operation was done to, told from what came of it.

Each of these is complete: whatever is not told was not it. See preimages.
"""

from __future__ import annotations

import ast
import math
from typing import TYPE_CHECKING, Any

from leanlab.trajectory.bodies import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Candidates = tuple[Any, ...] | None
    Preimage = Callable[[Any], Candidates]
    """Takes what an expression made, and returns every x that it can have been made of; None where
    nobody knows, or they would be many."""

_MANY = 16
_MOST = 256
_EXACT = 2**53
"""Up to here every integer is a float."""
_ULPS = 4
"""Rounding moves a square, a root or a quotient less far from what was its argument."""
_TAME = 1e150
"""Between this and its reciprocal none of those overflows, nor loses digits."""
CASES: dict[str, Callable[[str], str]] = {
    "capitalize": str.capitalize, "lower": str.lower, "swapcase": str.swapcase,
    "title": str.title, "upper": str.upper,
}  # fmt: skip


def unknown(target: Any) -> Candidates:  # noqa: ARG001 - a Preimage
    """What is said of a function of which the rules know nothing."""
    return None


def itself(target: Any) -> Candidates:
    return (target,)


def after(inner: Preimage, undo: Preimage) -> Preimage:
    """Return the preimage of what does something with what inner is the preimage of."""
    if inner is itself or undo is unknown:
        return undo

    def run(target: Any) -> Candidates:
        between = undo(target)
        if between is None:
            return None
        found: list[Any] = []
        for one in between:
            more = inner(one)
            if more is None:
                return None
            found += more
            if len(found) > _MOST:
                return None
        return tuple(found)

    return run


def beyond(inner: Preimage, holds: Callable[[Any], bool]) -> Preimage:
    return lambda target: inner(target) if holds(target) else None


def undo_right(operator: ast.operator, c: int) -> Preimage:
    """Undo what has a constant on its right."""
    match operator:
        case ast.Add():
            return lambda target: (target - c,)
        case ast.Sub():
            return lambda target: (target + c,)
        case ast.Mult():
            return undo_left(operator, c)
        case ast.FloorDiv() if 0 < c <= _MANY:
            return lambda target: tuple(range(target * c, target * c + c))
    return unknown


def undo_left(operator: ast.operator, c: int) -> Preimage:
    match operator:
        case ast.Add():
            return lambda target: (target - c,)
        case ast.Sub():
            return lambda target: (c - target,)
        case ast.Mult() if c:
            return lambda target: () if target % c else (target // c,)
    return unknown


def integer_roots(target: int) -> Candidates:
    root = math.isqrt(target)  # it is in range: no square is negative
    return (root, -root) if root * root == target else ()


def tame(undo: Callable[[float], Iterable[float]]) -> Preimage:
    def run(target: float) -> Candidates:
        return tuple(undo(target)) if 1 / _TAME < abs(target) < _TAME else None

    return run


def near(value: float) -> Iterable[float]:
    """Yield the floats that are a few steps away, at most."""
    for _ in range(_ULPS):
        value = math.nextafter(value, -math.inf)
    for _ in range(2 * _ULPS + 1):
        yield value
        value = math.nextafter(value, math.inf)


def divisors(c: float) -> Preimage:
    """Undo that c was divided by something."""
    if not 1 / _TAME < abs(c) < _TAME:
        return unknown
    return tame(lambda target: near(c / target))


def float_roots(target: float) -> Iterable[float]:
    for root in near(math.sqrt(target)):
        yield from (root, -root)


def as_integer(target: float) -> Candidates:
    if not target.is_integer():
        return None if math.isinf(target) else ()
    return (int(target),) if abs(target) < _EXACT else None


def half(target: Any) -> Candidates:
    half = target[: len(target) // 2]
    return (half,) if half + half == target else ()


def every_other(target: str) -> Candidates:
    return (target[::2],) if target[::2] == target[1::2] else ()


def joined(target: list[Any]) -> Candidates:
    alone = all(type(one) is str and len(one) == 1 for one in target)
    return ("".join(target),) if alone else ()


def unhexed(target: str) -> Candidates:
    try:
        return (bytes.fromhex(target),)
    except ValueError:
        return ()


def read_integer(target: str) -> Candidates:
    try:
        return (int(target),)
    except ValueError:
        return ()


def read_float(target: str) -> Candidates:
    try:
        return (float(target),)
    except ValueError:
        return ()


def uncased(name: str) -> Preimage:
    """Tell what became an ASCII text when its case was changed.

    No other character becomes an ASCII one by that but a letter, and always one of the case that
    is asked for (a test looks at all of them).
    """

    def run(target: str) -> Candidates:
        if not target.isascii():
            return None
        if target.upper() == target.lower():
            return (target,)
        return () if name != "swapcase" and CASES[name](target) != target else None

    return run


def passed(name: str, test: ast.expr) -> Preimage:
    """Tell a text from which everything was left out that does not pass a test."""
    source = ast.unparse(test)
    passes = eval(f"lambda {name}: {source}", {"__builtins__": {}, **NAMES})  # noqa: S307 - checked

    def run(target: str) -> Candidates:
        try:
            return None if all(map(passes, target)) else ()
        except Exception:  # noqa: BLE001 - a body may raise anything
            return None

    return run
