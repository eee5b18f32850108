"""Exact: the answers and lengths of unlimited breadth-first search, in a fraction of its time.

Bounds are tried one after the other. For each, one example's layers say whether its goal can be
reached at all; most bounds end there. Where it can, the layers are searched backward from the
goal, which gives an exact lower bound for every value, and only then are whole lists of values
followed, along steps that the bound allows. docs/trajectory.md tells more.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from leanlab.trajectory.batch import Batch, returns_argument
from leanlab.trajectory.descent import Descent
from leanlab.trajectory.graph import Graph, grader
from leanlab.trajectory.guide import Guide
from leanlab.trajectory.layers import Layers
from leanlab.trajectory.ranking import ranked
from leanlab.trajectory.search import OverBudget, Spent, is_contradictory
from leanlab.trajectory.values import grading, identity
from leanlab.trajectory.vectors import Vectors
from leanlab.trajectory.way import Way

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from leanlab.trajectory.library import FunctionDef, FunctionLibrary
    from leanlab.trajectory.search import Answer, Budget, Name, Task

_DEEP = 5
"""From this bound on it pays to have seen which examples' layers are the smallest."""
_COMPARED = 8
"""Examples that are looked at for that, at most."""


class Exact:
    """Finds a shortest trajectory; of several, the first in the order of the library.

    A solver keeps the library's functions compiled, and nothing of any task.
    """

    def __init__(self, library: FunctionLibrary) -> None:
        self.library = library
        self._functions = [one for one in library if not returns_argument(one)]
        alike: dict[tuple[str, str], list[FunctionDef]] = defaultdict(list)
        for one in self._functions:
            alike[one.input_type, one.output_type].append(one)
        self._batches = {types: Batch(each, library.bodies) for types, each in alike.items()}
        self._ways: dict[tuple[str, str, str], Way] = {}

    def solve(self, task: Task, budget: Budget) -> Answer:
        """Return one shortest trajectory, or a proof that there is none, within the budget."""
        return _Search(self, task, Spent(budget)).run(budget.max_depth)

    def solve_all(self, task: Task, budget: Budget) -> Answer:
        """Return every shortest trajectory, the best first (see ranking)."""
        return _Search(self, task, Spent(budget)).run(budget.max_depth, every=True)

    def way(self, start: str, goal: str, outputs: int) -> Way:
        """Return what lies between two types, where there are so many different outputs."""
        # Two truth values cannot become three different outputs.
        without = "builtins.bool" if outputs > 2 else ""
        key = (start, goal, without)
        if key not in self._ways:
            batches = [one for types, one in self._batches.items() if without not in types]
            self._ways[key] = Way(batches, self._functions, self.library.bodies, start, goal)
        return self._ways[key]


