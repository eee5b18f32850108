"""Shows a sweep as it goes: a live table of the grid in a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console as Terminal
from rich.live import Live
from rich.table import Table
from rich.text import Text

from leanlab.console import number
from leanlab.memory import printable
from leanlab.sweep.summary import best_of

if TYPE_CHECKING:
    from types import TracebackType

    from leanlab.config import Objective
    from leanlab.sweep.attempts import Attempt, Outcome
    from leanlab.sweep.grid import Plan, Point
    from leanlab.sweep.results import Results
    from leanlab.sweep.summary import Layout


class LiveSweep:
    """Is told what happens. Use it as a context manager."""

    def __init__(
        self,
        plan: Plan,
        results: Results,
        layout: Layout,
        objective: Objective,
        terminal: Terminal | None = None,
    ) -> None:
        self._plan = plan
        self._results = results
        self._layout = layout
        self._objective = objective
        self._running: set[str] = set()
        self._points = plan.points()
        self._terminal = terminal or Terminal(highlight=False, soft_wrap=True, stderr=True)
        self._live = (
            Live(self, console=self._terminal, refresh_per_second=4, transient=True)
            if self._terminal.is_terminal
            else None
        )

    def __enter__(self) -> LiveSweep:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def began(self, point: Point) -> None:
        self._running.add(point.name)

    def made(self, attempt: Attempt) -> None:
        metric = self._objective.metric
        value = attempt.metrics.get(metric)
        words = attempt.status if value is None else f"{attempt.status}, {metric} {number(value)}"
        self._say(f"{attempt.point}: attempt {attempt.attempt} of {self._plan.attempts}: {words}")

    def ended(self, outcome: Outcome) -> None:
        self._running.discard(outcome.point)
        for death in outcome.deaths:
            self._say(f"{outcome.point}: a worker died: {death}", "yellow", always=True)
        bad = outcome.status == "failed"
        words = f"{outcome.point}: {outcome.status}: {outcome.reason}"
        self._say(words, "red" if bad else "", always=bad)

    def _say(self, text: str, style: str = "", *, always: bool = False) -> None:
        """In a terminal the table tells what goes well; lines tell the rest."""
        if always or self._live is None:
            self._terminal.print(Text(printable(text), style=style), soft_wrap=True)

    def __rich__(self) -> Table:
        rows, cols = self._layout.rows, self._layout.cols
        done = sum(point.name in self._results.outcomes for point in self._points)
        table = Table(title=f"{done} of {len(self._points)} points")
        table.add_column(f"{rows} \\ {cols}" if cols else rows)
        heads = self._plan.axes[cols] if cols else (self._objective.metric,)
        for head in heads:
            table.add_column(Text(printable(head)), justify="right")
        for row in self._plan.axes[rows]:
            cells = [self._cell(row, head if cols else None) for head in heads]
            table.add_row(Text(printable(row)), *map(Text, cells))
        return table

    def _cell(self, row: str, col: str | None) -> str:
        """The mean of the best so far by the objective, and how many of the points are over."""
        wanted = {self._layout.rows: row} | ({self._layout.cols: col} if self._layout.cols else {})
        inside = [point for point in self._points if wanted.items() <= point.sets.items()]
        over = [p for p in inside if p.name in self._results.outcomes]
        bests = [best_of(self._results.of(point), self._objective) for point in inside]
        values = [best.metrics[self._objective.metric] for best in bests if best]
        mean = f"{sum(values) / len(values):.4g} " if values else ""
        if not over and not any(point.name in self._running for point in inside):
            return f"{mean}waiting" if values else "waiting"
        failed = sum(self._results.outcomes[point.name].status == "failed" for point in over)
        words = f"{mean}({len(over)}/{len(inside)})"
        return f"{words} {failed} failed" if failed else words
