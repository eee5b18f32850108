"""Questions about two features at once: which is larger, and sums and differences of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from leanlab.synthesis.learning import predicates
from leanlab.synthesis.learning.code import Term

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from leanlab.synthesis.learning.board import Board
    from leanlab.synthesis.learning.features import Pool

    Ints = NDArray[np.signedinteger[Any]]

COMPARISONS = {
    "<": (np.less, "is less than"),
    ">": (np.greater, "is greater than"),
    "<=": (np.less_equal, "is at most"),
    ">=": (np.greater_equal, "is at least"),
    "==": (np.equal, "equals"),
    "!=": (np.not_equal, "differs from"),
}
COMPARED = 3.0 + math.log2(len(COMPARISONS))
COMBINED = 4.0
CHUNK = 64


def compare(pool: Pool, board: Board, count: int) -> None:
    """Offer every comparison of two of the `count` shortest features."""
    terms, rows = pool.shortest(count)
    bits = np.array([term.bits for term in terms])
    for start in range(0, len(terms), CHUNK):
        left = rows[start : start + CHUNK]
        cost = bits[start : start + CHUNK, None] + bits[None, start:] + COMPARED
        for name, (holds, says) in COMPARISONS.items():
            told = holds(left[:, None, :], rows[None, start:, :])
            errors = (told != board.labels).sum(axis=2)
            _offer_comparison(terms[start:], cost, errors, (name, says), board)


def _offer_comparison(
    terms: Sequence[Term],
    cost: NDArray[np.float64],
    errors: Ints,
    comparison: tuple[str, str],
    board: Board,
) -> None:
    name, says = comparison

    def describe(index: tuple[int, ...]) -> Term | None:
        i, j = index
        if i >= j:
            return None
        a, b = terms[i], terms[j]
        code = f"{a.code} {name} {b.code}"
        return Term(code, f"{a.says} {says} {b.says}", float(cost[i, j]))

    board.offer_all(cost, errors, describe)


def combine(pool: Pool, board: Board, count: int) -> None:
    """Offer questions about sums, differences and products of the `count` shortest features."""
    terms, rows = pool.shortest(count)
    first, second = np.triu_indices(len(terms), 1)
    for start in range(0, len(first), predicates.BATCH):
        i, j = first[start : start + predicates.BATCH], second[start : start + predicates.BATCH]
        for sign, word, values in (
            ("+", "plus", rows[i] + rows[j]),
            ("-", "minus", rows[i] - rows[j]),
            ("*", "times", rows[i] * rows[j]),
        ):
            some = [
                Term(
                    f"({terms[a].code} {sign} {terms[b].code})",
                    f"{terms[a].says} {word} {terms[b].says}",
                    terms[a].bits + terms[b].bits + COMBINED,
                )
                for a, b in zip(i, j, strict=True)
            ]
            bits = np.array([term.bits for term in some])
            if bits.min() > board.ceiling:
                continue
            if sign != "*":
                predicates.orders(values, some, bits, board)
            for m in (2, 3, 4, 5, 7):
                predicates.residues(values, some, bits, m, board)
