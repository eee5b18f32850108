"""What a trial's page shows: everything that the lab's files say of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from leanlab.dashboard import artifacts
from leanlab.dashboard.code import DiffLine, difference
from leanlab.dashboard.inside import Gone, NotShown, read_inside
from leanlab.dashboard.lineage import ancestors, children
from leanlab.dashboard.moments import Moment, merged, moment
from leanlab.dashboard.transcript import conversation
from leanlab.dashboard.views import Shown, columns_of, shown_in
from leanlab.memory import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from leanlab.dashboard.artifacts import Download
    from leanlab.dashboard.index import Index
    from leanlab.dashboard.library import Shelf
    from leanlab.lab import Lab
    from leanlab.records import Evaluation, Trial

_MOST_MOMENTS = 500
_MOST_LINES = 20_000
"""Events of a trial that are read: a long turn says some hundred lines."""


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A metric of one trial."""

    name: str
    value: float | None
    """None while it may not be seen."""
    standard_error: float | None
    repeats: tuple[float, ...]
    hidden: bool


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How the source differs from that of another trial."""

    trial: int
    what: str
    lines: tuple[DiffLine, ...]
    missing: str
    """Why there is nothing to compare with; empty when there is."""


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """A text that a run left beside the trial: a prompt, a transcript."""

    title: str
    text: str


class TrialPage(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one trial."""

    shelf: Shelf
    record: Trial
    status: str
    """Under the present rules where it was scored again."""
    counts: bool
    is_best: bool
    metrics: tuple[Metric, ...]
    unseen: tuple[str, ...]
    cases: dict[str, float] | None
    """None while a metric of the trial may not be seen: cases say as much."""
    source: str | None
    missing: str
    """Why there is no source; empty when there is."""
    differences: tuple[Difference, ...]
    prompts: tuple[Paper, ...]
    transcripts: tuple[Paper, ...]
    artifacts: tuple[artifacts.Shown, ...]
    moments: tuple[Moment, ...]
    evaluations: tuple[Evaluation, ...]
    descent: tuple[int, ...]
    children: tuple[int, ...]
    before: int | None
    after: int | None


def trial_page(shelf: Shelf, number: int) -> TrialPage | None:
    """None when the ledger has no such trial."""
    lab, index = shelf.opened()
    row = index.row(number)
    if row is None:
        return None
    record = next(index.records([row]))
    evaluations = index.evaluations_of(number)
    now = _present(index, record, evaluations)
    metrics = _metrics(lab, index, now)
    unseen = tuple(metric.name for metric in metrics if metric.value is None)
    source, missing = source_of(lab, record)
    said = _lines_of(lab.state / "events.jsonl", number)
    return TrialPage(
        shelf=shelf,
        record=record,
        status=now.status,
        counts=bool(index.counts[row]),
        is_best=index.best == number,
        metrics=metrics,
        unseen=unseen,
        cases=None if unseen else now.cases,
        source=source,
        missing=missing,
        differences=_differences(lab, index, record, source),
        prompts=_papers(lab, "prompts", number),
        transcripts=_transcript(lab, record.session) or _told(said),
        artifacts=artifacts.shown(lab, record.artifacts, hidden=bool(unseen)),
        moments=_moments(lab, said),
        evaluations=tuple(evaluations),
        descent=tuple(ancestors(index, number)),
        children=tuple(children(index, number)),
        before=index.trials[row - 1] if row else None,
        after=index.trials[row + 1] if row + 1 < len(index) else None,
    )


def artifact_of(shelf: Shelf, number: int, place: int) -> Download:
    """Open what the trial left, by its place in the record; NotShown says why not."""
    lab, index = shelf.opened()
    row = index.row(number)
    record = None if row is None else next(index.records([row]))
    if record is None or place >= len(record.artifacts):
        raise NotShown(f"{shelf.name} has no such artifact.")
    metrics = _metrics(lab, index, _present(index, record, index.evaluations_of(number)))
    hidden = any(metric.value is None for metric in metrics)
    return artifacts.download(lab, record.artifacts[place], hidden=hidden)


def source_of(lab: Lab, record: Trial) -> tuple[str | None, str]:
    """The experiment's text, or None and why there is none."""
    if record.experiment_file is None:
        return None, "This trial left no usable experiment."
    try:
        return printable(read_inside(lab.home, record.experiment_file)), ""
    except NotShown as reason:
        return None, str(reason)


