"""Where the marks of the progress chart stand, in units of its viewBox."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from leanlab.console import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from leanlab.report.gather import Findings, Point

WIDTH, HEIGHT = 880.0, 336.0
LEFT, RIGHT, TOP, BOTTOM = 76.0, 30.0, 50.0, 58.0
BUCKETS = 300
"""Marks are reduced to the lowest, the highest and one failure of each; records stay."""
LOG_FROM = 1000.0
"""Ratio of the highest to the lowest value from which the scale is logarithmic."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A place on the chart, with what it says to a person who points at it."""

    x: float
    y: float
    text: str


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is drawn."""

    title: str
    about: str
    dots: tuple[Mark, ...]
    records: tuple[Mark, ...]
    failures: tuple[Mark, ...]
    line: str
    """The best so far, as the points of a polyline; empty without a score."""
    target: Mark | None
    across: tuple[Mark, ...]
    up: tuple[Mark, ...]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    floor: float = HEIGHT - BOTTOM


class Scale:
    """Values onto places, by their logarithms where their range is wide."""

    def __init__(self, low: float, high: float, start: float, end: float, *, log: bool) -> None:
        self._turn = math.log10 if log else _bounded
        self._low, high = self._turn(low), self._turn(high)
        self._slope = (end - start) / (high - self._low)
        self._start = start

    def __call__(self, value: float) -> float:
        return round(self._start + (self._turn(value) - self._low) * self._slope, 2)


def chart(findings: Findings) -> Chart:
    points = list(findings.points.values())
    objective = findings.objective
    scored = [point for point in points if point.value is not None]
    last = max((point.trial for point in points), default=1)
    x = Scale(0.5, last + 0.5, LEFT, WIDTH - RIGHT, log=False)
    values = [point.value for point in scored if point.value is not None]
    reached = [objective.target] if objective.target is not None and values else []
    y, ticks = _upright([*values, *reached])
    kept = _reduced(points, last)

    def mark(point: Point) -> Mark:
        if point.value is None:
            text, place = point.status.replace("_", " "), HEIGHT - BOTTOM + 12
        else:
            text, place = f"{objective.metric} {number(point.value)}", y(point.value)
        return Mark(x=x(point.trial), y=place, text=f"trial {point.trial}: {text}")

    records = [point for point in kept if point.is_record]
    failed = sum(point.value is None for point in points)
    return Chart(
        title=f"{objective.metric} by trial",
        about=f"{len(points)} trials: {len(scored)} scored, {failed} without a score.",
        dots=tuple(mark(p) for p in kept if p.value is not None and not p.is_record),
        records=tuple(mark(p) for p in records),
        failures=tuple(mark(p) for p in kept if p.value is None),
        line=_steps([(x(p.trial), y(p.value)) for p in records if p.value is not None]),
        target=_target(objective.target, y) if reached else None,
        across=tuple(Mark(x=x(n), y=0.0, text=str(n)) for n in _whole_ticks(last)),
        up=tuple(Mark(x=0.0, y=y(tick), text=_label(tick)) for tick in ticks),
    )


def _target(target: float | None, y: Scale) -> Mark | None:
    return None if target is None else Mark(x=0.0, y=y(target), text=f"target {number(target)}")


def _reduced(points: Sequence[Point], last: int) -> list[Point]:
    """Keep every record, and of each bucket the extremes and one failure."""
    if len(points) <= 2 * BUCKETS:
        return list(points)
    kept: dict[tuple[int, str], Point] = {}
    for point in points:
        bucket = point.trial * BUCKETS // (last + 1)
        if point.value is None:
            kept.setdefault((bucket, "failed"), point)
        elif point.is_record:
            kept[point.trial, "record"] = point
        else:
            low, high = kept.get((bucket, "low")), kept.get((bucket, "high"))
            if low is None or low.value is None or point.value < low.value:
                kept[bucket, "low"] = point
            if high is None or high.value is None or point.value > high.value:
                kept[bucket, "high"] = point
    found = {point.trial: point for point in kept.values()}
    return [found[trial] for trial in sorted(found)]


def _steps(records: Sequence[tuple[float, float]]) -> str:
    """A staircase from one record to the next, and on to the right edge."""
    corners: list[tuple[float, float]] = []
    for x, y in records:
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    if corners:
        corners.append((WIDTH - RIGHT, corners[-1][1]))
    return " ".join(f"{x:g},{y:g}" for x, y in corners)


def _upright(values: Sequence[float]) -> tuple[Scale, list[float]]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    floor, top = HEIGHT - BOTTOM, TOP
    if low > 0 and high >= LOG_FROM * low:
        first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
        every = max(1, (last - first) // 5)
        ticks = [10.0**power for power in range(first, last + 1, every)]
        return Scale(low, high, floor, top, log=True), ticks
    low, high = _bounded(low), _bounded(high)
    if low == high:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    step = _step((high - low) / 4)
    first, past = math.floor(low / step), math.ceil(high / step)
    ticks = [float(f"{n * step:.12g}") for n in range(first, past + 1)]
    return Scale(first * step, past * step, floor, top, log=False), ticks


def _bounded(value: float) -> float:
    """Keep differences of values finite."""
    return max(-1e300, min(1e300, value))


def _step(rough: float) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * each for each in (1, 2, 5, 10) if power * each >= rough * 0.999)


def _whole_ticks(last: int) -> Iterable[int]:
    step = max(1, round(_step(last / 8)))
    multiples = range(step, last + 1, step)
    return [1, *multiples] if step > 2 else multiples


def _label(value: float) -> str:
    return f"{value:.10g}"
