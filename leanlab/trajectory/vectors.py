"""Vectors: the values of several examples at once, followed from the inputs to the goals."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from leanlab.trajectory.graph import NOTHING, grader
from leanlab.trajectory.values import grading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from leanlab.trajectory.graph import Graph
    from leanlab.trajectory.guide import Guide
    from leanlab.trajectory.search import Task

Vector = tuple[int, ...]
"""Numbers of the values of all examples, the anchor's first."""
Parents = dict[Vector, list[tuple[Vector, int]]]
"""The places of functions that lead to a vector, with the vectors that they lead from."""

_GOALS: Vector = ()
"""Stands for whatever is right at the end: values that are graded alike."""
_VECTOR_BYTES = 400
_PATH_BYTES = 150


class Vectors:
    """Breadth-first search over all examples at once, the guide's anchor first."""

    def __init__(self, guide: Guide, graph: Graph, task: Task, examples: Sequence[int]) -> None:
        self._guide = guide
        self._graph = graph
        self._start = tuple(
            graph.number(task.input.items[one], task.input.type) for one in examples
        )
        goals = [task.output.items[one] for one in examples]
        self._graders = list(map(grader, goals))
        self._apart = apart(goals)

    def find(self, bound: int) -> tuple[tuple[int, ...], ...]:
        """Return the places of every trajectory of bound functions, where none of fewer solves.

        None of them comes to a vector twice.
        """
        layer = [self._start]
        seen = {self._start}
        parents: list[Parents] = []
        for left in range(bound - 1, -1, -1):
            ahead: Parents = {}
            for vector in layer:
                for place, child in self._ahead(vector, left):
                    if child not in seen:
                        ahead.setdefault(child, []).append((vector, place))
            self._graph.spent.keep(_VECTOR_BYTES * len(ahead))
            parents.append(ahead)
            seen |= ahead.keys()
            layer = list(ahead)
        found = []
        for places in _paths(layer, parents):
            self._graph.spent.take(0)  # there may be millions: it looks at the clock
            self._graph.spent.keep(_PATH_BYTES)
            found.append(places)
        return tuple(found)

    def _ahead(self, vector: Vector, left: int) -> Iterator[tuple[int, Vector]]:
        """Yield the places of functions, and what they make, which may lead to the goals."""
        if left:
            for place, anchor in self._guide.ahead(vector[0], left + 1):
                made = (anchor, *(self._graph.cell(other, place) for other in vector[1:]))
                if NOTHING not in made and not collapsed(made, self._apart):
                    yield place, made
        else:
            leads = self._graph.leads
            for place in self._guide.ends(vector[0]):
                if all(leads(vector[i], place, self._graders[i]) for i in range(1, len(vector))):
                    yield place, _GOALS


def apart(goals: Sequence[Any]) -> list[tuple[int, int]]:
    """Return the pairs of examples that must end apart: they may never become one."""
    keys = list(map(grading, goals))
    return [(i, j) for i, j in combinations(range(len(keys)), 2) if keys[i] != keys[j]]


def collapsed(vector: Vector, pairs: list[tuple[int, int]]) -> bool:
    """Tell whether a pair of examples, of those that must end apart, has become one."""
    if len(set(vector)) == len(vector):
        return False
    return any(vector[i] == vector[j] for i, j in pairs)


def _paths(layer: list[Vector], parents: list[Parents]) -> Iterator[tuple[int, ...]]:
    """Walk back from the vectors of the last layer along every step; yield the places."""
    ahead: list[tuple[Vector, tuple[int, ...]]] = [(vector, ()) for vector in layer]
    while ahead:
        vector, places = ahead.pop()
        if len(places) == len(parents):
            yield places
            continue
        for before, place in parents[-1 - len(places)][vector]:
            ahead.append((before, (place, *places)))
