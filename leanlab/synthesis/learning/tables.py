"""Rules that look at few places: tables of three, choices by two, sums of products of places."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from leanlab.synthesis.learning.atoms import Atoms
from leanlab.synthesis.learning.code import Term, natural

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leanlab.synthesis.learning.board import Board
    from leanlab.synthesis.learning.search import State

SCREENED = 24
"""Of longer strings, so many places are looked at by four or more: those that tell most alone."""
CHUNK = 20_000
MOST_TESTS = 200
LITERALS = 6.0
SUMS = 30_000_000
"""Sums of three products that are tried at most."""


def tables(state: State) -> None:
    """Offer every function of three places, and of four of those that tell most."""
    if not state.root.is_bits or len({len(s) for s in state.lists}) > 1:
        return
    matrix = np.array(state.lists, dtype=np.int8)
    if matrix.shape[1] < 4:
        return
    everywhere = np.arange(matrix.shape[1])
    if len(everywhere) <= 128:
        _tables(matrix, everywhere, 3, state.board)
        literals = _literals(matrix)
        choices_by_two(literals.first(matrix.shape[1]), literals, state.board, LITERALS)
    told = screened(matrix, state.board, SCREENED)
    _tables(matrix, told, 4, state.board)
    polynomials(matrix, told if len(everywhere) > 40 else everywhere, state.board)
    if len(everywhere) > 40:
        polynomials(matrix, everywhere, state.board, degree=2)


def _literals(matrix: NDArray[np.int8]) -> Atoms:
    """Return each place, and its negation."""
    length = matrix.shape[1]
    bits = 2.0 + math.log2(length)
    terms = [
        Term(f"s[{i}] == {v}", f"item {i} is {v}", bits) for v in (1, 0) for i in range(length)
    ]
    return Atoms(terms, np.concatenate([matrix.T == 1, matrix.T == 0]))


def screened(matrix: NDArray[np.int8], board: Board, count: int) -> NDArray[np.int64]:
    """Return the places whose bits, alone or with another one, go with the labels most."""
    signs = (1 - 2 * matrix).astype(np.float64)
    target = np.where(board.labels, -1.0, 1.0)
    alone = np.abs(target @ signs)
    order = np.argsort(-alone, kind="stable")[:count]
    return np.sort(order)


def _tables(matrix: NDArray[np.int8], places: NDArray[Any], size: int, board: Board) -> None:
    sets = np.array(list(combinations(places.tolist(), size)))
    cells = 1 << size
    signs = np.where(board.labels, 1.0, -1.0)
    positive = int(board.labels.sum())
    cost = 4.0 + math.log2(math.comb(matrix.shape[1], size)) + cells
    if cost >= board.ceiling:
        return
    for start in range(0, len(sets), CHUNK):
        some = sets[start : start + CHUNK]
        index = np.zeros((board.n, len(some)), dtype=np.int64)
        for column in range(size):
            index = 2 * index + matrix[:, some[:, column]]
        flat = (index + cells * np.arange(len(some))).ravel()
        weights = np.repeat(signs, len(some))
        gained = np.bincount(flat, weights=weights, minlength=cells * len(some))
        gained = gained.reshape(len(some), cells)
        errors = positive - np.maximum(gained, 0).sum(axis=1).astype(np.int64)

        def table(index: tuple[int, ...], some: Any = some, gained: Any = gained) -> Term:
            (k,) = index
            chosen = ", ".join(str(int(i)) for i in some[k])
            yes = [format(v, f"0{size}b") for v in range(cells) if gained[k, v] > 0]
            read = f"''.join(str(s[i]) for i in ({chosen}))"
            says = f"items {chosen} of x read {' or '.join(yes)}"
            return Term(f"{read} in {tuple(yes)!r}", says, cost)

        board.offer_all(np.full(len(some), cost), errors, table)


def polynomials(
    matrix: NDArray[np.int8], places: NDArray[Any], board: Board, degree: int = 3
) -> None:
    """Offer sums modulo 2 of two to four products of at most `degree` places, without errors.

    A product is a column of bits; the first 62 of them, as one integer, make a key, so that sums
    are exclusive ors of keys: the last product is looked up, in a bit map, then in the keys.
    """
    sets = [c for d in range(1, degree + 1) for c in combinations(places.tolist(), d)]
    columns = np.array([matrix[:, list(c)].all(axis=1) for c in sets])
    keys, target = _keys(columns), int(_keys(board.labels[None, :])[0])
    full = (1 << min(62, board.n)) - 1
    length = matrix.shape[1]
    costs = np.array([natural(len(c)) + math.log2(math.comb(length, len(c))) for c in sets])
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    hashed = np.zeros(1 << 22, dtype=bool)
    hashed[keys & ((1 << 22) - 1)] = True

    def offer(chosen: list[int], odd: int) -> None:
        told = columns[chosen].sum(axis=0) % 2 == odd
        if len(set(chosen)) == len(chosen) and (told == board.labels).all():
            bits = 5.0 + len(chosen) + float(costs[chosen].sum())
            board.offer(_polynomial([sets[i] for i in sorted(chosen)], odd, bits), 0)

    tried = 0
    for odd in (1, 0):
        wanted = target if odd else target ^ full
        rest = keys ^ wanted
        found = np.minimum(np.searchsorted(ranked, rest), len(ranked) - 1)
        for i in np.nonzero(ranked[found] == rest)[0].tolist():
            offer([i, int(order[found[i]])], odd)
        for i in range(len(sets)):
            _look_up(keys ^ (wanted ^ int(keys[i])), hashed, ranked, order, [i], odd, offer)
            tried += len(sets)
            if tried > SUMS:
                break
    if len(sets) <= 600:
        _four(keys, target, full, offer)


def _keys(columns: NDArray[np.bool_]) -> NDArray[np.int64]:
    used = columns[:, :62].astype(np.int64)
    keys: NDArray[np.int64] = used @ (1 << np.arange(used.shape[1], dtype=np.int64))
    return keys


def _look_up(
    wanted: NDArray[np.int64],
    hashed: NDArray[np.bool_],
    ranked: NDArray[np.int64],
    order: NDArray[np.int64],
    begun: list[int],
    odd: int,
    offer: Any,
) -> None:
    """Offer sums of the one begun with, a second one, and the one whose key is then wanted."""
    near = np.nonzero(hashed[wanted & (len(hashed) - 1)])[0]
    found = np.searchsorted(ranked, wanted[near])
    for j, at in zip(near.tolist(), found.tolist(), strict=True):
        if at < len(ranked) and ranked[at] == wanted[j]:
            third = int(order[at])
            if begun[0] < j < third:
                offer([*begun, j, third], odd)


def _four(keys: NDArray[np.int64], target: int, full: int, offer: Any) -> None:
    i, j = np.triu_indices(len(keys), 1)
    sums = keys[i] ^ keys[j]
    order = np.argsort(sums, kind="stable")
    ranked = sums[order]
    for odd, wanted in ((1, target), (0, target ^ full)):
        rest = sums ^ wanted
        found = np.minimum(np.searchsorted(ranked, rest), len(ranked) - 1)
        for k in np.nonzero(ranked[found] == rest)[0][:200].tolist():
            m = int(order[found[k]])
            if i[k] < i[m]:
                offer([int(i[k]), int(j[k]), int(i[m]), int(j[m])], odd)


def _polynomial(products: list[tuple[int, ...]], odd: int, bits: float) -> Term:
    parts = [" * ".join(f"s[{i}]" for i in product) for product in products]
    says = " plus ".join(" times ".join(f"item {i}" for i in product) for product in products)
    return Term(
        f"({' + '.join(parts)}) % 2 == {odd}", f"{says} of x is {'odd' if odd else 'even'}", bits
    )


def choices_by_two(tests: Atoms, leaves: Atoms, board: Board, cost: float) -> None:
    """Offer tables of two tests with the best leaf in each of the four cases, at so many bits."""
    wrong = (leaves.rows != board.labels).astype(np.float32)
    half = np.arange(len(tests))[:MOST_TESTS]
    first, second = (half[i] for i in np.triu_indices(len(half), 1))
    rows = tests.rows
    best_errors, best_leaf = [], []
    for a in (True, False):
        for b in (True, False):
            mask = ((rows[first] == a) & (rows[second] == b)).astype(np.float32)
            value = 6.0 * (wrong @ mask.T) + leaves.bits[:, None]
            leaf = value.argmin(axis=0)
            best_leaf.append(leaf)
            best_errors.append((wrong[leaf] * mask).sum(axis=1).astype(np.int64))
    errors = np.sum(best_errors, axis=0)
    bits = tests.bits[first] + tests.bits[second] + cost
    bits = bits + sum(leaves.bits[leaf] for leaf in best_leaf)

    def choice(index: tuple[int, ...]) -> Term:
        (k,) = index
        a, b = tests.terms[first[k]], tests.terms[second[k]]
        w, x, y, z = (leaves.terms[leaf[k]] for leaf in best_leaf)
        code = (
            f"((({w.code}) if ({b.code}) else ({x.code})) if ({a.code}) "
            f"else (({y.code}) if ({b.code}) else ({z.code})))"
        )
        says = (
            f"{a.says} and {b.says}: {w.says}; only the first: {x.says}; "
            f"only the second: {y.says}; neither: {z.says}"
        )
        return Term(code, says, float(bits[k]))

    board.offer_all(bits, errors, choice)
