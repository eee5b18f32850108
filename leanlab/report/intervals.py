"""How far chance alone could have moved a metric: 95% intervals, where they can be known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from leanlab.sweep.estimate import estimate

if TYPE_CHECKING:
    from leanlab.lab import Lab
    from leanlab.records import Trial

_Z = 1.959964
"""What a normal variable stays within, in standard deviations, in 95% of cases."""
ERROR = "_se"
"""A metric of this ending is the standard error of the one before it."""


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """From low to high, and what it was computed from."""

    low: float
    high: float
    source: str


def interval(lab: Lab, record: Trial, name: str) -> Interval | None:
    """Return a metric's interval from its repeats, its standard error, or its number of cases.

    None where the ledger does not say how far it is uncertain.
    """
    value = record.metrics[name]
    found = estimate((record.repeats or {}).get(name, ()))
    if found is not None and found.half is not None:
        source = f"{found.n} evaluations, Student's t"
        return Interval(low=found.mean - found.half, high=found.mean + found.half, source=source)
    error = record.metrics.get(name + ERROR)
    if error is not None and error >= 0:
        half = _Z * error
        return Interval(low=value - half, high=value + half, source="its standard error")
    cases = _cases(lab, name, value)
    return wilson(value, cases) if cases else None


def wilson(share: float, n: int) -> Interval:
    """E. B. Wilson, Journal of the American Statistical Association 22, 1927."""
    spread = _Z**2 / n
    centre = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Interval(low=low, high=high, source=f"{n:,} cases, Wilson")


def _cases(lab: Lab, name: str, value: float) -> int:
    """Count the lines of data/X.txt for a metric X_accuracy that is a share of so many; else 0."""
    split, sign, _ = name.rpartition("_accuracy")
    path = lab.data / f"{split}.txt"
    if not sign or not split.isidentifier() or not 0 <= value <= 1 or not path.is_file():
        return 0
    with path.open("rb") as file:
        count = sum(bool(line.strip()) for line in file)
    hits = value * count
    return count if abs(hits - round(hits)) < 1e-6 else 0
