"""A worker process: runs point after point, and tells each attempt before it makes the next."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from leanlab.bench import unrevealed
from leanlab.child import wire
from leanlab.control import stop_file
from leanlab.errors import LeanlabError
from leanlab.evaluator.intake import unrecorded
from leanlab.events import AnyEvent, Recorded
from leanlab.lab import Lab
from leanlab.ledger import Ledger
from leanlab.overview import history_of
from leanlab.records import Trial
from leanlab.running import Summary, run
from leanlab.sweep.attempts import Attempt, PointStatus, attempt_of
from leanlab.sweep.grid import Plan, Point, lab_at


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One point to run, or to go on with."""

    plan: Plan
    point: Point
    folder: str
    """The sweep's."""
    known: tuple[int, ...]
    """Attempts that the results hold already."""
    max_usd: float | None
    require_tier: str | None
    allow_unsandboxed: bool
    allow_unfenced: bool


class Go(msgspec.Struct, frozen=True, kw_only=True):
    """Answers an attempt: the results hold it."""

    stop: bool
    """Whether the sweep's money is used up."""


class Made(msgspec.Struct, frozen=True, kw_only=True, tag="made"):
    """An attempt is in the point's ledger."""

    attempt: Attempt


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """The point is over."""

    status: PointStatus
    reason: str
    cost_usd: float = 0.0
    """Of the whole ledger; attempts tell of their own alone."""


_ALL_MADE = Ended(status="done", reason="all attempts were made")
_NO_MONEY = Ended(status="budget", reason="the sweep's budget was used up")

Tell = Callable[[Attempt], bool]
"""Hands over an attempt; returns whether to stop."""


def main() -> None:
    lines, answer = wire()

    def tell(attempt: Attempt) -> bool:
        answer(Made(attempt=attempt))
        return msgspec.json.decode(next(lines), type=Go).stop

    for line in lines:
        job = msgspec.json.decode(line, type=Job)
        try:
            answer(work(job, tell))
        except KeyboardInterrupt:
            sys.exit(130)


def work(job: Job, tell: Tell) -> Ended:
    """Run the point to its end; what is expected to go wrong is an end too."""
    try:
        lab = lab_at(job.plan, job.point, Path(job.folder))
        try:
            ended = _run(job, lab, tell)
        except LeanlabError as error:
            ended = _failed(error)
        if not lab.results.exists():
            return ended
        _note_reveals(lab)
        return msgspec.structs.replace(ended, cost_usd=history_of(lab).cost_usd)
    except (LeanlabError, OSError) as error:
        return _failed(error)


def _failed(error: Exception) -> Ended:
    return Ended(status="failed", reason=" ".join(str(error).split()))


def _run(job: Job, lab: Lab, tell: Tell) -> Ended:
    """Tell what the ledger holds and the results do not; then make the attempts that are left."""
    earlier = [record for record in Ledger(lab.results).read() if isinstance(record, Trial)]
    stop = False
    for record in earlier:
        if record.trial not in job.known:
            stop = tell(attempt_of(record, job.plan, job.point, lab)) or stop
    best = history_of(lab).best
    objective = lab.config.objective
    if best is not None and objective.reached(best.metrics[objective.metric]):
        return Ended(status="target", reason="target reached")
    last = max((record.trial for record in earlier), default=0)
    # What a killed worker left is recorded first, and is one of the attempts.
    waiting = unrecorded(lab, last) if lab.experiments.is_dir() else []
    left = max(0, job.plan.attempts - len(earlier) - len(waiting))
    if left == 0 and not waiting:
        return _ALL_MADE
    if stop:
        return _NO_MONEY
    summary = _make_attempts(job, lab, left, tell)
    return _ended(summary, len(earlier) + len(summary.trials), job.plan)


def _make_attempts(job: Job, lab: Lab, count: int, tell: Tell) -> Summary:
    def on_event(event: AnyEvent) -> None:
        if isinstance(event, Recorded) and tell(attempt_of(event.record, job.plan, job.point, lab)):
            stop_file(lab).touch()

    return run(
        lab,
        trials=count,
        backend=job.plan.backend,
        model=job.plan.model,
        effort=job.plan.effort,
        policy=job.plan.policy,
        seed=job.plan.seed,
        max_usd=job.max_usd,
        require_tier=job.require_tier,
        allow_unsandboxed=job.allow_unsandboxed,
        allow_unfenced=job.allow_unfenced,
        on_event=on_event,
    )


def _ended(summary: Summary, attempts: int, plan: Plan) -> Ended:
    kind, text = summary.end.kind, summary.end.text
    if kind == "target":
        return Ended(status="target", reason=text)
    if attempts >= plan.attempts:
        return _ALL_MADE
    if kind == "done":
        return Ended(status="abstained", reason=text)
    return _NO_MONEY if kind == "stopped" else Ended(status="budget", reason=text)


def _note_reveals(lab: Lab) -> None:
    """The results show every metric of every attempt: note it in the ledger, once for each."""
    ledger, history = Ledger(lab.results), history_of(lab)
    shown = [record for record in ledger.new() if isinstance(record, Trial)]
    for record in shown:
        if due := unrevealed(lab, history.revealed, record, "sweep", record.run):
            ledger.append(due)
