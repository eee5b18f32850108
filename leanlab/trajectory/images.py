"""Images: of which type, and how large, is what an expression of x makes, whatever x is.

Read off the source of a function, and true of every value of its input type. Where nothing is
known, the type is None and the range is everything.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

Kind = type
Range = tuple[float, float]
"""The least and the greatest number that an expression can make; NaN apart."""
Known = tuple[Kind, Range]

EVERYTHING: Range = (-math.inf, math.inf)
_LARGE = 1e100
"""Ranges with ends beyond this are not followed: some integers are no floats."""
_NOT_NEGATIVE: Range = (0, math.inf)
_NUMBERS = frozenset({int, float})
ROUNDING: dict[str, Callable[[Any], int]] = {
    "math.floor": math.floor, "math.ceil": math.ceil, "math.trunc": math.trunc, "round": round,
}  # fmt: skip
_CALLS: dict[str, Known] = {
    "bool": (bool, (0, 1)),
    "float": (float, EVERYTHING),
    "int": (int, EVERYTHING),
    "len": (int, _NOT_NEGATIVE),
    "list": (list, EVERYTHING),
    "math.cos": (float, (-1, 1)),
    "math.exp": (float, _NOT_NEGATIVE),
    "math.log10": (float, EVERYTHING),
    "math.sin": (float, (-1, 1)),
    "math.sqrt": (float, _NOT_NEGATIVE),
    "stable_hash": (int, (0, 2**32 - 1)),
    "str": (str, EVERYTHING),
    **dict.fromkeys(ROUNDING, (int, EVERYTHING)),
}
_METHODS: dict[tuple[Kind, str], Known] = {
    (int, "bit_count"): (int, _NOT_NEGATIVE),
    (int, "bit_length"): (int, _NOT_NEGATIVE),
    (str, "count"): (int, _NOT_NEGATIVE),
    (bytes, "hex"): (str, EVERYTHING),
    **{
        (str, name): (str, EVERYTHING)
        for name in ("capitalize", "lower", "strip", "swapcase", "title", "upper")
    },
}


class Image:
    """What is known of the expressions in a function that takes a kind of value."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def type(self, node: ast.expr) -> Kind | None:
        """Return the type of all that the expression makes, where that is known."""
        match node:
            case ast.Name("x"):
                return self._kind
            case ast.Constant(value):
                return type(value)
            case ast.UnaryOp(ast.USub(), operand):
                kind = self.type(operand)
                return kind if kind in _NUMBERS else None
            case ast.BinOp(left, operator, right):
                return _type_of_two(self.type(left), operator, self.type(right))
            case ast.Compare(left, _, [right]) if self.type(left) and self.type(right):
                return bool
            case ast.Subscript(operand, ast.Slice()):
                return self.type(operand)
            case ast.Subscript(operand) if self.type(operand) is str:
                return str
            case ast.Call(ast.Attribute(ast.Constant(str()), "join")):
                return str
            case ast.Call(_, arguments, []):
                return self._type_of_call(called(node), arguments, self._method(node))
        return None

    def _type_of_call(
        self, name: str, arguments: list[ast.expr], method: Known | None
    ) -> Kind | None:
        if any(isinstance(one, ast.Starred) for one in arguments):
            return None
        kinds = {self.type(one) for one in arguments}
        if name in ("abs", "min", "max") and len(kinds) == 1 and kinds <= _NUMBERS:
            return kinds.pop()
        known = _CALLS.get(name) or method
        return known[0] if known and (len(arguments) < 2 or method) else None

    def _method(self, node: ast.Call) -> Known | None:
        if not isinstance(node.func, ast.Attribute):
            return None
        owner = self.type(node.func.value)
        return _METHODS.get((owner, node.func.attr)) if owner else None

    def range(self, node: ast.expr) -> Range:
        """Return the range of the numbers that the expression makes, if it makes any."""
        match node:
            case ast.Constant(bool() | int() | float() as value) if abs(value) < _LARGE:
                return value, value
            case ast.Compare():
                return (0, 1) if self.type(node) else EVERYTHING
            case ast.BinOp(left, operator, right):
                return self._range_of_two(left, operator, right)
            case ast.Call(
                ast.Name("float"), [ast.BinOp(ast.Constant(str() as keep), ast.Mod(), operand)]
            ) if digits_kept(keep) is not None and self.type(operand) is float:
                return _through(lambda end: float(keep % end), self.range(operand))
            case ast.Call(_, arguments):
                return self._range_of_call(node, arguments)
        return EVERYTHING

    def _range_of_two(self, left: ast.expr, operator: ast.operator, right: ast.expr) -> Range:
        kinds = {self.type(left), self.type(right)}
        if not kinds <= {*_NUMBERS, bool}:
            return EVERYTHING
        (low, high), (least, most) = self.range(left), self.range(right)
        match operator:
            case ast.Mod() if least == most and least > 0:
                return 0, (least if float in kinds else least - 1)
            case ast.Mult() if ast.dump(left) == ast.dump(right):
                return _NOT_NEGATIVE
            case ast.Sub() if _is_rounded(right, left):
                return -1, 1
            case ast.Mult() if low == high and low > 0:
                return _through(lambda end: low * end, (least, most))
            case ast.Add() if math.inf not in map(abs, (low, high, least, most)):
                return low + least, high + most
            case ast.Sub() if math.inf not in map(abs, (low, high, least, most)):
                return low - most, high - least
        return EVERYTHING

    def _range_of_extreme(self, name: str, arguments: list[ast.expr]) -> Range:
        """Where a later argument may be NaN, any of them may be what is made; NaN itself is not."""
        ranges = list(map(self.range, arguments))
        lows, highs = [low for low, _ in ranges], [high for _, high in ranges]
        if any(
            self.type(one) is float and not isinstance(one, ast.Constant) for one in arguments[1:]
        ):
            return min(lows), max(highs)
        end = min if name == "min" else max
        return end(lows), end(highs)

    def _range_of_call(self, node: ast.Call, arguments: list[ast.expr]) -> Range:
        name = called(node)
        if self.type(node) is None:
            return EVERYTHING
        if name == "abs":
            return _NOT_NEGATIVE
        if name in ("min", "max"):
            return self._range_of_extreme(name, arguments)
        if name in ROUNDING:
            return _through(ROUNDING[name], self.range(arguments[0]))
        known = _CALLS.get(name) or self._method(node)
        return known[1] if known else EVERYTHING


