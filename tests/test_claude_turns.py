"""The claude backend, one turn at a time: the real SDK and its program, a server on loopback."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from leanlab import events
from leanlab.backends import FailureKind, Request, Result
from leanlab.backends.answers import WrongForm, read
from leanlab.backends.claude import ClaudeBackend
from leanlab.backends.claude.login import KEY
from leanlab.config import RoleChoice
from leanlab.errors import EvaluatorError
from leanlab.lab import Lab, open_lab
from leanlab.labkit.tool import Tool
from leanlab.resources import SHIPPED_LABS
from leanlab.roles import NoteReply
from leanlab.spending import Allowance
from leanlab.testing import Act, ModelContract

from .conftest import GOOD
from .fake_anthropic import PREFIX, FakeAnthropic, Heard
from .fake_openai import Says
from .processes import descendants, gone

MODEL = "claude-sonnet-4-5"
FAULTS: dict[FailureKind, Says] = {
    "rate_limit": Says(status=429, error={"type": "rate_limit_error"}),
    "overloaded": Says(status=529, error={"type": "overloaded_error"}),
    "server": Says(status=500),
    "auth": Says(status=403, error={"type": "permission_error"}),
    "billing": Says(status=400, error={"message": "Your credit balance is too low"}),
    "context": Says(status=400, error={"message": "prompt is too long: 300000 tokens > 200000"}),
    "config": Says(status=404, error={"type": "not_found_error"}),
    "refusal": Says(refusal="I would rather not."),
}


def answers(**answer: Any) -> Says:
    return Says(calls=(("StructuredOutput", answer),))


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a tool is to say again."""

    word: str


def echo(heard: list[str], seconds: float = 0.0) -> Tool:
    async def run(said: Word) -> str:
        await asyncio.sleep(seconds)
        heard.append(said.word)
        return "heard"

    return Tool(name="echo", description="Say it again.", arguments=Word, run=run)


DONE = answers(text="Done.")


def plays_along(asked: Heard) -> Says:
    """A model that does what its role should."""
    if "Write" not in asked.tools:
        return answers(text="Go on.")
    if not asked.tool_answers:
        return Says(calls=(("Write", {"file_path": "experiments/a.py", "content": GOOD}),))
    return answers(experiment_file="experiments/a.py", valid=True, notes="")


OWN = {"read": "Read", "write": "Write"}
"""What Claude has in the place of leanlab's tools."""


def says(act: Act) -> Says:
    if act.fault is not None:
        return FAULTS[act.fault]
    if act.tool in OWN:
        path = {"file_path": act.arguments["file"]}
        more = {key: value for key, value in act.arguments.items() if key != "file"}
        return Says(calls=((OWN[act.tool], path | more),))
    if act.tool:
        return Says(calls=((PREFIX + act.tool, act.arguments),))
    return Says(calls=(("StructuredOutput", act.answer),), hang=60 if act.hang else 0)


class Parity:
    """The shipped lab with a home of its own, asked through a fake server."""

    def __init__(self, folder: Path, fake: FakeAnthropic, **settings: Any) -> None:
        config = open_lab(SHIPPED_LABS / "parity").config
        self.lab = Lab(SHIPPED_LABS / "parity", folder / "home", config)
        self.lab.state.mkdir(parents=True, exist_ok=True)
        self.seen: list[events.AnyEvent] = []
        self._folder = folder
        self._settings = RoleChoice(
            **({"base_url": fake.url, "key": KEY, "model": MODEL} | settings)
        )

    def backend(self, *, allow_unfenced: bool = False) -> ClaudeBackend:
        return ClaudeBackend.of(self.lab, self._settings, allow_unfenced=allow_unfenced)

    def request(self, role: str = "critic", **changes: Any) -> Request:
        asked = ModelContract().request(self.lab, self._folder, role)
        return msgspec.structs.replace(asked, emit=self.seen.append, **changes)

    def ask(self, role: str = "critic", *, allow_unfenced: bool = False, **changes: Any) -> Result:
        """Have a fresh backend take one turn."""
        backend = self.backend(allow_unfenced=allow_unfenced)
        return asyncio.run(backend.ask(self.request(role, **changes)))


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "sk-secret")


class TestClaude(ModelContract):
    faults = tuple(FAULTS)

    @pytest.fixture(autouse=True)
    def _served(self, _key: None, tmp_path: Path) -> Iterator[None]:
        with FakeAnthropic(plays_along) as self.fake:
            self._parity = Parity(tmp_path, self.fake)
            yield

    def lab(self, tmp_path: Path) -> Lab:
        return self._parity.lab

    def make(self, lab: Lab) -> ClaudeBackend:
        return self._parity.backend()

    def play(self, *acts: Act) -> None:
        self.fake.asked.clear()
        self.fake.steps = [says(act) for act in acts]


