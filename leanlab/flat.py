"""Rows of leanlab 0.2's results.jsonl: flat metrics, no kind, no chain. Read, never written."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from leanlab.records import Fault, Trial

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "0.2"
"""Stands where later records have their run and their evaluator's fingerprint."""

_OURS = {"kind", "prev", "schema"}
_FILES = ("experiment_file", "experiment", "file", "path", "script")
_NOTES = ("notes", "note", "description", "summary", "hypothesis")
_TIMES = ("timestamp", "ts", "time", "date")
_NUMBERS = ("trial", "iteration", "number", "index", "id")
_COSTS = ("cost_usd", "cost")
_NO_METRICS = {*_TIMES, *_NUMBERS, *_COSTS}


def decode(line: bytes, number: int) -> Trial | None:
    """Return the row as a trial, None where it is no such row; number is that of the line.

    Liberal: every finite number beside time, number and cost is a metric. Nothing says how the
    score was made, so it counts as unconfined.
    """
    try:
        # Of half a character, which JSON can write and UTF-8 cannot, a question mark is left.
        row = json.loads(json.dumps(json.loads(line), ensure_ascii=False).encode(errors="replace"))
    except ValueError:
        return None
    if not isinstance(row, dict) or _OURS & row.keys():
        return None
    nested = row.get("metrics")
    metrics = _metrics(row) | (_metrics(nested) if isinstance(nested, dict) else {})
    file = _experiment(row)
    if not metrics and file is None:
        return None
    return Trial(
        run=VERSION,
        trial=_trial(row, file) or number,
        status="scored" if metrics else "crashed",
        experiment_file=file,
        metrics=metrics,
        error=None if metrics else Fault(category="evaluation", text=_error(row)),
        evaluator=VERSION,
        tier="none",
        untrusted=True,
        open=True,
        ts=_time(row),
        notes=next((row[key] for key in _NOTES if isinstance(row.get(key), str)), ""),
        cost_usd=next((c for key in _COSTS if (c := _finite(row.get(key))) is not None), None),
    )


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _metrics(row: Mapping[str, Any]) -> dict[str, float]:
    found = {key: _finite(value) for key, value in row.items() if key not in _NO_METRICS}
    return {key: value for key, value in found.items() if value is not None}


def _experiment(row: Mapping[str, Any]) -> str | None:
    """The experiment's path inside the lab; None where it cannot be told, or leads elsewhere."""
    likely = [row[key] for key in _FILES if isinstance(row.get(key), str)]
    others = [text for text in row.values() if isinstance(text, str) and _looks_like_one(text)]
    for text in (*likely, *others):
        parts = PurePosixPath(text).parts
        if "experiments" in parts:
            parts = parts[parts.index("experiments") :]
        path = PurePosixPath(*parts)
        if parts and not path.is_absolute() and ".." not in parts and "\0" not in text:
            return str(path)
    return None


def _looks_like_one(text: str) -> bool:
    return re.fullmatch(r"(\S*/)?experiments/\S+", text) is not None


def _trial(row: Mapping[str, Any], file: str | None) -> int | None:
    """NNNN of the file's name, or what the row itself says."""
    digits = re.search(r"(?<!\d)\d{3,9}(?!\d)", PurePosixPath(file).name) if file else None
    said = [row[key] for key in _NUMBERS if type(row.get(key)) is int]
    numbers = [*([int(digits[0])] if digits else []), *said]
    return next((number for number in numbers if 0 < number < 10**9), None)


def _time(row: Mapping[str, Any]) -> str:
    for key in _TIMES:
        if isinstance(row.get(key), str):
            return str(row[key])
        seconds = _finite(row.get(key))
        if seconds is not None and 0 < seconds < 1e11:
            return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return ""


def _error(row: Mapping[str, Any]) -> str:
    text = row.get("error")
    return text if isinstance(text, str) and text else "the row has no metric."