class _Search:
    """One task, with all that is found out about it."""

    def __init__(self, solver: Exact, task: Task, spent: Spent) -> None:
        self._library = solver.library
        self._task = task
        self._spent = spent
        given = list(map(identity, task.input.items))
        wanted = list(map(grading, task.output.items))
        firsts = {given[i]: i for i in range(len(given) - 1, -1, -1)}
        # Of so few, a Counter takes longer.
        times: dict[Hashable, int] = {}
        for goal in wanted:
            times[goal] = times.get(goal, 0) + 1
        self._way = solver.way(task.input.type, task.output.type, len(times))
        self._contradictory = len(firsts) < len(given) and is_contradictory(task)
        # What is rare tends to be harder to reach, and what is written shorter to grow less.
        self._examples: list[int] = sorted(
            firsts.values(), key=lambda i: (times[wanted[i]], len(repr(task.input.items[i])))
        )
        """One of each input, the most promising first: repeated ones say nothing new."""
        self._layers: dict[int, Layers] = {}
        self._reached: dict[int, int] = {}
        """By example: the least bound within which its goal can be reached."""
        self._graph = Graph(self._way.steps, spent)
        self._guides: dict[int, Guide] = {}
        self._follows_cheaply = False
        """Whether following vectors cost less than another example's layers would."""
        self._witnesses: set[int] = set(self._examples[:2])
        """Examples followed beside the anchor: two to begin with, then those that showed a
        trajectory of fewer to be wrong."""

    def run(self, max_depth: int, *, every: bool = False) -> Answer:
        task, spent = self._task, self._spent
        if task.input.answers(task.output):
            return spent.solved(((),), complete=every)
        if self._contradictory or task.input.type not in self._way.far:
            return spent.refuted(max_depth, any_length=True)
        bound = max(1, self._way.far[task.input.type])
        try:
            while bound <= max_depth:
                barred = self._barred(bound)
                if barred is None:
                    found = self._follow(bound, every=every)
                    if found:
                        best_first = ranked(found, self._library) if every else found
                        return spent.solved(best_first, complete=every)
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
        # Where layers have come to an end, another example's may prove that no length will do.
        ended = any(self._layers[one].is_closed(bound) for one in self._reached)
        if self._reached and self._follows_cheaply and not ended:
            return None
        if bound == _DEEP:
            self._examples[:_COMPARED] = sorted(self._examples[:_COMPARED], key=self._width)
        left = [one for one in self._examples if one not in self._reached]
        if not left:
            return None
        # Before that one with layers, as others have to begin.
        example = left[0] if bound >= _DEEP else min(left, key=lambda one: one not in self._layers)
        layers = self._layers_of(example)
        if not layers.reach(bound):
            return layers
        self._reached[example] = bound
        return None

    def _width(self, example: int) -> int:
        """Return how many values there are in an example's first layers."""
        layers = self._layers_of(example)
        layers.reach(_DEEP - 2)
        return layers.width(_DEEP - 2)

    def _follow(self, bound: int, *, every: bool) -> tuple[tuple[Name, ...], ...]:
        """Follow vectors of all examples; return trajectories of exactly bound functions.

        The example whose goal was the hardest to reach guides: it allows the fewest steps.
        """
        anchor = max(self._reached, key=self._reached.__getitem__)
        guide = self._guide_of(anchor)
        if bound == 1 and not every:
            return self._single(anchor, guide)
        guide.allow(self._layers_of(anchor).distances(bound))
        before = self._spent.calls
        others = [one for one in self._examples if one != anchor]
        if every:
            vectors = Vectors(guide, self._graph, self._task, [anchor, *others])
            return tuple(map(self._way.names, vectors.find(bound)))
        # The first trajectory of fewer examples that solves all is the first of all examples, too.
        while True:
            chosen = [anchor, *(one for one in others if one in self._witnesses)]
            whole = len(chosen) == len(self._examples)
            found = Descent(guide, self._graph, self._task, chosen).find(bound, whole=whole)
            failed = self._failed(found, chosen) if found else None
            if failed is None:
                used = self._spent.calls - before
                self._follows_cheaply = used < self._layers_of(anchor).size
                return (self._way.names(found),) if found else ()
            self._witnesses.add(failed)

    def _guide_of(self, anchor: int) -> Guide:
        if anchor not in self._guides:
            goal = self._task.output.items[anchor]
            self._guides[anchor] = Guide(self._way, self._graph, goal)
        return self._guides[anchor]

    def _single(self, anchor: int, guide: Guide) -> tuple[tuple[Name, ...], ...]:
        """Return the first function that solves the task alone, if there is one."""
        given = self._task.input
        for place in guide.ends(self._graph.number(given.items[anchor], given.type)):
            if self._failed((place,), (anchor,)) is None:
                return (self._way.names((place,)),)
        return ()

    def _failed(self, places: Sequence[int], solved: Sequence[int]) -> int | None:
        """Return the first example that a trajectory does not solve, None where it solves all."""
        given, wanted = self._task.input, self._task.output
        for one in self._examples:
            if one not in solved and not self._graph.solves(
                given.items[one], given.type, places, grader(wanted.items[one])
            ):
                return one
        return None
