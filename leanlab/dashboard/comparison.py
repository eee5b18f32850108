"""Labs, variants and runs against one another: the best so far against what it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from leanlab.dashboard import charts
from leanlab.dashboard.charts import Tick
from leanlab.dashboard.library import Shelf

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.dashboard.charts import Point
    from leanlab.dashboard.index import Index

Axis = Literal["trials", "evaluations", "usd"]
_SERIES = 6
_RUNS = 10


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What can be compared: a lab, a variant, or one run of it."""

    name: str
    """In addresses: the lab's key, with @ and the run."""
    shelf: Shelf
    run: str | None
    words: str
    metric: str
    direction: str
    chosen: bool


class ComparePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the choices, against one another."""

    choices: tuple[Choice, ...]
    axis: Axis
    metric: str
    comparison: Comparison
    left_out: tuple[str, ...]
    """Sentences about what was chosen and cannot be drawn."""


def compare_page(shelves: Sequence[Shelf], wanted: Sequence[str], axis: Axis) -> ComparePage:
    """Compare what is wanted; at first, the first lab that has a score and all that share its
    metric.
    """
    choices = [choice for shelf in shelves if shelf.lab for choice in _choices(shelf)]
    by_name = {choice.name: choice for choice in choices}
    asked = [by_name[name] for name in dict.fromkeys(wanted) if name in by_name]
    if not asked:
        asked = [each for each in choices if each.run is None and _scored(each.shelf)]
        asked = [each for each in asked if each.metric == asked[0].metric]
    asked = asked[:_SERIES]
    goal = (asked[0].metric, asked[0].direction) if asked else ("", "maximize")
    same = [each for each in asked if (each.metric, each.direction) == goal]
    drawn = [(each.words, *_reached(each, axis)) for each in same]
    left = [
        f"{each.words} has another objective: {each.direction} {each.metric}."
        for each in asked
        if each not in same
    ]
    left += [f"{words} has no score to draw yet." for words, points, _ in drawn if not points]
    if axis == "usd":
        left += [f"{words} knows no price." for words, points, end in drawn if points and not end]
        drawn = [each for each in drawn if each[2]]
    chosen = {each.name for each in asked}
    return ComparePage(
        choices=tuple(msgspec.structs.replace(c, chosen=c.name in chosen) for c in choices),
        axis=axis,
        metric=goal[0],
        comparison=comparison(drawn, goal[1]),
        left_out=tuple(left),
    )


def _scored(shelf: Shelf) -> bool:
    return shelf.index is not None and shelf.index.best is not None


def _choices(shelf: Shelf) -> list[Choice]:
    """The lab, and where it was run more than once, its latest runs."""
    lab, index = shelf.opened()
    objective = lab.config.objective
    words = f"{shelf.name} ({shelf.variant})" if shelf.variant else shelf.name
    runs = list(dict.fromkeys(index.runs))[-_RUNS:]
    whole = Choice(
        name=shelf.key,
        shelf=shelf,
        run=None,
        words=words,
        metric=objective.metric,
        direction=objective.direction,
        chosen=False,
    )
    if len(runs) < 2:
        return [whole]
    return [whole] + [
        msgspec.structs.replace(
            whole, name=f"{shelf.key}@{run}", run=run, words=f"{words}, run {run}"
        )
        for run in runs
    ]


def _reached(choice: Choice, axis: Axis) -> tuple[list[Point], float]:
    _, index = choice.shelf.opened()
    return reached(index, choice.metric, axis, choice.run)


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One lab's best so far against what it took."""

    name: str
    line: str
    end_y: float
    best: float
    at: float
    """Where along x the best was reached."""
    total: float


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Several labs on one pair of axes."""

    series: tuple[Series, ...]
    x: tuple[Tick, ...]
    y: tuple[Tick, ...]
    log: bool


def comparison(named: Sequence[tuple[str, Sequence[Point], float]], direction: str) -> Comparison:
    """Compare by name: the points that were reached in order of x, and how far along x it went."""
    curves = [(name, _best_of(points, direction), end) for name, points, end in named]
    curves = [curve for curve in curves if curve[1]]
    x = charts.across(0, max((end for _, _, end in curves), default=1))
    y = charts.upright([value for _, best, _ in curves for _, value in best])
    series = [
        Series(
            name=name,
            line=charts.stairs(best, x, y, end),
            end_y=y(best[-1][1]),
            best=best[-1][1],
            at=best[-1][0],
            total=end,
        )
        for name, best, end in curves
    ]
    return Comparison(
        series=tuple(series),
        x=tuple(charts.ticks(x, 6)),
        y=tuple(charts.ticks(y, 4)),
        log=y.log,
    )


def reached(
    index: Index, metric: str, axis: Axis, run: str | None = None
) -> tuple[list[Point], float]:
    """Each scored trial's value against what had been used by then, and all that was used.

    With a run, its trials alone, counted from its own beginning.
    """
    rows: Sequence[int] = range(len(index))
    if run is not None:
        rows = [row for row in rows if index.runs[row] == run]
    if not rows:
        return [], 0.0
    trials = range(1, len(index) + 1)
    columns: dict[Axis, Sequence[float]] = {
        "trials": trials, "evaluations": index.evaluations, "usd": index.spent,
    }  # fmt: skip
    column = columns[axis]
    start = column[rows[0] - 1] if run and rows[0] else 0.0
    wanted = set(rows) if run else range(len(index))
    values = index.values(metric)
    points = [(column[row] - start, values[row]) for row in index.scored(metric) if row in wanted]
    return points, column[rows[-1]] - start


def _best_of(points: Sequence[Point], direction: str) -> list[Point]:
    rises = charts.best_so_far([value for _, value in points], direction)
    return [points[place] for place in rises]


def spark(index: Index) -> str:
    """The best so far in a box of 1000 by 40; empty with less than two scores."""
    metric = index.objective.metric
    if len(index.scored(metric)) < 2:
        return ""
    values = index.values(metric)
    best = [(row + 1.0, values[row]) for row in index.rises]
    y = charts.upright([value for _, value in best], height=40)
    return charts.stairs(best, charts.across(1, len(index)), y, len(index))
