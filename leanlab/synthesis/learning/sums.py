"""Sums over the string: of windows, after local rules, and with unknown weights modulo a prime."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from leanlab.synthesis.learning import predicates
from leanlab.synthesis.learning.code import Term, natural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from leanlab.synthesis.learning.search import State

    Ints = NDArray[np.signedinteger[Any]]

LONGEST = 128
WINDOW_MODULI = (2, 3, 4, 5)
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19)
SPARE = 8
"""Equations beyond the unknowns that make a solution more than an accident."""


def sums(state: State) -> None:
    """Offer questions about sums of windows, sums after a local rule, and weighted sums."""
    lengths = {len(s) for s in state.lists}
    if len(lengths) == 1 and 3 <= min(lengths) <= LONGEST:
        views: list[tuple[str, str, float, Any]] = [("s", "x", 0.0, state.lists)]
        if len(state.marks) <= 4:
            views += [(v.term.code, v.term.says, v.term.bits, v.lists) for v in state.marks]
        for code, says, bits, lists in views:
            windows(Term(code, says, bits), np.array(lists), state)
        weighted(np.array(state.lists), state)
    if state.root.is_bits:
        local(state, ring=False)
        local(state, ring=True)


def windows(term: Term, matrix: Ints, state: State) -> None:
    length = matrix.shape[1]
    ahead = np.cumsum(np.hstack([np.zeros((len(matrix), 1), dtype=np.int64), matrix]), axis=1)
    start, end = np.triu_indices(length + 1, 2)
    rows = np.ascontiguousarray((ahead[:, end] - ahead[:, start]).T)
    cost = term.bits + 4.0 + math.log2(len(start))
    terms = [
        Term(f"sum({term.code}[{a}:{b}])", f"the sum of items {a} to {b - 1} of {term.says}", cost)
        for a, b in zip(start.tolist(), end.tolist(), strict=True)
    ]
    predicates.fit(rows, terms, state.board, WINDOW_MODULI)


def local(state: State, *, ring: bool) -> None:
    """Offer questions about the number of ones after each of the 256 rules of three neighbours."""
    name = "ca_ring" if ring else "ca_step"
    counted = np.zeros((state.n, 8), dtype=np.int64)
    for i, s in enumerate(state.lists):
        around = [*s[-1:], *s, *s[:1]] if ring else [0, *s, 0]
        for a, b, c in zip(around, s, around[2:], strict=False):
            counted[i, 4 * a + 2 * b + c] += 1
    rules = np.arange(256)
    rows = (counted @ (rules[:, None] >> np.arange(8) & 1).T).T
    told = f"the number of ones after a step of rule {{}}{' on a ring' if ring else ''} from x"
    terms = [Term(f"sum({name}(s, {rule}))", told.format(rule), 13.0) for rule in range(256)]
    useful = [r for r in range(256) if (rows[r] != rows[r, 0]).any()]
    predicates.fit(rows[useful], [terms[r] for r in useful], state.board)


def weighted(matrix: Ints, state: State) -> None:
    """Offer: a sum with weights of its own for every place is 0 modulo a prime.

    Where that is the rule, every string of one label is an equation for the weights.
    """
    length = matrix.shape[1]
    for says_not, side in ((False, state.labels), (True, ~state.labels)):
        if int(side.sum()) < length + 1 + SPARE:
            continue
        for p in PRIMES:
            rows = np.hstack([matrix[side], np.ones((int(side.sum()), 1), dtype=np.int64)]) % p
            found = kernel(rows.astype(np.int64), p)
            if len(found) != 1 or not any(found[0][:-1]):
                continue
            weights, rest = found[0][:-1], -found[0][-1] % p
            told = (matrix @ np.array(weights)) % p == rest
            errors = int((told ^ says_not != state.labels).sum())
            bits = 6.0 + natural(p) + (length + 1) * math.log2(p)
            listed = ", ".join(map(str, weights))
            code = f"sum(w * c for w, c in zip(({listed},), s))"
            sign, word = ("!=", "is not") if says_not else ("==", "is")
            says = f"the sum of the items of x, weighted {listed}, modulo {p} {word} {rest}"
            state.board.offer(Term(f"{code} % {p} {sign} {rest}", says, bits), errors)


def kernel(rows: Ints, p: int) -> list[list[int]]:
    """Return a basis of the vectors that every row is orthogonal to, modulo a prime."""
    left = rows.copy()
    pivots: list[int] = []
    for column in range(left.shape[1]):
        below = np.nonzero(left[len(pivots) :, column])[0]
        if not len(below):
            continue
        at, row = len(pivots), len(pivots) + int(below[0])
        left[[at, row]] = left[[row, at]]
        left[at] = left[at] * pow(int(left[at, column]), -1, p) % p
        factors = left[:, column].copy()
        factors[at] = 0
        left = (left - factors[:, None] * left[at]) % p
        pivots.append(column)
        if len(pivots) == len(left):
            break
    free = [c for c in range(left.shape[1]) if c not in pivots]
    return [_solution(left, pivots, column, p) for column in free]


def _solution(left: Ints, pivots: Sequence[int], column: int, p: int) -> list[int]:
    solved = [0] * left.shape[1]
    solved[column] = 1
    for row, pivot in enumerate(pivots):
        solved[pivot] = int(-left[row, column]) % p
    return solved
