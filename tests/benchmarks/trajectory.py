"""The exact solver of trajectories against plain breadth-first search, on the same tasks.

`python -m tests.benchmarks.trajectory` prints the table of docs/trajectory.md. Tasks are random
walks, two thirds of them with different outputs; their depth is what the exact solver proves it to
be. Times are CPU time, each the median of three runs, with nothing kept from one run to the next
but the library's compiled functions. Where plain search does not end within its calls, the time
until then counts, so that a ratio is never more than it would be.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from leanlab.trajectory import (
    Answer,
    BreadthFirst,
    Budget,
    Exact,
    Exhausted,
    FunctionLibrary,
    Refuted,
    Solved,
    Solver,
    Task,
    Walks,
)

from .figures import Figure, header, line

SEED, LENGTH = 9, 10
DEEP = Path(__file__).with_name("trajectory_deep.json")
"""Numbers of walks by the depth of their tasks, as found by proof; `--find` writes them anew."""


class Pair(msgspec.Struct, frozen=True):
    """Both solvers on one task."""

    exact: Answer
    plain: Answer
    exact_seconds: float
    plain_seconds: float

    @property
    def agree(self) -> bool:
        if isinstance(self.plain, Exhausted):
            if isinstance(self.exact, Solved):
                return len(self.exact.functions) > self.plain.refuted
            return isinstance(self.exact, Refuted)
        if isinstance(self.plain, Solved) and isinstance(self.exact, Solved):
            return self.plain.functions == self.exact.functions
        return type(self.plain) is type(self.exact)


class Bench:
    """The solvers and tasks of one library."""

    def __init__(self) -> None:
        self.library = FunctionLibrary.default()
        self.exact = Exact(self.library)
        self.plain = BreadthFirst(self.library)
        self.walks = Walks(self.library, seed=SEED)

    def task(self, number: int, length: int = LENGTH) -> Task:
        return self.walks.task(number, length, varied=number % 3 != 0).task

    def shallow(self, each: int) -> list[Task]:
        """As many tasks of each depth from 1 to 4, by walks of 1 to 6 functions."""
        found: dict[int, list[Task]] = {depth: [] for depth in (1, 2, 3, 4)}
        number = 0
        while any(len(tasks) < each for tasks in found.values()):
            task = self.task(number, 1 + number % 6)
            number += 1
            answer = self.exact.solve(task, Budget(max_depth=4))
            if isinstance(answer, Solved) and len(found[len(answer.functions)]) < each:
                found[len(answer.functions)].append(task)
        return [task for tasks in found.values() for task in tasks]

    def unreachable(self, count: int) -> Iterator[Task]:
        """Tasks with the outputs of another walk, which nothing of 6 functions makes."""
        number = 0
        while count:
            one, other = (self.walks.task(number + i, 5, varied=True).task for i in (0, 1))
            number += 2
            if one.output.type != other.output.type:
                continue
            task = Task(input=one.input, output=other.output)
            if isinstance(self.exact.solve(task, Budget(max_depth=6)), Refuted):
                count -= 1
                yield task

    def compare(self, task: Task, depth: int, calls: int) -> Pair:
        plain, plain_seconds = timed(self.plain, task, Budget(max_depth=depth, max_calls=calls), 1)
        exact, exact_seconds = timed(self.exact, task, Budget(max_depth=depth), 3)
        return Pair(exact, plain, exact_seconds, plain_seconds)


def timed(solver: Solver, task: Task, budget: Budget, repeats: int) -> tuple[Answer, float]:
    """Return the answer, and the median of the CPU seconds it took."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        answer = solver.solve(task, budget)
        taken.append(time.process_time() - start)
    return answer, statistics.median(taken)


def ratio(pairs: Iterable[Pair]) -> float:
    """All of the plain solver's time to all of the exact one's."""
    pairs = list(pairs)
    return sum(one.plain_seconds for one in pairs) / sum(one.exact_seconds for one in pairs)


def figures(*, shallow: int, deep: int, deepest: int, refuted: int, calls: int) -> Iterator[Figure]:
    """Yield each figure as it is known, from so many tasks of each kind."""
    bench = Bench()
    numbers = msgspec.json.decode(DEEP.read_bytes(), type=dict[int, list[int]])
    near = [bench.compare(task, 4, calls) for task in bench.shallow(shallow)]
    deeper = [
        bench.compare(bench.task(number), 7, calls)
        for depth in (6, 7)
        for number in numbers[depth][:deep]
    ]
    rates = [one.plain.calls / one.plain_seconds for one in [*near[-shallow:], *deeper]]
    yield Figure(name="plain search, executions", unit="/s", values=tuple(rates), at_least=20_000)
    yield Figure(name="exact to plain, depth 1 to 4", unit="×", values=(ratio(near),), at_least=50)
    yield Figure(
        name="exact to plain, depth 6 and 7", unit="×", values=(ratio(deeper),), at_least=200
    )
    wrong = sum(not one.agree for one in [*near, *deeper])
    yield Figure(name="answers that differ", unit="", values=(wrong,), at_most=0)
    yield from figures_of_depth_8(bench, numbers[8][:deepest])
    times = [
        1000 * timed(bench.exact, task, Budget(max_depth=6), 3)[1]
        for task in bench.unreachable(refuted)
    ]
    yield Figure(name="refuting 6 functions", unit="ms", values=tuple(times), at_most=50)


def figures_of_depth_8(bench: Bench, numbers: list[int]) -> Iterator[Figure]:
    times, solved = [], 0
    for number in numbers:
        answer, seconds = timed(bench.exact, bench.task(number), Budget(seconds=30), 1)
        solved += isinstance(answer, Solved) and len(answer.functions) == 8
        times.append(seconds)
    share = 100 * solved / len(numbers)
    yield Figure(name="depth 8, solved", unit="%", values=(share,), at_least=100 * 60 / 64)
    mean = statistics.mean(times)
    yield Figure(name="depth 8, mean", unit="s", values=(mean,), at_most=0.2)


def find(count: int) -> None:
    """Look for walks of depth 6, 7 and 8, so many of each, and write them down.

    A task that takes more than 15 seconds is left out: what it needs is not known.
    """
    bench = Bench()
    found: dict[int, list[int]] = {6: [], 7: [], 8: []}
    number = 0
    while any(len(numbers) < count for numbers in found.values()):
        answer = bench.exact.solve(bench.task(number), Budget(max_depth=8, seconds=15))
        if isinstance(answer, Solved) and len(answer.functions) in found:
            found[len(answer.functions)].append(number)
        number += 1
    cut = {depth: numbers[:count] for depth, numbers in found.items()}
    DEEP.write_bytes(msgspec.json.encode(cut) + b"\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.trajectory")
    parser.add_argument("--find", action="store_true", help="look for deep tasks anew; an hour")
    if parser.parse_args().find:
        find(64)
        return 0
    print(header(), flush=True)
    measured = []
    for figure in figures(shallow=50, deep=8, deepest=64, refuted=60, calls=1_000_000):
        measured.append(figure)
        print(line(figure), flush=True)
    return any(figure.missed for figure in measured)


if __name__ == "__main__":
    sys.exit(main())
