"""What every solver is asked, what it may spend, and the three things it may answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from leanlab.labkit import ConfigError
from leanlab.trajectory.values import TypedList, identity, same

if TYPE_CHECKING:
    from collections.abc import Hashable

Name = str
"""Of a function."""
BudgetName = Literal["calls", "seconds", "memory"]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Find functions that turn every item of input into the item of output beside it."""

    input: TypedList
    output: TypedList

    def __post_init__(self) -> None:
        given, wanted = len(self.input.items), len(self.output.items)
        if given != wanted:
            raise ConfigError(
                f"the input has {given} items and the output {wanted}: "
                "give one output for each input."
            )


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What a solver may spend on one task. None is no limit."""

    max_depth: int = 8
    """Functions in an answer, at most."""
    max_calls: int | None = None
    """A call runs one function: on the whole list in the plain solvers, as it is usually counted,
    and on a single item in the exact one, which is never more."""
    seconds: float | None = None
    memory_mb: int = 2048
    """What the exact solver may keep, as it estimates it."""


class Solved(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="solved"):
    """There is a trajectory."""

    trajectories: tuple[tuple[Name, ...], ...]
    """At least one; the best first where all were asked for."""
    shortest: bool
    """Whether it is proved that none is shorter."""
    complete: bool = False
    """Whether trajectories are all there are of this length."""
    calls: int
    seconds: float

    @property
    def functions(self) -> tuple[Name, ...]:
        return self.trajectories[0]


class Refuted(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="refuted"):
    """No trajectory of at most this many functions exists. It is proved."""

    depth: int
    any_length: bool
    """Whether none exists of any length at all."""
    calls: int
    seconds: float


class Exhausted(msgspec.Struct, frozen=True, kw_only=True, tag_field="answer", tag="exhausted"):
    """A budget ended first. Nothing is known but what refuted says."""

    budget: BudgetName
    refuted: int
    """No trajectory of at most this many functions exists; -1 where nothing is proved."""
    calls: int
    seconds: float


Answer = Solved | Refuted | Exhausted


class Solver(Protocol):
    """Finds a trajectory for a task. What it learns of one task does not speed up another."""

    def solve(self, task: Task, budget: Budget) -> Answer:
        """Answer within the budget: the same each time, but for what a budget of seconds ends."""
        ...


class OverBudget(Exception):
    """What a solver was about to do is beyond its budget."""

    def __init__(self, budget: BudgetName) -> None:
        super().__init__(budget)
        self.budget = budget


class Spent:
    """What one solving has used, held against its budget."""

    def __init__(self, budget: Budget) -> None:
        self._start = time.perf_counter()
        self._end = None if budget.seconds is None else self._start + budget.seconds
        self._calls_left = budget.max_calls
        self._bytes_left = budget.memory_mb << 20
        self.calls = 0

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def take(self, calls: int) -> None:
        """Count calls that are about to be made; raise OverBudget where that is too many."""
        if self._calls_left is not None:
            if calls > self._calls_left:
                raise OverBudget("calls")
            self._calls_left -= calls
        if self._end is not None and time.perf_counter() > self._end:
            raise OverBudget("seconds")
        self.calls += calls

    def keep(self, size: int) -> None:
        """Count bytes that are kept until the end."""
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise OverBudget("memory")

    def solved(
        self,
        trajectories: tuple[tuple[Name, ...], ...],
        *,
        shortest: bool = True,
        complete: bool = False,
    ) -> Solved:
        return Solved(
            trajectories=trajectories,
            shortest=shortest,
            complete=complete,
            calls=self.calls,
            seconds=self.seconds,
        )

    def refuted(self, depth: int, *, any_length: bool) -> Refuted:
        return Refuted(depth=depth, any_length=any_length, calls=self.calls, seconds=self.seconds)

    def exhausted(self, budget: BudgetName, refuted: int) -> Exhausted:
        return Exhausted(budget=budget, refuted=refuted, calls=self.calls, seconds=self.seconds)


def is_contradictory(task: Task) -> bool:
    """Tell whether one input is there twice, with two outputs: then no trajectory exists."""
    wanted: dict[Hashable, int] = {}
    for i, item in enumerate(task.input.items):
        first = wanted.setdefault(identity(item), i)
        if not same(task.output.items[i], task.output.items[first]):
            return True
    return False
