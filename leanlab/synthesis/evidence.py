"""How surprising it is that a rule fits: exact counts, as logarithms to base 2."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leanlab.synthesis.splits import Split


def log2_ball(n: int, errors: int) -> float:
    """Return log2 of how many labellings of n strings are within `errors` of a given one."""
    term = total = 1
    for i in range(min(errors, n)):
        term = term * (n - i) // (i + 1)
        total += term
    return math.log2(total)


def coin(n: int, right: int) -> float:
    """Return the probability that a fair coin labels at least `right` of n strings correctly."""
    return float(2.0 ** (log2_ball(n, n - right) - n))


def log2_chance(bits: float, errors: int, train: Split) -> float:
    """Bound log2 of the chance that these labels, dealt out at random, are fitted as well.

    Code lengths that obey Kraft's inequality leave at most 2**bits rules of at most that length;
    each is within `errors` of at most ball(n, errors) labellings, of the C(n, positives) that deal
    the same labels to the same strings. 0 where the bound says nothing.
    """
    n = len(train)
    labellings = math.log2(math.comb(n, sum(train.labels)))
    return min(0.0, bits + log2_ball(n, errors) - labellings)
