"""Spans: between which numbers lies what a function was given, told from what it made.

Where preimages would be many they often lie side by side: `math.floor(x)` makes 3 of nothing but
what is from 3 to 4. To see whether a number is in a span takes less time than any function does.
The rules leave nothing out, and may tell too much, as those for preimages do.
"""

from __future__ import annotations

import ast
import math
from typing import TYPE_CHECKING, Any

from leanlab.trajectory import locating
from leanlab.trajectory.images import EVERYTHING, ROUNDING, Image, called, digits_kept
from leanlab.trajectory.locating import loosely
from leanlab.trajectory.values import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leanlab.trajectory.locating import Locate, Span, Spans

    _Step = tuple[ast.expr, Locate | None]
    """An operand, and where it is by what was made of it; None where nobody knows."""

EVERYWHERE: Spans = (EVERYTHING,)
_FEW = 4
"""Values that are located one by one, rather than by the least and the greatest of them."""


def anywhere(low: float, high: float) -> Spans:  # noqa: ARG001 - a Locate
    """What is said of a function of which the rules know nothing."""
    return EVERYWHERE


def located(expression: ast.expr | None, input_type: str) -> Locate:
    """Return where the numbers are of which an expression makes others."""
    kind = KINDS[input_type]
    if expression is None or kind not in (int, float):
        return anywhere
    return _Rules(kind).of(expression)


def around(locate: Locate, made: Iterable[Any]) -> Spans:
    """Return where everything is of which some numbers, at least one, are made."""
    ends = sorted(made)
    if len(ends) <= _FEW:
        return joined(one for end in ends for one in locate(end, end))
    return joined(locate(ends[0], ends[-1]))


def through(locate: Locate, spans: Spans) -> Spans:
    """Return where everything is of which something in spans is made."""
    if spans == EVERYWHERE:
        return EVERYWHERE
    return joined(one for each in spans for one in locate(*each))


def are_bounded(spans: Spans) -> bool:
    """Tell whether the spans end on both sides."""
    return not spans or (spans[0][0] > -math.inf and spans[-1][1] < math.inf)


def inside(values: list[Any], spans: Spans) -> list[Any]:
    """Return those of the numbers that lie in the spans."""
    if spans == EVERYWHERE:
        return values
    found: list[Any] = []
    for low, high in spans:
        found += [one for one in values if low <= one <= high]
    return found


def joined(spans: Iterable[Span]) -> Spans:
    """Make one of those that overlap, in ascending order."""
    found: list[Span] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return tuple(found)


class _Rules:
    """The rules for functions that take one kind of number."""

    def __init__(self, kind: type) -> None:
        self._image = Image(kind)

    def of(self, node: ast.expr) -> Locate:
        """Return where the x of an expression is."""
        kind = self._image.type(node)
        if kind not in (int, float):
            return anywhere
        if isinstance(node, ast.Name):
            return locating.same
        operand, undo = self._integer(node) if kind is int else self._float(node)
        if undo is None:
            return self._in_range(node, anywhere)
        return self._in_range(node, _after(self.of(operand), undo))

    def _in_range(self, node: ast.expr, inner: Locate) -> Locate:
        least, most = self._image.range(node)
        if (least, most) == EVERYTHING:
            return inner

        def run(low: float, high: float) -> Spans:
            low, high = max(low, least), min(high, most)
            return inner(low, high) if low <= high else ()

        return run

    def _integer(self, node: ast.expr) -> _Step:
        match node:
            case ast.UnaryOp(ast.USub(), operand):
                return operand, locating.negated
            case ast.BinOp(left, ast.Mult(), right) if ast.dump(left) == ast.dump(right):
                return self._typed(int, left, locating.integer_root)
            case ast.BinOp(operand, operation, ast.Constant(int() as c)):
                return self._typed(int, operand, locating.integer_undone(operation, c))
            case ast.BinOp(ast.Constant(int() as c), ast.Add() | ast.Mult() as operation, operand):
                return self._typed(int, operand, locating.integer_undone(operation, c))
            case ast.Call(_, [operand]) if called(node) in ROUNDING or called(node) == "int":
                return self._typed(float, operand, _ROUNDED)
            case ast.Call(_, [operand]) if called(node) == "abs":
                return operand, locating.of_either_sign
            case ast.Call(_, [operand, ast.Constant(int() as c)]) if called(node) == "min":
                return self._typed(int, operand, locating.capped(c))
            case ast.Call(_, [operand, ast.Constant(int() as c)]) if called(node) == "max":
                return self._typed(int, operand, locating.raised(c))
            case ast.Call(ast.Attribute(operand, "bit_length"), []):
                return self._typed(int, operand, locating.by_length)
            case ast.Call(ast.Attribute(operand, "bit_count"), []):
                return self._typed(int, operand, locating.by_count)
        return node, None

    def _float(self, node: ast.expr) -> _Step:
        undo: Locate | None
        match node:
            case ast.UnaryOp(ast.USub(), operand):
                return operand, locating.negated
            case ast.BinOp(left, ast.Mult(), right) if ast.dump(left) == ast.dump(right):
                operand, undo = left, locating.root
            case ast.BinOp(operand, operation, ast.Constant(int() | float() as c)):
                undo = locating.undone(operation, c)
            case ast.BinOp(
                ast.Constant(int() | float() as c), ast.Add() | ast.Mult() as operation, operand
            ):
                undo = locating.undone(operation, c)
            case ast.BinOp(ast.Constant(int() | float() as c), ast.Div(), operand):
                undo = locating.divisor(c)
            case ast.Call(
                ast.Name("float"), [ast.BinOp(ast.Constant(str() as keep), ast.Mod(), operand)]
            ):
                digits = digits_kept(keep)
                undo = None if digits is None else locating.written(digits)
            case ast.Call(_, [operand]) if called(node) == "float":
                if self._image.type(operand) is int:
                    return operand, locating.made_float
                undo = locating.same
            case ast.Call(_, [operand]) if called(node) == "abs":
                undo = locating.of_either_sign
            case ast.Call(_, [operand]) if called(node) in _INVERSES:
                undo = _INVERSES[called(node)]
            case _:
                return node, None
        return self._typed(float, operand, undo and loosely(undo))

    def _typed(self, kind: type, operand: ast.expr, undo: Locate | None) -> _Step:
        return operand, undo if self._image.type(operand) is kind else None


_ROUNDED = loosely(locating.rounded)
"""One object, so that functions that round show to tell the same."""
_INVERSES: dict[str, Locate] = {
    "math.exp": locating.logarithm,
    "math.log10": locating.power_of_ten,
    "math.sqrt": locating.square,
}


def _after(inner: Locate, undo: Locate) -> Locate:
    if inner is locating.same:
        return undo
    return lambda low, high: joined(one for each in undo(low, high) for one in inner(*each))
