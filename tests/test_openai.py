"""Whole runs with the openai backend: the real client, a server on loopback that plays a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leanlab import events, run
from leanlab.backends.openai import KEY
from leanlab.ledger import Ledger
from leanlab.records import AnyRecord, RoleTurn, Trial

from .fake_openai import FakeOpenAI, Says

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
    choice["prices"] = "openai"
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
