"""The solvers that everybody knows: a random walk, and breadth-first search."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

import msgspec

from leanlab.labkit import Stream
from leanlab.trajectory.execution import Executor, StepFailed
from leanlab.trajectory.search import OverBudget, Spent

if TYPE_CHECKING:
    from leanlab.trajectory.library import FunctionDef, FunctionLibrary
    from leanlab.trajectory.search import Answer, Budget, Name, Task
    from leanlab.trajectory.values import TypedList

DEFAULT_CALLS = 10_000
"""What a random walk may spend where nothing else limits it: by itself it would never end."""


def by_input_type(library: FunctionLibrary) -> dict[str, list[FunctionDef]]:
    """The library's functions in its order, by the type they take."""
    found: dict[str, list[FunctionDef]] = defaultdict(list)
    for function in library:
        found[function.input_type].append(function)
    return found


class RandomWalk:
    """Walks along functions that fit by type, from the input again after max_depth steps."""

    def __init__(self, library: FunctionLibrary, *, seed: int = 0) -> None:
        self._executor = Executor(library)
        self._functions = by_input_type(library)
        self._seed = seed

    def solve(self, task: Task, budget: Budget) -> Answer:
        """Return the first hit, which is seldom a shortest one."""
        if budget.max_calls is None and budget.seconds is None:
            budget = msgspec.structs.replace(budget, max_calls=DEFAULT_CALLS)
        spent = Spent(budget)
        if task.input.answers(task.output):
            return spent.solved(((),))
        if budget.max_depth == 0 or not self._functions[task.input.type]:
            return spent.refuted(budget.max_depth, any_length=budget.max_depth > 0)
        stream = Stream("random walk", self._seed)
        while True:
            state = task.input
            path: list[Name] = []
            while len(path) < budget.max_depth and self._functions[state.type]:
                ahead = self._functions[state.type]
                function = ahead[stream.below(len(ahead))]
                try:
                    spent.take(1)
                    state = self._executor.step(function, state)
                except StepFailed:
                    break
                except OverBudget as over:
                    return spent.exhausted(over.budget, 0)
                path.append(function.name)
                if state.answers(task.output):
                    return spent.solved((tuple(path),), shortest=len(path) == 1)


class BreadthFirst:
    """First in, first out, with a visited set: exact, if the budget lasts."""

    def __init__(self, library: FunctionLibrary) -> None:
        self._executor = Executor(library)
        self._functions = by_input_type(library)

    def solve(self, task: Task, budget: Budget) -> Answer:
        """Return a shortest trajectory: of several, the first in the order of the library."""
        spent = Spent(budget)
        if task.input.answers(task.output):
            return spent.solved(((),))
        visited = {task.input.state}
        queue: deque[tuple[TypedList, tuple[Name, ...]]] = deque([(task.input, ())])
        cut = False
        while queue:
            state, path = queue.popleft()
            if len(path) == budget.max_depth:
                cut = True
                break
            for function in self._functions[state.type]:
                try:
                    spent.take(1)
                    ahead = self._executor.step(function, state)
                except StepFailed:
                    continue
                except OverBudget as over:
                    return spent.exhausted(over.budget, len(path))
                key = ahead.state
                if key in visited:
                    continue
                visited.add(key)
                if ahead.answers(task.output):
                    return spent.solved(((*path, function.name),))
                queue.append((ahead, (*path, function.name)))
        return spent.refuted(budget.max_depth, any_length=not cut)
