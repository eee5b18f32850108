"""A person's line reaches the next Worker: before a run, in the middle of one, for any backend."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from leanlab import events, run
from leanlab.backends.scripted import ScriptedBackend
from leanlab.cli import app
from leanlab.ledger import Ledger
from leanlab.records import Note, Trial

from .conftest import WEAK, MakeLab

ASKED = "\n# What the people of this lab ask for\n"


def note(lab: Path, text: str) -> str:
    done = CliRunner().invoke(app, ["note", str(lab), text])
    return f"{done.exit_code} {done.output.strip()}"


@pytest.mark.parametrize("policy", ["greedy", "erm"])
def test_the_next_worker_reads_it(lab: Path, policy: str) -> None:
    backend = ScriptedBackend([WEAK])
    assert note(lab, "Try the\n\tlength. ") == "0 noted; the next Worker reads it"
    run(lab, backend=backend, trials=1, policy=policy)
    assert f"{ASKED}\n- Try the length.\n" in backend.requests[0].prompt


def test_it_reaches_a_run_that_is_going_on(make_lab: MakeLab) -> None:
    lab = make_lab(critic_every=1, director_every=1)
    backend = ScriptedBackend([WEAK])

    def interfere(event: events.AnyEvent) -> None:
        """After the last record of trial 1: the ledger is not written again before trial 2."""
        if isinstance(event, events.Noted) and event.record.role == "director":
            note(lab, f"After trial {event.record.after_trial}.")

    run(lab, backend=backend, trials=3, on_event=interfere)
    first, second, third = (r.prompt for r in backend.requests if r.role == "worker")
    assert ASKED not in first
    assert "- After trial 1.\n" in second
    assert "- After trial 1.\n- After trial 2.\n" in third
    trials = [r.trial for r in Ledger(lab / "results.jsonl").read() if isinstance(r, Trial)]
    assert trials == [1, 2, 3]


def test_only_the_latest_lines_are_read(lab: Path) -> None:
    for number in range(7):
        note(lab, f"Line {number}.")
    backend = ScriptedBackend([WEAK])
    run(lab, backend=backend, trials=1)
    told = backend.requests[0].prompt.split(ASKED)[1].split("\n#")[0].split()
    assert " ".join(told) == "- Line 2. - Line 3. - Line 4. - Line 5. - Line 6."
    kept = [r.text for r in Ledger(lab / "results.jsonl").read() if isinstance(r, Note)]
    assert len(kept) == 7


def test_it_steers_the_offline_worker(parity: Path) -> None:
    run(parity, trials=1)
    note(parity, "Try next: parity")
    summary = run(parity, trials=1)
    assert summary.end.kind == "target"


def test_an_empty_note_is_none(lab: Path) -> None:
    assert note(lab, " \n ").startswith("2 leanlab: the note is empty")
    assert not (lab / "results.jsonl").exists()
