"""Locating: between which numbers an operand is, told from what an operation made of it.

Each of these is complete: what is in no span that it returns was not the operand. See spans.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable

Span = tuple[float, float]
"""The least and the greatest number inside; NaN never is. Ends of what is an integer are integers,
so that no large one is rounded, or infinite."""
Spans = tuple[Span, ...]
Locate = Callable[[float, float], Spans]
"""Takes the least and the greatest of what was made, and returns where the operand is."""

_MARGIN = 1e-9
"""Rounding moves what a float operation makes by less than that, of its size."""
_TINY, _HUGE = 1e-140, 1e140
"""Beyond these even a square may underflow or overflow: what is there is not told apart."""
_MOST_BITS = 20_000
"""Integers have fewer."""
_BACK: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.sub, ast.Sub: operator.add, ast.Mult: operator.truediv, ast.Div: operator.mul,
}  # fmt: skip
"""What undoes each operator that has a number on its right."""


def loosely(locate: Locate) -> Locate:
    """Allow for the rounding of floats in what was made and in what is told."""

    def run(low: float, high: float) -> Spans:
        return tuple(_loose(*one) for one in locate(*_loose(low, high)))

    return run


def _loose(low: float, high: float) -> Span:
    # Integers may be too large for a float; comparing them is exact.
    low = -math.inf if low < -_HUGE else min(low, _HUGE)
    high = math.inf if high > _HUGE else max(high, -_HUGE)
    return low - _MARGIN * abs(low) - _TINY, high + _MARGIN * abs(high) + _TINY


def same(low: float, high: float) -> Spans:
    return ((low, high),)


def negated(low: float, high: float) -> Spans:
    return ((-high, -low),)


def of_either_sign(low: float, high: float) -> Spans:
    low = max(low, 0)
    return ((-high, -low), (low, high)) if low <= high else ()


def capped(c: int) -> Locate:
    """Locate what became c where it was more."""
    return lambda low, high: ((low, math.inf if high >= c else high),)


def raised(c: int) -> Locate:
    """Locate what became c where it was less."""
    return lambda low, high: ((-math.inf if low <= c else low, high),)


def rounded(low: float, high: float) -> Spans:
    """Locate what was rounded to an integer, whichever way."""
    return ((low - 1, high + 1),)


def made_float(low: float, high: float) -> Spans:
    """Locate an integer."""
    low, high = _loose(low, high)
    low = low if math.isinf(low) else math.ceil(low)
    high = high if math.isinf(high) else math.floor(high)
    return ((low, high),) if low <= high else ()


def by_length(low: float, high: float) -> Spans:
    """Locate an integer by how many bits it is long."""
    least = 1 << int(low - 1) if 0 < low < _MOST_BITS else 0
    return of_either_sign(least, (1 << int(high)) - 1 if high < _MOST_BITS else math.inf)


def by_count(low: float, high: float) -> Spans:  # noqa: ARG001 - a Locate
    """Locate an integer by how many of its bits are set."""
    return of_either_sign((1 << int(low)) - 1 if low < _MOST_BITS else 0, math.inf)


def integer_undone(operation: ast.operator, c: int) -> Locate | None:
    """Locate an integer left of an operator with one on its right, None where nobody knows."""
    if abs(c) > _HUGE:
        return None
    match operation:
        case ast.Add():
            return lambda low, high: ((low - c, high - c),)
        case ast.Sub():
            return lambda low, high: ((low + c, high + c),)
        case ast.Mult() if c:
            return lambda low, high: (_sorted(_divided(low, c), _divided(high, c)),)
        case ast.FloorDiv() if c > 0:
            return lambda low, high: ((low * c, high * c + c - 1),)
    return None


def _divided(end: float, by: int) -> float:
    return end * by if abs(end) == math.inf else end // by


def integer_root(low: float, high: float) -> Spans:
    least, most = (end if end == math.inf else math.isqrt(int(end)) for end in (low, high))
    return of_either_sign(least, most)


def undone(operation: ast.operator, c: float) -> Locate | None:
    """Locate a float left of an operator with a number on its right, None where nobody knows."""
    back = _BACK.get(type(operation))
    if back is None or not 1 / _HUGE < c * c < _HUGE:
        return None
    return lambda low, high: (_sorted(back(low, c), back(high, c)),)


def divisor(c: float) -> Locate | None:
    """Locate the float that a number was divided by, None where nobody knows."""
    if not 1 / _HUGE < c * c < _HUGE:
        return None

    def run(low: float, high: float) -> Spans:
        least, most = _sorted(c / (low or -_TINY), c / (high or _TINY))
        # What is near to zero comes of what is far from it.
        return ((-math.inf, least), (most, math.inf)) if low <= 0 <= high else ((least, most),)

    return run


def _sorted(one: float, other: float) -> Span:
    return (one, other) if one < other else (other, one)


def root(low: float, high: float) -> Spans:
    """Locate what was squared."""
    return of_either_sign(math.sqrt(max(low, 0)), math.sqrt(high)) if high >= 0 else ()


def square(low: float, high: float) -> Spans:
    """Locate what a root was taken of."""
    return ((max(low, 0) ** 2, high * high),)


def logarithm(low: float, high: float) -> Spans:
    """Locate an exponent of e."""
    return ((math.log(low) if low > _TINY else -math.inf, math.log(high)),) if high > 0 else ()


def power_of_ten(low: float, high: float) -> Spans:
    """Locate what a logarithm of base 10 was taken of."""
    return ((_power_of_ten(low), _power_of_ten(high)),)


def _power_of_ten(exponent: float) -> float:
    # Infinity is cut to what is huge, as the least of a span.
    return 0.0 if exponent < -300 else 10.0**exponent if exponent < 300 else math.inf


def written(digits: int) -> Locate:
    """Locate what was rounded to so many digits."""
    margin = 10.0 ** (1 - max(digits, 1))
    return lambda low, high: ((low - margin * abs(low), high + margin * abs(high)),)
