"""Whole runs with the openai backend: the real client, a server on loopback that plays a model."""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console as Terminal

from leanlab import events, run
from leanlab.backends.choosing import choose
from leanlab.backends.openai import KEY
from leanlab.casting import choices_of
from leanlab.console import Console
from leanlab.errors import BackendUnavailable
from leanlab.lab import open_lab
from leanlab.ledger import Ledger
from leanlab.records import AnyRecord, RoleTurn, Trial
from leanlab.running import Options

from .conftest import MakeLab
from .fake_openai import FakeOpenAI, Says
from .processes import command

BROKEN = "def f(x: str) -> int:\n    return 1\n"
WRONG = 'def f(x: str) -> int:\n    """The first character."""\n    return int(x[0])\n'
RIGHT = 'def f(x: str) -> int:\n    """The parity."""\n    return x.count("1") % 2\n'
MODEL = "gpt-5-mini"
PRICE = (600 * 0.25 + 400 * 0.025 + 300 * 2.0) / 1e6
"""Of one answer of the fake model: 600 tokens read, 400 of the cache, 300 written."""


@pytest.fixture(params=["responses", "chat"])
def api(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "sk-secret")


def configure(lab: Path, fake: FakeOpenAI, api: str = "responses", **config: Any) -> Path:
    """Have every role of the lab asked at the fake server, at OpenAI's prices."""
    choice = {"backend": "openai", "model": MODEL, "base_url": fake.url, "api": api}
    choice |= {"prices": "openai", "key": KEY}
    roles = dict.fromkeys(("worker", "critic", "director"), choice)
    path = lab / "lab.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"roles": roles} | config))
    return lab


def records(lab: Path, kind: type[AnyRecord]) -> list[Any]:
    return [record for record in Ledger(lab / "results.jsonl").read() if isinstance(record, kind)]


def writes(code: str, name: str = "experiments/rule.py") -> Says:
    return Says(calls=(("write", {"file": name, "content": code}),))


def submits(notes: str, name: str = "experiments/rule.py") -> Says:
    answer = {"experiment_file": name, "valid": True, "notes": notes}
    return Says(calls=(("submit_result", answer),))


def test_a_worker_mends_a_broken_file_misses_and_finds_the_rule(parity: Path, api: str) -> None:
    critic = Says(text='Here it is:\n```json\n{"text": "One character is luck."}\n```')
    director = Says(calls=(("submit_result", {"text": "Count the ones."}),))
    steps = [
        Says(calls=(("read", {"file": "task.md"}), ("search", {"path": "data"}))),
        writes(BROKEN), submits("a constant"),
        writes(WRONG), Says(calls=(("validate", {"file": "experiments/rule.py"}),)),
        submits("the first character"),
        writes(WRONG + "# again\n"), submits("again"), critic, director,
        Says(calls=(("run_python", {"code": "print(len(open('data/train.txt').readlines()))"}),)),
        writes(RIGHT), submits("the parity"),
    ]  # fmt: skip
    seen: list[events.AnyEvent] = []
    with FakeOpenAI(*steps) as fake:
        summary = run(configure(parity, fake, api), trials=6, on_event=seen.append)
    assert summary.end.kind == "target"
    assert summary.trials == (1, 2, 3)
    first, second, third = records(parity, Trial)
    assert [t.status for t in (first, second, third)] == ["scored"] * 3
    assert (first.fixes, first.notes, first.backend, first.model) == (
        1, "the first character", "openai", MODEL,
    )  # fmt: skip
    assert [t.tokens for t in (first, second, third)] == [6 * 1300, 2 * 1300, 3 * 1300]
    assert first.cost_usd == pytest.approx(6 * PRICE)
    critics, directors = records(parity, RoleTurn)
    assert (critics.role, critics.text, directors.text) == (
        "critic", "One character is luck.", "Count the ones.",
    )  # fmt: skip
    assert directors.cost_usd == pytest.approx(PRICE)
    assert (parity / "Director_Notes.md").read_text() == "Count the ones.\n"
    assert (parity / "experiments" / "0003_rule.py").read_text() == RIGHT
    last = fake.asked[-1]
    assert "    Count the ones.\n" in last.said[0]
    assert "    One character is luck.\n" in last.said[0]
    assert last.tool_answers[0] == "100"
    assert fake.asked[5].tool_answers[-1] == "VALID"
    assert "f needs a docstring" in fake.asked[3].said[-1]
    assert "data/train.txt" in fake.asked[1].tool_answers[1]
    assert all(asked.path.endswith(f"/{api}") or api == "chat" for asked in fake.asked)
    called = [event.tool for event in seen if isinstance(event, events.ToolCalled)]
    assert called.count("write") == 4


