"""A sweep's folder: results_attempts.jsonl and .csv, points.jsonl and sweep.json."""

from __future__ import annotations

import csv
import fcntl
import io
import os
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from leanlab.errors import LabBusy, LabError
from leanlab.files import write_whole
from leanlab.sweep.attempts import Attempt, Outcome
from leanlab.sweep.grid import Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from leanlab.sweep.grid import Point

PLAN, ATTEMPTS, TABLE, POINTS = (
    "sweep.json", "results_attempts.jsonl", "results_attempts.csv", "points.jsonl",
)  # fmt: skip
Line = TypeVar("Line", Attempt, Outcome)

_OWN = (
    "attempt", "status", "stopped_early", "backend", "model", "policy", "run_seed", "fixes",
    "tokens", "cost_usd", "seconds_propose", "seconds_evaluate", "tier", "untrusted",
    "program_file", "program_sha256", "prompt_sha256", "error", "run", "ts",
)  # fmt: skip
"""Columns of the table that every sweep has."""


def read_plan(folder: Path) -> Plan | None:
    """Return what the folder's sweep was to do; None where there is no sweep."""
    path = folder / PLAN
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise LabError(f"{path} is no plan of a sweep: {error}. Name another --out.") from error


class Results:
    """The files of one sweep. Use it as a context manager: one process at a time may write them.

    A line is on disk before `add` or `finish` returns. A torn last line is cut off on opening:
    whatever it held is in its point's ledger, and comes again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.attempts: dict[str, list[Attempt]] = {}
        """By point, in the order of the file; without the texts of prompts and programs."""
        self.outcomes: dict[str, Outcome] = {}
        """The last of each point."""
        self._columns: list[str] = []
        self._lock = -1

    def __enter__(self) -> Results:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise LabBusy(f"another sweep is at work in {self.folder}. Wait for it.") from error
        for attempt in _read(self.folder / ATTEMPTS, Attempt):
            self._keep(attempt)
        self.outcomes = {each.point: each for each in _read(self.folder / POINTS, Outcome)}
        self._write_table()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._lock)

    def write_plan(self, plan: Plan) -> None:
        text = msgspec.json.format(msgspec.json.encode(plan), indent=2)
        write_whole(self.folder / PLAN, text + b"\n")

    def of(self, point: Point) -> list[Attempt]:
        return self.attempts.get(point.name, [])

    @property
    def cost_usd(self) -> float:
        """Of the whole sweep from its first start on, as far as prices are known.

        What Critic and Director cost is known when a point has ended.
        """
        costs = {point: ended.cost_usd for point, ended in self.outcomes.items()}
        for point, attempts in self.attempts.items():
            made = sum(each.cost_usd or 0.0 for each in attempts)
            costs[point] = max(made, costs.get(point, 0.0))
        return sum(costs.values())

    def add(self, attempt: Attempt) -> None:
        _append(self.folder / ATTEMPTS, msgspec.json.encode(attempt) + b"\n")
        self._keep(attempt)
        row = _row(attempt)
        if set(row) <= set(self._columns):
            _append(self.folder / TABLE, _csv(self._columns, [row]))
        else:
            # A column that no earlier attempt had, such as the first metrics: all rows need it.
            self._write_table()

    def finish(self, outcome: Outcome) -> None:
        _append(self.folder / POINTS, msgspec.json.encode(outcome) + b"\n")
        self.outcomes[outcome.point] = outcome

    def _keep(self, attempt: Attempt) -> None:
        slim = msgspec.structs.replace(attempt, prompt="", program=None)
        self.attempts.setdefault(attempt.point, []).append(slim)

    def _write_table(self) -> None:
        rows = [_row(each) for of in self.attempts.values() for each in of]
        found = dict.fromkeys(column for row in rows for column in row)
        before = [column for column in found if column not in _OWN and not _is_metric(column)]
        metrics = sorted(column for column in found if _is_metric(column))
        self._columns = [*before, *_OWN[:3], *metrics, *_OWN[3:]]
        heading = _csv(self._columns, [dict(zip(self._columns, self._columns, strict=True))])
        write_whole(self.folder / TABLE, heading + _csv(self._columns, rows))


def _row(attempt: Attempt) -> dict[str, Any]:
    """The attempt as a row: a parameter as param.name, a metric as metric.name."""
    own = {key: getattr(attempt, key, None) for key in _OWN} | {
        "seconds_propose": attempt.seconds.propose,
        "seconds_evaluate": attempt.seconds.evaluate,
        "error": one_line(attempt.error.text) if attempt.error else None,
    }
    params = {f"param.{key}": value for key, value in attempt.params.items()}
    metrics = {f"metric.{key}": value for key, value in attempt.metrics.items()}
    return {"point": attempt.point, **params, **own, **metrics}


def _is_metric(column: str) -> bool:
    return column.startswith("metric.")


def one_line(text: str) -> str:
    """The last line that says something: of a traceback, what went wrong."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _csv(columns: list[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    csv.DictWriter(text, columns, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _append(path: Path, line: bytes) -> None:
    with path.open("ab") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path, kind: type[Line]) -> list[Line]:
    """Decode every line, after cutting off a torn last one."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
    found: list[Line] = []
    for number, line in enumerate(content[:whole].splitlines(), start=1):
        try:
            found.append(msgspec.json.decode(line, type=kind))
        except msgspec.DecodeError as error:
            raise LabError(
                f"{path} line {number} cannot be read: {error}. Move the file away and run with "
                "--resume: it is written anew from the points' ledgers."
            ) from error
    return found
