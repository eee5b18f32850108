"""What a role is told: a pure view of the history and the notes, revealed metrics only."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from leanlab.labkit.researcher import Row

if TYPE_CHECKING:
    from leanlab.history import History
    from leanlab.lab import Lab
    from leanlab.policy import Move
    from leanlab.records import Trial

_MAX_NOTE = 16_000
_MAX_QUOTE = 4_000
_MAX_LINE = 1_000


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn is told of earlier trials."""

    best: tuple[Row, ...] = ()
    failures: tuple[Row, ...] = ()
    """The latest ones, the newest first."""
    facts: tuple[str, ...] = ()
    """Sentences computed from the ledger."""
    critic: str = ""
    director: str = ""
    people: tuple[str, ...] = ()
    """Lines of persons, the newest last: to be followed, whatever the policy forgets."""


def recall(lab: Lab, history: History, move: Move) -> Memory:
    """Return what the move lets a role know."""
    people = tuple(" ".join(printable(text).split())[:_MAX_LINE] for text in history.said)
    if not move.memory:
        return Memory(people=people)
    return Memory(
        people=people,
        best=tuple(row_of(record, lab) for record in history.top),
        failures=tuple(row_of(record, lab) for record in reversed(history.failures)),
        facts=tuple(facts(lab, history)),
        critic=read_note(lab, "critic"),
        director=read_note(lab, "director"),
    )


def row_of(record: Trial, lab: Lab) -> Row:
    """The trial as a role may know it."""
    revealed = lab.config.revealed
    name = record.experiment_file and PurePosixPath(record.experiment_file).name
    return Row(
        trial=record.trial,
        experiment=name or None,
        sha256=record.experiment_sha256,
        status=record.status,
        metrics={key: record.metrics[key] for key in revealed if key in record.metrics},
        notes=printable(record.notes),
        feedback=clipped(record.feedback),
        error=clipped(record.error.text) if record.error else "",
        move=record.move,
        parents=record.parents,
    )


def read_note(lab: Lab, role: str) -> str:
    """A Critic's or Director's note as it stands; a person may have edited it."""
    try:
        text = lab.note_file(role).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return printable(text)[:_MAX_NOTE]


def printable(text: str) -> str:
    """Drop control characters, newline and tab excepted: text from outside is data."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(char for char in text if char.isprintable() or char in "\n\t")


def clipped(text: str) -> str:
    """Text from outside, short enough for a prompt; its end says most, as in a traceback."""
    clean = printable(text)
    if len(clean) <= _MAX_QUOTE:
        return clean
    head, tail = _MAX_QUOTE // 4, _MAX_QUOTE * 3 // 4
    return f"{clean[:head]}\n[{len(clean) - head - tail:,} characters left out]\n{clean[-tail:]}"


def facts(lab: Lab, history: History) -> list[str]:
    """True sentences about the trials under the present fingerprint."""
    if history.last is None:
        return ["No trial has been recorded yet."]
    metric = lab.config.objective.metric
    counts = ", ".join(f"{count} {status}" for status, count in sorted(history.statuses.items()))
    sentences = [f"{history.trials} trials so far: {counts}."]
    best = history.best
    if best is None:
        sentences.append("None has a score yet.")
        return sentences
    sentences.append(
        f"Best {metric} is {history.value(best):.6g}, in trial {best.trial}; "
        f"{history.since_best} trials since then did not beat it."
    )
    target = lab.config.objective.target
    if target is not None:
        gap = abs(target - history.value(best))
        sentences.append(f"The target is {target:g}; the gap is {gap:.6g}.")
    sentences += _overfit(best, lab)
    if history.duplicates:
        sentences.append(f"{history.duplicates} experiments repeat an earlier one byte for byte.")
    return sentences


def _overfit(best: Trial, lab: Lab) -> list[str]:
    """Compare train_x with val_x where both are revealed."""
    shown = {key: best.metrics[key] for key in lab.config.revealed if key in best.metrics}
    return [
        f"The best trial has {name} {value:.6g} and {twin} {shown[twin]:.6g}: "
        f"a gap of {value - shown[twin]:+.6g} between what it was fitted to and what it was not."
        for name, value in shown.items()
        if name.startswith("train_") and (twin := "val_" + name.removeprefix("train_")) in shown
    ]
