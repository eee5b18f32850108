"""What both forms of a report say, in the words and numbers that they say it in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from leanlab.console import counted, number
from leanlab.errors import LeanlabError
from leanlab.ledger import Ledger
from leanlab.records import Trial
from leanlab.report.intervals import ERROR, interval
from leanlab.seal import Hasher, read_seal, verify

if TYPE_CHECKING:
    from leanlab.lab import Lab
    from leanlab.report.gather import Findings, Proposer

ROWS = 200
"""Trials in the table; of more the records, the best and the last are shown."""
OFFLINE = "offline"


class MetricLine(msgspec.Struct, frozen=True, kw_only=True):
    """A metric of the best trial."""

    name: str
    role: str
    """What it was to the roles: objective, revealed or held out."""
    value: str
    interval: str
    source: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A trial in the table, with revealed metrics only."""

    trial: int
    status: str
    value: str
    is_record: bool
    experiment: str
    proposer: str
    cost: str
    said: str
    """The Worker's notes, or why there is no score."""


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What one proposer came to."""

    who: str
    trials: str
    best: str
    cost: str
    tokens: str


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a report says, but for the chart."""

    name: str
    named: str
    description: str
    variant: str
    metric: str
    aim: str
    as_of: str
    tiles: tuple[tuple[str, str], ...]
    outcome: str
    best: Trial | None
    code: str | None
    notes: tuple[tuple[str, int, str], ...]
    """Role, the trial it spoke after, and its words."""
    metrics: tuple[MetricLine, ...]
    belief: tuple[tuple[str, str], ...]
    spent: tuple[Spent, ...]
    rows: tuple[Row, ...]
    left_out: int


def view(lab: Lab, findings: Findings) -> View:
    history, objective = findings.history, findings.objective
    best = history.best
    target = "" if objective.target is None else f", target {number(objective.target)}"
    shown = _chosen(findings)
    rows = _rows(lab, findings, shown)
    path = lab.home / best.experiment_file if best and best.experiment_file else None
    return View(
        name=lab.config.name,
        named=lab.named,
        description=lab.config.description,
        variant=", ".join(f"{key}={value}" for key, value in lab.changed.items()),
        metric=objective.metric,
        aim=f"{objective.direction} {objective.metric}{target}",
        as_of=findings.last_ts,
        tiles=_tiles(findings),
        outcome=_outcome(findings),
        best=best,
        code=path.read_text("utf-8", "replace") if path and path.is_file() else None,
        notes=_notes(findings),
        metrics=_metrics(lab, best) if best else (),
        belief=_belief(lab, findings),
        spent=_spent(findings),
        rows=rows,
        left_out=len(findings.points) - len(shown),
    )


def _tiles(findings: Findings) -> tuple[tuple[str, str], ...]:
    history = findings.history
    best = "no score" if history.best is None else number(history.value(history.best))
    return (
        (f"best {findings.objective.metric}", best),
        ("trials", f"{history.trials:,}"),
        ("scored", f"{history.scored:,}"),
        ("cost", _cost(history.cost_usd, _unpriced(findings))),
        ("at work", _duration(sum(findings.seconds.values()))),
    )


def _outcome(findings: Findings) -> str:
    history, objective = findings.history, findings.objective
    if history.best is None:
        return f"{counted(history.trials, 'trial')}, and none has a score."
    value = history.value(history.best)
    end = "" if objective.target is None else (
        " It reaches the target." if objective.reached(value) else " The target is not reached."
    )  # fmt: skip
    first = next(point for point in findings.points.values() if point.value is not None)
    assert first.value is not None
    return (
        f"Trial {history.best.trial} won, with {objective.metric} {number(value)}; the first score "
        f"was {number(first.value)}, in trial {first.trial}.{end}"
    )


def _notes(findings: Findings) -> tuple[tuple[str, int, str], ...]:
    """The Director's first note that knew the best trial, and the last one of either role."""
    best = findings.history.best
    after = [t for t in findings.notes["director"] if best and t.after_trial >= best.trial]
    kept = [*after[:1], *findings.notes["director"][-1:], *findings.notes["critic"][-1:]]
    chosen = {(turn.role, turn.after_trial): turn.text for turn in kept}
    return tuple((*who, re.sub(r"^\s*#+ .*\n", "", text).strip()) for who, text in chosen.items())


