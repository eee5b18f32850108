"""A mean with its interval, by Student's t distribution."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The mean of n values; half is half the width of its 95% interval, None for one value."""

    n: int
    mean: float
    half: float | None


def estimate(values: Sequence[float]) -> Estimate | None:
    """Return mean ± t · s / √n, s the sample's standard deviation; None without a value."""
    n = len(values)
    if n == 0:
        return None
    # The library's sums are exact, so equal values have no deviation at all.
    mean = statistics.mean(values)
    if n == 1:
        return Estimate(n=1, mean=mean, half=None)
    return Estimate(n=n, mean=mean, half=quantile(n - 1) * statistics.stdev(values) / n**0.5)


def quantile(freedom: int) -> float:
    """The point that |t| stays below in 95% of cases, to nine digits, by bisection."""
    low, high = 1.9, 13.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < 0.95 else (low, middle)
    return (low + high) / 2


def _within(t: float, freedom: int) -> float:
    """P(|T| ≤ t), exact for whole degrees of freedom: Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2 == 1
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(2 if odd else 1, freedom - 1, 2):
        term *= cosine * cosine * k / (k + 1)
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
