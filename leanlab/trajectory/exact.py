"""Exact: the answers and lengths of unlimited breadth-first search, in a fraction of its time.

Bounds are tried one after the other. For each, one example's layers say whether its goal can be
reached at all; most bounds end there. Where it can, the layers are searched backward from the
goal, which gives an exact lower bound for every value, and only then are whole lists of values
followed, along steps that the bound allows. docs/trajectory.md tells more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leanlab.trajectory.batch import Batch
from leanlab.trajectory.graph import NOTHING, Graph
from leanlab.trajectory.layers import Layers, Way
from leanlab.trajectory.ranking import ranked
from leanlab.trajectory.search import OverBudget, Spent, is_contradictory
from leanlab.trajectory.values import grading, identity

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from leanlab.trajectory.library import FunctionLibrary
    from leanlab.trajectory.ranking import ranked
from leanlab.trajectory.search import Answer, Budget, Name, Task

Vector = tuple[int, ...]
"""Numbers of the values of all examples, the anchor's first."""
Parents = dict[Vector, list[tuple[Vector, "Name"]]]
"""The steps that lead to a vector from those one function nearer to the input."""

_EAGER_DEPTH = 4
"""Up to this bound every example is asked before vectors are followed: their layers are small."""
_VECTOR_BYTES = 400


class Exact:
    """Finds a shortest trajectory; of several, the first in the order of the library.

    A solver keeps the library's functions compiled, and nothing of any task.
    """

    def __init__(self, library: FunctionLibrary) -> None:
        self._library = library
        self._batches = [Batch(one, library.bodies[one.name]) for one in library]
        self._ways: dict[tuple[str, frozenset[str]], Way] = {}

    def solve(self, task: Task, budget: Budget) -> Answer:
        """Return one shortest trajectory, or a proof that there is none, within the budget."""
        return _Search(self._way(task), self._library, task, Spent(budget)).run(budget.max_depth)

    def solve_all(self, task: Task, budget: Budget) -> Answer:
        """Return every shortest trajectory, the best first (see ranking)."""
        search = _Search(self._way(task), self._library, task, Spent(budget))
        return search.run(budget.max_depth, every=True)

    def _way(self, task: Task) -> Way:
        goals = {grading(item) for item in task.output.items}
        # Two truth values cannot become three different outputs.
        without = frozenset({"builtins.bool"} if len(goals) > 2 else ())
        key = (task.output.type, without)
        if key not in self._ways:
            self._ways[key] = Way(self._batches, task.output.type, without=without)
        return self._ways[key]


class _Search:
    """One task, with all that is found out about it."""

    def __init__(self, way: Way, library: FunctionLibrary, task: Task, spent: Spent) -> None:
        self._way = way
        self._library = library
        self._task = task
        self._spent = spent
        self._start = task.input.type
        firsts = {identity(item): i for i, item in reversed(list(enumerate(task.input.items)))}
        self._examples = sorted(firsts.values())
        """One of each input: repeated examples say nothing new."""
        self._layers: dict[int, Layers] = {}
        self._reached: dict[int, int] = {}
        """By example: the least bound within which its goal can be reached."""
        self._graph: Graph | None = None

    def run(self, max_depth: int, *, every: bool = False) -> Answer:
        task, spent = self._task, self._spent
        if task.input.answers(task.output):
            return spent.solved(((),), complete=every)
        if is_contradictory(task) or self._start not in self._way.far:
            return spent.refuted(max_depth, any_length=True)
        bound = max(1, self._way.far[self._start])
        try:
            while bound <= max_depth:
                barred = self._barred(bound)
                if barred is None:
                    found = self._follow(bound, every=every)
                    if found:
                        return spent.solved(ranked(found, self._library), complete=every)
                elif barred.is_closed(bound):
                    return spent.refuted(max_depth, any_length=True)
                bound += 1
        except OverBudget as over:
            return spent.exhausted(over.budget, bound - 1)
        return spent.refuted(max_depth, any_length=False)

    def _layers_of(self, example: int) -> Layers:
        if example not in self._layers:
            given, wanted = self._task.input, self._task.output
            self._layers[example] = Layers(
                self._way, given.items[example], given.type, wanted.items[example], self._spent
            )
        return self._layers[example]

    def _barred(self, bound: int) -> Layers | None:
        """Return the layers of an example whose goal is out of reach, if one is found."""
        left = [one for one in self._examples if one not in self._reached]
        # Those first that have layers: to go one deeper costs less than to begin.
        for example in sorted(left, key=lambda one: (one not in self._layers, one)):
            layers = self._layers_of(example)
            if not layers.reach(bound):
                return layers
            self._reached[example] = bound
            if bound > _EAGER_DEPTH:
                break
        return None

    def _follow(self, bound: int, *, every: bool) -> tuple[tuple[Name, ...], ...]:
        """Follow vectors of all examples; return trajectories of exactly bound functions.

        The example whose goal was the hardest to reach guides: it allows the fewest steps.
        """
        anchor = max(self._reached, key=lambda one: (self._reached[one], -one))
        distances = self._layers_of(anchor).distances(bound)
        follower = _Vectors(self._way, self._task, anchor, self._examples, distances, self._spent)
        return follower.find(bound, every=every)


