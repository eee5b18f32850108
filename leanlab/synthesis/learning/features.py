"""Integers that the grammar makes of views, as one matrix with a row a feature."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from leanlab.synthesis.learning import arrays, grammar
from leanlab.synthesis.learning.arrays import Rows
from leanlab.synthesis.learning.code import PIECES, Term, function, natural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from leanlab.synthesis.learning.grammar import Production
    from leanlab.synthesis.learning.views import View

    Ints = NDArray[np.signedinteger[Any]]

TOGETHER = 64
LAGS = 24
VALUES = 12
"""Symbols are counted one by one in views that have at most that many."""
MORE_VALUES = 20
"""The same of views of the string itself."""


class Pool:
    """Features with different values on the training strings; of equals, the first is kept."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.terms: list[Term] = []
        self.rows: list[Ints] = []
        self._known: set[bytes] = set()

    def __len__(self) -> int:
        return len(self.terms)

    def add(self, term: Term, values: Ints) -> bool:
        """Take the feature in, unless it is constant or known."""
        if (values == values[0]).all():
            return False
        row = values.astype(np.int64)
        key = row.tobytes()
        if key in self._known:
            return False
        self._known.add(key)
        self.terms.append(term)
        self.rows.append(row)
        return True

    def matrix(self, start: int = 0, stop: int | None = None) -> Ints:
        rows = self.rows[start:stop]
        return np.array(rows) if rows else np.zeros((0, self.n), dtype=np.int64)

    def shortest(self, count: int) -> tuple[list[Term], Ints]:
        """Return that many features, short descriptions first."""
        order = sorted(range(len(self)), key=lambda i: (self.terms[i].bits, i))[:count]
        return [self.terms[i] for i in order], np.array([self.rows[i] for i in order])


def add_features(views: Sequence[View], pool: Pool, *, whole: bool, values: int = VALUES) -> None:
    """Add the features of each view; the slower ones, too, where whole is said."""
    for start in range(0, len(views), TOGETHER):
        some = views[start : start + TOGETHER]
        for term, row in _of_rows(some, pool.n, values):
            pool.add(term, row)
    if whole:
        for view in views:
            for production in grammar.ROOT_FEATURES:
                told = function(production.code)
                numbers = [told(s) for s in view.lists]
                if max(map(abs, numbers)) < 2**40:
                    pool.add(_over(production, view.term), np.array(numbers))


def _of_rows(views: Sequence[View], n: int, most: int) -> Iterator[tuple[Term, Ints]]:
    rows = Rows([s for view in views for s in view.lists])
    for production in grammar.FEATURES:
        told = arrays.ARRAYS[production.code](rows).reshape(len(views), n)
        for view, values in zip(views, told, strict=True):
            yield _over(production, view.term), values
    few = [view.values if len(view.values) <= most else [] for view in views]
    for v in sorted(set().union(*few)):
        having = [i for i, values in enumerate(few) if v in values]
        picked = _picked(rows, having, n)
        for production in grammar.OF_VALUE:
            told = arrays.VALUE_ARRAYS[production.code](picked, v).reshape(-1, n)
            for i, values in zip(having, told, strict=True):
                yield _over(production, views[i].term, v), values
        for w in sorted(set().union(*few)):
            both = [i for i in having if w in few[i] and len(few[i]) <= 4]
            if not both:
                continue
            picked_two = _picked(rows, both, n)
            for production in grammar.OF_TWO_VALUES:
                told = arrays.TWO_VALUE_ARRAYS[production.code](picked_two, v, w).reshape(-1, n)
                for i, values in zip(both, told, strict=True):
                    yield _over(production, views[i].term, v, w), values


def _picked(rows: Rows, views: Sequence[int], n: int) -> Rows:
    """Return the rows of some of the views."""
    chosen = (np.array(views)[:, None] * n + np.arange(n)).ravel()
    return rows.some(chosen)


def _over(production: Production, term: Term, *values: int) -> Term:
    names = dict(zip(("v", "w"), values, strict=False))
    bits = (
        term.bits
        + grammar.feature_bits(production)
        + sum(natural(abs(v)) + (v < 0) for v in values)
    )
    return Term(
        production.code.format(term.code, **names), production.says.format(term.says, **names), bits
    )


def add_places(strings: Sequence[list[int]], pool: Pool) -> None:
    """Add the items at single places, from both ends where lengths differ."""
    lengths = {len(s) for s in strings}
    longest = max(lengths)
    indices = list(range(longest))
    if len(lengths) > 1:
        indices += list(range(-min(longest, 8), 0))
    cost = 3 + math.log2(len(indices))
    for i in indices:
        told = np.array([s[i] if -len(s) <= i < len(s) else -1 for s in strings])
        where = f"item {i}" if i >= 0 else f"item {i} (from the end)"
        pool.add(Term(f"at(s, {i})", f"{where} of x", cost), told)


def add_lags(strings: Sequence[list[int]], pool: Pool) -> None:
    """Add how often items agree with those some places on, in the string and on a ring."""
    longest = min(LAGS, max(map(len, strings)) // 2)
    for lag in range(1, longest + 1):
        for code, says in (
            (f"alike(s, s[{lag}:])", f"the number of items equal to the one {lag} places on in x"),
            (
                f"alike(s, s[{lag}:] + s[:{lag}])",
                f"the number of items equal to the one {lag} places on in the ring x",
            ),
        ):
            of = function(code)
            told = np.array([of(s) for s in strings])
            pool.add(Term(code, says, 5.0 + natural(lag)), told)


def add_comparisons(strings: Sequence[list[int]], pool: Pool) -> None:
    """Add what comparisons of two parts of the strings tell."""
    cut = [[function(code)(s) for s in strings] for code, _ in grammar.PARTS]
    weights = sum(production.weight for production in grammar.OF_TWO_PARTS)
    cost = 4.0 + math.log2(math.comb(len(cut), 2))
    for i, j in combinations(range(len(cut)), 2):
        (one, says_one), (other, says_other) = grammar.PARTS[i], grammar.PARTS[j]
        a, b = one.format("s"), other.format("s")
        for production in grammar.OF_TWO_PARTS:
            of = pieces_of(production)
            told = np.array([of(u, v) for u, v in zip(cut[i], cut[j], strict=True)])
            bits = cost + math.log2(weights / production.weight)
            says = production.says.format(says_one, says_other)
            pool.add(Term(production.code.format(a, b), says, bits), told)


def pieces_of(production: Production) -> Callable[..., int]:
    """Return the piece that a production of two parts calls."""
    piece: Callable[..., int] = PIECES[production.code.partition("(")[0]]
    return piece
