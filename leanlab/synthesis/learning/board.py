"""The best rules so far: those whose two-part code, rule and exceptions, is shortest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from leanlab.synthesis.learning.code import Term

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

KEPT = 400
SLACK = 25.0
"""Rules whose code is longer than the best one's by more bits than that are let go."""


class Candidate(msgspec.Struct, frozen=True):
    """A rule and its fit."""

    term: Term
    errors: int
    total: float
    """Bits of the rule and of the list of training strings that it gets wrong."""
    family: str


class Board:
    """Keeps the candidates with the shortest totals."""

    def __init__(self, labels: NDArray[np.bool_]) -> None:
        self.labels = labels
        self.n = len(labels)
        self.family = ""
        # A rule that is wrong on half of the strings is its negation, or none at all.
        self.exceptions = np.array(
            [exceptions(self.n, e) if 2 * e <= self.n else math.inf for e in range(self.n + 1)]
        )
        self.baseline = exceptions(self.n, int(min(labels.sum(), self.n - labels.sum())))
        """What the labels cost without a rule: as the exceptions to a constant."""
        self._kept: dict[str, Candidate] = {}
        self._ceiling = self.baseline + 20.0

    @property
    def ceiling(self) -> float:
        """The total from which on a rule is not kept."""
        return self._ceiling

    def best(self) -> Candidate | None:
        return min(self._kept.values(), key=_rank, default=None)

    def ranked(self) -> list[Candidate]:
        """Return what was kept, shortest total first."""
        return sorted(self._kept.values(), key=_rank)

    def offer(self, term: Term, errors: int) -> None:
        """Keep the term if its total is short enough."""
        total = term.bits + float(self.exceptions[errors])
        known = self._kept.get(term.code)
        if total >= self._ceiling or (known and known.total <= total):
            return
        self._kept[term.code] = Candidate(term, errors, total, self.family)
        if len(self._kept) > 2 * KEPT:
            self.trim()

    def offer_all(
        self,
        bits: NDArray[np.floating[Any]],
        errors: NDArray[np.integer[Any]],
        describe: Callable[[tuple[int, ...]], Term | None],
    ) -> None:
        """Offer an array of rules, of which only the good ones are described."""
        totals = bits + self.exceptions[errors]
        hits = np.nonzero(totals < self._ceiling)
        if not len(hits[0]):
            return
        values = totals[hits]
        for i in np.argsort(values, kind="stable")[:KEPT]:
            if values[i] >= self._ceiling:
                break
            index = tuple(int(axis[i]) for axis in hits)
            term = describe(index)
            if term is not None:
                self.offer(term, int(errors[index]))
        self.trim()

    def trim(self) -> None:
        """Let go of what is beyond the best KEPT, or too far behind the best one."""
        order = self.ranked()[:KEPT]
        if order:
            limit = order[0].total + SLACK
            order = [each for each in order if each.total <= limit]
            self._ceiling = min(self._ceiling, limit)
            if len(order) == KEPT:
                self._ceiling = min(self._ceiling, order[-1].total)
        self._kept = {each.term.code: each for each in order}


def exceptions(n: int, errors: int) -> float:
    """Return the bits that name so many of n strings, and how many they are."""
    if errors == 0:
        return 0.0
    return math.log2(math.comb(n, errors)) + 2 * math.log2(errors + 1)


def _rank(candidate: Candidate) -> tuple[float, str]:
    return candidate.total, candidate.term.code
