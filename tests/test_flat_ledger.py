"""Ledgers of leanlab 0.2: flat rows without a kind. Read, ranked, shown and gone on from."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from leanlab import run
from leanlab.backends.scripted import ScriptedBackend
from leanlab.checks import check
from leanlab.errors import LedgerError
from leanlab.flat import decode
from leanlab.lab import open_lab
from leanlab.ledger import Ledger
from leanlab.overview import history_of
from leanlab.records import Trial

from .conftest import GOOD, WEAK, MakeLab

ROWS = [
    {"experiment": "experiments/0001_a.py", "timestamp": "2025-11-02T10:00:00", "accuracy": 0.5},
    {"experiment": "experiments/0003_x.py", "accuracy": 0.9, "loss": 1, "notes": "wider"},
    {"experiment": "experiments/0004_y.py", "error": "ValueError: no", "cost_usd": 0.25},
]
OPEN = "print('{\"accuracy\": 0.7}')\n"


def write_rows(lab: Path, *rows: object) -> bytes:
    for name in ("0001_a.py", "0003_x.py", "0004_y.py"):
        (lab / "experiments" / name).write_text(WEAK)
    text = "".join(json.dumps(row) + "\n" for row in (rows or ROWS)).encode()
    (lab / "results.jsonl").write_bytes(text)
    return text


@pytest.fixture
def old(make_lab: MakeLab) -> Path:
    lab = make_lab(evaluation=OPEN, validate="print('VALID')\n")
    write_rows(lab)
    return lab


def test_rows_are_read_as_trials(old: Path) -> None:
    first, second, third = Ledger(old / "results.jsonl").read()
    assert isinstance(first, Trial)
    assert isinstance(second, Trial)
    assert isinstance(third, Trial)
    assert (first.trial, first.metrics, first.ts) == (1, {"accuracy": 0.5}, "2025-11-02T10:00:00")
    assert (second.trial, second.metrics) == (3, {"accuracy": 0.9, "loss": 1.0})
    assert (second.experiment_file, second.notes) == ("experiments/0003_x.py", "wider")
    assert (second.open, second.untrusted, second.tier) == (True, True, "none")
    assert (third.status, third.cost_usd) == ("crashed", 0.25)
    assert third.error is not None
    assert third.error.text == "ValueError: no"


@pytest.mark.parametrize(
    ("row", "trial", "file", "metrics"),
    [
        ({"score": 1}, 7, None, {"score": 1.0}),
        ({"iteration": 12, "score": 1, "ok": True}, 12, None, {"score": 1.0}),
        ({"metrics": {"score": 2.5}}, 7, None, {"score": 2.5}),
        ({"code": "/home/me/lab/experiments/0020_z.py"}, 20, "experiments/0020_z.py", {}),
        ({"experiment": "../../etc/0009_x", "score": 1}, 7, None, {"score": 1.0}),
        ({"experiment": "/etc/passwd", "score": 1}, 7, None, {"score": 1.0}),
        ({"score": float("nan"), "other": 1}, 7, None, {"other": 1.0}),
        ({"score": 10**400, "other": 1}, 7, None, {"other": 1.0}),
        ({"timestamp": 1700000000.5, "score": 1}, 7, None, {"score": 1.0}),
    ],
)
def test_rows_are_read_liberally(
    row: dict[str, object], trial: int, file: str | None, metrics: dict[str, float]
) -> None:
    record = decode(json.dumps(row).encode(), 7)
    assert record is not None
    assert (record.trial, record.experiment_file, record.metrics) == (trial, file, metrics)


@pytest.mark.parametrize("line", ["{}", "[]", "1", "x", '{"a": "b"}', '{"prev": "", "a": 1}'])
def test_what_is_no_row_stops_the_reading(old: Path, line: str) -> None:
    (old / "results.jsonl").write_text(line + "\n")
    with pytest.raises(LedgerError, match="line 1 is no record"):
        list(Ledger(old / "results.jsonl").read())


def test_an_open_lab_goes_on_from_them_and_leaves_them_as_they_are(old: Path) -> None:
    before = (old / "results.jsonl").read_bytes()
    assert history_of(open_lab(old)).best is not None
    backend = ScriptedBackend([WEAK])
    summary = run(old, backend=backend, trials=1, allow_unsandboxed=True)
    after = (old / "results.jsonl").read_bytes()
    assert after.startswith(before)
    added = [json.loads(line) for line in after[len(before) :].splitlines()]
    assert added[0]["prev"] == hashlib.sha256(before.splitlines()[-1]).hexdigest()
    assert added[0]["trial"] == 5
    assert summary.best is not None
    assert summary.best.trial == 3
    prompt = backend.requests[0].prompt
    assert "0003_x.py" in prompt
    assert "wider" in prompt
    assert "ValueError: no" in prompt


def test_they_are_shown_and_checked(old: Path) -> None:
    def leanlab(*arguments: str) -> str:
        command = [sys.executable, "-m", "leanlab", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "3 trials: 1 crashed, 2 scored" in leanlab("show", str(old))
    assert "accuracy 0.9" in leanlab("show", str(old), "3")
    (finding,) = [found for found in check(str(old)) if found.what == "ledger"]
    assert (finding.mark, "3 rows of leanlab 0.2" in finding.text) == ("✓", True)


def test_in_a_native_lab_they_keep_their_numbers_and_do_not_count(make_lab: MakeLab) -> None:
    lab = make_lab()
    write_rows(lab)
    summary = run(lab, backend=ScriptedBackend([GOOD]), trials=1)
    assert summary.best is not None
    assert (summary.best.trial, history_of(open_lab(lab)).trials) == (5, 1)


def test_no_row_counts_after_a_record_of_ours(old: Path) -> None:
    run(old, backend=ScriptedBackend([WEAK]), trials=1, allow_unsandboxed=True)
    with (old / "results.jsonl").open("a") as file:
        file.write(json.dumps({"experiment": "experiments/0099_x.py", "accuracy": 1.0}) + "\n")
    with pytest.raises(LedgerError, match="is no record"):
        list(Ledger(old / "results.jsonl").read())


def test_a_row_that_changed_behind_the_chain_is_noticed(old: Path) -> None:
    run(old, backend=ScriptedBackend([WEAK]), trials=1, allow_unsandboxed=True)
    text = (old / "results.jsonl").read_text()
    (old / "results.jsonl").write_text(text.replace("ValueError", "TypeError"))
    with pytest.raises(LedgerError, match="line 4 does not follow line 3"):
        list(Ledger(old / "results.jsonl").read())
