"""What the pages keep of a ledger: a few numbers a trial, in columns, and where its line begins."""

from __future__ import annotations

import gc
import math
from array import array
from typing import TYPE_CHECKING, Any, get_args

from leanlab.errors import LedgerError
from leanlab.history import History
from leanlab.ledger import Ledger, Position
from leanlab.records import AnyRecord, Evaluation, RoleTurn, Status, Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from leanlab.lab import Lab

STATUSES: tuple[str, ...] = get_args(Status)
_PLACES = {status: place for place, status in enumerate(STATUSES)}
NOTHING = math.nan
"""Stands in a column for what is not known."""
_BATCH = 2048


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
        """Places in STATUSES; 0 is scored."""
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
        self.generation: array[int] = array("q")
        """Steps from a first draft; a parent that comes later, or is gone, counts as none."""
        self.runs: list[str] = []
        self.parents: dict[int, tuple[int, ...]] = {}
        """By row; rows without a parent are left out."""
        self.last_ts = ""
        """When the last record was written."""
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

        self._batch: list[tuple[float, ...]] = []
        """Rows that are not in the columns yet, in the order of _columns."""
        self._columns: tuple[array[Any], ...] = (
            self._starts, self._lines, self.trials, self.status, self.counts, self.propose,
            self.evaluate, self.cost, self.tokens, self.spent, self.evaluations,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.trials)

    def refresh(self) -> None:
        """Read what was appended since the last call."""
        position = self._ledger.position
        try:
            gc.disable()  # Nothing here is a cycle; looking for some costs a tenth of the time.
            for record in self._ledger.new():
                self._add(record, position)
                position = self._ledger.position
            self.problem = ""
        except LedgerError as error:
            self.problem = str(error)
        finally:
            gc.enable()
        self._settle()

    @property
    def read_bytes(self) -> int:
        """How far the ledger was read."""
        return self._ledger.position[0]

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

    def values(self, metric: str) -> Sequence[float]:
        """A metric by row; NaN where a trial has none."""
        return self.metrics.get(metric) or [NOTHING] * len(self)

    def scored(self, metric: str) -> list[int]:
        """Rows under the present rules that have the metric."""
        pairs = zip(self.metrics.get(metric, ()), self.counts, strict=False)
        return [row for row, (value, counts) in enumerate(pairs) if counts and value == value]

    def failed(self) -> list[int]:
        """Rows under the present rules without a score."""
        pairs = zip(self.status, self.counts, strict=True)
        return [row for row, (status, counts) in enumerate(pairs) if counts and status]

    def _add(self, record: AnyRecord, position: Position) -> None:
        self.history.add(record)
        self.last_ts = record.ts or self.last_ts
        if isinstance(record, Trial):
            self._add_trial(record, position)
        elif isinstance(record, Evaluation):
            self._again.setdefault(record.trial, []).append(position)
            self._evaluated += 1
            self._settle()
            row = self._row_of.get(record.trial)
            if row is not None and self.history.counts(record):
                self._score_again(row, record)
        elif isinstance(record, RoleTurn):
            self._notes.append(position)

    def _add_trial(self, record: Trial, position: Position) -> None:
        row = len(self.runs)
        self._row_of[record.trial] = row
        if record.experiment_file is not None:
            repeats = len(next(iter(record.repeats.values()), ())) if record.repeats else 1
            self._evaluated += (record.fixes + 1) * repeats
        # One string a run, however many trials name it.
        self.runs.append(self._run_names.setdefault(record.run, record.run))
        self.generation.append(self._descend(row, record.parents) if record.parents else 0)
        metrics = record.metrics
        if not metrics.keys() <= self.metrics.keys():
            self.metrics |= {name: array("d", [NOTHING]) * row
                             for name in metrics if name not in self.metrics}  # fmt: skip
        for name, column in self.metrics.items():
            column.append(metrics.get(name, NOTHING))
        self.tier = record.tier
        seconds = record.seconds
        self._batch.append((
            position[0],
            position[1],
            record.trial,
            _PLACES[record.status],
            self.history.counts(record),
            seconds.propose,
            seconds.evaluate,
            NOTHING if record.cost_usd is None else record.cost_usd,
            NOTHING if record.tokens is None else record.tokens,
            self.history.cost_usd,
            self._evaluated,
        ))  # fmt: skip
        if len(self._batch) >= _BATCH:
            self._settle()

    def _descend(self, row: int, parents: tuple[int, ...]) -> int:
        """Note a row's parents; return its generation."""
        self.parents[row] = parents
        generation = 0
        for parent in parents:
            above = self._row_of.get(parent, row)
            if above < row and self.generation[above] >= generation:
                generation = self.generation[above] + 1
        return generation

    def _settle(self) -> None:
        """Move the batch into the columns: many rows at once cost a third of one at a time."""
        for column, values in zip(self._columns, zip(*self._batch, strict=True), strict=False):
            column.extend(values)
        self._batch.clear()

    def _score_again(self, row: int, record: Evaluation) -> None:
        self.status[row] = _PLACES[record.status]
        self.counts[row] = True
        self.tier = record.tier
        for name, value in record.metrics.items():
            if name not in self.metrics:
                self.metrics[name] = array("d", [NOTHING]) * len(self)
            self.metrics[name][row] = value
