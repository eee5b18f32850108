"""What the pages keep of a ledger: a few numbers a trial, in columns, and where its line begins."""

from __future__ import annotations

import gc
import itertools
import math
import operator
from array import array
from itertools import accumulate, compress
from typing import TYPE_CHECKING, get_args

from msgspec.structs import astuple

from leanlab import flat
from leanlab.dashboard import glances
from leanlab.dashboard.charts import best_so_far
from leanlab.dashboard.glances import EvaluationGlance, RevealGlance, TrialGlance, TurnGlance
from leanlab.errors import LedgerError
from leanlab.ledger import Ledger, Position
from leanlab.records import Evaluation, RoleTurn, Status, Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from leanlab.dashboard.glances import AnyGlance
    from leanlab.lab import Lab
    from leanlab.ledger import Batch

STATUSES: tuple[str, ...] = get_args(Status)
_PLACES = {status: place for place, status in enumerate(STATUSES)}
_FIELDS = TrialGlance.__struct_fields__
_SCORED = (TrialGlance, EvaluationGlance)
NOTHING = math.nan
"""Stands in a column for what is not known."""


class Index:
    """A fold over the ledger that grows with it; rows count from 0, in the ledger's order.

    Columns instead of records keep 100,000 trials in some thirty megabytes; what a page shows of
    one trial is read again from its line. Columns grow by many rows at once, which costs a third
    of one at a time.
    """

    def __init__(self, lab: Lab, fingerprint: str) -> None:
        self.objective = lab.config.objective
        self.metrics: dict[str, array[float]] = {}
        self.trials: array[int] = array("q")
        self.status: array[int] = array("b")
        """Places in STATUSES; 0 is scored. That of the latest evaluation under present rules."""
        self.counts: array[int] = array("b")
        """Whether the row is under the present fingerprint."""
        self.propose: array[float] = array("d")
        self.evaluate: array[float] = array("d")
        self.cost: array[float] = array("d")
        self.tokens: array[float] = array("d")
        self.spent: array[float] = array("d")
        """Dollars of this and every earlier record."""
        self.evaluations: array[int] = array("q")
        """Evaluations of this and every earlier trial."""
        self.generation: array[int] = array("q")
        """Steps from a first draft; a parent that comes later, or is gone, counts as none."""
        self.runs: list[str] = []
        self.parents: dict[int, tuple[int, ...]] = {}
        """By row; rows without a parent are left out."""
        self.cost_usd = 0.0
        """Of trials and roles, as far as it is known."""
        self.tokens_used = 0
        self.revealed: set[tuple[int, str]] = set()
        """Hidden metrics that a person has seen: trial and metric."""
        self.last_ts = ""
        """When the last record was written."""
        self.tier = ""
        self.problem = ""
        """Why the ledger could not be read to its end."""
        self._present = {fingerprint} if lab.is_native else {fingerprint, flat.VERSION}
        self._ledger = Ledger(lab.results)
        self._starts: array[int] = array("q")
        self._lines: array[int] = array("q")
        self._row_of: dict[int, int] = {}
        self._again: dict[int, list[Position]] = {}
        self._notes: list[Position] = []
        self._evaluated = 0
        self._run_names: dict[str, str] = {}
        self._rises: list[int] | None = None
        self._scored: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.trials)

    def refresh(self) -> None:
        """Read what was appended since the last call."""
        before = self.read_bytes
        try:
            gc.disable()  # Nothing here is a cycle; looking for some costs a tenth of the time.
            for batch in self._ledger.skim(glances.decode):
                self._add(batch)
            self.problem = ""
        except LedgerError as error:
            self.problem = str(error)
        finally:
            gc.enable()
        if self.read_bytes != before:
            self._rises = None
            self._scored.clear()

    @property
    def read_bytes(self) -> int:
        """How far the ledger was read."""
        return self._ledger.position[0]

    @property
    def rises(self) -> list[int]:
        """Rows at which the best so far rose, in the ledger's order."""
        if self._rises is None:
            rows = self.scored(self.objective.metric)
            values = self.values(self.objective.metric)
            self._rises = [
                rows[place]
                for place in best_so_far([values[row] for row in rows], self.objective.direction)
            ]
        return self._rises

    @property
    def best(self) -> int | None:
        """The best trial under the present rules; the earliest on a tie, None if unscored."""
        return self.trials[self.rises[-1]] if self.rises else None

    def row(self, trial: int) -> int | None:
        return self._row_of.get(trial)

    def metrics_of(self, row: int) -> dict[str, float]:
        """What a row scored, under the present rules where it was scored again."""
        found = {name: column[row] for name, column in self.metrics.items()}
        return {name: value for name, value in found.items() if value == value}

    def best_metrics(self) -> dict[str, float]:
        """What the best trial scored; nothing without one."""
        return self.metrics_of(self.rises[-1]) if self.rises else {}

    def is_present(self, evaluator: str) -> bool:
        """Tell whether a record of this fingerprint is of the present rules."""
        return evaluator in self._present

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
        if metric not in self._scored:
            column = self.metrics.get(metric, array("d"))
            known = map(operator.eq, column, column)  # NaN alone differs from itself.
            present = map(operator.and_, known, self.counts)
            self._scored[metric] = [*compress(range(len(self)), present)]
        return self._scored[metric]

    def failed(self) -> list[int]:
        """Rows under the present rules without a score."""
        return [*compress(range(len(self)), map(operator.mul, self.status, self.counts))]

    def _add(self, batch: Batch[AnyGlance]) -> None:
        """Add in stretches that no evaluation interrupts: it changes a row that stands already."""
        found = batch.records
        start = 0
        for at, record in enumerate(found):
            if isinstance(record, EvaluationGlance):
                self._add_stretch(batch, range(start, at))
                self._add_evaluation(record, batch.position(at))
                start = at + 1
        self._add_stretch(batch, range(start, len(found)))
        self.tier = next(
            (one.tier for one in reversed(found) if isinstance(one, _SCORED)), self.tier
        )
        self.last_ts = next((one.ts for one in reversed(found) if one.ts), self.last_ts)

    def _add_stretch(self, batch: Batch[AnyGlance], places: range) -> None:
        records = batch.records[places.start : places.stop]
        spent = [*accumulate([one.cost_usd or 0.0 for one in records], initial=self.cost_usd)]
        self.cost_usd = spent[-1]
        self.tokens_used += sum([one.tokens or 0 for one in records])
        is_trial = [type(one) is TrialGlance for one in records]
        if trials := [one for one in records if type(one) is TrialGlance]:
            self.spent.extend(compress(spent[1:], is_trial))
            self._starts.extend(compress(batch.starts[places.start : places.stop], is_trial))
            self._lines.extend(
                compress(range(batch.line + places.start, batch.line + places.stop), is_trial)
            )
            self._add_trials(trials)
        for place in compress(places, map(operator.not_, is_trial)):
            one = batch.records[place]
            if isinstance(one, TurnGlance):
                self._notes.append(batch.position(place))
            elif isinstance(one, RevealGlance):
                self.revealed |= {(one.trial, metric) for metric in one.metrics}

    def _add_trials(self, trials: list[TrialGlance]) -> None:
        """Turn records into columns by C loops alone, but for what must be looked at one by one."""
        first = len(self)
        fields = dict(zip(_FIELDS, zip(*map(astuple, trials), strict=True), strict=True))
        self._row_of.update(zip(fields["trial"], itertools.count(first), strict=False))
        self.trials.extend(fields["trial"])
        self.status.extend(map(_PLACES.__getitem__, fields["status"]))
        self.counts.extend(map(self._present.__contains__, fields["evaluator"]))
        propose, evaluate = zip(*map(astuple, fields["seconds"]), strict=True)
        self.propose.extend(propose)
        self.evaluate.extend(evaluate)
        self.cost.extend(_or_nothing(fields["cost_usd"]))
        self.tokens.extend(_or_nothing(fields["tokens"]))
        # One string a run, however many trials name it.
        self.runs += map(self._run_names.setdefault, fields["run"], fields["run"])
        self._add_metrics(first, fields["metrics"])
        self._add_evaluated(fields["experiment_file"], fields["fixes"], fields["repeats"])
        for row, parents in enumerate(fields["parents"], first):
            self.generation.append(self._descend(row, parents) if parents else 0)

    def _add_metrics(self, first: int, found: Sequence[Mapping[str, float]]) -> None:
        for name in sorted(set().union(*found) - self.metrics.keys()):
            self.metrics[name] = array("d", [NOTHING]) * first
        for name, column in self.metrics.items():
            column.extend([metrics.get(name, NOTHING) for metrics in found])

    def _add_evaluated(
        self,
        files: Sequence[str | None],
        fixes: Sequence[int],
        repeats: Sequence[Mapping[str, Sequence[float]] | None],
    ) -> None:
        """Count evaluations: each fix had one too, and each of them may have been repeated."""
        evaluated = [
            0 if file is None else 1 + fixed for file, fixed in zip(files, fixes, strict=True)
        ]
        if any(repeats):
            evaluated = [
                once * len(next(iter(each.values()), ())) if each else once
                for once, each in zip(evaluated, repeats, strict=True)
            ]
        self.evaluations.extend([*accumulate(evaluated, initial=self._evaluated)][1:])
        self._evaluated = self.evaluations[-1]

    def _descend(self, row: int, parents: tuple[int, ...]) -> int:
        """Note a row's parents; return its generation."""
        self.parents[row] = parents
        generation = 0
        for parent in parents:
            above = self._row_of.get(parent, row)
            if above < row and self.generation[above] >= generation:
                generation = self.generation[above] + 1
        return generation

    def _add_evaluation(self, record: EvaluationGlance, position: Position) -> None:
        self._again.setdefault(record.trial, []).append(position)
        self._evaluated += 1
        row = self._row_of.get(record.trial)
        if row is None or not self.is_present(record.evaluator):
            return
        self.status[row] = _PLACES[record.status]
        self.counts[row] = True
        for name in sorted(record.metrics.keys() - self.metrics.keys()):
            self.metrics[name] = array("d", [NOTHING]) * len(self)
        for name, column in self.metrics.items():
            column[row] = record.metrics.get(name, NOTHING)


def _or_nothing(values: Sequence[float | None]) -> Sequence[float]:
    return [NOTHING if value is None else value for value in values]
