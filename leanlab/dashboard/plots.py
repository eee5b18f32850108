"""The charts of the pages: which numbers of an index become which marks."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Literal

import msgspec

from leanlab.console import number
from leanlab.dashboard import charts
from leanlab.dashboard.charts import Tick
from leanlab.dashboard.index import STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from leanlab.dashboard.charts import Point, Scale
    from leanlab.dashboard.index import Index

EFFORT_HEIGHT = 120.0
MOST_BARS = 120


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """One trial on a chart."""

    x: float
    y: float
    trial: int
    kind: Literal["trial", "best", "failed"]
    words: str


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A metric of every trial, and the best so far."""

    metric: str
    marks: tuple[Mark, ...]
    line: str
    """SVG path, x in thousandths of the width; empty when no line is due."""
    x: tuple[Tick, ...]
    y: tuple[Tick, ...]
    target: Tick | None
    summary: str
    """The chart in words, for those who do not see it."""
    log: bool
    all_shown: bool
    """False when marks stand for their neighbours too."""


def progress(index: Index, metric: str, rows: Sequence[int]) -> Progress:
    """The chart of one metric, from the rows whose value may be seen."""
    trials, values = index.trials, index.values(metric)
    points = sorted([(float(trials[row]), values[row]) for row in rows])
    decides = metric == index.objective.metric
    best = [(float(trials[row]), values[row]) for row in index.rises] if decides else []
    target = index.objective.target if decides else None
    x = charts.across(1, max(trials, default=1))
    y = charts.upright([value for _, value in points] + ([] if target is None else [target]))
    kept = sorted({*(points[place] for place in charts.reduced(points)), *best[-charts.MOST :]})
    failed = _failures(index, x)
    return Progress(
        metric=metric,
        marks=(*failed, *_marks(kept, best, x, y, metric)),
        line=charts.stairs(best, x, y, x.high),
        x=tuple(charts.ticks(x, 6, whole=True)),
        y=tuple(charts.ticks(y, 4)),
        target=None if target is None else Tick(at=y(target), label=f"target {number(target)}"),
        summary=_summary(metric, points, best, len(index.failed())),
        log=y.log,
        all_shown=len(kept) == len(points),
    )


def _marks(
    points: Sequence[Point], best: Sequence[Point], x: Scale, y: Scale, metric: str
) -> list[Mark]:
    rises = {at for at, _ in best}
    return [
        Mark(
            x=x(at),
            y=y(value),
            trial=int(at),
            kind="best" if at in rises else "trial",
            words=f"Trial {at:.0f}: {metric} {number(value)}{', best so far' * (at in rises)}",
        )
        for at, value in points
    ]


def _failures(index: Index, x: Scale) -> list[Mark]:
    """Trials without a score stand on a line of their own, below the axis."""
    rows = sorted(index.failed(), key=index.trials.__getitem__)
    points = [(float(index.trials[row]), 0.0) for row in rows]
    kept = [rows[place] for place in charts.reduced(points)]
    return [
        Mark(
            x=x(index.trials[row]),
            y=charts.HEIGHT + 2,
            trial=index.trials[row],
            kind="failed",
            words=f"Trial {index.trials[row]}: {STATUSES[index.status[row]].replace('_', ' ')}",
        )
        for row in kept
    ]


def _summary(metric: str, points: list[Point], best: list[Point], failed: int) -> str:
    if not points:
        return f"No trial shows {metric} yet."
    values = [value for _, value in points]
    said = f"{metric} of {len(points)} trials, from {number(min(values))} to {number(max(values))}."
    if best:
        said += f" The best, {number(best[-1][1])}, came in trial {best[-1][0]:.0f}."
    return f"{said} {failed} trials have no score." if failed else said


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """The greatest effort among neighbouring trials; it may have two parts, the lower one first."""

    x: float
    width: float
    y: float
    height: float
    upper_y: float
    upper_height: float
    trial: int
    words: str


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """What each trial took."""

    bars: tuple[Bar, ...]
    y: tuple[Tick, ...]
    each: int
    """How many trials a bar stands for; it shows the greatest of them."""


def effort(
    index: Index,
    lower: Sequence[float],
    upper: Sequence[float] | None,
    unit: Callable[[float], str],
) -> Effort:
    """Bars of one column, or of two that are stacked; what is not known has no bar."""
    each = max(1, -(-len(index) // MOST_BARS))
    count = -(-len(index) // each)
    above = upper or [0.0] * len(index)
    # What is not known is less than anything that is.
    totals = [sum_ if sum_ == sum_ else -1.0 for sum_ in map(operator.add, lower, above)]
    groups = (range(start, min(start + each, len(index))) for start in range(0, len(index), each))
    tallest = [max(group, key=totals.__getitem__) for group in groups]
    tallest = [row for row in tallest if totals[row] >= 0]
    y = charts.upright([totals[row] for row in tallest], height=EFFORT_HEIGHT, zero=True)
    width = 100 / max(count, 12)

    def bar(row: int) -> Bar:
        base, middle, top = y(0), y(lower[row]), y(totals[row])
        words = f"Trial {index.trials[row]}: {unit(totals[row])}"
        if upper is not None:
            words += f", {unit(lower[row])} to propose, {unit(above[row])} to evaluate"
        return Bar(
            x=round((row // each) * width + width * 0.1, 3),
            width=round(width * 0.8, 3),
            y=middle,
            height=round(base - middle, 3),
            upper_y=top,
            upper_height=round(middle - top, 3),
            trial=index.trials[row],
            words=words,
        )

    return Effort(bars=tuple(map(bar, tallest)), y=tuple(charts.ticks(y, 2, label=unit)), each=each)


def duration(seconds: float) -> str:
    """Seconds as a person would say them."""
    if 0 < seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 119.5:
        return f"{seconds:.{1 if 0 < seconds < 9.95 else 0}f} s"
    minutes, hours = seconds / 60, seconds / 3600
    return f"{minutes:.0f} min" if minutes < 119.5 else f"{hours:.1f} h"


def dollars(usd: float) -> str:
    return f"${usd:.3f}" if 0 < usd < 0.0995 else f"${usd:,.2f}"
