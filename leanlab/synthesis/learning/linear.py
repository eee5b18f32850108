"""Thresholds on weighted sums: of places, of symbols, and residues of sums of symbols' weights."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from leanlab.synthesis.learning import predicates
from leanlab.synthesis.learning.code import Term, natural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from leanlab.synthesis.learning.board import Board
    from leanlab.synthesis.learning.search import State

    Ints = NDArray[np.signedinteger[Any]]

LONGEST = 64
SYMBOLS = 12
LARGEST = (1, 2, 3, 4, 6, 9)
"""The weights that are tried go up to one of these."""
STEPS = 60
MODULI = (2, 3, 4, 5, 6, 7)
RESIDUES = 2500
"""Lists of weights that are tried at most, of a modulus."""


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """A weighted sum, whatever the weights."""

    code: str
    """With {0} for the weights."""
    says: str
    columns: Any
    """What each weight multiplies: a row a string."""


def linear(state: State) -> None:
    """Offer thresholds on weighted sums of places or of symbols."""
    lengths = {len(s) for s in state.lists}
    symbols = len(state.domain.alphabet)
    if len(lengths) == 1 and 3 <= min(lengths) <= LONGEST:
        places = Sum(
            code="sum(w * c for w, c in zip(({0},), s))",
            says="the sum of the items of x, weighted {0},",
            columns=np.array(state.lists),
        )
        thresholds(places, state.board)
    if 3 <= symbols <= SYMBOLS:
        counts = np.array([[s.count(c) for c in range(symbols)] for s in state.lists])
        weighed = Sum(
            code="sum(({0},)[c] for c in s)",
            says="the sum of the symbols of x, weighted {0},",
            columns=counts,
        )
        thresholds(weighed, state.board)
        residues(weighed, state.board)


def thresholds(weighed: Sum, board: Board) -> None:
    """Offer the thresholds that descents from the direction between the classes lead to."""
    columns = weighed.columns
    target = np.where(board.labels, 1, -1)
    # In integers, so that every machine rounds alike.
    direction = board.n * (target @ columns) - target.sum() * columns.sum(axis=0)
    largest = int(np.abs(direction).max())
    if not largest:
        return
    for most in LARGEST:
        nearest = (2 * direction * most + largest) // (2 * largest)
        for least in (0, -most):
            weights = _descent(np.clip(nearest, least, most), columns, (least, most), board)
            _offer(weighed, weights, (least, most), board)


def _descent(weights: Ints, columns: Ints, bounds: tuple[int, int], board: Board) -> Ints:
    """Change one weight at a time while the code of rule and exceptions gets shorter."""
    least, most = bounds
    moves = [d for d in (-2, -1, 1, 2) if abs(d) <= most - least]
    value = math.inf
    for _ in range(STEPS):
        near = np.concatenate(
            [weights[None, :], *(weights + d * np.eye(len(weights), dtype=np.int64) for d in moves)]
        )
        near = near[((near >= least) & (near <= most)).all(axis=1)]
        sums = near @ columns.T
        errors = _fewest_errors(sums, board)
        worth = board.exceptions[np.minimum(errors, board.n // 2)] + np.array(
            [weight_bits(row, bounds) for row in near]
        )
        best = int(worth.argmin())
        if worth[best] >= value - 1e-9:
            break
        value, weights = float(worth[best]), near[best]
    return weights


def _fewest_errors(sums: Ints, board: Board) -> Ints:
    """Return the errors of the best threshold, positives above it, for each row of sums."""
    order = np.argsort(sums, axis=1, kind="stable")
    values = np.take_along_axis(sums, order, axis=1)
    lead = np.cumsum(np.where(board.labels, 1, -1)[order], axis=1)
    cut = np.ones(lead.shape, dtype=bool)
    cut[:, :-1] = values[:, 1:] != values[:, :-1]
    negative = board.n - int(board.labels.sum())
    errors: Ints = negative + np.where(cut, lead, board.n).min(axis=1)
    return errors


def weight_bits(weights: Ints, bounds: tuple[int, int]) -> float:
    """Return the shorter of two codes: every weight in turn, or the places of those not 0."""
    least, most = bounds
    kinds = most - least + 1
    size, used = len(weights), int(np.count_nonzero(weights))
    sparse = natural(used) + math.log2(math.comb(size, used)) + used * math.log2(kinds - 1)
    return 2.0 + math.log2(len(LARGEST)) + min(size * math.log2(kinds), sparse)


def _offer(weighed: Sum, weights: Ints, bounds: tuple[int, int], board: Board) -> None:
    if not weights.any():
        return
    bits = 5.0 + weight_bits(weights, bounds)
    term = _listed(weighed, weights.tolist(), bits)
    sums = (weighed.columns @ weights)[None, :]
    predicates.orders(sums, [term], np.array([bits]), board)


def residues(weighed: Sum, board: Board) -> None:
    """Offer residues of sums with weights for every symbol, all of which are tried."""
    symbols = weighed.columns.shape[1]
    for m in MODULI:
        if m**symbols > RESIDUES:
            break
        lists = [w for w in product(range(m), repeat=symbols) if any(w)]
        bits = 6.0 + natural(m - 2) + symbols * math.log2(m)
        terms = [_listed(weighed, w, bits) for w in lists]
        sums = np.array(lists) @ weighed.columns.T
        predicates.residues(sums, terms, np.full(len(lists), bits), m, board)


def _listed(weighed: Sum, weights: Sequence[int], bits: float) -> Term:
    listed = ", ".join(map(str, weights))
    return Term(weighed.code.format(listed), weighed.says.format(listed), bits)
