"""What the loop keeps of the ledger: counts, the best few, the latest failures."""

from __future__ import annotations

import bisect
from collections import deque
from typing import TYPE_CHECKING

from leanlab import flat
from leanlab.records import AnyRecord, Evaluation, Note, Reveal, RoleTurn, Scored, Trial

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leanlab.config import LabConfig


PEOPLE_SAID = 5
"""How many of people's lines are kept before the roles' eyes."""


class History:
    """A fold over records, of constant size but for one small number a trial.

    Only records under the present fingerprint are ranked and remembered, and in an open lab rows
    of leanlab 0.2, which know no fingerprint; numbering and cost count all of them.
    """

    def __init__(self, config: LabConfig, fingerprint: str, *, is_open: bool = False) -> None:
        self._present = {fingerprint, flat.VERSION} if is_open else {fingerprint}
        self.fingerprint = fingerprint
        self.objective = config.objective
        self.records = 0
        self.last_number = 0
        """The highest trial number of any fingerprint."""
        self.all_trials = 0
        """Of every fingerprint."""
        self.trials = 0
        self.scored = 0
        self.since_best = 0
        """Trials since the best score last rose."""
        self.top: list[Trial] = []
        """Best first; the earlier first on a tie."""
        self.failures: deque[Trial] = deque(maxlen=config.memory.failures)
        self.last: Trial | None = None
        self.statuses: dict[str, int] = {}
        self.proposers: dict[str, set[str]] = {}
        """The backends that have proposed, by policy."""
        self.duplicates = 0
        """Experiments that equal an earlier one byte for byte."""
        self.cost_usd = 0.0
        self.tokens = 0
        self.revealed: set[tuple[int, str]] = set()
        """Hidden metrics that a person has seen: trial and metric."""
        self.said: deque[str] = deque(maxlen=PEOPLE_SAID)
        """What people said last, the newest last."""
        self._size = config.memory.top
        self._tried: set[int] = set()

    def add_all(self, records: Iterable[AnyRecord]) -> History:
        for record in records:
            self.add(record)
        return self

    def counts(self, record: Scored) -> bool:
        """Tell whether the record is of the present rules."""
        return record.evaluator in self._present

    def add(self, record: AnyRecord) -> None:
        self.records += 1
        if isinstance(record, Trial):
            self._spend(record)
            self.all_trials += 1
            self.last_number = max(self.last_number, record.trial)
            if self.counts(record):
                self._add_trial(record)
        elif isinstance(record, Evaluation):
            if self.counts(record):
                self._add_trial(record.as_trial())
        elif isinstance(record, RoleTurn):
            self._spend(record)
        elif isinstance(record, Reveal):
            self.revealed |= {(record.trial, metric) for metric in record.metrics}
        elif isinstance(record, Note):
            self.said.append(record.text)

    def _spend(self, record: Trial | RoleTurn) -> None:
        self.cost_usd += record.cost_usd or 0.0
        self.tokens += record.tokens or 0

    def _add_trial(self, record: Trial) -> None:
        self.trials += 1
        self.last = record
        self.statuses[record.status] = self.statuses.get(record.status, 0) + 1
        self.proposers.setdefault(record.policy, set()).add(record.backend)
        self._note_duplicate(record)
        if record.status != "scored":
            self.failures.append(record)
        elif self.objective.metric in record.metrics:
            # Without it the trial was scored under another objective: counted, never ranked.
            self.scored += 1
            self._rank(record)
        self.since_best = 0 if self.best is record else self.since_best + 1

    def _note_duplicate(self, record: Trial) -> None:
        if record.experiment_sha256 is None:
            return
        key = hash(record.experiment_sha256)
        self.duplicates += key in self._tried
        self._tried.add(key)

    def _rank(self, record: Trial) -> None:
        bisect.insort(self.top, record, key=self._rank_key)
        del self.top[self._size :]

    def _rank_key(self, record: Trial) -> tuple[float, int]:
        sign = -1.0 if self.objective.direction == "maximize" else 1.0
        return sign * self.value(record), record.trial

    def value(self, record: Trial) -> float:
        """The objective's metric of a scored trial."""
        return record.metrics[self.objective.metric]

    @property
    def best(self) -> Trial | None:
        """The top record; the earliest on a tie, None if unscored."""
        return self.top[0] if self.top else None
