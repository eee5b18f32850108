"""Languages of nested pairs, whatever symbols or blocks of symbols are the brackets."""

from __future__ import annotations

import math
from itertools import combinations, permutations
from typing import TYPE_CHECKING

import numpy as np

from leanlab.synthesis.learning import predicates
from leanlab.synthesis.learning.code import PIECES, Term
from leanlab.synthesis.learning.features import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from leanlab.synthesis.learning.search import State

    Pairing = tuple[tuple[int, int], ...]

blocks = PIECES["blocks"]

TOKENS = 8
SYMBOLS = 3_000_000
"""Symbols that are matched at most, over all pairings."""


def brackets(state: State) -> None:
    """Offer what is left of a string when pairs cancel, and how deep they nest."""
    alphabet = len(state.domain.alphabet)
    if state.domain.alphabet.isdigit() and alphabet > 2:
        return
    for size in (1, 2, 3):
        tokens = alphabet**size
        even = all(len(s) % size == 0 for s in state.lists)
        if tokens > (2 * TOKENS if size == 1 else TOKENS) or not even:
            continue
        code, lists = "s", state.lists
        if size > 1:
            code = f"blocks(s, {size}, {alphabet})"
            lists = [blocks(s, size, alphabet) for s in lists]
        seen = sorted(set().union(*map(set, lists)))
        _of(code, lists, seen, state)


def _of(code: str, lists: Sequence[list[int]], tokens: list[int], state: State) -> None:
    pool = Pool(state.n)
    says = "x" if code == "s" else "the blocks of x"
    for number, pairs in enumerate(pairings(tokens)):
        if number * sum(map(len, lists)) > state.effort(SYMBOLS):
            break
        cost = 6.0 + 2 * len(pairs) * math.log2(len(tokens) + 1)
        # Strings of a few symbols are soon told to be of no interest: most pairings cancel little.
        shown = " ".join(f"{_shown(a, code, state)}{_shown(b, code, state)}" for a, b in pairs)
        for name, about in (
            ("unmatched", "the number of symbols without a partner"),
            ("deepest", "the depth"),
        ):
            if name == "deepest" and len(pairs) > 1 and number > 60:
                continue
            term = Term(f"{name}({code}, {pairs})", f"{about} of {says}, brackets {shown},", cost)
            pool.add(term, np.array([PIECES[name](s, pairs) for s in lists]))
    predicates.fit(pool.matrix(), pool.terms, state.board)
    for term, row in zip(pool.terms[:100], pool.rows[:100], strict=True):
        state.pool.add(term, row)


def _shown(token: int, code: str, state: State) -> str:
    return state.domain.alphabet[token] if code == "s" else str(token)


def pairings(tokens: list[int]) -> Iterator[Pairing]:
    """Yield every way to pair some of the tokens as opening and closing, most pairs first."""
    for count in range(min(len(tokens) // 2, 4), 0, -1):
        for opening in combinations(tokens, count):
            rest = [token for token in tokens if token not in opening]
            for closing in permutations(rest, count):
                yield tuple(zip(opening, closing, strict=True))
