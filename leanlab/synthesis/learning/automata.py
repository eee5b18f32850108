"""Regular languages: all small automata, tried on every string at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from leanlab.synthesis.learning.code import Term

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leanlab.synthesis.learning.board import Board
    from leanlab.synthesis.learning.search import State

    Tables = NDArray[np.int8]

MOST = 420_000
"""Automata that are tried at most, of a number of states and symbols."""
MANY = 20_000
"""Of more automata than that, those are kept that make no error."""
STEPS = 6_000_000
"""Automata times characters, where there are many."""
FIRST = 6
"""Strings that all are tried on; the ones left are tried on the rest."""
SYMBOLS = 4


def automata(state: State) -> None:
    """Offer automata with as many states as the number of their tables allows."""
    symbols = len(state.domain.alphabet)
    if symbols > SYMBOLS:
        return
    order = sorted(range(state.n), key=lambda i: (len(state.lists[i]), i))
    for states in range(2, 7):
        if tables_of(states, symbols) > state.effort(MOST):
            break
        tables = every_table(states, symbols)
        many = len(tables) > MANY
        if many and len(tables) * max(map(len, state.lists)) > state.effort(STEPS):
            break
        fit(tables, state, order, exact=many)


def tables_of(states: int, symbols: int) -> float:
    """Return about how many tables there are up to the names of the states."""
    return float(states ** (states * symbols) / math.factorial(states - 1))


def every_table(states: int, symbols: int) -> Tables:
    """Return every table whose states are all reached, and numbered in the order of reaching them.

    The order is that of a breadth-first walk: row by row, a new state is the least unused one.
    """
    cells = states * symbols
    partial = np.zeros((1, cells), dtype=np.int8)
    used = np.ones(1, dtype=np.int8)
    for cell in range(cells):
        made, counted = [], []
        for target in range(states):
            fits = (target <= used) & (cell // symbols < used)
            rows = partial[fits]
            rows[:, cell] = target
            made.append(rows)
            counted.append(np.maximum(used[fits], target + 1).astype(np.int8))
        partial, used = np.concatenate(made), np.concatenate(counted)
    whole: Tables = partial[used == states]
    return whole


def fit(tables: Tables, state: State, order: list[int], *, exact: bool) -> None:
    """Offer the automata that fit best, each accepting in the states where positives prevail."""
    board = state.board
    symbols = len(state.domain.alphabet)
    states = tables.shape[1] // symbols
    cost = automaton_bits(states, symbols)
    if cost >= board.ceiling or not len(tables):
        return
    balance = np.zeros((len(tables), states), dtype=np.int16)
    worst = 0 if exact else _most_errors(cost, board)
    alive = np.arange(len(tables))
    seen = np.zeros((len(tables), states), dtype=np.int16)
    for step, chosen in enumerate(_rounds(order)):
        for i in chosen:
            ends = _ends(tables[alive], state.lists[i], symbols)
            at = (np.arange(len(alive)), ends)
            balance[at] += 1 if state.labels[i] else -1
            seen[at] += 1
        errors = ((seen - np.abs(balance)) // 2).sum(axis=1)
        # Few automata may be that wrong on the first strings, and be right on the others.
        part = sum(len(each) for each in list(_rounds(order))[: step + 1]) / len(order)
        keep = errors <= worst * part + 2 * math.sqrt(worst * part)
        alive, balance, seen = alive[keep], balance[keep], seen[keep]
        if not len(alive):
            return
    errors = ((seen - np.abs(balance)) // 2).sum(axis=1).astype(np.int64)

    def describe(index: tuple[int, ...]) -> Term:
        (k,) = index
        table = tables[alive[k]].reshape(states, symbols).tolist()
        return automaton(table, [q for q in range(states) if balance[k, q] > 0])

    board.offer_all(np.full(len(alive), cost), errors, describe)


def automaton_bits(states: int, symbols: int) -> float:
    """Return the bits that name an automaton of so many states."""
    return 5.0 + math.log2(max(2.0, tables_of(states, symbols))) + states


def automaton(table: Sequence[Sequence[int]], accepting: Sequence[int]) -> Term:
    """Return the rule that the automaton ends in one of the accepting states."""
    states = len(table)
    listed = ", ".join(f"({', '.join(map(str, row))},)" for row in table)
    text = f"final_state(s, ({listed},)) in {tuple(accepting)}"
    about = f"an automaton of {states} states that reads x ends in {list(accepting)}"
    return Term(text, about, automaton_bits(states, len(table[0])))


def _most_errors(cost: float, board: Board) -> int:
    good = np.nonzero(cost + board.exceptions < board.ceiling)[0]
    return int(good.max()) if len(good) else -1


def _rounds(order: list[int]) -> Iterator[list[int]]:
    start, size = 0, FIRST
    while start < len(order):
        yield order[start : start + size]
        start, size = start + size, 2 * size


def _ends(tables: Tables, s: list[int], symbols: int) -> NDArray[Any]:
    """Return the state in which each automaton ends."""
    rows = np.arange(len(tables))
    at = np.zeros(len(tables), dtype=np.int64)
    for c in s:
        at = tables[rows, at * symbols + c].astype(np.int64)
    return at
