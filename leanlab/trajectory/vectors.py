"""Vectors: the values of several examples at once, followed from the inputs to the goals."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from leanlab.trajectory.graph import NOTHING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

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
        self.goal = goal
        self._distances = distances
        self._promising: dict[int, list[Step]] = {}
        self._within: dict[tuple[int, int], list[Step]] = {}
        self._ending: dict[int, list[Step]] = {}

    def ahead(self, number: int, left: int) -> list[Step]:
        """Return the steps from an anchor's value on ways of `left` functions to its goal."""
        found = self._within.get((number, left))
        if found is None:
            found = [one for one in self._toward(number) if one.distance < left]
            self._within[number, left] = found
        return found

    def _toward(self, number: int) -> list[Step]:
        found = self._promising.get(number)
        if found is None:
            graph = self._graph
            row = self._way.rows[graph.keys[number][0]]
            hits = graph.near(number, row, self._distances)
            found = self._promising[number] = []
            for place, made, distance in hits:
                function = row.functions[place]
                child = graph.number(made, function.output_type)
                if child != NOTHING:
                    found.append(Step(place, child, distance, function.name))
        return found

    def ends(self, number: int) -> list[Step]:
        """Return the steps from an anchor's value to its goal."""
        found = self._ending.get(number)
        if found is None:
            functions = self._way.rows[self._graph.keys[number][0]].functions
            found = self._ending[number] = [
                Step(place, self.goal, 0, function.name)
                for place, function in enumerate(functions)
                if function.output_type == self._way.goal
                and self._graph.leads(number, place, self.goal)
            ]
        return found


class Vectors:
    """Breadth-first search over all examples at once, the guide's anchor first."""

    def __init__(self, guide: Guide, graph: Graph, task: Task, examples: Sequence[int]) -> None:
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

    def find(self, bound: int) -> tuple[tuple[Name, ...], ...]:
        """Return every trajectory of bound functions, where none of fewer solves the task.

        None of them comes to a vector twice.
        """
        layer = [self._start]
        seen = {self._start}
        parents: list[Parents] = []
        for left in range(bound - 1, -1, -1):
            ahead: Parents = {}
            for vector in layer:
                number = vector[0]
                guide = self._guide
                for step in guide.ahead(number, left + 1) if left else guide.ends(number):
                    child = self._child(vector, step, left)
                    if child is None or child in seen:
                        continue
                    ahead.setdefault(child, []).append((vector, step.name))
            self._graph.spent.keep(_VECTOR_BYTES * len(ahead))
            parents.append(ahead)
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
