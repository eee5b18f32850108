"""Yes-or-no questions as rows of a matrix, for the rules that are made of several."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from leanlab.synthesis.learning.code import Term, integer, natural
from leanlab.synthesis.learning.predicates import COST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leanlab.synthesis.learning.features import Pool

CUTS = 16
"""At most that many thresholds of a feature become atoms."""
FEW = 10
"""A feature with at most that many values is asked for each of them."""


class Atoms:
    """Different questions, short descriptions first; no row is constant."""

    def __init__(self, terms: list[Term], rows: NDArray[np.bool_]) -> None:
        order = sorted(range(len(terms)), key=lambda i: (terms[i].bits, i))
        seen: set[bytes] = set()
        kept = []
        packed = np.packbits(rows, axis=1) if len(terms) else rows
        for i in order:
            key = packed[i].tobytes()
            if key not in seen and rows[i].any() and not rows[i].all():
                seen.add(key)
                kept.append(i)
        self.terms = [terms[i] for i in kept]
        self.rows: NDArray[np.bool_] = rows[kept]
        self.bits: NDArray[np.float64] = np.array([term.bits for term in self.terms])

    def __len__(self) -> int:
        return len(self.terms)

    def first(self, count: int) -> Atoms:
        """Return the shortest ones; they are different already."""
        few = Atoms.__new__(Atoms)
        few.terms, few.rows, few.bits = self.terms[:count], self.rows[:count], self.bits[:count]
        return few


def atoms(pool: Pool, features: int, extra: list[tuple[Term, NDArray[np.bool_]]]) -> Atoms:
    """Make questions of the shortest features, and of what else is known."""
    terms: list[Term] = [term for term, _ in extra]
    rows: list[NDArray[np.bool_]] = [row for _, row in extra]
    some, values = pool.shortest(features)
    for term, row in zip(some, values, strict=True):
        for made, told in _questions(term, row):
            terms.append(made)
            rows.append(told)
    return Atoms(terms, np.array(rows) if rows else np.zeros((0, pool.n), dtype=bool))


def _questions(term: Term, row: NDArray[Any]) -> list[tuple[Term, NDArray[np.bool_]]]:
    code, says = term.code, term.says
    distinct = np.unique(row)
    made = []
    cuts = distinct[1:]
    if len(cuts) > CUTS:
        ranks = np.quantile(row, np.linspace(0.06, 0.94, CUTS), method="nearest")
        cuts = np.unique(ranks)
    for t in map(int, cuts):
        cost = term.bits + integer(t)
        made.append(
            (Term(f"{code} >= {t}", f"{says} is at least {t}", cost + COST[">="]), row >= t)
        )
        made.append((Term(f"{code} < {t}", f"{says} is less than {t}", cost + COST["<"]), row < t))
    if 2 < len(distinct) <= FEW:
        for v in map(int, distinct):
            cost = term.bits + integer(v)
            made.append((Term(f"{code} == {v}", f"{says} is {v}", cost + COST["=="]), row == v))
            made.append((Term(f"{code} != {v}", f"{says} is not {v}", cost + COST["!="]), row != v))
    if len(distinct) > 2:
        for m in (2, 3, 4, 5):
            cost = term.bits + COST["residue"] + natural(m - 2) + math.log2(m)
            for r in range(m):
                text = f"{says} modulo {m} is {r}"
                made.append((Term(f"{code} % {m} == {r}", text, cost), row % m == r))
    return made
