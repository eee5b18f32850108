"""Features of a graph, where strings list the pairs of integers that are its edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from leanlab.synthesis.learning import predicates
from leanlab.synthesis.learning.code import Term, function
from leanlab.synthesis.learning.features import Pool

if TYPE_CHECKING:
    from leanlab.synthesis.learning.search import State

FEATURES = (
    ("vertices(e)", "the number of vertices"),
    ("len(e)", "the number of edges"),
    ("len({frozenset(d) for d in e})", "the number of different edges"),
    ("components(e)", "the number of components"),
    ("(len(e) - vertices(e) + components(e))", "the cyclomatic number"),
    ("(len({frozenset(d) for d in e}) - vertices(e) + components(e))",
     "the cyclomatic number, double edges left out,"),
    ("triangles(e)", "the number of triangles"),
    ("odd_cycles(e)", "the number of components with an odd cycle"),
    ("max(degrees(e), default=0)", "the largest degree"),
    ("min(degrees(e), default=0)", "the smallest degree"),
    ("degrees(e).count(1)", "the number of leaves"),
    ("degrees(e).count(2)", "the number of vertices of degree 2"),
    ("sum(d % 2 for d in degrees(e))", "the number of vertices of odd degree"),
    ("len(set(degrees(e)))", "the number of different degrees"),
    ("sum(u == v for u, v in e)", "the number of loops"),
    ("sum(u < v for u, v in e)", "the number of edges that go up"),
    ("longest_distance(e)", "the largest distance of two connected vertices"),
    ("largest_component(e)", "the number of vertices of the largest component"),
)  # fmt: skip
BITS = 5.0


def graphs(state: State) -> None:
    """Offer questions about the graph; where integers do not come in pairs there is none."""
    if not state.numbers or any(len(s) % 2 or not s for s in state.numbers):
        return
    edges = [list(zip(s[::2], s[1::2], strict=True)) for s in state.numbers]
    pool = Pool(state.n)
    for code, says in FEATURES:
        of = function(code, "e")
        term = Term(code, f"{says} of the graph x", BITS)
        row = np.array([of(each) for each in edges])
        if pool.add(term, row):
            state.pool.add(term, row)
    predicates.fit(pool.matrix(), pool.terms, state.board)
