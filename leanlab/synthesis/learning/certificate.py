"""What may be claimed of a rule: a bound on its error that is a theorem, and a verdict."""

from __future__ import annotations

import math
from typing import Literal

Verdict = Literal["exact", "better-than-chance", "abstain"]

RISK = 0.05
"""The probability, over the draw of the samples, with which a bound may fail."""


def tail_inverse(n: int, errors: int, risk: float) -> float:
    """Return the largest p with P(Binomial(n, p) <= errors) >= risk, rounded up; 1 for n = 0.

    The test set bound of Langford, Tutorial on Practical Prediction Theory for Classification,
    JMLR 6 (2005): the error of a rule fixed before the sample exceeds it with probability `risk` at
    most.
    """
    if errors >= n or risk <= 0:
        return 1.0
    low, high = errors / n, 1.0
    target = math.log(risk)
    for _ in range(50):
        p = (low + high) / 2
        low, high = (p, high) if _log_tail(n, errors, p) >= target else (low, p)
    return high


def _log_tail(n: int, errors: int, p: float) -> float:
    if p >= 1.0:
        return -math.inf
    terms = [
        math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
        + i * math.log(p) + (n - i) * math.log1p(-p)
        for i in range(errors + 1)
    ]  # fmt: skip
    largest = max(terms)
    return largest + math.log(sum(math.exp(term - largest) for term in terms))


def occam_bound(n: int, errors: int, bits: float, risk: float) -> float:
    """Bound the error of a rule with that code length and so many errors on its training sample.

    The Occam's razor bound (Blumer, Ehrenfeucht, Haussler and Warmuth 1987; in this form Langford
    2005): the code is free of prefixes, so the weights 2**-bits of all rules that can be written
    sum to 1 at most, and the risk is shared out by them. It holds whichever rule is chosen.
    """
    return tail_inverse(n, errors, risk * 2.0**-bits)


def ranked_bound(n: int, errors: int, rank: int, risk: float) -> float:
    """Bound the error of the rule at a place, from 1, of a list made before the sample was seen.

    The risk is shared out by the weights 1/(rank (rank + 1)), which sum to 1: so it holds for
    whichever rule of the list the sample chooses.
    """
    return tail_inverse(n, errors, risk / (rank * (rank + 1)))


def error_bound(
    bits: float, train: tuple[int, int], val: tuple[int, int] | None, rank: int
) -> float:
    """Return the better of both bounds at half of RISK each; train and val are (size, errors)."""
    if val is None:
        return occam_bound(*train, bits, RISK)
    return min(
        occam_bound(*train, bits, RISK / 2),
        ranked_bound(*val, rank, RISK / 2),
    )
