"""Vectors: the values of several examples at once, followed from the inputs to the goals."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from leanlab.trajectory.graph import NOTHING
from leanlab.trajectory.values import PLAIN_KEYS, identity

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from leanlab.trajectory.graph import Graph
    from leanlab.trajectory.layers import Way
    from leanlab.trajectory.search import Name, Task

Vector = tuple[int, ...]
"""Numbers of the values of all examples, the anchor's first."""
Parents = dict[Vector, list[tuple[Vector, "Name"]]]
"""The steps that lead to a vector from those one function nearer to the input."""

_VECTOR_BYTES = 400
_PATH_BYTES = 150


class Step(NamedTuple):
    """A function applied to an anchor's value."""

    place: int
    """Of the function, among those of its input type."""
    made: int
    distance: int
    """How many functions lie between what is made and the goal, at least."""
    name: Name


class Guide:
    """The steps that one example, the anchor, allows."""

    def __init__(
        self, way: Way, graph: Graph, goal: int, distances: dict[str, dict[Hashable, int]]
    ) -> None:
        self._way = way
        self._graph = graph
        self._goal = goal
        self._distances = distances
        self._promising: dict[int, list[Step]] = {}
        self._ending: dict[int, list[Step]] = {}

    def ahead(self, number: int) -> list[Step]:
        """Return the steps from an anchor's value to those that lie on a way to its goal."""
        found = self._promising.get(number)
        if found is None:
            graph = self._graph
            found = self._promising[number] = []
            row = self._way.rows[graph.keys[number][0]]
            for index, function, made in graph.row(number, row):
                key = made if type(made) in PLAIN_KEYS else identity(made)
                distance = self._distances[function.output_type].get(key)
                if distance is not None:
                    child = graph.number(made, function.output_type)
                    if child != NOTHING:
                        found.append(Step(index, child, distance, function.name))
        return found

    def ends(self, number: int) -> list[Step]:
        """Return the steps from an anchor's value to its goal."""
        found = self._ending.get(number)
        if found is None:
            functions = self._way.rows[self._graph.keys[number][0]].functions
            found = self._ending[number] = [
                Step(place, self._goal, 0, function.name)
                for place, function in enumerate(functions)
                if function.output_type == self._way.goal
                and self._graph.leads(number, place, self._goal)
            ]
        return found


class Vectors:
    """Breadth-first search over some examples at once, the guide's anchor first."""

    def __init__(self, guide: Guide, graph: Graph, task: Task, examples: list[int]) -> None:
        self._guide = guide
        self._graph = graph
        self._start = tuple(
            graph.number(task.input.items[one], task.input.type) for one in examples
        )
        self._goals = tuple(graph.goal(task.output.items[one]) for one in examples)
        self._apart = [
            (i, j)
            for i in range(len(examples))
            for j in range(i)
            if self._goals[i] != self._goals[j]
        ]

    def find(self, bound: int, *, whole: bool, every: bool = False) -> tuple[tuple[Name, ...], ...]:
        """Return the first trajectory of bound functions, or every one; none where none is.

        whole says that these are all the examples, and that no shorter trajectory solves them: then
        none comes to a vector twice. Fewer examples may stand still while the others move.
        """
        layer = [self._start]
        seen = {self._start} if whole else set()
        parents: list[Parents] = []
        for left in range(bound - 1, -1, -1):
            ahead: Parents = {}
            for vector in layer:
                for step in self._guide.ahead(vector[0]) if left else self._guide.ends(vector[0]):
                    if step.distance > left:
                        continue
                    child = self._child(vector, step, left)
                    if child is None or child in seen:
                        continue
                    steps = ahead.get(child)
                    if steps is None:
                        ahead[child] = [(vector, step.name)]
                        if not left and not every:
                            return tuple(_paths([child], [*parents, ahead]))
                    elif every:
                        steps.append((vector, step.name))
            self._graph.spent.keep(_VECTOR_BYTES * len(ahead))
            parents.append(ahead)
            if whole:
                seen |= ahead.keys()
            layer = list(ahead)
        found = []
        for names in _paths(layer, parents):
            self._graph.spent.take(0)  # there may be millions: it looks at the clock
            self._graph.spent.keep(_PATH_BYTES)
            found.append(names)
        return tuple(found)

    def _child(self, vector: Vector, step: Step, left: int) -> Vector | None:
        """Apply a step to every other example; None where that cannot lead to the goals."""
        graph = self._graph
        if not left:
            for i in range(1, len(vector)):
                if not graph.leads(vector[i], step.place, self._goals[i]):
                    return None
            return self._goals
        child = [step.made]
        for i in range(1, len(vector)):
            other = graph.cell(vector[i], step.place)
            if other == NOTHING:
                return None
            child.append(other)
        if len(set(child)) < len(child):
            for i, j in self._apart:
                if child[i] == child[j]:
                    return None
        return tuple(child)


def _paths(layer: list[Vector], parents: list[Parents]) -> Iterator[tuple[Name, ...]]:
    """Walk back from the vectors of the last layer along every step."""
    ahead: list[tuple[Vector, tuple[Name, ...]]] = [(vector, ()) for vector in layer]
    while ahead:
        vector, names = ahead.pop()
        if len(names) == len(parents):
            yield names
            continue
        for before, name in parents[-1 - len(names)][vector]:
            ahead.append((before, (name, *names)))
