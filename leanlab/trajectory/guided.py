"""A solver that learns from solved tasks which functions are used, and which follow which."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

import msgspec

from leanlab.trajectory.execution import Executor, StepFailed
from leanlab.trajectory.plain import by_input_type
from leanlab.trajectory.search import OverBudget, Spent

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from leanlab.trajectory.library import FunctionDef, FunctionLibrary
    from leanlab.trajectory.search import Answer, Budget, Name, Task
    from leanlab.trajectory.values import TypedList

_START = ""
_TRUST = 4.0
"""How many transitions it takes to believe them as much as the plain frequencies."""


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What solved tasks show. Nothing, at first: then every function is as likely."""

    used: dict[Name, int] = {}
    follows: dict[Name, dict[Name, int]] = {}
    """By function, how often each one came next; the first ones come after the empty name."""

    def and_from(self, trajectories: Iterable[tuple[Name, ...]]) -> Learned:
        """Return what is known with these solutions too."""
        used = dict(self.used)
        follows = {name: dict(counts) for name, counts in self.follows.items()}
        for names in trajectories:
            for before, name in zip((_START, *names), names, strict=False):
                used[name] = used.get(name, 0) + 1
                counts = follows.setdefault(before, {})
                counts[name] = counts.get(name, 0) + 1
        return Learned(used=used, follows=follows)

    def costs(self, before: Name, functions: Iterable[FunctionDef]) -> list[float]:
        """Return how unlikely each function is after another one: -log2 of its probability.

        A mixture of transitions and frequencies, with one added to each frequency.
        """
        listed = list(functions)
        shares = [1.0 + self.used.get(one.name, 0) for one in listed]
        total = sum(shares)
        after = self.follows.get(before, {})
        seen = [after.get(one.name, 0) for one in listed]
        weight = sum(seen) + _TRUST
        return [
            -math.log2((count + _TRUST * share / total) / weight)
            for count, share in zip(seen, shares, strict=True)
        ]


class Guided:
    """Best-first search: the likeliest trajectory, as far as it is learned, is followed first."""

    def __init__(self, library: FunctionLibrary, learned: Learned) -> None:
        self._executor = Executor(library)
        self._functions = by_input_type(library)
        self._learned = learned
        self._costs: dict[tuple[Name, str], list[float]] = {}

    def solve(self, task: Task, budget: Budget) -> Answer:
        """Return the first hit, which need not be a shortest one."""
        spent = Spent(budget)
        if task.input.answers(task.output):
            return spent.solved(((),))
        far = self._steps_to(task.output.type)
        ahead: list[tuple[float, int, TypedList, tuple[Name, ...]]] = [(0.0, 0, task.input, ())]
        reached: dict[Hashable, int] = {task.input.state: 0}
        number, cut = 0, False
        while ahead:
            cost, _, state, path = heapq.heappop(ahead)
            if reached[state.state] < len(path):
                continue  # a shorter way there has been found since
            if len(path) + max(1, far.get(state.type, math.inf)) > budget.max_depth:
                cut = cut or state.type in far
                continue
            for function, price in self._priced(path[-1] if path else _START, state.type):
                if function.output_type not in far:
                    continue
                try:
                    spent.take(1)
                    after = self._executor.step(function, state)
                except StepFailed:
                    continue
                except OverBudget as over:
                    return spent.exhausted(over.budget, 0)
                names = (*path, function.name)
                if after.answers(task.output):
                    return spent.solved((names,), shortest=len(names) == 1)
                if reached.get(after.state, math.inf) > len(names):
                    reached[after.state] = len(names)
                    number += 1
                    heapq.heappush(ahead, (cost + price, number, after, names))
        return spent.refuted(budget.max_depth, any_length=not cut)

    def _priced(self, before: Name, name: str) -> list[tuple[FunctionDef, float]]:
        functions = self._functions[name]
        key = (before, name)
        if key not in self._costs:
            self._costs[key] = self._learned.costs(before, functions)
        return list(zip(functions, self._costs[key], strict=True))

    def _steps_to(self, goal: str) -> dict[str, int]:
        """Return by type how many functions it takes at least to make the goal's.

        The goal's own is 0 steps away, and a value of it still needs one to change.
        """
        far = {goal: 0}
        ahead = [goal]
        while ahead:
            wanted = ahead.pop(0)
            for name, functions in self._functions.items():
                if name not in far and any(one.output_type == wanted for one in functions):
                    far[name] = far[wanted] + 1
                    ahead.append(name)
        return far
