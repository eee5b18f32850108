"""What the pages keep of a ledger: a few numbers a trial, in columns, and where its line begins."""

from __future__ import annotations

import math
from array import array
from datetime import datetime
from typing import TYPE_CHECKING, get_args

from leanlab.errors import LedgerError
from leanlab.history import History
from leanlab.ledger import Ledger, Position
from leanlab.records import AnyRecord, Evaluation, RoleTurn, Scored, Status, Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from leanlab.lab import Lab

STATUSES: tuple[str, ...] = get_args(Status)
NOTHING = math.nan
"""Stands in a column for what is not known."""


class Index:
    """A fold over the ledger that grows with it; rows count from 0, in the ledger's order.

    Columns instead of records keep 100,000 trials in some thirty megabytes; what a page shows of
    one trial is read again from its line.
    """

    def __init__(self, lab: Lab, fingerprint: str) -> None:
        self.history = History(lab.config, fingerprint, is_open=not lab.is_native)
        self.metrics: dict[str, array[float]] = {}
        self.trials: array[int] = array("q")
        self.status: array[int] = array("b")
        """Places in STATUSES."""
        self.counts: array[int] = array("b")
        """Whether the row is under the present fingerprint."""
        self.propose: array[float] = array("d")
        self.evaluate: array[float] = array("d")
        self.cost: array[float] = array("d")
        self.spent: array[float] = array("d")
        """Dollars of this and every earlier record."""
        self.evaluations: array[int] = array("q")
        """Evaluations of this and every earlier trial."""
        self.tokens: array[float] = array("d")
        self.ended: array[float] = array("d")
        """Seconds since 1970."""
        self.runs: list[str] = []
        self.parents: dict[int, tuple[int, ...]] = {}
        """By row; rows without a parent are left out."""
        self.last_at = NOTHING
        self.tier = ""
        self.problem = ""
        """Why the ledger could not be read to its end."""
        self._ledger = Ledger(lab.results)
        self._starts: array[int] = array("q")
        self._lines: array[int] = array("q")
        self._row_of: dict[int, int] = {}
        self._again: dict[int, list[Position]] = {}
        self._notes: list[Position] = []
        self._evaluated = 0
        self._run_names: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.trials)

    def refresh(self) -> None:
        """Read what was appended since the last call."""
        position = self._ledger.position
        try:
            for record in self._ledger.new():
                self._add(record, position)
                position = self._ledger.position
            self.problem = ""
        except LedgerError as error:
            self.problem = str(error)

    def row(self, trial: int) -> int | None:
        return self._row_of.get(trial)

    def records(self, rows: Iterable[int]) -> Iterator[Trial]:
        """The whole records of rows, read again; LedgerError when a line changed meanwhile."""
        found = self._ledger.at((self._starts[row], self._lines[row]) for row in rows)
        return (record for record in found if isinstance(record, Trial))

    def evaluations_of(self, trial: int) -> list[Evaluation]:
        """The further evaluations of a trial, the earliest first."""
        found = self._ledger.at(self._again.get(trial, ()))
        return [record for record in found if isinstance(record, Evaluation)]

    def notes(self, limit: int) -> list[RoleTurn]:
        """What Critic and Director said last, the newest first."""
        found = self._ledger.at(reversed(self._notes[-limit:]))
        return [record for record in found if isinstance(record, RoleTurn)]

    def value(self, row: int, metric: str) -> float:
        """NaN when the trial has no such metric."""
        column = self.metrics.get(metric)
        return column[row] if column is not None else NOTHING

    def scored(self, metric: str) -> Iterator[int]:
        """Rows under the present rules that have the metric."""
        column = self.metrics.get(metric, ())
        return (row for row, value in enumerate(column) if self.counts[row] and value == value)

    def _add(self, record: AnyRecord, position: Position) -> None:
        self.history.add(record)
        at = _seconds(record.ts)
        self.last_at = at if at == at else self.last_at
        if isinstance(record, Trial):
            self._add_trial(record, position, at)
        elif isinstance(record, Evaluation):
            self._again.setdefault(record.trial, []).append(position)
            self._evaluated += 1
            row = self._row_of.get(record.trial)
            if row is not None and self.history.counts(record):
                self._score(row, record)
        elif isinstance(record, RoleTurn):
            self._notes.append(position)

    def _add_trial(self, record: Trial, position: Position, at: float) -> None:
        row = len(self.trials)
        self._row_of[record.trial] = row
        self._starts.append(position[0])
        self._lines.append(position[1])
        if record.experiment_file is not None:
            values = next(iter((record.repeats or {}).values()), (0.0,))
            self._evaluated += (record.fixes + 1) * len(values)
        self.trials.append(record.trial)
        self.propose.append(record.seconds.propose)
        self.evaluate.append(record.seconds.evaluate)
        self.cost.append(NOTHING if record.cost_usd is None else record.cost_usd)
        self.tokens.append(NOTHING if record.tokens is None else record.tokens)
        self.spent.append(self.history.cost_usd)
        self.evaluations.append(self._evaluated)
        self.ended.append(at)
        # One string a run, however many trials name it.
        self.runs.append(self._run_names.setdefault(record.run, record.run))
        if record.parents:
            self.parents[row] = record.parents
        self.status.append(0)
        self.counts.append(0)
        for column in self.metrics.values():
            column.append(NOTHING)
        self._score(row, record)

    def _score(self, row: int, record: Scored) -> None:
        self.status[row] = STATUSES.index(record.status)
        self.counts[row] = self.history.counts(record)
        self.tier = record.tier
        for name, value in record.metrics.items():
            if name not in self.metrics:
                self.metrics[name] = array("d", [NOTHING]) * len(self.trials)
            self.metrics[name][row] = value


def _seconds(ts: str) -> float:
    try:
        return datetime.fromisoformat(ts).timestamp()
    except ValueError:
        return NOTHING
