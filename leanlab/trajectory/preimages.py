"""Preimages: what a function was given, told from what it made and from its source.

Where a function cannot make a target, or makes it of a few values only, it need not be run on
everything that was found to see whether it makes the target. The rules read a single expression,
and hold for every value of the input type: of what they return nothing is missing. Something may
be too much, so whoever asks runs the function on what it gets.

Where the rules know nothing, or the values would be many, they return None.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from leanlab.trajectory.images import EVERYTHING, Image, called
from leanlab.trajectory.undoing import (
    CASES,
    after,
    as_integer,
    beyond,
    divisors,
    every_other,
    float_roots,
    half,
    integer_roots,
    itself,
    joined,
    near,
    passed,
    read_float,
    read_integer,
    tame,
    uncased,
    undo_left,
    undo_right,
    unhexed,
    unknown,
)
from leanlab.trajectory.values import KINDS, PLAIN_KEYS

if TYPE_CHECKING:
    from leanlab.trajectory.undoing import Preimage


def preimage(expression: ast.expr | None, input_type: str, output_type: str) -> Preimage:
    """Return the preimage of a function whose body returns that expression, None if it is longer.

    It may be asked for what is_askable allows.
    """
    kind = KINDS[input_type]
    if kind is bool:
        return lambda target: (False, True)  # noqa: ARG005 - a Preimage
    if expression is None:
        return unknown
    if Image(kind).type(expression) not in (KINDS[output_type], None):
        return lambda target: ()  # noqa: ARG005 - a Preimage
    return _Rules(kind).solve(expression)


def is_askable(target: Any) -> bool:
    """Tell whether only what == target is right where target was asked for, part by part."""
    kind = type(target)
    if kind is list:
        return PLAIN_KEYS.issuperset(map(type, target))
    return kind in PLAIN_KEYS or (kind is float and target == target and target != 0.0)


class _Rules:
    """The rules for functions that take one kind of value."""

    def __init__(self, kind: type) -> None:
        self._image = Image(kind)

    def solve(self, node: ast.expr) -> Preimage:
        """Return the preimage of an expression."""
        match self._image.type(node):
            case kind if kind is int:
                return self._within(node, self._integer(node))
            case kind if kind is float:
                return self._within(node, self._float(node))
            case kind if kind in (str, bytes, list, tuple):
                return self._sequence(node)
        return unknown

    def _within(self, node: ast.expr, inner: Preimage) -> Preimage:
        low, high = self._image.range(node)
        if (low, high) == EVERYTHING:
            return inner
        return lambda target: inner(target) if low <= target <= high else ()

    def _integer(self, node: ast.expr) -> Preimage:
        image = self._image
        match node:
            case ast.Name("x"):
                return itself
            case ast.UnaryOp(ast.USub(), operand):
                return after(self.solve(operand), lambda target: (-target,))
            case ast.BinOp(left, ast.Mult(), right) if ast.dump(left) == ast.dump(right):
                return after(self._typed(left, int), integer_roots)
            case ast.BinOp(operand, operator, ast.Constant(int() as c)) if type(c) is int:
                return after(self._typed(operand, int), undo_right(operator, c))
            case ast.BinOp(ast.Constant(int() as c), operator, operand) if type(c) is int:
                return after(self._typed(operand, int), undo_left(operator, c))
            case ast.Call(_, [operand]) if called(node) == "abs":
                return after(self.solve(operand), lambda target: (target, -target))
            case ast.Call(_, [operand, ast.Constant(bound)]) if called(node) == "min":
                return beyond(self._typed(operand, int), lambda target: bool(target < bound))
            case ast.Call(_, [operand, ast.Constant(bound)]) if called(node) == "max":
                return beyond(self._typed(operand, int), lambda target: bool(target > bound))
            case ast.Call(_, [operand]) if called(node) == "int" and image.type(operand) is int:
                return self.solve(operand)
        return unknown

    def _float(self, node: ast.expr) -> Preimage:
        image = self._image
        match node:
            case ast.Name("x"):
                return itself
            case ast.UnaryOp(ast.USub(), operand):
                return after(self.solve(operand), lambda target: (-target,))
            case ast.BinOp(left, ast.Mult(), right) if ast.dump(left) == ast.dump(right):
                return after(self._typed(left, float), tame(float_roots))
            case ast.BinOp(ast.Constant(float() | int() as c), ast.Div(), operand):
                return after(self._typed(operand, float), divisors(c))
            case ast.Call(_, [operand]) if called(node) == "abs":
                return after(self.solve(operand), lambda target: (target, -target))
            case ast.Call(_, [operand]) if called(node) == "math.sqrt":
                return after(self._typed(operand, float), tame(lambda made: near(made * made)))
            case ast.Call(_, [operand]) if called(node) == "float":
                if image.type(operand) is int:
                    return after(self.solve(operand), as_integer)
                return self._typed(operand, float)
        return unknown

    def _sequence(self, node: ast.expr) -> Preimage:
        image = self._image
        match node:
            case ast.Name("x"):
                return itself
            case ast.Subscript(operand, ast.Slice(None, None, ast.UnaryOp(ast.USub(), one))) if (
                isinstance(one, ast.Constant) and one.value == 1
            ):
                return after(self.solve(operand), lambda target: (target[::-1],))
            case ast.Subscript(operand, ast.Constant() | ast.UnaryOp()) if (
                image.type(operand) is str
            ):
                return lambda target: None if len(target) == 1 else ()
            case ast.BinOp(left, ast.Add(), right) if ast.dump(left) == ast.dump(right):
                return after(self.solve(left), half)
            case ast.Call(_, [operand]) if called(node) == "str":
                return self._written(operand)
            case ast.Call(_, [operand]) if called(node) == "list" and image.type(operand) is str:
                return after(self.solve(operand), joined)
        return self._text(node)

    def _text(self, node: ast.expr) -> Preimage:
        match node:
            case ast.Call(ast.Attribute(operand, name), []) if self._image.type(operand) is str:
                if name in CASES:
                    return after(self.solve(operand), uncased(name))
                if name == "strip":
                    return lambda target: None if target == target.strip() else ()
            case ast.Call(ast.Attribute(operand, "hex"), []) if self._image.type(operand) is bytes:
                return after(self.solve(operand), unhexed)
            case ast.Call(
                ast.Attribute(ast.Constant(""), "join"),
                [ast.ListComp(each, [ast.comprehension(ast.Name(one), operand, [], 0)])],
            ) if self._image.type(operand) is str and _is_twice(each, one):
                return after(self.solve(operand), every_other)
            case ast.Call(
                ast.Attribute(ast.Constant(""), "join"),
                [
                    ast.ListComp(
                        ast.Name(each), [ast.comprehension(ast.Name(one), operand, [test], 0)]
                    )
                ],
            ) if self._image.type(operand) is str and each == one:
                return passed(one, test)
            case ast.Call(
                ast.Attribute(ast.Constant(" "), "join"),
                [
                    ast.Call(
                        ast.Name("reversed"), [ast.Call(ast.Attribute(operand, "split"), [], [])]
                    )
                ],
            ) if self._image.type(operand) is str:
                return lambda target: None if target == " ".join(target.split()) else ()
        return unknown

    def _typed(self, node: ast.expr, kind: type) -> Preimage:
        return self.solve(node) if self._image.type(node) is kind else unknown

    def _written(self, operand: ast.expr) -> Preimage:
        kind = self._image.type(operand)
        if kind is int:
            return after(self.solve(operand), read_integer)
        if kind is float and isinstance(operand, ast.Name):
            return read_float
        return self.solve(operand) if kind is str else unknown


def _is_twice(each: ast.expr, name: str) -> bool:
    match each:
        case ast.BinOp(ast.Name(left), ast.Add(), ast.Name(right)):
            return left == right == name
    return False