def _chosen(findings: Findings) -> set[int]:
    points = findings.points
    if len(points) <= ROWS:
        return set(points)
    records = [point.trial for point in points.values() if point.is_record]
    top = [record.trial for record in findings.history.top]
    return {*records[-ROWS // 4 :], *top, *sorted(points)[-ROWS // 2 :]}


def _rows(lab: Lab, findings: Findings, shown: set[int]) -> tuple[Row, ...]:
    """Read the chosen trials again, for what no long ledger is kept in memory for."""
    found = {}
    for record in Ledger(lab.results).read():
        if isinstance(record, Trial) and record.trial in shown:
            point = findings.points[record.trial]
            found[record.trial] = Row(
                trial=record.trial,
                status=point.status.replace("_", " "),
                value="" if point.value is None else number(point.value),
                is_record=point.is_record,
                experiment=(record.experiment_file or "").rpartition("/")[2],
                proposer=_who(record.backend, record.model),
                cost=_cost(record.cost_usd or 0.0, int(record.cost_usd is None)),
                said=record.notes or (record.error.text if record.error else ""),
            )
    return tuple(found[trial] for trial in sorted(found))


def _metrics(lab: Lab, best: Trial) -> tuple[MetricLine, ...]:
    """The objective, what roles saw beside it, then what was held out."""
    metric, revealed = lab.config.objective.metric, lab.config.revealed
    names = [
        name
        for name in best.metrics
        if not (name.endswith(ERROR) and name.removesuffix(ERROR) in best.metrics)
    ]
    lines = []
    for name in sorted(names, key=lambda name: (name != metric, name not in revealed, name)):
        found = interval(lab, best, name)
        role = "objective" if name == metric else "revealed" if name in revealed else "held out"
        lines.append(
            MetricLine(
                name=name,
                role=role,
                value=number(best.metrics[name]),
                interval=f"{number(found.low)} to {number(found.high)}" if found else "not known",
                source=found.source if found else "",
            )
        )
    return tuple(lines)


def _belief(lab: Lab, findings: Findings) -> tuple[tuple[str, str], ...]:
    history, metric = findings.history, findings.objective.metric
    looks = (
        f"{metric} was looked at {counted(history.scored, 'time')}, and the best of them chosen: "
        "the more looks, the more of it is luck. What was held out chose nothing."
        if history.scored > 1
        else f"{metric} was looked at {counted(history.scored, 'time')}."
    )
    seen = {trial for trial, name in history.revealed if name not in lab.config.revealed}
    people = (
        f"before this report, people saw held-out metrics of {counted(len(seen), 'trial')}"
        if seen
        else "before this report, nobody saw a held-out metric"
    )
    lines = [
        ("Confinement", _tier(history.best)),
        ("Seal", _sealed(lab)),
        ("Looks", looks),
        ("Reveals", f"{people} (the ledger notes each look)."),
    ]
    others = history.all_trials - history.trials
    if others > 0:
        lines.append(("Other rules", f"{counted(others, 'trial')} under other rules do not count."))
    if history.duplicates:
        text = f"{counted(history.duplicates, 'experiment')} repeated an earlier one."
        lines.append(("Repetitions", text))
    return tuple(lines)


def _tier(best: Trial | None) -> str:
    if best is None:
        return "nothing was scored."
    if best.untrusted:
        return "none held: the best score may have been forged."
    if best.open:
        return (
            f"tier {best.tier}, in an open lab: its evaluator imports experiments, so that one "
            "could have forged its score. From the rest of the machine it was kept."
        )
    return f"tier {best.tier}; the experiment never shared a process with the labels."


def _sealed(lab: Lab) -> str:
    try:
        seal = read_seal(lab)
        if seal is None:
            return "the lab is not sealed."
        verify(lab, seal, Hasher())
    except LeanlabError as error:
        return f"broken: {error}"
    files = counted(len(seal.files), "frozen file")
    return f"{files} as sealed, fingerprint {lab.fingerprint(seal.files)}."


def _spent(findings: Findings) -> tuple[Spent, ...]:
    """A line for each proposer, the offline baseline always among them, then the advice."""
    lines = [_line(each) for each in findings.proposers.values() if each.backend != OFFLINE]
    offline = [_line(each) for each in findings.proposers.values() if each.backend == OFFLINE]
    missing = Spent(who="offline baseline", trials="none yet", best="", cost="$0", tokens="")
    advice = findings.advice
    if advice.cost_usd or advice.tokens or advice.unpriced:
        cost = _cost(advice.cost_usd, advice.unpriced)
        told = Spent(
            who="Critic and Director", trials="", best="", cost=cost, tokens=f"{advice.tokens:,}"
        )
        return (*lines, *(offline or [missing]), told)
    return (*lines, *(offline or [missing]))


def _line(proposer: Proposer) -> Spent:
    baseline = f"offline baseline, {proposer.model}"
    who = _who(proposer.backend, proposer.model) or "not noted"
    return Spent(
        who=baseline if proposer.backend == OFFLINE else who,
        trials=f"{proposer.trials:,}, {proposer.scored:,} scored",
        best="no score" if proposer.best is None else number(proposer.best),
        cost=_cost(proposer.cost_usd, proposer.unpriced),
        tokens=f"{proposer.tokens:,}",
    )


def _who(backend: str, model: str) -> str:
    return backend if backend == OFFLINE else " ".join(filter(None, (backend, model)))


def _unpriced(findings: Findings) -> int:
    return findings.advice.unpriced + sum(each.unpriced for each in findings.proposers.values())


def _cost(usd: float, unpriced: int) -> str:
    known = "$0" if usd == 0 else f"${usd:.4f}" if usd < 1 else f"${usd:,.2f}"
    if not unpriced:
        return known
    return f"{known} and unknown" if usd else "unknown"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
