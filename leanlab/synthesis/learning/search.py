"""The search: stages that fill one board with rules, short descriptions first.

How much a stage does is counted in features, atoms and steps, never in seconds, so the same strings
give the same rules on every machine. A clock may only keep later stages from beginning.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from leanlab.synthesis.learning import combinations, features, grammar, predicates, relations, views
from leanlab.synthesis.learning.annealed import annealed
from leanlab.synthesis.learning.atoms import atoms
from leanlab.synthesis.learning.automata import automata
from leanlab.synthesis.learning.board import Board
from leanlab.synthesis.learning.brackets import brackets
from leanlab.synthesis.learning.code import Term, domain_of
from leanlab.synthesis.learning.features import Pool
from leanlab.synthesis.learning.graphs import graphs
from leanlab.synthesis.learning.linear import linear
from leanlab.synthesis.learning.numbers import numbers
from leanlab.synthesis.learning.parities import parities
from leanlab.synthesis.learning.pointers import pointers
from leanlab.synthesis.learning.sums import sums
from leanlab.synthesis.learning.tables import choices_by_two, tables
from leanlab.synthesis.learning.views import View
from leanlab.synthesis.learning.words import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

USUAL = 60
"""Characters; of longer strings fewer views are built on others."""
CHOSEN = 14.0
"""Bits of a choice by two questions of any kind: six questions weigh about 5.1 ** 6 at most, which
is a bit more than these pay for, and `learned.PREFIX` has that to spare."""
LOOKED_AT = 256
"""Training strings that the search sees; its rules are then held against all of them."""
CERTAIN = 2.0
"""A stage whose rules are all longer than an exact one by so many bits is left out."""


class Effort(msgspec.Struct, frozen=True):
    """How far each stage goes."""

    scale: float = 1.0

    def __call__(self, count: int) -> int:
        return max(1, int(count * self.scale))


class State:
    """What the stages share."""

    def __init__(self, strings: Sequence[str], labels: Sequence[int], effort: Effort) -> None:
        self.strings = strings
        self.labels: NDArray[np.bool_] = np.array(labels, dtype=bool)
        self.effort = effort
        self.domain = domain_of(strings)
        self.board = Board(self.labels)
        self.pool = Pool(len(strings))
        """Features of few views, which other stages build on."""
        self.extra: list[tuple[Term, NDArray[np.bool_]]] = []
        """Questions that stages found good enough to be parts of other rules."""
        self.known: set[object] = set()
        read = {c: i for i, c in enumerate(self.domain.alphabet)}
        self.lists = [[read[c] for c in x] for x in strings]
        self.root = View(Term("s", "x", 0.0), self.lists)
        self.marks: list[View] = []
        self.once: list[View] = []
        self.numbers: list[list[int]] = []
        if self.domain.numbered:
            self.numbers = [[int(word) for word in re.findall(r"\d+", x)] for x in strings]

    @property
    def n(self) -> int:
        return len(self.strings)

    def share(self, count: int) -> int:
        """Return how many views to build on, of so many for strings of USUAL characters."""
        longer = max(1.0, sum(map(len, self.lists)) / (USUAL * self.n))
        return self.effort(int(count / longer))


def plain(state: State) -> None:
    """Ask about the string, the marks of its symbols, and one view of either."""
    roots = [state.root]
    if state.numbers and max((max(s, default=0) for s in state.numbers), default=0) < 2**28:
        roots.append(View(Term("n", "the integers of x", 1.0), state.numbers))
    state.known.update(hash(root.key) for root in roots)
    for root in roots:
        state.marks += views.marks(root)
    # Views of other marks than the first few cost much time and seldom pay.
    few = state.marks if len(state.marks) <= 4 else []
    state.once = views.grow([*roots, *few], grammar.VIEWS, state.known)
    if not few:
        again = [production for production in grammar.VIEWS if production.again]
        state.once += views.grow(state.marks[: state.share(16)], again, state.known)
    features.add_features([*roots, *few], state.pool, whole=True)
    features.add_features(state.marks, state.pool, whole=False)
    features.add_places(state.lists, state.pool)
    features.add_comparisons(state.lists, state.pool)
    features.add_lags(state.lists, state.pool)
    features.add_features(state.once, state.pool, whole=False, values=features.MORE_VALUES)
    predicates.fit(state.pool.matrix(), state.pool.terms, state.board)


def related(state: State) -> None:
    """Compare, add and subtract two features."""
    relations.compare(state.pool, state.board, state.effort(500))
    relations.combine(state.pool, state.board, state.effort(120))


def twice(state: State) -> None:
    """Ask about two views on top of one another."""
    again = [production for production in grammar.VIEWS if production.again]
    below = sorted(state.once, key=lambda view: view.term.bits)[: state.share(60)]
    deep = views.grow(below, again, state.known)[: state.share(1500)]
    pool = Pool(state.n)
    features.add_features(deep, pool, whole=False)
    predicates.fit(pool.matrix(), pool.terms, state.board, (2, 3, 4, 5, 7))
    totals = [i for i, term in enumerate(pool.terms) if term.code.startswith("sum(")]
    terms = [pool.terms[i] for i in totals]
    bits = np.array([term.bits for term in terms])
    for m in (6, 8, 9, 10, 11, 13):
        predicates.residues(pool.matrix()[totals], terms, bits, m, state.board)


def joined(state: State) -> None:
    """Join two or three questions."""
    every = atoms(state.pool, state.effort(1500), state.extra)
    combinations.pairs(every.first(state.effort(2500)), state.board)
    combinations.exact_pairs(every.first(state.effort(30_000)), state.board)
    combinations.choices(
        every.first(state.effort(1200)), every.first(state.effort(12_000)), state.board
    )
    choices_by_two(
        every.first(state.effort(120)), every.first(state.effort(400)), state.board, CHOSEN
    )


class Stage(msgspec.Struct, frozen=True):
    """One part of the search."""

    family: str
    work: Callable[[State], None]
    shortest: float = 0.0
    """Its rules seldom have fewer bits."""


STAGES: tuple[Stage, ...] = (
    Stage("feature", plain),
    Stage("number", numbers, 10.0),
    Stage("graph", graphs, 8.0),
    Stage("parity", parities, 9.0),
    Stage("pattern", words, 14.0),
    Stage("sum", sums, 18.0),
    Stage("pointer", pointers, 14.0),
    Stage("weighted", linear, 16.0),
    Stage("brackets", brackets, 13.0),
    Stage("table", tables, 16.0),
    Stage("automaton", automata, 16.0),
    Stage("relation", related, 14.0),
    Stage("composition", twice, 24.0),
    Stage("combination", joined, 26.0),
    Stage("large automaton", annealed, 32.0),
)
FAMILIES = tuple(stage.family for stage in STAGES)


def search(
    strings: Sequence[str],
    labels: Sequence[int],
    effort: Effort,
    go_on: Callable[[], bool] = lambda: True,
) -> Board:
    """Run the stages; go_on is asked before each but the first."""
    # Spread over all of them: a file may be sorted by label.
    seen = range(0, len(strings), -(-len(strings) // LOOKED_AT))
    state = State([strings[i] for i in seen], [labels[i] for i in seen], effort)
    for number, stage in enumerate(STAGES):
        best = state.board.best()
        if best and best.errors == 0 and stage.shortest > best.total + CERTAIN:
            continue
        if number and not go_on():
            break
        state.board.family = stage.family
        stage.work(state)
    return state.board
