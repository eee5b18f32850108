"""The charts of the pages: which numbers of an index become which marks."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import msgspec

from leanlab.console import number
from leanlab.dashboard import charts
from leanlab.dashboard.charts import Mark, Tick
from leanlab.dashboard.index import STATUSES
from leanlab.memory import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from leanlab.dashboard.charts import Point, Scale
    from leanlab.dashboard.index import Index

EFFORT_HEIGHT = 120.0
MOST_BARS = 120
_LAYERS = 4


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A metric of every trial, and the best so far."""

    metric: str
    marks: tuple[Mark, ...]
    dots: tuple[str, ...]
    """SVG paths, x in thousandths of the width. Dots that are neighbours are in different ones, so
    that where many lie on each other it is seen."""
    rises: str
    """Dots of the trials that were the best so far."""
    failures: str
    """Dashes on a line of their own."""
    line: str
    """Empty when no line is due."""
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
    rises = {at for at, _ in best}
    name = printable(metric)  # The script tells these words; no template looks at them.
    scored = [
        Mark(
            x=x(at),
            y=y(value),
            trial=int(at),
            words=f"{name} {number(value)}{', best so far' * (at in rises)}",
        )
        for at, value in kept
    ]
    failed = _failures(index, x)
    others = [(mark.x, mark.y) for mark in scored if mark.trial not in rises]
    return Progress(
        metric=metric,
        marks=(*scored, *failed),
        dots=tuple(charts.dots(others[start::_LAYERS]) for start in range(_LAYERS)),
        rises=charts.dots((mark.x, mark.y) for mark in scored if mark.trial in rises),
        failures=charts.dashes((mark.x, mark.y) for mark in failed),
        line=charts.stairs(best, x, y, x.high),
        x=tuple(charts.ticks(x, 6, whole=True)),
        y=tuple(charts.ticks(y, 4)),
        target=None if target is None else Tick(at=y(target), label=f"target {number(target)}"),
        summary=_summary(metric, points, best, len(index.failed())),
        log=y.log,
        all_shown=len(kept) == len(points),
    )


def _failures(index: Index, x: Scale) -> list[Mark]:
    """Trials without a score stand on a line of their own, below the axis."""
    rows = sorted(index.failed(), key=index.trials.__getitem__)
    points = [(float(index.trials[row]), 0.0) for row in rows]
    kept = [rows[place] for place in charts.reduced(points)]
    return [
        Mark(
            x=x(index.trials[row]),
            y=charts.HEIGHT + 4,
            trial=index.trials[row],
            words=STATUSES[index.status[row]].replace("_", " "),
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


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """What each trial took, as bars; where there are many trials, the greatest of neighbours."""

    marks: tuple[Mark, ...]
    lower: str
    """SVG paths of the bars' parts, x in thousandths of the width."""
    upper: str
    y: tuple[Tick, ...]
    each: int
    """How many trials a bar stands for."""


def effort(
    index: Index,
    lower: Sequence[float],
    upper: Sequence[float] | None,
    unit: Callable[[float], str],
) -> Effort:
    """Bars of one column, or of two that are stacked; what is not known has no bar."""
    each = max(1, -(-len(index) // MOST_BARS))
    above = upper or [0.0] * len(index)
    # What is not known is less than anything that is.
    totals = [sum_ if sum_ == sum_ else -1.0 for sum_ in map(operator.add, lower, above)]
    groups = (range(start, min(start + each, len(index))) for start in range(0, len(index), each))
    tallest = [max(group, key=totals.__getitem__) for group in groups]
    tallest = [row for row in tallest if totals[row] >= 0]
    y = charts.upright([totals[row] for row in tallest], height=EFFORT_HEIGHT, zero=True)
    width = 100 / max(-(-len(index) // each), 12)

    def mark(row: int) -> Mark:
        words = unit(totals[row])
        if upper is not None:
            words += f", {unit(lower[row])} to propose, {unit(above[row])} to evaluate"
        x = round((row // each + 0.5) * width, 3)
        return Mark(x=x, y=y(totals[row]), trial=index.trials[row], words=words)

    marks = [mark(row) for row in tallest]
    middles = [y(lower[row]) for row in tallest]
    return Effort(
        marks=tuple(marks),
        lower=_bars(((m.x, y(0), top) for m, top in zip(marks, middles, strict=True)), width),
        upper=_bars(((m.x, low, m.y) for m, low in zip(marks, middles, strict=True)), width),
        y=tuple(charts.ticks(y, 2, label=unit)),
        each=each,
    )


def _bars(bars: Iterable[tuple[float, float, float]], width: float) -> str:
    """A path of upright bars: the middle of each, its base and its top."""
    half = width * 4  # Of a thousandth's ten: bars leave a fifth of their room free.
    return "".join(
        f"M{x * 10 - half:g} {base:g}h{2 * half:g}V{top:g}h{-2 * half:g}z"
        for x, base, top in bars
        if base > top
    )


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
