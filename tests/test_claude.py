"""Whole runs with the claude backend: the real SDK and program, a server that plays the model."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from leanlab import events, run
from leanlab.backends.choosing import choose
from leanlab.backends.claude.login import KEY
from leanlab.errors import BackendUnavailable
from leanlab.records import RoleTurn, Trial

from .fake_anthropic import PREFIX, FakeAnthropic
from .fake_openai import Says
from .processes import command, descendants, gone
from .test_claude_turns import MODEL, answers
from .test_openai import BROKEN, RIGHT, WRONG, records

FILE = "experiments/rule.py"
PRICE = (600 * 3 + 400 * 0.3 + 300 * 15) / 1e6
"""Of one answer of the fake model: 600 tokens read, 400 of the cache, 300 written."""
LOOKS = Says(calls=(("Read", {"file_path": "task.md"}),))


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "sk-secret")


def configure(lab: Path, fake: FakeAnthropic, **config: Any) -> Path:
    choice = {"backend": "claude", "model": MODEL, "base_url": fake.url, "key": KEY}
    roles = dict.fromkeys(("worker", "critic", "director"), choice)
    path = lab / "lab.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"roles": roles} | config))
    return lab


def writes(code: str) -> Says:
    return Says(calls=(("Write", {"file_path": FILE, "content": code}),))


def submits(notes: str) -> Says:
    return answers(experiment_file=FILE, valid=True, notes=notes)


def test_a_worker_mends_a_broken_file_misses_and_finds_the_rule(parity: Path) -> None:
    looks = (("Read", {"file_path": "task.md"}), ("Grep", {"pattern": "parity|ones"}))
    edit = {"file_path": FILE, "old_string": "x[0]", "new_string": "x[-1]"}
    counts = {"code": "print(len(open('data/train.txt').readlines()))"}
    steps = [
        Says(text="First I look.\n", calls=looks),
        writes(BROKEN), submits("a constant"),
        writes(WRONG), Says(calls=((f"{PREFIX}validate", {"file": FILE}),)),
        submits("the first character"),
        writes(WRONG), Says(calls=(("Edit", edit),)), submits("the last"),
        answers(text="One character is luck."), answers(text="Count the ones."),
        Says(calls=((f"{PREFIX}run_python", counts),)), writes(RIGHT), submits("the parity"),
    ]  # fmt: skip
    seen: list[events.AnyEvent] = []
    with FakeAnthropic(*steps) as fake:
        summary = run(configure(parity, fake), trials=6, on_event=seen.append)
    assert (summary.end.kind, summary.trials) == ("target", (1, 2, 3))
    first, second, third = records(parity, Trial)
    assert [t.status for t in (first, second, third)] == ["scored"] * 3
    assert (first.fixes, first.notes, first.backend, first.model, first.unfenced) == (
        1, "the first character", "claude", MODEL, False,
    )  # fmt: skip
    assert [t.tokens for t in (first, second, third)] == [6 * 1300, 3 * 1300, 3 * 1300]
    assert [t.cost_usd for t in (first, second, third)] == pytest.approx(
        [6 * PRICE, 3 * PRICE, 3 * PRICE]
    )
    critic, director = records(parity, RoleTurn)
    assert (critic.role, critic.text, director.text) == (
        "critic", "One character is luck.", "Count the ones.",
    )  # fmt: skip
    assert (parity / "Director_Notes.md").read_text() == "Count the ones.\n"
    assert (parity / "experiments" / "0002_rule.py").read_text() == WRONG.replace("x[0]", "x[-1]")
    assert (parity / "experiments" / "0003_rule.py").read_text() == RIGHT
    last = fake.asked[-1]
    assert "    Count the ones.\n" in last.said[0]
    assert "    One character is luck.\n" in last.said[0]
    assert last.tool_answers[0].splitlines()[0] == "100"
    assert "f needs a docstring" in fake.asked[3].said[-1]
    assert fake.asked[3].said[0].rstrip() == fake.asked[0].said[0].rstrip(), (
        "a fix is the same session"
    )
    assert fake.asked[5].tool_answers[-1].startswith("VALID")
    hands = ["Read", "Glob", "Grep"]
    assert set(fake.asked[0].tools) == {
        *hands, "Write", "Edit", "validate", "run_python", "request_package", "learn",
        "StructuredOutput",
    }  # fmt: skip
    assert set(fake.asked[9].tools) == {*hands, "run_python", "StructuredOutput"}
    assert [e.text for e in seen if isinstance(e, events.Said)] == ["First I look.\n"]
    called = [e.tool for e in seen if isinstance(e, events.ToolCalled)]
    assert called.count("Write") == 4
    assert not [e for e in seen if isinstance(e, events.ToolAnswered) and e.refused]
    assert fake.others == []
    assert "sk-secret" not in (parity / ".leanlab" / "events.jsonl").read_text()


def test_a_model_without_tools_answers_with_code(parity: Path) -> None:
    with FakeAnthropic(answers(code=WRONG, notes="a guess"), answers(code=RIGHT)) as fake:
        lab = configure(parity, fake, propose="code", critic_every=0, director_every=0)
        run(lab, trials=2)
    first, second = records(parity, Trial)
    assert (first.notes, second.metrics["val_accuracy"]) == ("a guess", 1.0)
    assert fake.asked[0].tools == ["StructuredOutput"]


def test_a_storm_of_faults_uses_up_no_trial(parity: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leanlab.roles.PAUSES", (0.05,) * 9)
    asks_for = {"retry-after": "3"}
    busy = Says(status=429, error={"type": "rate_limit_error"}, headers=asks_for)
    gone_ = Says(status=529, headers={"x-should-retry": "false"})
    cut = Says(text="half an answer, and no more of it", cut=True)
    steps = [busy, writes(WRONG), cut, cut, cut, gone_, submits("one"), writes(RIGHT), submits("")]
    seen: list[events.AnyEvent] = []
    with FakeAnthropic(*steps) as fake:
        lab = configure(parity, fake, critic_every=0, director_every=0)
        summary = run(lab, trials=6, on_event=seen.append)
    assert (summary.end.kind, summary.trials) == ("target", (1, 2))
    first, second = records(parity, Trial)
    assert (first.status, first.fixes, first.notes) == ("scored", 0, "one")
    assert second.tokens == 2 * 1300
    paused = [(e.kind, e.seconds >= 2.0) for e in seen if isinstance(e, events.Paused)]
    assert paused == [("rate_limit", True), ("network", False), ("overloaded", False)]
    prompts = [asked.said[0].rstrip() for asked in fake.asked[:7]]
    assert len(set(prompts)) == 1, "the prompt is said once"
    assert fake.asked[6].tool_answers, "what was done before the fault stays"


def test_a_server_that_stays_silent_is_waited_for(
    parity: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leanlab.roles.PAUSES", (0.05,) * 9)
    with FakeAnthropic(writes(RIGHT), Says(hang=60), submits("at last")) as fake:
        lab = configure(parity, fake)
        config = json.loads((lab / "lab.json").read_text())
        config["roles"]["worker"]["timeout"] = 3.0
        (lab / "lab.json").write_text(json.dumps(config))
        summary = run(lab, trials=6)
    assert (summary.end.kind, summary.trials) == ("target", (1,))
    (trial,) = records(parity, Trial)
    assert (trial.notes, trial.tokens) == ("at last", 2 * 1300)


def test_a_wrong_key_ends_the_run_at_once(parity: Path) -> None:
    wrong = Says(status=401, error={"type": "authentication_error", "message": "invalid key"})
    with (
        FakeAnthropic(wrong) as fake,
        pytest.raises(BackendUnavailable, match="Failed to authenticate"),
    ):
        run(configure(parity, fake), trials=6)
    assert not (parity / "results.jsonl").exists()


@pytest.mark.parametrize(
    ("budget", "words"),
    [({"max_tokens": 3000}, "3900 of 3000 tokens"), ({"max_usd": 2.5 * PRICE}, "usd")],
)
def test_a_budget_ends_a_turn_in_the_middle(
    parity: Path, budget: dict[str, Any], words: str
) -> None:
    with FakeAnthropic(LOOKS) as fake:
        summary = run(configure(parity, fake), trials=6, **budget)
    assert len(fake.asked) <= 4
    assert (summary.end.kind, summary.trials) == ("budget", (1,))
    assert words in summary.end.text
    (trial,) = records(parity, Trial)
    assert (trial.status, trial.tokens) == ("abandoned", 3900)
    assert trial.error is not None
    assert trial.error.category == "budget"
    assert trial.cost_usd == pytest.approx(3 * PRICE)


def test_a_killed_run_loses_no_cost_and_leaves_no_process(parity: Path) -> None:
    steps = [LOOKS, LOOKS, Says(hang=60), writes(RIGHT), submits("the parity")]
    with FakeAnthropic(*steps) as fake:
        arrived = threading.Event()
        fake.before_answer = lambda number: arrived.set() if number == 2 else None
        lab = configure(parity, fake)
        process = subprocess.Popen(command(lab, "-n", "6"), stdout=subprocess.PIPE, text=True)
        assert arrived.wait(60)
        started = descendants(process.pid)
        assert started
        process.kill()
        process.communicate()
        assert gone(started, 6.0), "Claude outlived the run that was killed"
        assert not (lab / "results.jsonl").exists()
        summary = run(lab, trials=6)
    assert (summary.end.kind, summary.trials) == ("target", (1,))
    (trial,) = records(lab, Trial)
    assert trial.tokens == 4 * 1300
    assert trial.cost_usd == pytest.approx(4 * PRICE)


def test_an_interrupted_trial_is_recorded_with_its_cost(parity: Path) -> None:
    with FakeAnthropic(LOOKS, Says(hang=60)) as fake:
        arrived = threading.Event()
        fake.before_answer = lambda number: arrived.set() if number == 1 else None
        lab = configure(parity, fake)
        process = subprocess.Popen(
            command(lab, "-n", "6"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert arrived.wait(60)
        started = descendants(process.pid)
        process.terminate()
        process.communicate(timeout=30)
        assert gone(started)
    assert process.returncode == 130
    (trial,) = records(lab, Trial)
    assert (trial.status, trial.tokens) == ("abandoned", 1300)
    assert trial.cost_usd == pytest.approx(PRICE)


def test_nobody_else_is_talked_to(parity: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0.5)
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with FakeAnthropic(writes(RIGHT), submits("the parity")) as fake:
            done = subprocess.run(
                command(configure(parity, fake)), capture_output=True, text=True, check=True
            )
        with pytest.raises(TimeoutError):
            proxy.accept()
    assert fake.others == []
    assert f"backend claude {MODEL} (asked for)" in done.stdout
    assert '  → Write {"file_path":"experiments/rule.py"' in done.stdout


def test_auto_takes_it_where_a_key_or_a_login_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = choose("auto")
    assert (choice.name, choice.why) == ("claude", "auto: ANTHROPIC_API_KEY is set")
    monkeypatch.delenv(KEY)
    assert choose("auto").name == "offline"
    (tmp_path / "no_login").mkdir()
    (tmp_path / "no_login" / ".credentials.json").write_text("{}")
    assert choose("auto").why == "auto: you are logged in to Claude"


def test_what_is_missing_is_one_line(parity: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY)
    done = subprocess.run(
        command(parity, "--backend", "claude"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("leanlab: backend claude needs a key, and ANTHROPIC_API_KEY is")
    assert done.stderr.count("\n") == 1