def test_costs_are_told_as_totals_and_charged_once(tmp_path: Path) -> None:
    with FakeAnthropic(DONE) as fake:
        parity = Parity(tmp_path, fake)
        first = parity.ask()
        second = parity.ask(prompt="And now?", session=first.session)
        third = parity.ask(prompt="And then?", session=first.session)
    assert first.cost_usd is not None
    assert [second.cost_usd, third.cost_usd] == pytest.approx([first.cost_usd] * 2)
    assert (second.session, third.tokens) == (first.session, 1300)
    live = [event.cost_usd for event in parity.seen if isinstance(event, events.Used)]
    assert live == pytest.approx([first.cost_usd] * 3), "the price list agrees with Claude"


def test_words_of_a_prompt_are_neither_expanded_nor_run(tmp_path: Path) -> None:
    with FakeAnthropic(DONE) as fake:
        parity = Parity(tmp_path, fake)
        for prompt in ("Look at @task.md and @validate.py.", "/clear", "!ls"):
            assert parity.ask(prompt=prompt).error is None
            assert fake.asked[-1].said == [prompt]
    assert len(fake.asked) == 3
    task = (parity.request().cwd / "task.md").read_text()
    assert task.splitlines()[0] not in str(fake.asked[0].body)


def test_nothing_of_a_first_turn_is_frozen_into_the_system_prompt(tmp_path: Path) -> None:
    with FakeAnthropic(DONE) as fake:
        parity = Parity(tmp_path, fake)
        session = parity.ask(prompt="The first words.").session
        parity.ask(prompt="Other words.", session=session)
    first, second = (str(asked.body.get("system")) for asked in fake.asked)
    assert "words" not in first + second
    assert [said.rstrip() for said in fake.asked[1].said] == ["The first words.", "Other words."]


def test_a_file_of_megabytes_passes(tmp_path: Path) -> None:
    large = "x = 1\n" * 300_000
    call = (f"{PREFIX}echo", {"word": large})
    with FakeAnthropic(Says(calls=(call,)), DONE) as fake:
        parity = Parity(tmp_path, fake)
        heard: list[str] = []
        result = parity.ask(tools=(echo(heard),))
    assert result.error is None
    assert heard == [large]


def test_plain_words_are_no_answer(tmp_path: Path) -> None:
    with FakeAnthropic(Says(text="I think so.")) as fake:
        result = Parity(tmp_path, fake).ask()
    assert (result.error, result.data, result.text) == (None, None, "I think so.")
    assert len(fake.asked) == 2, "Claude reminds once by itself"
    with pytest.raises(WrongForm, match="no JSON object"):
        read(result.data, result.text, NoteReply)


def test_a_fault_is_given_up_soon_with_the_time_to_wait(tmp_path: Path) -> None:
    for seconds, most in (("7", 1), ("3600", 1), ("", 2)):
        headers = {"retry-after": seconds} if seconds else {}
        with FakeAnthropic(Says(status=429, headers=headers)) as fake:
            start = time.monotonic()
            error = Parity(tmp_path, fake).ask().error
        assert time.monotonic() - start < 10.0
        assert error is not None
        assert (error.kind, error.retryable) == ("rate_limit", True)
        assert (error.retry_after is not None) is (seconds == "7")
        assert 7.0 <= (error.retry_after or 7.0) < 9.0, "as asked for, and a little later"
        assert len(fake.asked) <= most


def test_a_stream_that_ends_or_lies_is_a_network_fault(tmp_path: Path) -> None:
    for how in ({"cut": True}, {"garbage": True}):
        with FakeAnthropic(Says(text="something long enough to be cut", **how)) as fake:  # type: ignore[arg-type]
            error = Parity(tmp_path, fake).ask().error
        assert error is not None
        assert (error.kind, error.retryable) == ("network", True)


def test_nobody_at_the_address_is_a_network_fault(tmp_path: Path) -> None:
    with FakeAnthropic(DONE) as fake:
        parity = Parity(tmp_path, fake)
    result = parity.ask()
    assert result.error is not None
    assert (result.error.kind, result.error.retryable) == ("network", True)
    with FakeAnthropic(DONE) as fake:
        again = Parity(tmp_path, fake).ask(session=result.session)
    assert again.data == {"text": "Done."}


def test_silence_and_the_end_of_the_runs_time_end_a_turn(tmp_path: Path) -> None:
    with FakeAnthropic(Says(hang=60)) as fake:
        silent = Parity(tmp_path, fake, timeout=1.5).ask().error
        late = Parity(tmp_path, fake).ask(allowance=Allowance(seconds=1.5)).error
    assert silent is not None
    assert (silent.kind, silent.retryable) == ("timeout", True)
    assert late is not None
    assert (late.kind, late.retryable) == ("budget", False)