def test_a_model_without_tools_answers_with_code(parity: Path, api: str) -> None:
    fenced = "Sure!\n```json\n" + json.dumps({"code": WRONG, "notes": "a guess"}) + "\n```"
    steps = [
        Says(text="I cannot open files."),
        Says(text=json.dumps({"code": BROKEN})),
        Says(text=fenced),
        Says(calls=(("submit_result", {"code": RIGHT, "notes": "parity"}),)),
    ]
    with FakeOpenAI(*steps) as fake:
        lab = configure(parity, fake, api, propose="code", critic_every=0, director_every=0)
        run(lab, trials=2)
    first, second = records(parity, Trial)
    assert (first.fixes, first.notes, second.metrics["val_accuracy"]) == (1, "a guess", 1.0)
    assert (parity / "experiments" / "0001_proposal.py").read_text() == WRONG
    assert "there is no JSON object" in fake.asked[1].said[-1]
    assert "f needs a docstring" in fake.asked[2].said[-1]
    assert "experiments/" not in fake.asked[2].said[-1]
    assert '    """The first character."""\n' in fake.asked[3].said[0]
    assert fake.asked[0].tools == ["submit_result"]


def test_a_storm_of_429_uses_up_no_trial(
    parity: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leanlab.roles.PAUSES", (0.05,) * 9)
    busy = Says(status=429, headers={"retry-after-ms": "100"}, error={"message": "slow down"})
    cut = Says(text="half an answer", cut=True)
    steps = [
        busy, busy, busy, writes(WRONG), busy, cut, Says(status=503), submits("one"),
        writes(RIGHT), submits("two"),
    ]  # fmt: skip
    seen: list[events.AnyEvent] = []
    with FakeOpenAI(*steps) as fake:
        lab = configure(parity, fake, api, critic_every=0, director_every=0)
        summary = run(lab, trials=6, on_event=seen.append)
    assert (summary.end.kind, summary.trials) == ("target", (1, 2))
    first, second = records(parity, Trial)
    assert (first.status, first.fixes, first.notes) == ("scored", 0, "one")
    assert (first.tokens, second.tokens) == (2 * 1300, 2 * 1300)
    paused = [(e.kind, e.seconds) for e in seen if isinstance(e, events.Paused)]
    assert [kind for kind, _ in paused] == ["rate_limit"] * 4 + ["network", "overloaded"]
    assert [seconds for _, seconds in paused] == [0.1] * 4 + [0.05] * 2
    assert fake.asked[7].said == fake.asked[0].said, "the prompt was said once"


def test_a_server_that_stays_silent_is_waited_for(
    parity: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leanlab.roles.PAUSES", (0.05,) * 9)
    steps = [writes(RIGHT), Says(hang=60), submits("at last")]
    with FakeOpenAI(*steps) as fake:
        lab = configure(parity, fake, api)
        config = json.loads((lab / "lab.json").read_text())
        config["roles"]["worker"]["timeout"] = 0.5
        (lab / "lab.json").write_text(json.dumps(config))
        summary = run(lab, trials=6)
    assert (summary.end.kind, summary.trials) == ("target", (1,))
    (trial,) = records(parity, Trial)
    assert (trial.notes, trial.tokens) == ("at last", 2 * 1300)


def test_a_wrong_key_ends_the_run_at_once(parity: Path, api: str) -> None:
    wrong = Says(status=401, error={"message": "Incorrect API key"})
    with FakeOpenAI(wrong) as fake, pytest.raises(BackendUnavailable, match="Incorrect API key"):
        run(configure(parity, fake, api), trials=6)
    assert len(fake.asked) == 1
    assert not (parity / "results.jsonl").exists()


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ({"max_tokens": 3000}, "3900 of 3000 tokens"),
        ({"max_usd": 2.5 * PRICE}, "usd"),
    ],
)
def test_a_budget_ends_a_turn_in_the_middle(
    parity: Path, api: str, budget: dict[str, Any], words: str
) -> None:
    looks = Says(calls=(("read", {"file": "task.md"}),))
    with FakeOpenAI(looks) as fake:
        summary = run(configure(parity, fake, api), trials=6, **budget)
    assert len(fake.asked) == 3
    assert (summary.end.kind, summary.trials) == ("budget", (1,))
    assert words in summary.end.text
    (trial,) = records(parity, Trial)
    assert (trial.status, trial.tokens) == ("abandoned", 3900)
    assert trial.error is not None
    assert trial.error.category == "budget"
    assert trial.cost_usd == pytest.approx(3 * PRICE)


