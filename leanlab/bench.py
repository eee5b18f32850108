"""A lab made ready for experiments: locked, sealed, confined, remembered."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab import events
from leanlab.errors import ConfinementUnavailable
from leanlab.evaluator import Evaluator, Outcome, Taken
from leanlab.evaluator.prepare import prepare
from leanlab.history import History
from leanlab.ledger import Ledger
from leanlab.lock import RunLock
from leanlab.memory import row_of
from leanlab.records import Reveal, Seconds, Trial
from leanlab.workspace import Workspace

if TYPE_CHECKING:
    from leanlab.events import Sink
    from leanlab.lab import Lab
    from leanlab.records import AnyRecord

TIERS = "ABCD"
"""The tiers of confinement, from the strongest."""


class Bench:
    """What a trial needs of a lab. The only writer of the ledger while it is open."""

    def __init__(self, lab: Lab, evaluator: Evaluator, workspace: Workspace) -> None:
        self.lab = lab
        self.evaluator = evaluator
        self.workspace = workspace
        self.run = time.strftime("%Y%m%dT%H%M%SZ-", time.gmtime()) + secrets.token_hex(3)
        self.ledger = Ledger(lab.results)
        self.history = History(lab.config, evaluator.fingerprint, is_open=not lab.is_native)

    def load(self) -> None:
        """Read the ledger from the first record on, streaming."""
        self.refresh()

    def refresh(self) -> None:
        """Learn what others have added meanwhile: a person's note, a score shown."""
        self._learn(self.ledger.new())

    def append(self, record: AnyRecord) -> AnyRecord:
        """Put a record on disk, then fold it in; return it with time and chain filled in."""
        whole, others = self.ledger.append(record)
        self._learn([*others, whole])
        return whole

    def _learn(self, records: Iterable[AnyRecord]) -> None:
        """Fold records into the history, and into what roles may read of it."""

        def rows() -> Iterable[bytes]:
            for record in records:
                self.history.add(record)
                if isinstance(record, Trial) and self.history.counts(record):
                    yield msgspec.json.encode(row_of(record, self.lab))

        self.workspace.remember(rows())

    def scored_fields(self, number: int, taken: Taken | None, outcome: Outcome) -> dict[str, Any]:
        """The fields that a trial and a further evaluation share."""
        verdict = outcome.verdict
        name = taken.path.relative_to(self.lab.home).as_posix() if taken else None
        return {
            "run": self.run,
            "trial": number,
            "status": verdict.status,
            "experiment_file": name,
            "experiment_sha256": taken.sha256 if taken else None,
            "metrics": verdict.metrics if verdict.status == "scored" else {},
            "repeats": outcome.repeats,
            "standard_error": outcome.standard_error,
            "cases": verdict.cases,
            "feedback": verdict.feedback,
            "artifacts": verdict.artifacts,
            "error": verdict.error,
            "evaluator": self.evaluator.fingerprint,
            "tier": self.evaluator.tier,
            "untrusted": self.evaluator.tier == "none",
            "open": not self.lab.is_native,
            "seconds": Seconds(propose=0.0, evaluate=outcome.seconds),
        }

    def reveal(self, record: Trial | None, command: str) -> None:
        """Note in the ledger, once, that a person is shown this trial's hidden metrics."""
        due = record and unrevealed(self.lab, self.history.revealed, record, command, self.run)
        if due:
            self.append(due)


def unrevealed(
    lab: Lab, seen: Collection[tuple[int, str]], record: Trial, command: str, run: str
) -> Reveal | None:
    """The record that is due before a person is shown this trial; None when it was made.

    seen are the hidden metrics that were shown before, each with its trial.
    """
    hidden = sorted(set(record.metrics) - set(lab.config.revealed))
    fresh = tuple(name for name in hidden if (record.trial, name) not in seen)
    return Reveal(run=run, trial=record.trial, metrics=fresh, command=command) if fresh else None


@asynccontextmanager
async def open_bench(
    lab: Lab,
    *,
    required_tier: str | None,
    allow_unsandboxed: bool,
    emit: Sink,
    agreed_to_prepare: bool = False,
    later: Collection[str] = (),
) -> AsyncIterator[Bench]:
    """Lock the lab, start its evaluator, read its ledger; leave nothing behind but records.

    later are modules that its evaluator is to admit in the middle of the run.
    """
    with RunLock(lab):
        if await prepare(lab, agreed=agreed_to_prepare):
            emit(events.Notice(text=f"prepared {lab.folder}: {lab.config.prepare_cmd}"))
        async with Evaluator(
            lab, allow_unsandboxed=allow_unsandboxed, emit=emit, later=later
        ) as evaluator:
            _require(evaluator, required_tier)
            if evaluator.seal_made:
                emit(events.Notice(text=f"sealed the frozen files in {lab.seal_file}"))
            workspace = Workspace(lab).open()
            try:
                bench = Bench(lab, evaluator, workspace)
                if torn := bench.ledger.mend():
                    text = f"set aside a torn last line of {torn} bytes in {lab.results}.torn"
                    emit(events.Notice(text=text))
                bench.load()
                yield bench
            finally:
                workspace.close()


def _require(evaluator: Evaluator, required: str | None) -> None:
    if required is None:
        return
    wanted = required.upper()
    if len(wanted) != 1 or wanted not in TIERS:
        raise ConfinementUnavailable(f"there is no tier {required!r}. There are A, B, C and D.")
    tier = evaluator.tier
    if tier not in TIERS or TIERS.index(tier) > TIERS.index(wanted):
        raise ConfinementUnavailable(
            f"--require-tier asks for tier {wanted}, and here is less: "
            f"{evaluator.summary.removeprefix('confinement: ')}"
        )