class _Vectors:
    """Breadth-first search over all examples at once, along what an anchor's distances allow."""

    def __init__(
        self,
        way: Way,
        task: Task,
        anchor: int,
        examples: list[int],
        distances: dict[str, dict[Hashable, int]],
        spent: Spent,
    ) -> None:
        order = [anchor, *(one for one in examples if one != anchor)]
        self._names = {kind: [one.name for one in way.outof[kind]] for kind in way.far}
        steps = {kind: [(one.body, one.output_type) for one in way.outof[kind]] for kind in way.far}
        self._graph = Graph(steps, spent)
        self._distances = distances
        self._spent = spent
        self._start = tuple(
            self._graph.number(task.input.items[one], task.input.type) for one in order
        )
        self._goals = [(task.output.type, grading(task.output.items[one])) for one in order]
        self._apart = [
            (i, j) for i in range(len(order)) for j in range(i) if self._goals[i] != self._goals[j]
        ]
        self._promising: dict[int, list[tuple[int, int, int]]] = {}

    def find(self, bound: int, *, every: bool) -> tuple[tuple[Name, ...], ...]:
        """Return the first trajectory of bound functions, or every one; none where none is."""
        layer = [self._start]
        seen = {self._start}
        parents: list[Parents] = []
        for left in range(bound - 1, -1, -1):
            ahead: Parents = {}
            for vector in layer:
                names = self._names[self._graph.keys[vector[0]][0]]
                for index, made, distance in self._ahead(vector[0]):
                    if distance > left:
                        continue
                    child = self._child(vector, index, made, left)
                    if child is None or child in seen:
                        continue
                    steps = ahead.get(child)
                    if steps is None:
                        ahead[child] = [(vector, names[index])]
                        if not left and not every:
                            return tuple(_paths([child], [*parents, ahead]))
                    elif every:
                        steps.append((vector, names[index]))
            self._spent.keep(_VECTOR_BYTES * len(ahead))
            parents.append(ahead)
            seen |= ahead.keys()
            layer = list(ahead)
        return tuple(_paths(layer, parents))

    def _ahead(self, number: int) -> list[tuple[int, int, int]]:
        """Return the steps from an anchor's value that lead towards its goal.

        Of each: the function's index, what it makes, and how far that is from the goal.
        """
        found = self._promising.get(number)
        if found is None:
            graph = self._graph
            found = []
            for index in range(len(self._names[graph.keys[number][0]])):
                made = graph.cell(number, index)
                if made == NOTHING:
                    continue
                if graph.graded[made] == self._goals[0]:
                    found.append((index, made, 0))
                    continue
                name, key = graph.keys[made]
                distance = self._distances[name].get(key)
                if distance is not None:
                    found.append((index, made, distance))
            self._promising[number] = found
        return found

    def _child(self, vector: Vector, index: int, made: int, left: int) -> Vector | None:
        """Apply a function to every other example; None where that cannot lead to the goals."""
        graph = self._graph
        child = [made]
        for i in range(1, len(vector)):
            other = graph.cell(vector[i], index)
            if other == NOTHING or (not left and graph.graded[other] != self._goals[i]):
                return None
            child.append(other)
        if left and len(set(child)) < len(child):
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