def test_a_trials_budget_ends_the_trial_and_the_run_goes_on(parity: Path, api: str) -> None:
    looks = Says(calls=(("read", {"file": "task.md"}),))
    steps = [looks, looks, looks, writes(RIGHT), submits("the parity")]
    with FakeOpenAI(*steps) as fake:
        lab = configure(parity, fake, api, budget={"trial_tokens": 3900}, critic_every=0)
        summary = run(lab, trials=2)
    assert (summary.end.kind, summary.trials) == ("target", (1, 2))
    first, second = records(parity, Trial)
    assert (first.status, first.tokens) == ("abandoned", 3900)
    assert (second.status, second.tokens) == ("scored", 2600)


def test_a_killed_run_loses_no_cost_and_counts_none_twice(parity: Path) -> None:
    looks = Says(calls=(("read", {"file": "task.md"}),))
    steps = [looks, looks, Says(hang=60), writes(RIGHT), submits("the parity")]
    with FakeOpenAI(*steps) as fake:
        arrived = threading.Event()
        fake.before_answer = lambda number: arrived.set() if number == 2 else None
        lab = configure(parity, fake)
        process = subprocess.Popen(command(lab, "-n", "6"), stdout=subprocess.PIPE, text=True)
        assert arrived.wait(60)
        process.kill()
        process.communicate()
        assert not (lab / "results.jsonl").exists()
        summary = run(lab, trials=6, max_tokens=5000)
    assert (summary.end.kind, summary.trials) == ("target", (1,))
    (trial,) = records(lab, Trial)
    assert trial.tokens == 4 * 1300
    assert trial.cost_usd == pytest.approx(4 * PRICE)
    assert not (lab / ".leanlab" / "unrecorded.json").exists()
    with FakeOpenAI(writes(WRONG), submits("again")) as fake:
        run(configure(parity, fake), trials=1)
    assert records(lab, Trial)[1].tokens == 2 * 1300


