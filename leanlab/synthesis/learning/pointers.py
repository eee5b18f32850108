"""Rules that read one item at a place which other items name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from leanlab.synthesis.learning import predicates
from leanlab.synthesis.learning.code import Term, integer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from leanlab.synthesis.learning.search import State

    Ints = NDArray[np.signedinteger[Any]]

WIDTHS = (2, 3, 4)
FEATURES = 100
READ = 6_000_000
"""Items that are read at most, over all places, distances and strings."""
BITS = 5.0


def pointers(state: State) -> None:
    """Offer questions about the item at a constant distance from a place that x gives."""
    lengths = {len(s) for s in state.lists}
    if len(lengths) > 1 or min(lengths) < 4:
        return
    matrix = np.array(state.lists)
    length = matrix.shape[1]
    offsets = np.arange(-length, length)
    cost = BITS + np.array([integer(int(k)) for k in offsets])
    left = state.effort(READ)
    for place, values in _places(matrix, state):
        left -= len(offsets) * state.n
        if left < 0:
            break
        at = values[:, None] + offsets
        inside = (at >= -length) & (at < length)
        read = np.where(inside, matrix[np.arange(state.n)[:, None], at % length], -1)
        _offer(place, np.ascontiguousarray(read.T), offsets, cost, state)


def _offer(place: Term, rows: Ints, offsets: Ints, cost: NDArray[np.float64], state: State) -> None:
    board = state.board
    bits = cost + place.bits
    if not state.root.is_bits:
        terms = [_item(place, int(k), float(b)) for k, b in zip(offsets, bits, strict=True)]
        predicates.orders(rows, terms, bits, board)
        predicates.residues(rows, terms, bits, 2, board)
        return
    for value in (1, 0):
        errors = ((rows == value) != board.labels).sum(axis=1)

        def rule(index: tuple[int, ...], value: int = value) -> Term:
            item = _item(place, int(offsets[index[0]]), float(bits[index[0]]) + 1)
            return Term(f"{item.code} == {value}", f"{item.says} is {value}", item.bits)

        board.offer_all(bits + 1, errors, rule)


def _item(place: Term, offset: int, bits: float) -> Term:
    code, says = place.code, f"the item of x at the place that {place.says} gives"
    if offset:
        sign, word = ("+", "plus") if offset > 0 else ("-", "minus")
        code, says = f"{code} {sign} {abs(offset)}", f"{says} {word} {abs(offset)}"
    return Term(f"at(s, {code})", says, bits)


def _places(matrix: Ints, state: State) -> Iterator[tuple[Term, Ints]]:
    """Yield what can be the number of a place: short features, then numbers of few bits."""
    length = matrix.shape[1]
    for term, row in zip(*state.pool.shortest(state.effort(FEATURES)), strict=True):
        if row.min() >= 0 and row.max() < length:
            yield term, row
    if not state.root.is_bits:
        return
    for width in WIDTHS:
        if 1 << width > length:
            continue
        for turn, says in (("", ""), ("[::-1]", ", in reverse")):
            weights = 1 << (np.arange(width) if turn else np.arange(width)[::-1])
            for a in range(length - width + 1):
                bits = 5.0 + math.log2(len(WIDTHS) * length)
                code = f"number(s[{a}:{a + width}]{turn}, 2)"
                about = f"the number of the items {a} to {a + width - 1}{says}"
                yield Term(code, about, bits), matrix[:, a : a + width] @ weights
