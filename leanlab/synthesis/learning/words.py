"""Patterns in strings: how often a word with gaps occurs, and whether one is a subsequence."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from leanlab.synthesis.learning import predicates
from leanlab.synthesis.learning.arrays import Rows
from leanlab.synthesis.learning.code import Term, function, natural
from leanlab.synthesis.learning.features import Pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from leanlab.synthesis.learning.search import State

    Pattern = tuple[int | None, ...]

PATTERNS = 12_000
LONGEST = 14
KEPT = 400
"""Patterns that go on to be parts of other rules."""
SYMBOLS = 30
BEAM = 300
_PLACES, _OF_X = "the number of places of ", " in x"


def words(state: State) -> None:
    """Offer counts of patterns, all short ones first, then extensions of the most telling ones."""
    if len(state.domain.alphabet) > SYMBOLS:
        return
    rows = Rows(state.lists)
    pool = Pool(state.n)
    pool_counts(rows, state, pool)
    values = pool.matrix()
    predicates.fit(values, pool.terms, state.board)
    contained(values, pool.terms, state)
    signs = np.where(state.labels, 1, -1)
    # A pattern tells most where its presence alone, or its number, goes with the labels.
    if len(values):
        present = np.abs((values > 0) @ signs)
        order = np.argsort(-present, kind="stable")[:KEPT]
        for i in order.tolist():
            state.pool.add(pool.terms[i], pool.rows[i])
    subsequences(state)


def pool_counts(rows: Rows, state: State, pool: Pool) -> None:
    """Add the number of occurrences of patterns, breadth first; late levels keep a beam."""
    symbols = range(len(state.domain.alphabet))
    signs = np.where(state.labels, 1, -1)
    level: list[tuple[Pattern, NDArray[np.bool_]]] = [((v,), rows.items == v) for v in symbols]
    left = state.effort(PATTERNS)
    while level and left > 0:
        worth: list[tuple[float, Pattern, NDArray[np.bool_]]] = []
        for pattern, hits in level:
            counted = hits.sum(axis=1)
            present = counted > 0
            if pattern[-1] is not None and len(pattern) > 1:
                pool.add(_term(pattern, state), counted)
            # A word of the rule is in the strings of one class, and seldom in those of the other.
            told = max(
                int(present[state.labels].sum()) - int(present[~state.labels].sum() // 2),
                int(present[~state.labels].sum()) - int(present[state.labels].sum() // 2),
            )
            worth.append((-told - abs(int(counted @ signs)) / 1000, pattern, hits))
        if len(level[0][0]) >= LONGEST:
            break
        if len(level) * (len(symbols) + 1) > 4 * BEAM:
            worth.sort(key=lambda each: (each[0], str(each[1])))
            worth = worth[: state.effort(BEAM)]
        level = []
        for _, pattern, hits in worth:
            level += _longer(pattern, hits, rows, symbols)
        left -= len(level)


def contained(values: NDArray[np.int64], terms: Sequence[Term], state: State) -> None:
    """Offer whether a pattern occurs at all: a simpler question than how often, and asked first."""
    if not len(terms):
        return
    wrong = ((values > 0) != state.labels).sum(axis=1)
    bits = np.array([term.bits for term in terms])

    def describe(index: tuple[int, ...]) -> Term:
        which, (i,) = index[0], index[1:]
        word = terms[i].says.removeprefix(_PLACES).removesuffix(_OF_X)
        sign, says = ((">= 1", "is"), ("< 1", "is not"))[which]
        cost = float(bits[i]) + which + 1.0
        return Term(f"{terms[i].code} {sign}", f"{word} {says} in x", cost)

    state.board.offer_all(
        np.stack([bits + 1.0, bits + 2.0]), np.stack([wrong, state.n - wrong]), describe
    )


def _longer(
    pattern: Pattern, hits: NDArray[np.bool_], rows: Rows, symbols: range
) -> list[tuple[Pattern, NDArray[np.bool_]]]:
    size = len(pattern)
    made: list[tuple[Pattern, NDArray[np.bool_]]] = []
    for v in (*symbols, None):
        if v is None and pattern[-3:] == (None, None, None):
            continue
        follows = np.zeros_like(hits)
        width = hits.shape[1] - size
        if width <= 0:
            continue
        ahead = rows.inside[:, size:] if v is None else rows.items[:, size:] == v
        follows[:, :width] = hits[:, :width] & ahead
        if follows.any():
            made.append(((*pattern, v), follows))
    return made


def _term(pattern: Pattern, state: State) -> Term:
    listed = ", ".join(map(str, pattern))
    alphabet = state.domain.alphabet
    shown = "".join("?" if c is None else alphabet[c] for c in pattern)
    gaps = pattern.count(None)
    solid = len(pattern) - gaps
    choice = math.log2(math.comb(len(pattern), gaps)) if gaps else 0.0
    bits = 4.0 + natural(len(pattern)) + natural(gaps) + choice + solid * math.log2(len(alphabet))
    where = " (? is any character)" if gaps else ""
    return Term(f"occurrences(s, ({listed},))", f"{_PLACES}{shown}{where}{_OF_X}", bits)


def subsequences(state: State) -> None:
    """Offer whether a short word is a subsequence: its letters in order, others between."""
    symbols = range(len(state.domain.alphabet))
    pool = Pool(state.n)
    has = function("has_subsequence({0}, {v})")
    longest = max(2, int(math.log(300) / math.log(max(2, len(symbols)))))
    for size in range(2, min(longest, 7) + 1):
        for word in product(symbols, repeat=size):
            told = np.array([has(s, word) for s in state.lists])
            bits = 6.0 + natural(size) + size * math.log2(len(symbols))
            shown = "".join(state.domain.alphabet[c] for c in word)
            code = f"has_subsequence(s, ({', '.join(map(str, word))},))"
            term = Term(code, f"the number, 0 or 1, of subsequences {shown} of x", bits)
            if pool.add(term, told):
                state.extra.append(
                    (Term(f"{code} == 1", f"{shown} is a subsequence of x", bits), told == 1)
                )
    for term, row in state.extra[-len(pool) :] if len(pool) else ():
        state.board.offer(term, int((row != state.labels).sum()))
        opposite = Term(
            term.code.replace("== 1", "== 0"), term.says.replace(" is ", " is not "), term.bits + 1
        )
        state.board.offer(opposite, int((row == state.labels).sum()))
