"""labkit.ask: one question to a backend, outside of any lab."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leanlab.labkit import ConfigError, NoAnswer, ask, asker

from .fake_openai import FakeOpenAI, Says


def script(folder: Path, *steps: dict[str, Any]) -> str:
    path = folder / "steps.json"
    path.write_text(json.dumps([{"role": "critic"} | step for step in steps]))
    return f"scripted:{path}"


def test_the_answer_and_its_price(tmp_path: Path) -> None:
    backend = script(tmp_path, {"text": "That.", "cost_usd": 0.25, "tokens": 3})
    said = ask("What?", backend=backend)
    assert (said.text, said.cost_usd, said.tokens) == ("That.", 0.25, 3)


def test_several_questions_are_put_to_one_backend(tmp_path: Path) -> None:
    with asker(script(tmp_path, {"text": "first"}, {"text": "second"})) as one:
        assert [one.ask("?").text, one.ask("?").text] == ["first", "second"]


def test_a_fault_and_an_answer_without_words_are_told(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer, match=r"no answer \(billing\): no money"):
        ask("?", backend=script(tmp_path, {"failure": {"kind": "billing", "message": "no money"}}))
    with pytest.raises(NoAnswer, match="gave no text"):
        ask("?", backend=script(tmp_path, {"data": {"text": 3}}))


@pytest.mark.parametrize(
    ("backend", "reason"),
    [("offline", "takes no questions"), ("offlin", "Did you mean 'offline'")],
)
def test_a_backend_that_takes_no_questions_is_an_error(backend: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        ask("?", backend=backend)


@pytest.mark.parametrize(
    "answer",
    [
        Says(text='{"text": "double, inc"}'),
        Says(calls=(("submit_result", {"text": "double, inc"}),)),
    ],
)
def test_a_model_is_asked(monkeypatch: pytest.MonkeyPatch, answer: Says) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with FakeOpenAI(answer) as fake:
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        said = ask("Which functions?", backend="openai", model="gpt-5-mini")
        assert fake.asked[0].said == ["Which functions?"]
    assert said.text == "double, inc"