def test_an_interrupted_trial_is_recorded_with_its_cost(parity: Path, api: str) -> None:
    looks = Says(calls=(("read", {"file": "task.md"}),))
    with FakeOpenAI(looks, Says(hang=60)) as fake:
        arrived = threading.Event()
        fake.before_answer = lambda number: arrived.set() if number == 1 else None
        lab = configure(parity, fake, api)
        process = subprocess.Popen(
            command(lab, "-n", "6"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert arrived.wait(60)
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 130
    (trial,) = records(lab, Trial)
    assert (trial.status, trial.tokens) == ("abandoned", 1300)


def test_what_happens_is_on_disk_and_in_the_console(parity: Path, api: str) -> None:
    talks = Says(text="First I look.\nThen I write.", calls=(("read", {"file": "../lab.json"}),))
    wish = Says(calls=(("request_package", {"package": "torch", "reason": "a net"}),))
    with FakeOpenAI(talks, wish, writes(RIGHT), submits("the parity")) as fake:
        lab = configure(parity, fake, api)
        done = subprocess.run(command(lab), capture_output=True, text=True, check=True)
    named = open_lab(lab).named
    for line in (
        "  │ First I look.",
        "  │ Then I write.",
        '  → read {"file": "../lab.json"}',
        "    refused: '../lab.json' is outside your folder. Name a path inside it.",
        f"  the Worker asks for the package torch: a net (to agree: leanlab allow {named} torch)",
    ):
        assert f"{line}\n" in done.stdout
    assert f"backend openai {MODEL} (asked for)" in done.stdout
    on_disk = (lab / ".leanlab" / "events.jsonl").read_text()
    kept = [json.loads(line) for line in on_disk.splitlines()]
    kinds = {event["event"] for event in kept}
    assert kinds >= {"said", "tool_called", "tool_answered", "used", "package_requested"}
    assert sum(event["tokens"] for event in kept if event["event"] == "used") == 4 * 1300
    assert "sk-secret" not in on_disk


def test_auto_takes_it_where_its_key_is(parity: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = choose("auto")
    assert (choice.name, choice.why) == ("openai", "auto: OPENAI_API_KEY is set")
    monkeypatch.delenv(KEY)
    assert choose("auto").name == "offline"
    done = subprocess.run(
        command(parity, "--backend", "openai"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("leanlab: backend openai needs a key, and OPENAI_API_KEY is not")
    assert done.stderr.count("\n") == 1


def test_the_runs_model_and_effort_are_for_roles_that_name_none(make_lab: MakeLab) -> None:
    roles = {"worker": {"model": "big"}, "critic": {"backend": "offline"}, "director": {}}
    lab = open_lab(make_lab(roles=roles))
    chosen = choices_of(lab, Options(backend="openai", model="small", effort="low"))
    told = {role: (c.name, c.settings.model, c.settings.effort) for role, c in chosen.items()}
    assert told == {
        "worker": ("openai", "big", "low"),
        "critic": ("offline", None, None),
        "director": ("openai", "small", "low"),
    }


def test_tools_of_the_provider_are_there_where_lab_json_says_so(parity: Path) -> None:
    answer = Says(calls=(("submit_result", {"code": RIGHT}),))
    with FakeOpenAI(answer) as fake:
        lab = configure(parity, fake, web=True, propose="code")
        config = json.loads((lab / "lab.json").read_text())
        config["roles"]["worker"]["code_interpreter"] = True
        (lab / "lab.json").write_text(json.dumps(config))
        run(lab, trials=1)
    kinds = [tool["type"] for tool in fake.asked[0].body["tools"]]
    assert kinds == ["function", "code_interpreter", "web_search"]


def test_nobody_else_is_talked_to(parity: Path, api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(0.2)
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with FakeOpenAI(writes(RIGHT), submits("the parity")) as fake:
            done = subprocess.run(
                command(configure(parity, fake, api), "--max-usd", "1"), check=False
            )
        assert done.returncode == 0
        with pytest.raises(TimeoutError):
            proxy.accept()


def test_a_pause_is_counted_down(make_lab: MakeLab) -> None:
    screen = io.StringIO()
    with Console(Terminal(file=screen, force_terminal=True, width=200)) as console:
        console(events.TrialStarted(trial=1, left=1))
        console(events.Used(role="worker", trial=1, tokens=1300, cost_usd=0.5))
        console(events.Paused(seconds=20, reason="slow down", kind="rate_limit"))
        time.sleep(1.3)
    shown = screen.getvalue()
    assert "waiting 20 s: slow down" in shown
    left = {float(found) for found in re.findall(r"asking again in (\d+\.\d) s", shown)}
    assert max(left) <= 20.0
    assert min(left) < 19.5
    assert "1,300 tokens · $0.5000" in shown
