"""A Worker that is cut off, by a budget say, with its experiment already written."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from leanlab import events, run
from leanlab.backends import Failure
from leanlab.backends.claude.login import KEY as CLAUDE_KEY
from leanlab.backends.openai import KEY as OPENAI_KEY
from leanlab.backends.scripted import ScriptedBackend, Step
from leanlab.ledger import Ledger
from leanlab.records import Trial

from . import test_claude, test_openai
from .conftest import CRASHES, GOOD, WEAK, MakeLab
from .fake_anthropic import FakeAnthropic
from .fake_openai import FakeOpenAI, Says
from .processes import command
from .test_openai import BROKEN, RIGHT, WRONG

OVER = Failure(kind="budget", message="the turn used 9 tokens, and 9 were left.")
BOTH = [
    (test_openai, FakeOpenAI, Says(calls=(("read", {"file": "task.md"}),))),
    (test_claude, FakeAnthropic, test_claude.LOOKS),
]


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OPENAI_KEY, "sk-secret")
    monkeypatch.setenv(CLAUDE_KEY, "sk-secret")


def trials(lab: Path) -> list[Trial]:
    return [r for r in Ledger(lab / "results.jsonl").read() if isinstance(r, Trial)]


@pytest.mark.parametrize(("its", "server", "looks"), BOTH, ids=["openai", "claude"])
def test_what_it_had_written_is_scored_and_the_run_ends(
    parity: Path, its: Any, server: Any, looks: Says
) -> None:
    with server(its.writes(WRONG), looks) as fake:
        lab = its.configure(parity, fake)
        words = command(lab, "-n", "6", "--max-tokens", "3000")
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "The Worker was cut off: the turn used 3,900 tokens, and 3,000 were left." in done.stdout
    assert "budget used up: 3900 of 3000 tokens" in done.stdout
    (trial,) = trials(lab)
    assert (trial.status, trial.tokens, trial.experiment_file) == (
        "scored", 3900, "experiments/0001_rule.py",
    )  # fmt: skip
    assert (lab / "experiments" / "0001_rule.py").read_text() == WRONG
    assert trial.notes.startswith("The Worker was cut off: ")
    assert trial.metrics["val_accuracy"] < 1.0


@pytest.mark.parametrize(("its", "server", "looks"), BOTH, ids=["openai", "claude"])
def test_a_rule_that_was_there_already_reaches_the_target(
    parity: Path, its: Any, server: Any, looks: Says
) -> None:
    with server(its.writes(RIGHT), looks) as fake:
        summary = run(its.configure(parity, fake), trials=6, max_tokens=3000)
    assert (summary.end.kind, trials(parity)[0].metrics["val_accuracy"]) == ("target", 1.0)


def test_what_is_not_whole_is_left(parity: Path) -> None:
    with FakeOpenAI(test_openai.writes(BROKEN), BOTH[0][2]) as fake:
        summary = run(test_openai.configure(parity, fake), trials=6, max_tokens=3000)
    (trial,) = trials(parity)
    assert (summary.end.kind, trial.status, trial.tokens) == ("budget", "abandoned", 3900)
    assert (trial.experiment_file, trial.notes) == (None, "")
    assert [path.name for path in (parity / "experiments").iterdir()] == ["sample.py"]


def test_of_two_files_nobody_knows_which_was_meant(parity: Path) -> None:
    both = (test_openai.writes(WRONG), test_openai.writes(RIGHT, "experiments/other.py"))
    with FakeOpenAI(*both, BOTH[0][2]) as fake:
        run(test_openai.configure(parity, fake), trials=1, max_tokens=3000)
    (trial,) = trials(parity)
    assert (trial.status, trial.experiment_file) == ("abandoned", None)


@pytest.mark.parametrize("name", ["scripted", "other"])
def test_a_fix_that_was_cut_off_counts_where_it_is_whole(make_lab: MakeLab, name: str) -> None:
    lab = make_lab()
    fix = Step(code=WEAK, file=f"experiments/{name}.py", tokens=9, failure=OVER)
    seen: list[events.AnyEvent] = []
    run(lab, backend=ScriptedBackend([CRASHES, fix]), trials=1, on_event=seen.append)
    (trial,) = trials(lab)
    assert (trial.status, trial.fixes, trial.tokens) == ("scored", 1, 9)
    assert [p.name for p in sorted((lab / "experiments").glob("0*"))] == [f"0001_{name}.py"]
    assert [e.text for e in seen if isinstance(e, events.Notice)][-1] == (
        "The Worker was cut off: the turn used 9 tokens, and 9 were left. "
        "What it had written is evaluated."
    )


def test_a_fix_that_changed_nothing_leaves_the_first_verdict(make_lab: MakeLab) -> None:
    lab = make_lab()
    run(lab, backend=ScriptedBackend([CRASHES, Step(failure=OVER)]), trials=1)
    (trial,) = trials(lab)
    assert (trial.status, trial.experiment_file) == ("crashed", "experiments/0001_scripted.py")


@pytest.mark.parametrize("kind", ["max_turns", "context"])
def test_other_ends_in_the_middle_are_alike(lab: Path, kind: Any) -> None:
    cut = Step(code=GOOD, failure=Failure(kind=kind, message="no answer after 50 turns."))
    run(lab, backend=ScriptedBackend([cut]), trials=1)
    assert [trial.status for trial in trials(lab)] == ["scored"]


def test_who_refuses_has_no_experiment(lab: Path) -> None:
    refuses = Step(code=GOOD, failure=Failure(kind="refusal", message="I would rather not."))
    run(lab, backend=ScriptedBackend([refuses]), trials=1)
    assert [trial.status for trial in trials(lab)] == ["rejected"]
