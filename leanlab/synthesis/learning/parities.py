"""Sums modulo 2: of places, of stretches, and of patterns that slide along the string."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from leanlab.synthesis.learning import gf2
from leanlab.synthesis.learning.code import Term, function, natural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from leanlab.synthesis.learning.board import Board
    from leanlab.synthesis.learning.search import State

LONGEST = 128
"""Views of that many places at most are searched for sparse sums."""
SPARE = 12
"""Equations beyond the rank that make a solution more than an accident."""
TRIES = 400
SPAN = 6
PARTS = 5000


def parities(state: State) -> None:
    """Offer sums of places of the bits of the string, and of the patterns in it."""
    bits: list[tuple[str, str, Any]] = [("s", "x", [[c & 1 for c in s] for s in state.lists])]
    if state.root.is_bits:
        bits = [("s", "x", state.lists)]
    elif state.domain.is_numeric:
        bits = [("[c % 2 for c in s]", "the parities of x", bits[0][2])]
    else:
        bits = [(mark.term.code, mark.term.says, mark.lists) for mark in state.marks[:4]]
    for code, says, lists in bits:
        cost = 0.0 if code == "s" else 6.0
        term = Term(code, says, cost)
        shortest = min(map(len, lists))
        if 2 <= shortest == max(map(len, lists)) <= LONGEST:
            matrix = np.array(lists, dtype=np.int8)
            few_places(term, matrix, state.board)
            state.extra += parts(term, matrix)
            places(term, matrix, state.board)
        if shortest >= 4:
            patterns(term, lists, state.board)


def few_places(term: Term, matrix: NDArray[np.int8], board: Board) -> None:
    """Offer stretches, and sums of three or four places, errors allowed.

    With 1 as -1 and 0 as 1, a sum is a product of columns, and its errors are linear in the product
    of two products.
    """
    n, length = matrix.shape
    signs = (1 - 2 * matrix).astype(np.float32)
    target = np.where(board.labels, -1, 1).astype(np.float32)
    ahead = np.cumprod(np.hstack([np.ones((n, 1), dtype=np.float32), signs]), axis=1)
    start, end = np.triu_indices(length + 1, 2)
    agree = ((ahead.T * target) @ ahead)[start, end]
    cost = np.full(len(start), term.bits + 2.0 + math.log2(len(start)))

    def stretch(k: int) -> tuple[str, str]:
        a, b = int(start[k]), int(end[k])
        return f"sum({term.code}[{a}:{b}])", f"the sum of the items {a} to {b - 1} of {term.says}"

    _offer_signs(agree, cost, stretch, board)
    if length < 4:
        return
    i, j = np.triu_indices(length, 1)
    two = signs[:, i] * signs[:, j]
    size = max(1, 4_000_000 // len(i))
    cost_3 = term.bits + 3.0 + math.log2(math.comb(length, 3))
    agree = ((two.T * target) @ signs).astype(np.float32)
    _offer_listed(agree, cost_3, (i, j), np.arange(length)[:, None], term, board)
    cost_4 = term.bits + 3.0 + math.log2(math.comb(length, 4))
    for at in range(0, len(i), size):
        agree = (two[:, at : at + size].T * target) @ two
        rest = np.stack([i, j], axis=1)
        _offer_listed(agree, cost_4, (i[at : at + size], j[at : at + size]), rest, term, board)


def parts(term: Term, matrix: NDArray[np.int8]) -> list[tuple[Term, NDArray[np.bool_]]]:
    """Return sums of two places, and of three where those are few, as parts of other rules."""
    length = matrix.shape[1]
    made = []
    for size in (2, 3):
        if math.comb(length, size) > PARTS:
            break
        bits = term.bits + 3.0 + math.log2(math.comb(length, size))
        for chosen in combinations(range(length), size):
            odd = matrix[:, list(chosen)].sum(axis=1) % 2 == 1
            made.append((_listed(term, chosen, bits, negated=False), odd))
    return made


def _offer_listed(
    agree: NDArray[np.floating[Any]],
    cost: float,
    heads: tuple[NDArray[np.int64], NDArray[np.int64]],
    rest: NDArray[np.int64],
    term: Term,
    board: Board,
) -> None:
    limit = _fewest_agreeing(cost, board)
    for k, m in zip(*np.nonzero(np.abs(agree) >= limit), strict=True):
        chosen = [int(heads[0][k]), int(heads[1][k]), *map(int, rest[m])]
        # Ascending, so that each set comes once; the last one of a head is before the rest.
        if chosen == sorted(set(chosen)):
            wrong = int(board.n - agree[k, m]) // 2
            board.offer(
                _listed(term, chosen, cost, wrong * 2 > board.n), min(wrong, board.n - wrong)
            )


def _fewest_agreeing(cost: float, board: Board) -> float:
    """Return the least agreement, right less wrong, with which a rule of that cost is kept."""
    errors = np.nonzero(cost + board.exceptions < board.ceiling)[0]
    return board.n - 2 * int(errors.max()) if len(errors) else math.inf


def _offer_signs(agree: NDArray[Any], cost: NDArray[np.float64], code: Any, board: Board) -> None:
    wrong = ((board.n - agree) / 2).astype(np.int64)
    for odd, errors in ((1, wrong), (0, board.n - wrong)):

        def describe(index: tuple[int, ...], rest: int = odd) -> Term:
            text, says = code(index[0])
            return Term(f"{text} % 2 == {rest}", _odd(says, rest), float(cost[index]))

        board.offer_all(cost, errors, describe)


def _odd(says: str, rest: int) -> str:
    return f"{says} is {'odd' if rest else 'even'}"


def _listed(term: Term, places: Sequence[int], bits: float, negated: bool) -> Term:
    listed = ", ".join(map(str, places))
    code = f"sum({term.code}[i] for i in ({listed},)) % 2 == {int(not negated)}"
    says = f"the sum of the items {listed} of {term.says}"
    return Term(code, _odd(says, int(not negated)), bits)


def listing_bits(k: int, length: int) -> float:
    """Return the bits that name k of so many places, and k."""
    return natural(k) + math.log2(math.comb(length, k))


def places(term: Term, matrix: NDArray[np.int8], board: Board) -> None:
    """Offer sums of any places: solutions of linear equations, light ones first."""
    length = matrix.shape[1]
    for x in _solved(matrix, board, (1 << length) - 1):
        chosen = [i for i in range(length) if x >> i & 1]
        if chosen:
            bits = term.bits + 4.0 + listing_bits(len(chosen), length)
            told = (matrix[:, chosen].sum(axis=1) % 2).astype(bool) ^ bool(x >> length & 1)
            errors = int((told != board.labels).sum())
            board.offer(_listed(term, chosen, bits, bool(x >> length & 1)), errors)


def _solved(matrix: NDArray[Any], board: Board, weighed: int) -> list[int]:
    """Return sums of columns, and one more bit for the negation, that give the labels or nearly."""
    width = matrix.shape[1]
    told = np.column_stack([matrix & 1, np.ones(board.n, dtype=np.int8), board.labels])
    rows = [int("".join(map(str, row[::-1])), 2) for row in told.astype(int).tolist()]
    system = gf2.eliminate(rows, width + 1)
    if system.consistent:
        return list(gf2.solutions(rows, width + 1, weighed))[: 4 * gf2.KEPT]
    if board.n - system.rank < SPARE or ((best := board.best()) and best.errors == 0):
        return []
    return sorted(set(gf2.near_solutions(rows, width + 1, TRIES)))


def patterns(term: Term, lists: Sequence[list[int]], board: Board) -> None:
    """Offer sums of the numbers of occurrences of patterns of ones, and of the ends' products."""
    columns: list[NDArray[np.int64]] = []
    parts: list[tuple[str, str, float]] = []
    count = function("occurrences({0}, {v})")
    for shape in _shapes(SPAN):
        listed = ", ".join(str(c) for c in shape)
        columns.append(np.array([count(s, shape) for s in lists]))
        says = f"the occurrences of {''.join('.' if c is None else '1' for c in shape)}"
        parts.append((f"occurrences({term.code}, ({listed},))", says, 2.0 + len(shape)))
    for ends in ((0, 1, 2), (-1, -2, -3)):
        for size in (1, 2, 3):
            for chosen in combinations(ends, size):
                values = [int(all(s[i] for i in chosen)) for s in lists]
                columns.append(np.array(values))
                product = " * ".join(f"at({term.code}, {i})" for i in chosen)
                parts.append((product, f"the product of items {', '.join(map(str, chosen))}", 5.0))
    matrix = np.array(columns).T
    width = len(parts)
    for x in _solved(matrix, board, (1 << width) - 1):
        chosen_parts = [i for i in range(width) if x >> i & 1]
        if not chosen_parts:
            continue
        rest = int(not x >> width & 1)
        code = " + ".join(parts[i][0] for i in chosen_parts)
        says = " plus ".join(parts[i][1] for i in chosen_parts) + f" in {term.says}"
        bits = term.bits + 9.0 + sum(parts[i][2] for i in chosen_parts)
        told = matrix[:, chosen_parts].sum(axis=1) % 2 == rest
        errors = int((told != board.labels).sum())
        board.offer(Term(f"({code}) % 2 == {rest}", _odd(says, rest), bits), errors)


def _shapes(span: int) -> list[tuple[int | None, ...]]:
    """Return patterns of ones and gaps that begin and end with a one."""
    made: list[tuple[int | None, ...]] = [(1,)]
    for inner in range(span - 1):
        for mask in range(1 << inner):
            middle = [1 if mask >> i & 1 else None for i in range(inner)]
            made.append((1, *middle, 1))
    return made
