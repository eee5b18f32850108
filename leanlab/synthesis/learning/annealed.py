"""Automata too large to try all: tables that many walkers improve, one cell at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from leanlab.synthesis.learning.automata import SYMBOLS, automaton
from leanlab.synthesis.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from leanlab.synthesis.learning.search import State

    Ints = NDArray[np.signedinteger[Any]]

STATES = {1: (12,), 2: (6, 8), 3: (4, 6), 4: (3, 5)}
"""How many states the walkers have, by the number of symbols; fewer are found sooner."""
KEPT = 20
WALKERS = 192
STEPS = 1200
READ = 300_000_000
"""Characters that are read at most, by all walkers in all steps."""
HOT, COLD = 1.5, 0.3
"""Errors more that a walker takes with probability 1/e, in the beginning and in the end."""


def annealed(state: State) -> None:
    """Offer the best automata that simulated annealing finds, without the states not needed.

    Kirkpatrick, Gelatt and Vecchi, Optimization by Simulated Annealing, Science 220 (1983). It goes
    far here because most automata forget: the last characters alone tell good cells from bad ones.
    """
    symbols = len(state.domain.alphabet)
    if symbols > SYMBOLS:
        return
    width = max(map(len, state.lists))
    steps = min(state.effort(STEPS), state.effort(READ) // (WALKERS * state.n * width))
    strings = np.full((state.n, width), symbols)
    for i, s in enumerate(state.lists):
        strings[i, width - len(s) :] = s  # the reading begins late, in state 0
    for states in STATES[symbols]:
        walkers = Walkers(strings, state.labels, states, symbols)
        walkers.anneal(steps)
        for table, accepting, errors in walkers.best(KEPT):
            rows, ends = minimal(table, accepting)
            if ends:
                state.board.offer(automaton(rows, sorted(ends)), errors)


class Walkers:
    """Tables with `states` rows, and a cell for each symbol; they accept where positives prevail.

    A further symbol, which fills strings up in front, leaves the state as it is.
    """

    def __init__(self, strings: Ints, labels: NDArray[np.bool_], states: int, symbols: int) -> None:
        self.columns = np.ascontiguousarray(strings.T)
        self.signs = np.where(labels, 1.0, -1.0)
        self.states, self.symbols = states, symbols
        seed = Stream("automata", states, symbols, *strings.shape).below(2**32)
        # The generator whose numbers are the same in every version of numpy.
        self.random = np.random.RandomState(seed)
        self.tables = self.random.randint(0, states, (WALKERS, states, symbols))
        self.errors = self.wrong(self.tables)

    def ends(self, tables: Ints) -> Ints:
        """Return the state in which each table ends on each string."""
        count, cells = len(tables), self.states * (self.symbols + 1)
        stays = np.broadcast_to(np.arange(self.states)[None, :, None], (count, self.states, 1))
        whole = np.concatenate([tables, stays], axis=2) * (self.symbols + 1)
        begins = np.arange(count) * cells
        whole = (whole + begins[:, None, None]).ravel()
        at = np.repeat(begins[:, None], self.columns.shape[1], axis=1)
        for column in self.columns:
            at = whole.take(at + column)
        ends: Ints = (at - begins[:, None]) // (self.symbols + 1)
        return ends

    def balance(self, tables: Ints) -> NDArray[Any]:
        """Return the positives less the negatives that end in each state of each table."""
        slots = self.ends(tables) + self.states * np.arange(len(tables))[:, None]
        signs = np.broadcast_to(self.signs, slots.shape).ravel()
        counted: NDArray[Any] = np.bincount(slots.ravel(), signs, self.states * len(tables))
        return counted.reshape(len(tables), self.states)

    def wrong(self, tables: Ints) -> Ints:
        """Return how many strings each table gets wrong."""
        right = np.abs(self.balance(tables)).sum(axis=1)
        errors: Ints = ((len(self.signs) - right) // 2).astype(np.int64)
        return errors

    def anneal(self, steps: int) -> None:
        """Change a cell of every table at a time, until one makes no error or the steps are up."""
        every = np.arange(WALKERS)
        for step in range(steps):
            heat = HOT * (COLD / HOT) ** (step / steps)
            tried = self.tables.copy()
            row = self.random.randint(0, self.states, WALKERS)
            column = self.random.randint(0, self.symbols, WALKERS)
            tried[every, row, column] = self.random.randint(0, self.states, WALKERS)
            errors = self.wrong(tried)
            chance = np.exp(np.minimum(0.0, (self.errors - errors) / heat))
            taken = self.random.random_sample(WALKERS) < chance
            self.tables[taken], self.errors[taken] = tried[taken], errors[taken]
            if not self.errors.min():
                break

    def best(self, count: int) -> Iterator[tuple[list[list[int]], set[int], int]]:
        """Yield the tables with the fewest errors, their accepting states and errors."""
        for k in np.argsort(self.errors, kind="stable")[:count]:
            prevail = self.balance(self.tables[k : k + 1])[0] > 0
            accepting = set(np.nonzero(prevail)[0].tolist())
            yield self.tables[k].tolist(), accepting, int(self.errors[k])


def minimal(
    table: Sequence[Sequence[int]], accepting: set[int]
) -> tuple[list[list[int]], set[int]]:
    """Return the least automaton that accepts the same strings, states in order of reaching them.

    Moore's refinement: states are told apart by whether they accept, then by where symbols lead.
    """
    group = [int(q in accepting) for q in range(len(table))]
    while True:
        signs = [(group[q], *(group[r] for r in row)) for q, row in enumerate(table)]
        names = {sign: i for i, sign in enumerate(dict.fromkeys(signs))}
        finer = [names[sign] for sign in signs]
        if len(set(finer)) == len(set(group)):
            break
        group = finer
    reached = {group[0]: 0}
    states = [0]
    for q in states:
        for r in table[q]:
            if group[r] not in reached:
                reached[group[r]] = len(states)
                states.append(r)
    rows = [[reached[group[r]] for r in table[q]] for q in states]
    return rows, {reached[group[q]] for q in states if q in accepting}
