"""A ledger as flat rows, the same columns in each, for tools such as pandas."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, Literal, TextIO

import msgspec

from leanlab.ledger import Ledger
from leanlab.memory import printable
from leanlab.records import Evaluation, RoleTurn, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leanlab.history import History
    from leanlab.lab import Lab

Format = Literal["csv", "jsonl"]
Row = dict[str, Any]

COLUMNS = (
    "kind", "trial", "ts", "run", "role", "current", "status", "experiment_file",
    "experiment_sha256", "notes", "text", "feedback", "error_category", "error_text", "backend",
    "model", "policy", "move", "parents", "fixes", "cost_usd", "tokens", "seconds_propose",
    "seconds_evaluate", "tier", "untrusted", "open", "evaluator", "stage", "session",
    "prompt_sha256",
)  # fmt: skip
"""Then one column a metric, metrics.NAME, and its standard error, standard_error.NAME."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
_MAPS = ("metrics", "standard_error")


def export(lab: Lab, history: History, to: TextIO, form: Format, *, hidden: bool) -> int:
    """Write a row for each trial, further evaluation and turn of Critic or Director; count them.

    Metrics are the revealed ones, unless hidden. The ledger is read twice and never held.
    """
    kept = None if hidden else set(lab.config.revealed)
    found: dict[str, None] = {}
    for row in _rows(lab, history, kept):
        found |= dict.fromkeys(name for name in row if name not in COLUMNS)
    columns = [*COLUMNS, *sorted(found)]
    writer = csv.writer(to, lineterminator="\n")
    if form == "csv":
        writer.writerow(columns)
    count = 0
    for row in _rows(lab, history, kept):
        values = [row.get(column) for column in columns]
        if form == "csv":
            writer.writerow([_cell(value) for value in values])
        else:
            to.write(msgspec.json.encode(dict(zip(columns, values, strict=True))).decode() + "\n")
        count += 1
    return count


def scored_trials(lab: Lab) -> Iterator[Trial]:
    """Yield whatever was scored, each further evaluation as its trial."""
    for record in Ledger(lab.results).read():
        if isinstance(record, Trial | Evaluation) and record.metrics:
            yield record if isinstance(record, Trial) else record.as_trial()


def _rows(lab: Lab, history: History, kept: set[str] | None) -> Iterator[Row]:
    for record in Ledger(lab.results).read():
        if isinstance(record, Trial | Evaluation):
            yield {
                "kind": "trial" if isinstance(record, Trial) else "evaluation",
                "current": history.counts(record),
                **_flat(record, kept),
            }
        elif isinstance(record, RoleTurn):
            yield {"kind": "role", "trial": record.after_trial, **_flat(record, kept)}


def _flat(record: Trial | Evaluation | RoleTurn, kept: set[str] | None) -> Row:
    """The record's fields that are columns, and the entries of those that hold several."""
    whole = msgspec.to_builtins(record)
    row = {name: whole[name] for name in COLUMNS if name in whole and name != "kind"}
    if "parents" in row:
        row["parents"] = " ".join(map(str, row["parents"]))
    for name in ("seconds", "error"):
        row |= {f"{name}_{key}": value for key, value in (whole.get(name) or {}).items()}
    for name in _MAPS:
        values = (whole.get(name) or {}).items()
        row |= {f"{name}.{key}": value for key, value in values if kept is None or key in kept}
    return row


def _cell(value: object) -> object:
    """Text that a spreadsheet would take for a formula begins with an apostrophe."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.lstrip(" \n").startswith(_FORMULA) else text
