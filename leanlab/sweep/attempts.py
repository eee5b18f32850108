"""What a sweep records: one Attempt a trial, one Outcome a point."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from leanlab.records import Fault, Seconds

if TYPE_CHECKING:
    from leanlab.lab import Lab
    from leanlab.records import Trial
    from leanlab.sweep.grid import Plan, Point

PointStatus = Literal["target", "done", "abstained", "budget", "failed"]
"""target: an attempt reached it; done: all attempts were made; abstained: the researcher had
nothing more to propose; budget: money ended it; failed: the lab could not run under these
parameters."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A trial of a point's ledger, whole enough to be read without it: a line of the results."""

    point: str
    params: dict[str, Any]
    """All of the lab's, under this point."""
    attempt: int
    """From 1; the number of the trial in the point's ledger."""
    status: str
    metrics: dict[str, float]
    """Hidden ones too."""
    stopped_early: bool
    """Whether it reached the target, so that later attempts were not made."""
    error: Fault | None
    program: str | None
    """The experiment's source; None when there was no usable file."""
    program_file: str | None
    """Relative to the point's home."""
    program_sha256: str | None
    prompt: str
    """The first prompt of the attempt; empty where it was not kept."""
    prompt_sha256: str
    backend: str
    model: str
    policy: str
    run_seed: int
    """Of policy and researcher; that of the data is one of params."""
    fixes: int
    tokens: int | None
    cost_usd: float | None
    seconds: Seconds
    tier: str
    untrusted: bool
    evaluator: str
    run: str
    ts: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a point ended."""

    point: str
    status: PointStatus
    reason: str
    """In one line."""
    attempts: int
    deaths: tuple[str, ...] = ()
    """How its worker processes died, where they did; the point is tried twice."""
    cost_usd: float = 0.0
    """Of everything in the point's ledger, Critic and Director too, as far as prices are known."""
    seconds: float = 0.0


def attempt_of(record: Trial, plan: Plan, point: Point, lab: Lab) -> Attempt:
    objective = lab.config.objective
    value = record.metrics.get(objective.metric)
    reached = record.status == "scored" and value is not None and objective.reached(value)
    return Attempt(
        point=point.name,
        params=lab.config.params,
        attempt=record.trial,
        status=record.status,
        metrics=record.metrics,
        stopped_early=reached and record.trial < plan.attempts,
        error=record.error,
        program=_program(lab, record),
        program_file=record.experiment_file,
        program_sha256=record.experiment_sha256,
        prompt=_prompt(lab, record),
        prompt_sha256=record.prompt_sha256,
        backend=record.backend,
        model=record.model,
        policy=record.policy,
        run_seed=plan.seed,
        fixes=record.fixes,
        tokens=record.tokens,
        cost_usd=record.cost_usd,
        seconds=record.seconds,
        tier=record.tier,
        untrusted=record.untrusted,
        evaluator=record.evaluator,
        run=record.run,
        ts=record.ts,
    )


def _program(lab: Lab, record: Trial) -> str | None:
    path = lab.home / record.experiment_file if record.experiment_file else None
    return path.read_text(encoding="utf-8") if path and path.is_file() else None


def _prompt(lab: Lab, record: Trial) -> str:
    """Find the first prompt in the file that keeps all of the trial's: its hash is recorded."""
    try:
        kept = (lab.state / "prompts" / f"{record.trial:04d}_worker.md").read_bytes()
    except FileNotFoundError:
        return ""
    digest = hashlib.sha256()
    length = 0
    for line in kept.splitlines(keepends=True):
        digest.update(line)
        length += len(line)
        if digest.hexdigest() == record.prompt_sha256:
            return kept[:length].decode()
    return ""