def test_a_tool_may_take_longer_than_the_model(tmp_path: Path) -> None:
    with FakeAnthropic(Says(calls=((f"{PREFIX}echo", {"word": "slow"}),)), DONE) as fake:
        result = Parity(tmp_path, fake, timeout=2.0).ask(tools=(echo([], seconds=3.0),))
    assert result.data == {"text": "Done."}


def test_what_no_tool_may_raise_ends_the_run(tmp_path: Path) -> None:
    async def breaks(_: Word) -> str:
        raise EvaluatorError("the evaluation is gone")

    tool = Tool(name="echo", description="Breaks.", arguments=Word, run=breaks)
    calls = Says(calls=((f"{PREFIX}echo", {"word": "x"}),))
    gone_ = pytest.raises(EvaluatorError, match="the evaluation is gone")
    with FakeAnthropic(calls, DONE) as fake, gone_:
        Parity(tmp_path, fake).ask(tools=(tool,))


def test_a_model_that_only_calls_tools_is_stopped(tmp_path: Path) -> None:
    with FakeAnthropic(Says(calls=((f"{PREFIX}nosuch", {}),))) as fake:
        error = Parity(tmp_path, fake, max_turns=3).ask().error
    assert error is not None
    assert (error.kind, len(fake.asked)) == ("max_turns", 3)


def test_settings_reach_the_provider(tmp_path: Path) -> None:
    with FakeAnthropic(DONE) as fake:
        Parity(tmp_path, fake, effort="low", model="claude-opus-4-5", max_output_tokens=700).ask()
    body = fake.asked[0].body
    assert (body["model"], body["max_tokens"]) == ("claude-opus-4-5", 700)
    assert body["output_config"]["effort"] == "low"


def test_a_turn_that_is_cancelled_leaves_no_process(tmp_path: Path) -> None:
    async def work(parity: Parity, fake: FakeAnthropic) -> tuple[float, set[int]]:
        before = descendants(os.getpid())
        task = asyncio.create_task(parity.backend().ask(parity.request()))
        while not fake.asked:
            await asyncio.sleep(0.05)
        started = descendants(os.getpid()) - before
        start = time.monotonic()
        task.cancel()
        await asyncio.wait([task])
        return time.monotonic() - start, started

    with FakeAnthropic(Says(hang=60)) as fake:
        seconds, started = asyncio.run(work(Parity(tmp_path, fake), fake))
    assert started
    assert seconds < 2.0
    assert gone(started)


def test_a_process_that_was_killed_goes_on_in_a_new_one(tmp_path: Path) -> None:
    before = descendants(os.getpid())

    def killed(_: Heard) -> Says:
        for pid in descendants(os.getpid()) - before:
            os.kill(pid, signal.SIGKILL)
        return Says(hang=1)

    steps = (Says(calls=((f"{PREFIX}echo", {"word": "a"}),)), killed, DONE)
    with FakeAnthropic(*steps) as fake:
        parity, heard = Parity(tmp_path, fake), list[str]()
        first = parity.ask(tools=(echo(heard),))
        second = parity.ask(tools=(echo(heard),), session=first.session)
    assert first.error is not None
    assert (first.error.kind, first.error.retryable) == ("crash", True)
    assert "SIGKILL" in first.error.message
    assert second.error is None, second.error
    assert (second.data, heard) == ({"text": "Done."}, ["a"])
    assert first.tokens == second.tokens == 1300
    spent = [event.cost_usd or 0.0 for event in parity.seen if isinstance(event, events.Used)]
    assert len(spent) == 2
    assert all(spent), "what a killed process used is known"
    assert second.cost_usd == pytest.approx(spent[1]), "and is not charged again"


def test_a_first_turn_that_left_no_transcript_is_begun_anew(tmp_path: Path) -> None:
    with FakeAnthropic(FAULTS["overloaded"]) as fake:
        parity = Parity(tmp_path, fake)
        first = parity.ask(prompt="The whole prompt.")
        for transcript in parity.lab.state.rglob(f"{first.session}.jsonl"):
            transcript.unlink()
        fake.steps = [DONE]
        second = parity.ask(prompt="The whole prompt.", session=first.session)
        for transcript in parity.lab.state.rglob(f"{second.session}.jsonl"):
            transcript.unlink()
        third = parity.ask(prompt="A fix.", session=second.session)
    assert second.data == {"text": "Done."}
    assert second.session != first.session
    assert fake.asked[-1].said == ["The whole prompt."]
    assert third.error is not None
    assert third.error.kind == "session_lost", "what a fix refers to is gone: the loop tells anew"
