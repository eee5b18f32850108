"""The exact solver of trajectories against plain breadth-first search, on the same tasks.

`python -m tests.benchmarks.trajectory` prints the table of docs/trajectory.md, which tells how its
tasks are drawn. Times are CPU time, with nothing kept from one run to the next but the library's
compiled functions: the median of three runs, but one of plain search on deep tasks and one of the
exact solver on the deepest. Where plain search does not end within its calls, if they are limited,
the time until then counts, so that a ratio is never more than it would be.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Collection, Iterator

import msgspec

from leanlab.trajectory import (
    Answer,
    BreadthFirst,
    Budget,
    Exact,
    Exhausted,
    FunctionLibrary,
    Solved,
    Solver,
    Task,
)

from .figures import Figure, header, line
from .trajectory_tasks import SHALLOW, Ends, Shells, Tasks

COMPARED = (6, 7)
"""Depths of deep tasks that plain search is given, too."""


class Pair(msgspec.Struct, frozen=True):
    """Both solvers on one task."""

    depth: int
    """What the task is known to need."""
    exact: Answer
    plain: Answer
    exact_seconds: float
    plain_seconds: float

    @property
    def agree(self) -> bool:
        if not isinstance(self.exact, Solved) or len(self.exact.functions) != self.depth:
            return False
        if isinstance(self.plain, Exhausted):
            return self.plain.refuted < self.depth
        return isinstance(self.plain, Solved) and self.plain.functions == self.exact.functions


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How many tasks of each kind are measured."""

    shallow: int
    """Of each depth from 1 to 4."""
    deep: int
    """Of depth 6 and of 7."""
    deepest: int
    """Of depth 8."""
    refuted: int
    calls: int | None = None
    """That plain search may make for one task; None is no limit."""


class Bench:
    """The solvers and tasks of one library."""

    def __init__(self) -> None:
        library = FunctionLibrary.default()
        self.exact = Exact(library)
        self.plain = BreadthFirst(library)
        self.shells = Shells(library)
        self.ends = Ends(library)

    def compare(self, tasks: Tasks, size: Size) -> list[Pair]:
        """Give both solvers the same tasks."""
        found = tasks.shallow(size.shallow)
        found |= {depth: tasks.deep(depth, size.deep) for depth in COMPARED}
        return [
            self.pair(task, depth, size.calls) for depth, each in found.items() for task in each
        ]

    def pair(self, task: Task, depth: int, calls: int | None) -> Pair:
        repeats = 1 if depth in COMPARED else 3
        # Neither is told the depth.
        plain, plain_seconds = timed(self.plain, task, Budget(max_calls=calls), repeats)
        exact, exact_seconds = timed(self.exact, task, Budget(), 3)
        return Pair(depth, exact, plain, exact_seconds, plain_seconds)

    def deepest(self, tasks: Tasks, count: int) -> tuple[float, float]:
        """Return the percentage that the exact solver solved, and its mean seconds."""
        taken, solved = [], 0
        for task in tasks.deep(8, count):
            answer, seconds = timed(self.exact, task, Budget(seconds=30), 1)
            solved += isinstance(answer, Solved) and len(answer.functions) == 8
            taken.append(seconds)
        return 100 * solved / len(taken), statistics.mean(taken)


def timed(solver: Solver, task: Task, budget: Budget, repeats: int) -> tuple[Answer, float]:
    """Return the answer, and the median of the CPU seconds it took."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        answer = solver.solve(task, budget)
        taken.append(time.process_time() - start)
    return answer, statistics.median(taken)


def figures(size: Size) -> Iterator[Figure]:
    """Yield each figure as it is known."""
    bench = Bench()
    shells = bench.compare(bench.shells, size)
    yield ratio("exact to plain, depth 1 to 4", shells, SHALLOW, at_least=50)
    yield ratio("exact to plain, depth 6 and 7", shells, COMPARED, at_least=200)
    for depth in (*SHALLOW, *COMPARED):
        yield ratio(f"exact to plain, depth {depth} alone", shells, [depth])
    solved, mean = bench.deepest(bench.shells, size.deepest)
    yield Figure(name="depth 8, solved", unit="%", values=(solved,), at_least=100 * 60 / 64)
    yield Figure(name="depth 8, mean", unit="s", values=(mean,), at_most=0.2)
    times = [
        1000 * timed(bench.exact, task, Budget(max_depth=6), 3)[1]
        for task in bench.ends.unreachable(size.refuted)
    ]
    yield Figure(name="refuting 6 functions", unit="ms", values=tuple(times), at_most=50)
    ends = bench.compare(bench.ends, size)
    yield ratio("ends of walks: exact to plain, depth 1 to 4", ends, SHALLOW)
    yield ratio("ends of walks: exact to plain, depth 6 and 7", ends, COMPARED)
    solved, mean = bench.deepest(bench.ends, size.deepest)
    yield Figure(name="ends of walks: depth 8, solved", unit="%", values=(solved,))
    yield Figure(name="ends of walks: depth 8, mean", unit="s", values=(mean,))
    both = shells + ends
    rates = [pair.plain.calls / pair.plain_seconds for pair in both if pair.depth >= max(SHALLOW)]
    yield Figure(name="plain search, executions", unit="/s", values=tuple(rates), at_least=20_000)
    wrong = sum(not pair.agree for pair in both)
    yield Figure(name="answers that differ", unit="", values=(wrong,), at_most=0)


def ratio(
    name: str, pairs: list[Pair], depths: Collection[int], *, at_least: float | None = None
) -> Figure:
    """All of the plain solver's time to all of the exact one's, on tasks of these depths."""
    of_depths = [pair for pair in pairs if pair.depth in depths]
    plain = sum(pair.plain_seconds for pair in of_depths)
    exact = sum(pair.exact_seconds for pair in of_depths)
    return Figure(name=name, unit="×", values=(plain / exact,), at_least=at_least)


def main() -> int:
    print(header(), flush=True)
    measured = []
    for figure in figures(Size(shallow=50, deep=24, deepest=64, refuted=60)):
        measured.append(figure)
        print(line(figure), flush=True)
    return any(figure.missed for figure in measured)


if __name__ == "__main__":
    sys.exit(main())
