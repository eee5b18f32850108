"""A measured figure, and the table of them."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """Repeated measurements of one thing; their median is held against the target."""

    name: str
    unit: str
    values: tuple[float, ...]
    at_most: float | None = None
    at_least: float | None = None
    """Without either bound the figure is told, and held against nothing."""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def missed(self) -> bool:
        too_much = self.at_most is not None and self.median > self.at_most
        too_little = self.at_least is not None and self.median < self.at_least
        return too_much or too_little

    @property
    def target(self) -> str:
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return "" if self.at_least is None else f"at least {self.at_least:g}"

    @property
    def verdict(self) -> str:
        return "MISSED" if self.missed else "ok" if self.target else ""

    def row(self) -> dict[str, Any]:
        """The figure as JSON values."""
        return {
            "figure": self.name,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "count": len(self.values),
            "target": self.target,
            "ok": not self.missed if self.target else None,
        }


def header() -> str:
    """The table's head, in Markdown."""
    return _cells("figure", "median", "min–max", "unit", "target", "") + "\n" + _cells(*["---"] * 6)


def line(figure: Figure) -> str:
    """One row of the table."""
    spread = f"{short(min(figure.values))}–{short(max(figure.values))}"
    median = short(figure.median)
    return _cells(figure.name, median, spread, figure.unit, figure.target, figure.verdict)


def _cells(*cells: str) -> str:
    widths = (47, 6, 13, 4, 12, 6)
    padded = (f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def short(value: float) -> str:
    """Three significant digits, whole from 100 on."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:#.3g}"


def timed(work: Callable[[], Any]) -> float:
    """Seconds of wall clock that work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def cpu_seconds(work: Callable[[], object]) -> tuple[float, float]:
    """CPU time of this process, and of what work starts and waits for."""
    own, before = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    own, after = time.process_time() - own, resource.getrusage(resource.RUSAGE_CHILDREN)
    return own, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def children_cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of what work starts and waits for: a wait for a free core is not in it."""
    return cpu_seconds(work)[1]


def milliseconds(seconds: Iterable[float]) -> tuple[float, ...]:
    return tuple(1000 * each for each in seconds)
