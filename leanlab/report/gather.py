"""One pass over the ledger: a small row for each trial, and what each proposer came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab.history import History
from leanlab.ledger import Ledger
from leanlab.overview import fingerprint_of
from leanlab.records import Evaluation, RoleTurn, Trial

if TYPE_CHECKING:
    from leanlab.config import Objective
    from leanlab.lab import Lab
    from leanlab.records import Scored


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A trial under the present rules, as small as the whole of a long ledger needs it."""

    trial: int
    status: str
    value: float | None
    """The objective's metric; None without a score."""
    is_record: bool
    """Whether it was the best so far when it was made."""


class Proposer(msgspec.Struct, kw_only=True):
    """What one backend and model proposed under the present rules, and what that cost."""

    backend: str
    model: str
    trials: int = 0
    scored: int = 0
    best: float | None = None
    cost_usd: float = 0.0
    unpriced: int = 0
    tokens: int = 0


class Findings(msgspec.Struct, kw_only=True):
    """What a report is made of."""

    history: History
    objective: Objective
    points: dict[int, Point]
    """By trial, in the order of the ledger."""
    proposers: dict[tuple[str, str], Proposer]
    advice: Proposer
    """What Critic and Director cost, all rules together."""
    notes: dict[str, list[RoleTurn]]
    """Of each advising role, under the present rules, oldest first."""
    seconds: dict[str, float]
    last_ts: str = ""


def gather(lab: Lab) -> Findings:
    config = lab.config
    findings = Findings(
        history=History(config, fingerprint_of(lab), is_open=not lab.is_native),
        objective=config.objective,
        points={},
        proposers={},
        advice=Proposer(backend="", model=""),
        notes={"director": [], "critic": []},
        seconds={"propose": 0.0, "evaluate": 0.0},
    )
    for record in Ledger(lab.results).read():
        findings.history.add(record)
        findings.last_ts = record.ts or findings.last_ts
        if isinstance(record, Trial | Evaluation) and findings.history.counts(record):
            _add(findings, record)
        elif isinstance(record, RoleTurn):
            _spend(findings.advice, record)
            if record.evaluator == findings.history.fingerprint:
                findings.notes[record.role].append(record)
    return findings


def _add(findings: Findings, record: Scored) -> None:
    scored = record.status == "scored"
    value = record.metrics.get(findings.objective.metric) if scored else None
    best = findings.history.best
    is_record = value is not None and best is not None and best.trial == record.trial
    findings.points[record.trial] = Point(
        trial=record.trial, status=record.status, value=value, is_record=is_record
    )
    findings.seconds["propose"] += record.seconds.propose
    findings.seconds["evaluate"] += record.seconds.evaluate
    if not isinstance(record, Trial):
        return
    key = record.backend, record.model
    proposer = findings.proposers.setdefault(key, Proposer(backend=key[0], model=key[1]))
    proposer.trials += 1
    _spend(proposer, record)
    if value is not None:
        proposer.scored += 1
        beaten = proposer.best is None or findings.objective.better(value, proposer.best)
        proposer.best = value if beaten else proposer.best


def _spend(proposer: Proposer, record: Trial | RoleTurn) -> None:
    proposer.cost_usd += record.cost_usd or 0.0
    proposer.unpriced += record.cost_usd is None
    proposer.tokens += record.tokens or 0
