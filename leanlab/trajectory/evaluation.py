"""Measuring solvers: every answer is run again here, on the given and on the held-out examples."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from leanlab.labkit import ConfigError
from leanlab.trajectory.execution import Executor
from leanlab.trajectory.guided import Guided, Learned
from leanlab.trajectory.library import FunctionLibrary, LibraryError
from leanlab.trajectory.search import Budget, Solved
from leanlab.trajectory.solvers import SOLVERS, solver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from leanlab.trajectory.search import Name, Solver, Task
    from leanlab.trajectory.taskfile import TaskRecord

LEARNS_EVERY = 32
"""The guided solver learns from its own answers after so many tasks, however many run at once."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What solves: it is data, so that another process can make the same."""

    solver: str
    """exact, bfs, random, guided, or module:Class of a solver made from a library."""
    library: bytes
    """As FunctionLibrary.encode writes it."""
    budget: Budget
    seed: int = 0
    learned: Learned = Learned()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one task."""

    solved: bool
    """Right on every given example, when it was run here."""
    general: bool | None = None
    """Right on the held-out examples too; None where it is not solved, or there are none."""
    functions: tuple[Name, ...] = ()
    calls: int = 0
    seconds: float = 0.0
    died: bool = False
    """The process that solved it ended, twice."""


def checked_name(name: str) -> str:
    """Return the name of a solver that there is; a ConfigError says which there are."""
    if name in (*SOLVERS, "guided", "llm"):
        return name
    if ":" in name:
        _own(name)
        return name
    raise ConfigError(
        f"--solver: there is no solver {name!r}. Use some of: {', '.join(SOLVERS)}, guided, llm, "
        "or module:Class of your own."
    )


def attempt(setup: Setup, record: TaskRecord) -> Outcome:
    """Solve one task, and check the answer."""
    library = _library(setup.library)
    return graded(_solver(setup, library), record, setup.budget, Executor(library))


def graded(one: Solver, record: TaskRecord, budget: Budget, executor: Executor) -> Outcome:
    """Have a solver solve one task, and check the answer."""
    answer = one.solve(record.task, budget)
    outcome = Outcome(solved=False, calls=answer.calls, seconds=answer.seconds)
    if not isinstance(answer, Solved) or not answers(answer.functions, record.task, executor):
        return outcome
    held_out = record.held_out
    general = None if held_out is None else answers(answer.functions, held_out, executor)
    return msgspec.structs.replace(
        outcome, solved=True, general=general, functions=answer.functions
    )


def answers(names: Sequence[Name], task: Task, executor: Executor) -> bool:
    """Tell whether these functions turn the task's input into its output."""
    try:
        done = executor.run(executor.plan(task.input, names)).trajectory
    except LibraryError:
        return False
    return done is not None and done.output.answers(task.output)


def learning(
    setup: Setup,
    records: Iterable[TaskRecord],
    measure: Callable[[Setup, list[TaskRecord]], Iterable[Outcome]],
) -> Iterator[Outcome]:
    """Measure the guided solver in batches, each with what the ones before have shown."""
    ahead = iter(records)
    while batch := list(islice(ahead, LEARNS_EVERY)):
        outcomes = list(measure(setup, batch))
        yield from outcomes
        learned = setup.learned.and_from(one.functions for one in outcomes if one.solved)
        setup = msgspec.structs.replace(setup, learned=learned)


@lru_cache(maxsize=4)
def _library(text: bytes) -> FunctionLibrary:
    return FunctionLibrary.decode(text, where="the library")


def _solver(setup: Setup, library: FunctionLibrary) -> Solver:
    if setup.solver == "guided":
        return Guided(library, setup.learned)
    return _kept(setup.solver, setup.library, setup.seed)


@lru_cache(maxsize=8)
def _kept(name: str, library: bytes, seed: int) -> Solver:
    if ":" in name:
        made: Solver = _own(name)(_library(library))
        return made
    return solver(name, _library(library), seed=seed)


def _own(name: str) -> Callable[[FunctionLibrary], Solver]:
    module, _, kind = name.partition(":")
    try:
        found: Callable[[FunctionLibrary], Solver] = getattr(import_module(module), kind)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"--solver: {name} cannot be had: {error}.") from None
    return found
