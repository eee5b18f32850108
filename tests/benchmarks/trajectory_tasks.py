"""The tasks that solvers of trajectories are measured on: two kinds, the same ones everywhere.

`python -m tests.benchmarks.trajectory_tasks shells|ends` looks for the deep ones anew, which are
kept beside this module.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

import msgspec

from leanlab.labkit import Stream
from leanlab.trajectory import (
    Budget,
    Exact,
    Executor,
    FunctionDef,
    FunctionLibrary,
    Refuted,
    Solved,
    Task,
    TypedList,
    Walks,
)
from leanlab.trajectory.execution import StepFailed
from leanlab.trajectory.plain import by_input_type
from leanlab.trajectory.search import Name
from leanlab.trajectory.tasks import INPUTS
from leanlab.trajectory.values import grading

SEED, ITEMS, LENGTH = 9, 4, 10
SHALLOW, DEEP = (1, 2, 3, 4), (6, 7, 8)
FOUND = 64
"""Tasks of each of the DEEP depths that are kept."""
_ATTEMPTS = 100

Names = tuple[Name, ...]
Layers = list[list["Reached"]]
"""All lists that can be made of an input, by the least number of functions that do."""


class Tasks(Protocol):
    """Tasks by depth: the number of functions that a shortest answer has."""

    def shallow(self, each: int) -> dict[int, list[Task]]:
        """So many of each of the SHALLOW depths."""
        ...

    def deep(self, depth: int, count: int) -> list[Task]:
        """The first so many of one of the DEEP depths."""
        ...


class Reached(msgspec.Struct, frozen=True):
    """A list, and functions that make it of an input."""

    typed: TypedList
    functions: Names


class Shells:
    """Tasks whose output is drawn from all the lists that so many functions make, and no fewer.

    The lists are made by running every function on every one, layer after layer. No solver has
    a part in it, so none makes the choice easier for itself. Outputs whose items are all alike
    are left out.
    """

    kept = Path(__file__).with_name("trajectory_shells.json")
    """By depth and the number of the input: functions that make the output."""
    complete = 7
    """The last layer that is made whole; an output of depth 8 is new to all of them."""

    def __init__(self, library: FunctionLibrary) -> None:
        self._executor = Executor(library)
        self._functions = by_input_type(library)
        self._types = [name for name in INPUTS if name != "builtins.bool"]

    def shallow(self, each: int) -> dict[int, list[Task]]:
        return {
            depth: [self._task(number, names) for number, names in drawn.items()]
            for depth, drawn in self._drawn_each(SHALLOW, each).items()
        }

    def deep(self, depth: int, count: int) -> list[Task]:
        kept = islice(self.read()[depth].items(), count)
        return [self._task(number, names.split()) for number, names in kept]

    def read(self) -> dict[int, dict[int, str]]:
        return msgspec.json.decode(self.kept.read_bytes(), type=dict[int, dict[int, str]])

    def find(self) -> None:
        found = {
            depth: {number: " ".join(names) for number, names in drawn.items()}
            for depth, drawn in self._drawn_each(DEEP, FOUND).items()
        }
        self.kept.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")

    def draw(self, number: int, depths: Sequence[int]) -> dict[int, Names]:
        """Draw an output of each depth for the input of that number, where there is a fit one."""
        layers = self._layers(self._input(number), min(max(depths), self.complete))
        drawn = {depth: self._drawn(number, layers, depth) for depth in depths}
        return {depth: one.functions for depth, one in drawn.items() if one is not None}

    def _drawn_each(self, depths: Sequence[int], each: int) -> dict[int, dict[int, Names]]:
        """By depth and number of the input, so many of each depth."""
        found: dict[int, dict[int, Names]] = {depth: {} for depth in depths}
        number = 0
        while any(len(drawn) < each for drawn in found.values()):
            for depth, names in self.draw(number, depths).items():
                if len(found[depth]) < each:
                    found[depth][number] = names
            number += 1
        return found

    def _input(self, number: int) -> TypedList:
        stream, name = Stream("shell", SEED, number), self._types[number % len(self._types)]
        return TypedList.checked(name, [INPUTS[name](stream) for _ in range(ITEMS)])

    def _task(self, number: int, names: Sequence[Name]) -> Task:
        done = self._executor.run(self._executor.plan(self._input(number), names))
        assert done.trajectory is not None, f"input {number}: {done.error}"
        return Task(input=done.trajectory.input, output=done.trajectory.output)

    def _layers(self, given: TypedList, depth: int) -> Layers:
        seen = {given.state}
        layers = [[Reached(given, ())]]
        for _ in range(depth):
            layer = []
            for before in layers[-1]:
                for function in self._functions[before.typed.type]:
                    after = self._after(before, function)
                    if after is not None and (state := after.typed.state) not in seen:
                        seen.add(state)
                        layer.append(after)
            layers.append(layer)
        return layers

    def _after(self, before: Reached, function: FunctionDef) -> Reached | None:
        try:
            typed = self._executor.step(function, before.typed)
        except StepFailed:
            return None
        return Reached(typed, (*before.functions, function.name))

    def _drawn(self, number: int, layers: Layers, depth: int) -> Reached | None:
        """Draw a list that takes so many functions, at most one more than there are layers."""
        stream = Stream("shell", SEED, number, depth)
        fewer, last = layers[:depth], layers[: depth + 1][-1]
        for _ in range(_ATTEMPTS if last else 0):
            drawn: Reached | None = last[stream.below(len(last))]
            if drawn is not None and last is fewer[-1]:
                ahead = self._functions[drawn.typed.type]
                drawn = self._after(drawn, ahead[stream.below(len(ahead))])
            if drawn is not None and _is_fit(drawn, fewer):
                return drawn
        return None


def _is_fit(drawn: Reached, fewer: Layers) -> bool:
    """Tell whether its items are not all alike, and nothing of fewer functions would do as well.

    A list can be new as a state and be an answer of fewer functions: -0.0 is as right as 0.0.
    """
    goal = drawn.typed
    varied = len(set(map(grading, goal.items))) > 1
    return varied and not any(one.typed.answers(goal) for layer in fewer for one in layer)


class Ends:
    """Tasks whose output is the end of a random walk; what they need, exact search has proved.

    In two thirds of the walks no step makes all items alike.
    """

    kept = Path(__file__).with_name("trajectory_deep.json")
    """By depth: numbers of walks."""

    def __init__(self, library: FunctionLibrary) -> None:
        self._exact = Exact(library)
        self._walks = Walks(library, seed=SEED)

    def shallow(self, each: int) -> dict[int, list[Task]]:
        found: dict[int, list[Task]] = {depth: [] for depth in SHALLOW}
        number = 0
        while any(len(tasks) < each for tasks in found.values()):
            task = self._task(number, 1 + number % 6)
            number += 1
            answer = self._exact.solve(task, Budget(max_depth=4))
            if isinstance(answer, Solved) and len(found[len(answer.functions)]) < each:
                found[len(answer.functions)].append(task)
        return found

    def deep(self, depth: int, count: int) -> list[Task]:
        kept = msgspec.json.decode(self.kept.read_bytes(), type=dict[int, list[int]])
        return [self._task(number) for number in kept[depth][:count]]

    def find(self) -> None:
        """Walks that take more than 15 seconds are left out: what they need is not known."""
        found: dict[int, list[int]] = {depth: [] for depth in DEEP}
        number = 0
        while any(len(numbers) < FOUND for numbers in found.values()):
            answer = self._exact.solve(self._task(number), Budget(max_depth=8, seconds=15))
            depth = len(answer.functions) if isinstance(answer, Solved) else 0
            if depth in found and len(found[depth]) < FOUND:
                found[depth].append(number)
            number += 1
        self.kept.write_bytes(msgspec.json.encode(found) + b"\n")

    def unreachable(self, count: int) -> Iterator[Task]:
        """Tasks with the outputs of another walk, which nothing of 6 functions makes."""
        number = 0
        while count:
            one, other = (self._walks.task(number + i, 5, varied=True).task for i in (0, 1))
            number += 2
            if one.output.type != other.output.type:
                continue
            task = Task(input=one.input, output=other.output)
            if isinstance(self._exact.solve(task, Budget(max_depth=6)), Refuted):
                count -= 1
                yield task

    def _task(self, number: int, length: int = LENGTH) -> Task:
        return self._walks.task(number, length, varied=number % 3 != 0).task


if __name__ == "__main__":
    kinds: dict[str, type[Shells | Ends]] = {"shells": Shells, "ends": Ends}
    if len(sys.argv) != 2 or sys.argv[1] not in kinds:
        sys.exit("say which tasks to find: shells (a quarter of an hour) or ends (an hour).")
    kinds[sys.argv[1]](FunctionLibrary.default()).find()
