"""Shows a run as it goes: a live line in a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console as Terminal
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from leanlab import events
from leanlab.memory import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from leanlab.records import Trial


class Console:
    """A sink for events. Use it as a context manager; what it prints never holds raw text."""

    def __init__(self, terminal: Terminal | None = None) -> None:
        self._terminal = terminal or Terminal(highlight=False, soft_wrap=True)
        self._status = _Status()
        self._live = (
            Live(self._status, console=self._terminal, refresh_per_second=8, transient=True)
            if self._terminal.is_terminal
            else None
        )
        self._started: events.RunStarted | None = None
        self._saying = ""

    def __enter__(self) -> Console:
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

    def __call__(self, event: events.AnyEvent) -> None:
        self._status.update(event)
        if isinstance(event, events.RunStarted):
            self._started = event
        for line in self._said(event):
            self._print(line, "dim")
        for line in self._lines(event):
            self._print(line, _style(event))

    def _print(self, line: str, style: str) -> None:
        # soft_wrap leaves long lines to the terminal, so that they can be copied whole.
        self._terminal.print(Text(printable(line), style=style), soft_wrap=True)

    def _said(self, event: events.AnyEvent) -> list[str]:
        """What a model writes: each line once it is whole, the last one when something else comes.

        Used comes in the middle of a text, and says nothing.
        """
        if isinstance(event, events.Used):
            return []
        if isinstance(event, events.Said):
            *lines, self._saying = (self._saying + event.text).split("\n")
        else:
            lines, self._saying = [self._saying], ""
        return [f"  │ {_cut(line)}" for line in lines if line.strip()]

    def _lines(self, event: events.AnyEvent) -> list[str]:
        if isinstance(event, events.RunStarted):
            return _opening(event)
        if isinstance(event, events.TrialStarted) and event.resumed:
            return [f"trial {event.trial}: on disk since an earlier run; evaluating it first"]
        if isinstance(event, events.SentBack):
            return [f"  sent back ({event.status}): {_last_line(event.message)}"]
        if isinstance(event, events.Recorded):
            return [self._recorded(event)]
        if isinstance(event, events.Noted):
            return [f"  {event.record.role.capitalize()}: {_gist(event.record.text)}"]
        if isinstance(event, events.ToolCalled):
            return [f"  → {event.tool} {_cut(event.arguments)}"]
        if isinstance(event, events.ToolAnswered) and event.refused:
            return [f"    refused: {_last_line(event.text)}"]
        if isinstance(event, events.PackageRequested):
            return [self._wish(event)]
        if isinstance(event, events.Retrying):
            return [f"  asking again: {_gist(event.reason)}"]
        if isinstance(event, events.Paused):
            return [f"  waiting {event.seconds:g} s: {_gist(event.reason)}"]
        if isinstance(event, events.Notice):
            return [event.text]
        if isinstance(event, events.RunEnded):
            return self._closing(event)
        return []

    def _recorded(self, event: events.Recorded) -> str:
        record = event.record
        name = Path(record.experiment_file).name if record.experiment_file else "no experiment"
        head = f"trial {record.trial}: {record.status}, {name}"
        if record.status != "scored":
            return f"{head}: {_last_line(record.error.text) if record.error else ''}"
        revealed = self._started.revealed if self._started else tuple(record.metrics)
        shown = {key: record.metrics[key] for key in revealed if key in record.metrics}
        return f"{head}, {in_words(shown)}{' (best so far)' if event.is_best else ''}"

    def _wish(self, event: events.PackageRequested) -> str:
        if event.installed:
            return f"  installed {event.package} {event.installed}, for the Worker"
        if event.fault:
            return f"  {event.package} could not be installed for the Worker: {event.fault}"
        if event.allowed:
            return f"  the Worker asks for {event.package}, which lab.json names"
        # All variants of a lab have one lab.json.
        lab = self._started.named.partition(" --set ")[0] if self._started else "LAB"
        return (
            f"  the Worker asks for the package {event.package}: {_cut(event.reason)} "
            f"(to agree: leanlab allow {lab} {event.package})"
        )

    def _closing(self, event: events.RunEnded) -> list[str]:
        assert self._started is not None
        count = counted(event.new_records, "new record")
        see = f"leanlab show {self._started.named}"
        best = event.best
        if best is None:
            return [event.end, f"{count}; no trial has a score; see: {see}"]
        metrics = ordered(best.metrics, self._started.metric)
        end = event.end
        if event.target_reached:
            hidden = {k: v for k, v in metrics.items() if k not in self._started.revealed}
            shown = in_words({self._started.metric: metrics[self._started.metric]} | hidden)
            earlier = "" if end == "target reached" else f"{end}; "
            end = f"{earlier}target reached: {shown}"
        file = Path(os.path.relpath(self._started.lab)) / (best.experiment_file or "")
        words = f"{count}; best is trial {best.trial} with {in_words(metrics)}"
        return [end, f"{words}; open {shlex.quote(str(file))}, or: {see}"]


class _Status:
    """The live line: who is at work, for how long, the best so far, trials left."""

    def __init__(self) -> None:
        self._metric = ""
        self._left = 0
        self._best: Trial | None = None
        self._doing = "starting"
        self._usd = 0.0
        self._tokens = 0
        self._until: float | None = None
        self._since = time.monotonic()
        self._spinner = Spinner("dots")

    def update(self, event: events.AnyEvent) -> None:
        if isinstance(event, events.RunStarted):
            self._metric, self._left, self._best = event.metric, event.trials, event.best
        elif isinstance(event, events.TrialStarted):
            self._left = event.left
        elif isinstance(event, events.TurnStarted):
            self._begin(f"{event.role.capitalize()} at work on trial {event.trial}")
        elif isinstance(event, events.ToolCalled):
            self._begin(f"{event.role.capitalize()} on trial {event.trial}: {event.tool}")
        elif isinstance(event, events.Used):
            self._usd += event.cost_usd or 0.0
            self._tokens += event.tokens or 0
        elif isinstance(event, events.Paused):
            self._begin(f"the provider is at fault ({event.kind}): asking again in")
            self._until = self._since + event.seconds
        elif isinstance(event, events.Evaluating):
            self._begin(f"evaluating {event.file}")
        elif isinstance(event, events.Progressed):
            self._doing = printable(f"evaluating {event.file}: {_far(event)}")
        elif isinstance(event, events.Recorded):
            self._left = max(0, self._left - 1)
            self._best = event.record if event.is_best else self._best

    def _begin(self, doing: str) -> None:
        self._doing = doing
        self._until = None
        self._since = time.monotonic()

    def __rich__(self) -> RenderableType:
        now = time.monotonic()
        seconds = now - self._since if self._until is None else max(0.0, self._until - now)
        best = (
            f"best {self._metric} {number(self._best.metrics[self._metric])} "
            f"(trial {self._best.trial})"
            if self._best
            else "no score yet"
        )
        words = [f"{self._doing} {seconds:.1f} s", best, f"{counted(self._left, 'trial')} left"]
        if self._tokens:
            words.append(f"{self._tokens:,} tokens")
        if self._usd:
            words.append(f"${self._usd:.4f}")
        self._spinner.update(text=Text(" · ".join(words)))
        return self._spinner


def _style(event: events.AnyEvent) -> str:
    if isinstance(event, events.Recorded):
        return "bold" if event.is_best else "" if event.record.status == "scored" else "yellow"
    if isinstance(event, events.RunEnded):
        return "bold green" if event.target_reached else "bold"
    if isinstance(event, events.Notice | events.SentBack | events.Paused | events.PackageRequested):
        return "yellow"
    if isinstance(event, events.ToolCalled | events.ToolAnswered | events.Retrying):
        return "dim"
    return "cyan" if isinstance(event, events.Noted) else ""


def _opening(event: events.RunStarted) -> list[str]:
    lines = [
        f"{os.path.relpath(event.lab)}: {counted(event.trials, 'trial')}, policy {event.policy}, "
        f"backend {event.backend}",
        event.confinement,
    ]
    if event.best is not None:
        best = f"{event.metric} {number(event.best.metrics[event.metric])}"
        lines.append(
            f"going on after {counted(event.earlier_trials, 'trial')}; best is trial "
            f"{event.best.trial} with {best}"
        )
    elif event.earlier_trials:
        lines.append(f"going on after {counted(event.earlier_trials, 'trial')}; none has a score")
    return lines


def _far(event: events.Progressed) -> str:
    return f"{event.fraction:.0%} {event.text}".strip()


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def number(value: float) -> str:
    """Six significant digits; a whole number keeps its .0, so that it reads as a score."""
    return f"{value:.1f}" if value == int(value) and abs(value) < 1e6 else f"{value:.6g}"


def in_words(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {number(value)}" for name, value in metrics.items())


def ordered(metrics: Mapping[str, float], first: str) -> dict[str, float]:
    """The objective's metric first, the others by name."""
    return {name: metrics[name] for name in sorted(metrics, key=lambda name: (name != first, name))}


def _gist(text: str) -> str:
    """The first paragraph in one line, without headings and list marks."""
    words: list[str] = []
    for line in text.splitlines():
        said = line.strip().lstrip("-*> ")
        if words and (not said or line.lstrip().startswith(("-", "*"))):
            break
        if said and not said.startswith("#"):
            words.append(said)
    return _cut(" ".join(words))


def _last_line(text: str) -> str:
    """The line of a traceback that says what went wrong."""
    return _cut(next((line.strip() for line in reversed(text.splitlines()) if line.strip()), ""))


def _cut(text: str) -> str:
    return text if len(text) <= 160 else text[:159] + "…"
