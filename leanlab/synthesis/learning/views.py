"""Lists of integers that the grammar makes of each string, without repetitions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from leanlab.synthesis.learning import grammar
from leanlab.synthesis.learning.code import Term, function

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leanlab.synthesis.learning.grammar import Production

LARGEST = 2**28
"""Items beyond that are left to the rules about numbers."""


class View:
    """One list of integers for each string."""

    def __init__(self, term: Term, lists: Sequence[list[int]]) -> None:
        self.term = term
        self.lists = lists
        self.values = sorted(set().union(*map(set, lists)))

    @property
    def key(self) -> tuple[tuple[int, ...], ...]:
        return tuple(map(tuple, self.lists))

    @property
    def is_bits(self) -> bool:
        return set(self.values) <= {0, 1}


def applied(production: Production, view: View) -> View | None:
    """Put a production on top of a view; None where it does not fit or tells nothing."""
    if production.on == grammar.BITS and not view.is_bits:
        return None
    make = function(production.code)
    made = View(_over(production, view.term), [make(s) for s in view.lists])
    if not made.values or max(map(abs, made.values)) > LARGEST:
        return None
    # One and the same list for every string tells nothing, unless the lengths do.
    return made if any(s != made.lists[0] for s in made.lists) else None


def _over(production: Production, term: Term) -> Term:
    bits = term.bits + grammar.view_bits(production)
    return Term(production.code.format(term.code), production.says.format(term.says), bits)


def marks(view: View) -> list[View]:
    """Return the views of 0 and 1 that say where a class of symbols is."""
    if view.is_bits or len(view.values) > 40:
        return []
    values = view.values
    made = []
    cost = 2 + math.log2(2 * len(values) + 2)
    rules = [(f"c == {v}", f"the marks of {v} in") for v in values]
    rules += [(f"c >= {v}", f"the marks of items from {v} on in") for v in values[2:-1]]
    if len(values) > 3:
        rules += [("c % 2", "the parities of"), ("c % 3 == 0", "the marks of multiples of 3 in")]
    for code, says in rules:
        text = f"[int({code}) for c in {view.term.code}]"
        made.append((Term(text, f"{says} {view.term.says}", view.term.bits + cost), code))
    views = []
    for term, code in made:
        tell = function(f"[int({code}) for c in {{0}}]")
        views.append(View(term, [tell(s) for s in view.lists]))
    return views


def grow(
    views: Iterable[View], productions: Sequence[Production], known: set[object]
) -> list[View]:
    """Return what is new when every production is put on every view; known is added to."""
    fresh = []
    for view in views:
        for production in productions:
            made = applied(production, view)
            if made is None:
                continue
            key = hash(made.key)  # of integers alone, so the same in every process
            if key not in known:
                known.add(key)
                fresh.append(made)
    return fresh