def _present(index: Index, record: Trial, evaluations: Sequence[Evaluation]) -> Trial | Evaluation:
    """The trial under the present rules, where it was scored again."""
    again = (each for each in reversed(evaluations) if index.is_present(each.evaluator))
    return next(again, record)


def _metrics(lab: Lab, index: Index, record: Trial | Evaluation) -> tuple[Metric, ...]:
    shown = shown_in(lab, index)
    names = (name for name in columns_of(lab, index) if name in record.metrics)
    return tuple(_metric(record, name, shown, lab) for name in names)


def _metric(record: Trial | Evaluation, name: str, shown: Shown, lab: Lab) -> Metric:
    seen = shown(record.trial, name)
    return Metric(
        name=name,
        value=record.metrics[name] if seen else None,
        standard_error=(record.standard_error or {}).get(name) if seen else None,
        repeats=(record.repeats or {}).get(name, ()) if seen else (),
        hidden=name not in lab.config.revealed,
    )


def _differences(
    lab: Lab, index: Index, record: Trial, source: str | None
) -> tuple[Difference, ...]:
    """From each parent, and from the best where that is another trial."""
    if source is None:
        return ()
    best = index.best
    others = [(parent, f"From its parent, trial {parent}") for parent in record.parents]
    if best is not None and best not in (record.trial, *record.parents):
        others.append((best, f"From the best, trial {best}"))
    return tuple(_difference(lab, index, trial, what, source) for trial, what in others)


def _difference(lab: Lab, index: Index, trial: int, what: str, source: str) -> Difference:
    row = index.row(trial)
    old, missing = None, "The ledger has no such trial."
    if row is not None:
        old, missing = source_of(lab, next(index.records([row])))
    lines = () if old is None else tuple(difference(old, source))
    return Difference(trial=trial, what=what, lines=lines, missing=missing)


def _papers(lab: Lab, folder: str, number: int) -> tuple[Paper, ...]:
    """The texts of a trial in a folder of the lab's state; their names begin with its number."""
    try:
        names = [path.name for path in (lab.state / folder).iterdir()]
    except OSError:
        return ()
    wanted = sorted(name for name in names if re.match(rf"0*{number}_", name))
    return tuple(_paper(lab, folder, name) for name in wanted)


def _paper(lab: Lab, folder: str, name: str) -> Paper:
    title = name.partition("_")[2].rpartition(".")[0].replace("_", " ") or name
    try:
        text = printable(read_inside(lab.home, f".leanlab/{folder}/{name}"))
    except NotShown as reason:
        text = str(reason)
    return Paper(title=title, text=text)


def _transcript(lab: Lab, session: str) -> tuple[Paper, ...]:
    """The conversation with the Worker, where its backend keeps one."""
    if not re.fullmatch(r"[\w-]+", session, re.ASCII):
        return ()
    try:
        kept = read_inside(lab.home, f".leanlab/sessions/{session}.json")
        text = msgspec.json.format(kept, indent=2)
    except Gone:
        return ()
    except NotShown as reason:
        text = str(reason)
    except msgspec.DecodeError:
        # Too long to be read whole, or half written: as it is.
        text = kept
    return (Paper(title="worker", text=printable(text)),)


def _told(lines: Sequence[bytes]) -> tuple[Paper, ...]:
    """The conversation as it went by, where its backend keeps none that is ours to show."""
    text = conversation(lines)
    return (Paper(title="worker, as it went by", text=text),) if text else ()


def _moments(lab: Lab, lines: Sequence[bytes]) -> tuple[Moment, ...]:
    found = (moment(line, lab.config.revealed) for line in lines[:_MOST_MOMENTS])
    return merged(each for each in found if each is not None)


def _lines_of(path: Path, number: int) -> Sequence[bytes]:
    """The events from the trial's beginning to the next one's, as far as they were kept."""
    start = re.compile(rb'\{"event":"trial_started","trial":(\d+)[,}]')
    lines: list[bytes] = []
    inside = False
    try:
        with path.open("rb") as file:
            for line in file:
                if begins := start.match(line):
                    inside = int(begins[1]) == number
                    lines = [] if inside else lines
                if inside and len(lines) < _MOST_LINES:
                    lines.append(line)
    except OSError:
        return []
    return lines
