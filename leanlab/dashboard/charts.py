"""Where marks stand on a chart: pure geometry; a template draws it as SVG.

Places along x are percent of the chart's width, which follows the page; places along y are pixels
from its top, for its height is fixed. Nothing moves when numbers arrive but the marks themselves.
"""

from __future__ import annotations

import bisect
import math
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Point = tuple[float, float]

HEIGHT = 240.0
LOG_FROM = 1000.0
"""Ratio of the highest to the lowest value from which a scale is logarithmic."""
MOST = 400
"""Buckets that the marks of one chart are reduced to; each keeps at most four."""


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """Maps the values from low to high onto a length."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    """Low and high are then powers of ten, and equal ratios are equal lengths."""

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        value = min(max(value, low), high)
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        share = (value - low) / (high - low)
        return round(self.start + share * (self.end - self.start), 3)


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A value worth a label, and where it stands."""

    at: float
    label: str


class Mark(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What the page's script tells of a trial on a chart: where it stands, and in words."""

    x: float
    y: float
    trial: int
    words: str


def across(low: float, high: float) -> Scale:
    """A scale along x, with room for a mark at both ends."""
    if high <= low:
        high = low + 1
    return Scale(low=low, high=high, start=1.0, end=99.0)


def upright(values: Iterable[float], *, height: float = HEIGHT, zero: bool = False) -> Scale:
    """A scale along y, high values at the top, logarithmic for positive values far apart."""
    found = [*values, *([0.0] if zero else [])] or [0.0, 1.0]
    low, high = _bounded(min(found)), _bounded(max(found))
    start, end = height - 8, 8.0
    if low > 0 and high / low >= LOG_FROM:
        low, high = 10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high))
        return Scale(low=low, high=high, start=start, end=end, log=True)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        room = abs(high) * 0.1 or 1.0
        low, high = (low, high + room) if zero else (low - room, high + room)
    step = nice_step(high - low, 4)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    return Scale(low=low, high=high, start=start, end=end)


def _bounded(value: float) -> float:
    """A number whose neighbours can be told apart; beyond it a chart has no use for more."""
    return 0.0 if abs(value) < 1e-290 else min(max(value, -1e290), 1e290)


def nice_step(span: float, count: int) -> float:
    """1, 2 or 5 times a power of ten, so that about so many steps make the span."""
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= rough * 0.999)


def ticks(
    scale: Scale,
    count: int,
    *,
    whole: bool = False,
    label: Callable[[float], str] | None = None,
) -> list[Tick]:
    """Labels at round values within the scale, as short as tells them apart unless told how."""
    if scale.log:
        powers = range(round(math.log10(scale.low)), round(math.log10(scale.high)) + 1)
        kept = powers[:: max(1, math.ceil(len(powers) / (count + 1)))]
        return [
            Tick(at=scale(10.0**power), label=(label or "{:g}".format)(10.0**power))
            for power in kept
        ]
    step = nice_step(scale.high - scale.low, count)
    step = max(1.0, step) if whole else step
    first = math.ceil(scale.low / step - 1e-9)
    last = math.floor(scale.high / step + 1e-9)
    values = [number * step for number in range(first, last + 1)]
    return [
        Tick(at=scale(value), label=label(value) if label else short(value, step))
        for value in values
    ]


def short(value: float, step: float) -> str:
    """As few digits as tell neighbours apart; whole thousands as k, millions as M."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size and step >= size:
            return f"{value / size:,.0f}{sign}"
    if step < 1e-4:
        return f"{value:.{2 + max(0, math.floor(math.log10(max(abs(value), step) / step)))}g}"
    return f"{value:,.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"


def reduced(points: Sequence[Point], buckets: int = MOST) -> list[int]:
    """Places of the points that stand for all: of each bucket the first, lowest, highest and last.

    Points come in order of x. No extreme is lost: neither the chart's nor any bucket's. Few
    points are all kept.
    """
    if len(points) <= 2 * buckets:
        return list(range(len(points)))
    low, high = points[0][0], points[-1][0]
    width = (high - low) / buckets or 1.0
    heights = [height for _, height in points]
    kept: set[int] = set()
    start = 0
    while start < len(points):
        bucket = math.floor((points[start][0] - low) / width)
        edge = low + (bucket + 1) * width
        end = max(start + 1, bisect.bisect_left(points, (edge, -math.inf), start))
        among = heights[start:end]
        kept |= {start, end - 1}
        kept |= {start + among.index(min(among)), start + among.index(max(among))}
        start = end
    return sorted(kept)


def dots(places: Iterable[Point]) -> str:
    """A path of dots: lines without length, whose round ends a pen of any width makes visible.

    One path for all of them is a fraction of the work that an element each would be to a browser.
    """
    return "".join([f"M{_thousandths(x)} {y:g}h0" for x, y in places])


def dashes(places: Iterable[Point]) -> str:
    """A path of short upright lines, centred on their places."""
    return "".join([f"M{_thousandths(x)} {y - 4:g}v8" for x, y in places])


def stairs(points: Sequence[Point], x: Scale, y: Scale, end: float) -> str:
    """The path of a value that holds until the next point, drawn on to `end`; x in thousandths.

    Empty without a point; of many points, those that `reduced` keeps.
    """
    if not points:
        return ""
    points = [points[place] for place in reduced(points)]
    (first_x, first_y), *rest = points
    path = [f"M{_thousandths(x(first_x))} {y(first_y):g}"]
    for at, value in rest:
        path += [f"H{_thousandths(x(at))}", f"V{y(value):g}"]
    return "".join([*path, f"H{_thousandths(x(end))}"])


def _thousandths(percent: float) -> str:
    return f"{percent * 10:g}"


def best_so_far(values: Iterable[float], direction: str) -> list[int]:
    """Places of the values that beat every earlier one; the earliest on a tie."""
    sign = 1.0 if direction == "maximize" else -1.0
    best = -math.inf
    kept: list[int] = []
    for place, value in enumerate(values):
        if sign * value > best:
            best = sign * value
            kept.append(place)
    return kept
