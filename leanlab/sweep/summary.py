"""What a sweep came to: each point's best attempt, and its mean over the seeds in each cell."""

from __future__ import annotations

import difflib
import itertools
from typing import TYPE_CHECKING, Literal

import msgspec

from leanlab.errors import ConfigError
from leanlab.sweep.estimate import Estimate, estimate
from leanlab.sweep.grid import SEED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.config import Objective
    from leanlab.lab import Lab
    from leanlab.sweep.attempts import Attempt, PointStatus
    from leanlab.sweep.grid import Plan, Point
    from leanlab.sweep.results import Results

_COUNTED = ("target", "done", "abstained")
"""Points that were cut short would pull a mean down."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Which parameters make rows and columns; a table for each combination of the rest."""

    rows: str
    cols: str | None
    rest: tuple[str, ...]
    over_seeds: bool
    """Whether a cell gathers the points of several seeds."""


class PointResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a point ended, and its best attempt by the objective; the earliest on a tie."""

    sets: dict[str, str]
    status: PointStatus | Literal["waiting"]
    reason: str
    attempts: int
    deaths: tuple[str, ...]
    best: int | None
    """The number of the attempt; None without a score."""
    metrics: dict[str, float]
    """The best attempt's."""
    program: str | None
    """Its file, relative to the sweep's folder."""

    @property
    def name(self) -> str:
        return ",".join(f"{key}={value}" for key, value in self.sets.items())

    @property
    def in_a_word(self) -> str:
        finished = self.status in _COUNTED and self.status != "abstained"
        return "no score" if finished and self.best is None else self.status


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """The points of one row and column."""

    row: str
    col: str
    points: int
    estimates: dict[str, Estimate]
    """By metric, over the points that were run to their end and have a score."""
    words: tuple[str, ...]
    """What the other points came to, each word once."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """fixed are the values of the parameters that make neither rows nor columns."""

    fixed: dict[str, str]
    cells: tuple[tuple[Cell, ...], ...]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is printed, drawn, and kept as summary.json."""

    lab: str
    plan: Plan
    metric: str
    """What the tables show."""
    chosen_by: Objective
    layout: Layout
    tables: tuple[Table, ...]
    points: tuple[PointResult, ...]
    cost_usd: float
    """Of everything whose price is known."""
    without_price: int
    tokens: int


def layout(plan: Plan, rows: str | None = None, cols: str | None = None) -> Layout:
    """Take the two parameters with the most values, the seed aside, in the order they were set."""
    for option, named in (("--rows", rows), ("--cols", cols)):
        if named is not None and named not in plan.axes:
            near = difflib.get_close_matches(named, plan.axes, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(plan.axes)}."
            raise ConfigError(f"{option} {named}: the sweep sets no such parameter. {hint}")
    if rows is not None and rows == cols:
        raise ConfigError(f"--rows and --cols are both {rows}. Name two parameters.")
    order = list(plan.axes)
    taken = {rows, cols, SEED}
    free = [key for key in order if key not in taken and len(plan.axes[key]) > 1]
    most = sorted(free, key=lambda key: -len(plan.axes[key]))[: (rows, cols).count(None)]
    chosen = sorted(most, key=order.index)
    fallback = [key for key in order if key not in taken] + order[:1]
    row = rows or (chosen.pop(0) if chosen else fallback[0])
    col = cols or (chosen[0] if chosen else None)
    return Layout(
        rows=row,
        cols=col,
        rest=tuple(key for key in plan.axes if key not in (row, col, SEED)),
        over_seeds=SEED in plan.axes and SEED not in (row, col),
    )


def summarise(
    lab: Lab, plan: Plan, results: Results, arranged: Layout, metric: str | None = None
) -> Summary:
    objective = lab.config.objective
    points = tuple(_result(point, results, objective) for point in plan.points())
    attempts = [each for of in results.attempts.values() for each in of]
    return Summary(
        lab=lab.config.name,
        plan=plan,
        metric=_metric(objective.metric, metric, attempts),
        chosen_by=objective,
        layout=arranged,
        tables=tuple(_tables(points, plan, arranged)),
        points=points,
        cost_usd=results.cost_usd,
        without_price=sum(each.cost_usd is None for each in attempts),
        tokens=sum(each.tokens or 0 for each in attempts),
    )


def best_of(attempts: Sequence[Attempt], objective: Objective) -> Attempt | None:
    """The best by the objective's metric alone; the earliest on a tie, None if unscored."""
    best: Attempt | None = None
    for each in attempts:
        value = each.metrics.get(objective.metric)
        if each.status == "scored" and value is not None:
            beaten = best is None or objective.better(value, best.metrics[objective.metric])
            best = each if beaten else best
    return best


def _result(point: Point, results: Results, objective: Objective) -> PointResult:
    attempts, outcome = results.of(point), results.outcomes.get(point.name)
    best = best_of(attempts, objective)
    file = best.program_file if best else None
    return PointResult(
        sets=point.sets,
        status=outcome.status if outcome else "waiting",
        reason=outcome.reason if outcome else "",
        attempts=len(attempts),
        deaths=outcome.deaths if outcome else (),
        best=best.attempt if best else None,
        metrics=best.metrics if best else {},
        program=f"points/{point.folder}/{file}" if file else None,
    )


def _metric(objective: str, asked: str | None, attempts: Sequence[Attempt]) -> str:
    """What the tables show: what was asked for; or test_x beside val_x; or the objective's."""
    known = sorted({name for each in attempts for name in each.metrics})
    if asked is not None:
        if known and asked not in known:
            names = ", ".join(known)
            raise ConfigError(f"--metric {asked}: no attempt has it. There are: {names}.")
        return asked
    twin = f"test_{objective.removeprefix('val_')}"
    return twin if twin in known and objective.startswith("val_") else objective


def _tables(points: Sequence[PointResult], plan: Plan, arranged: Layout) -> list[Table]:
    cols = plan.axes[arranged.cols] if arranged.cols else ("",)
    tables = []
    for values in itertools.product(*(plan.axes[key] for key in arranged.rest)):
        fixed = dict(zip(arranged.rest, values, strict=True))
        cells = tuple(
            tuple(_cell(points, arranged, row, col, fixed) for col in cols)
            for row in plan.axes[arranged.rows]
        )
        tables.append(Table(fixed=fixed, cells=cells))
    return tables


def _cell(
    points: Sequence[PointResult], arranged: Layout, row: str, col: str, fixed: dict[str, str]
) -> Cell:
    wanted = fixed | {arranged.rows: row} | ({arranged.cols: col} if arranged.cols else {})
    inside = [point for point in points if wanted.items() <= point.sets.items()]
    counted = [point for point in inside if point.status in _COUNTED and point.best is not None]
    names = sorted({name for point in counted for name in point.metrics})
    found = {
        name: estimate([point.metrics[name] for point in counted if name in point.metrics])
        for name in names
    }
    return Cell(
        row=row,
        col=col,
        points=len(inside),
        estimates={name: value for name, value in found.items() if value is not None},
        words=tuple(dict.fromkeys(p.in_a_word for p in inside if p not in counted)),
    )