def called(node: ast.expr) -> str:
    """Name the function that is called: len, math.floor; empty where it is none of those."""
    match node:
        case ast.Call(ast.Name(name)):
            return name
        case ast.Call(ast.Attribute(ast.Name("math"), name)):
            return f"math.{name}"
    return ""


def _is_rounded(node: ast.expr, operand: ast.expr) -> bool:
    match node:
        case ast.Call(_, [each], []) if called(node) in ROUNDING:
            return ast.dump(each) == ast.dump(operand)
    return False


def digits_kept(text: str) -> int | None:
    """Return how many digits a format such as %.12g rounds to; None where it is no such format."""
    digits = text.removeprefix("%.").removesuffix("g")
    # So few digits that every number can be written with them.
    fits = digits.isascii() and digits.isdecimal() and len(digits) < 3 and text == f"%.{digits}g"
    return int(digits) if fits else None


def _type_of_two(left: type | None, operator: ast.operator, right: type | None) -> type | None:
    if left in _NUMBERS and right in _NUMBERS and not isinstance(operator, ast.Pow):
        if float in (left, right) or isinstance(operator, ast.Div):
            return float
        return int if not isinstance(operator, ast.MatMult) else None
    if left is right is bool and isinstance(operator, ast.Add | ast.Sub):
        return int
    if left is right and left in (str, bytes) and isinstance(operator, ast.Add):
        return left
    return str if left is str and isinstance(operator, ast.Mod) else None


def _through(monotone: Callable[[Any], float], ends: Range) -> Range:
    if not all(end in EVERYTHING or abs(end) < _LARGE for end in ends):
        return EVERYTHING
    low, high = (end if end in EVERYTHING else monotone(end) for end in ends)
    return low, high
