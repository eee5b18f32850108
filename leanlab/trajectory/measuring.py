"""`leanlab trajectory eval`: several solvers on one file of tasks, with progress, as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from leanlab.labkit import ConfigError, asker
from leanlab.trajectory import taskfile
from leanlab.trajectory.evaluation import Setup, checked_name, graded, learning
from leanlab.trajectory.execution import Executor
from leanlab.trajectory.guided import Learned
from leanlab.trajectory.llm import LanguageModel
from leanlab.trajectory.search import Budget
from leanlab.trajectory.summary import Rate, Summary, call_steps, summarise
from leanlab.trajectory.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from leanlab.trajectory.evaluation import Outcome
    from leanlab.trajectory.library import FunctionLibrary
    from leanlab.trajectory.taskfile import TaskRecord

Tick = Callable[[], None]
_REMARKS = 20
"""How many remarks on a model's answers are kept."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be measured, and how."""

    solvers: list[str]
    budget: Budget
    seed: int = 0
    jobs: int = 1
    learned: Learned = Learned()
    backend: str = "auto"
    model: str | None = None
    attempts: int = 1


def named(text: str) -> list[str]:
    """Read a comma-separated list of solvers, each once."""
    names = [checked_name(part.strip()) for part in text.split(",") if part.strip()]
    if not names:
        raise ConfigError("--solver names none; write such as --solver exact,bfs.")
    return list(dict.fromkeys(names))


def learned(path: Path | None) -> Learned:
    """Learn from the known answers of a file of tasks; nothing without one."""
    if path is None:
        return Learned()
    known = [one.functions for one in taskfile.read(path) if one.functions]
    if not known:
        raise ConfigError(f"--learn: no task of {path} has relabeled_functions to learn from.")
    return Learned().and_from(known)


def measure(
    plan: Plan, library: FunctionLibrary, records: Sequence[TaskRecord]
) -> dict[str, Summary]:
    """Measure every solver on every task."""
    steps = call_steps(plan.budget.max_calls or 10**9)
    summaries: dict[str, Summary] = {}
    for name in plan.solvers:
        with _progress(name, len(records)) as tick:
            if name == "llm":
                summaries[name] = _measure_model(plan, library, records, steps, tick)
            else:
                outcomes = _measure(name, plan, library, records, tick)
                summaries[name] = summarise(records, outcomes, steps)
    return summaries


def _measure(
    name: str, plan: Plan, library: FunctionLibrary, records: Sequence[TaskRecord], tick: Tick
) -> list[Outcome]:
    setup = Setup(
        solver=name,
        library=library.encode(),
        budget=plan.budget,
        seed=plan.seed,
        learned=plan.learned,
    )
    with Workers(min(plan.jobs, len(records)), on_done=tick) as workers:
        if name == "guided":
            return list(learning(setup, records, workers.measure))
        return list(workers.measure(setup, records))


def _measure_model(
    plan: Plan,
    library: FunctionLibrary,
    records: Sequence[TaskRecord],
    steps: Sequence[int],
    tick: Tick,
) -> Summary:
    outcomes: list[Outcome] = []
    with asker(plan.backend, plan.model) as one:
        model = LanguageModel(library, one, attempts=plan.attempts)
        for record in records:
            outcomes.append(graded(model, record, plan.budget, Executor(library)))
            tick()
    remarks = tuple(model.remarks[:_REMARKS])
    return summarise(records, outcomes, steps, remarks=remarks, cost_usd=model.cost_usd)


@contextmanager
def _progress(name: str, total: int) -> Iterator[Tick]:
    """Show on standard error how far a solver is; nothing where that is no terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=total)
        yield lambda: progress.advance(task)


def table(summaries: dict[str, Summary]) -> str:
    """Write the summaries for people: a line a solver, then the solvers side by side."""
    head = ["solver", "solved", "rate", "95%", "held out", "calls", "ms", "length", "excess"]
    rows = [head, *(_row(name, one) for name, one in summaries.items())]
    parts = [_columns(rows)]
    for title in ("by_length", "by_type", "at_calls"):
        rates = {name: getattr(one, title) for name, one in summaries.items()}
        parts.append(_columns(_breakdown(title.replace("_", " "), rates)))
    for name, one in summaries.items():
        parts += [f"{name}: the worker died at {one.died} tasks"] if one.died else []
        parts += [f"{name}: {remark}" for remark in one.remarks]
    return "\n\n".join(parts)


def _row(name: str, one: Summary) -> list[str]:
    low, high = one.interval or (0.0, 1.0)
    return [
        name,
        f"{one.solved}/{one.total}",
        _share(one.rate),
        f"{low:.1%} to {high:.1%}",
        _share(one.generalisation.rate),
        _number(one.mean_calls, ",.0f"),
        _number(one.mean_ms, ",.1f"),
        _number(one.mean_length, ".2f"),
        _number(one.mean_excess, ".2f"),
    ]


def _breakdown(title: str, rates: dict[str, dict[str, Rate]]) -> list[list[str]]:
    keys = list(dict.fromkeys(key for each in rates.values() for key in each))
    first = next(iter(rates.values()))
    return [
        [title, "tasks", *rates],
        *([key, str(first[key].total), *(_share(each[key].rate) for each in rates.values())]
          for key in keys),
    ]  # fmt: skip


def _columns(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
