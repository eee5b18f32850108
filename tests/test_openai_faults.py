"""The openai backend, one turn at a time: the contract, its faults, and known traps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest

from leanlab import events
from leanlab.backends import FailureKind, Request, Result
from leanlab.backends.openai import KEY, OpenAIBackend
from leanlab.backends.openai.responses import Responses
from leanlab.config import RoleChoice
from leanlab.errors import ConfigError
from leanlab.lab import Lab, open_lab
from leanlab.memory import Memory
from leanlab.policy import Move
from leanlab.prompts import Prompts
from leanlab.resources import SHIPPED_LABS
from leanlab.spending import Allowance
from leanlab.testing import Act, ModelContract

from .conftest import GOOD
from .fake_openai import Asked, FakeOpenAI, Says

FAULTS: dict[FailureKind, Says] = {
    "rate_limit": Says(status=429),
    "billing": Says(status=429, error={"code": "insufficient_quota"}),
    "overloaded": Says(status=503),
    "server": Says(status=500),
    "network": Says(text="half of it", cut=True),
    "auth": Says(status=401),
    "context": Says(status=400, error={"code": "context_length_exceeded"}),
    "config": Says(status=404),
    "refusal": Says(refusal="I would rather not."),
    "no_output": Says(text="x", stopped="length"),
}


def plays_along(asked: Asked) -> Says:
    """A model that does what its role should."""
    if "write" not in asked.tools:
        return Says(calls=(("submit_result", {"text": "Go on."}),))
    if not asked.tool_answers:
        return Says(calls=(("write", {"file": "experiments/a.py", "content": GOOD}),))
    answer = {"experiment_file": "experiments/a.py", "valid": True, "notes": ""}
    return Says(calls=(("submit_result", answer),))


def says(act: Act) -> Says:
    if act.fault is not None:
        return FAULTS[act.fault]
    if act.tool:
        return Says(calls=((act.tool, act.arguments),))
    return Says(calls=(("submit_result", act.answer),), hang=60 if act.hang else 0)


class OpenAIContract(ModelContract):
    faults = tuple(FAULTS)
    api = ""

    @pytest.fixture(autouse=True)
    def _served(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
        monkeypatch.setenv(KEY, "sk-secret")
        self._lab = Lab(
            SHIPPED_LABS / "parity", tmp_path / "home", open_lab(SHIPPED_LABS / "parity").config
        )
        with FakeOpenAI(plays_along) as self.fake:
            yield

    def lab(self, tmp_path: Path) -> Lab:
        return self._lab

    def make(self, lab: Lab) -> OpenAIBackend:
        settings = RoleChoice(base_url=self.fake.url, api=self.api, model="m", timeout=30)  # type: ignore[arg-type]
        return OpenAIBackend(lab, settings)

    def play(self, *acts: Act) -> None:
        self.fake.asked.clear()
        self.fake.steps = [says(act) for act in acts]


class TestResponses(OpenAIContract):
    api = "responses"


class TestChat(OpenAIContract):
    api = "chat"


@pytest.fixture(params=["responses", "chat"])
def api(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(KEY, "sk-secret")
    return str(request.param)


class Critics:
    """One Critic's turn after the other, with a fresh backend each."""

    def __init__(self, folder: Path, fake: FakeOpenAI, **settings: Any) -> None:
        self._contract = ModelContract()
        self._folder = folder
        config = open_lab(SHIPPED_LABS / "parity").config
        self.lab = Lab(SHIPPED_LABS / "parity", folder / "home", config)
        self._settings = RoleChoice(**({"base_url": fake.url, "model": "m"} | settings))
        self.seen: list[events.AnyEvent] = []

    def ask(self, **changes: Any) -> Result:
        request = self._contract.request(self.lab, self._folder, "critic")
        return asyncio.run(self._ask(msgspec.structs.replace(request, **changes)))

    async def _ask(self, request: Request) -> Result:
        backend = OpenAIBackend(self.lab, self._settings)
        try:
            return await backend.ask(msgspec.structs.replace(request, emit=self.seen.append))
        finally:
            await backend.close()


DONE = Says(calls=(("submit_result", {"text": "Done."}),))


def test_a_fault_is_told_with_the_time_to_wait(tmp_path: Path, api: str) -> None:
    for headers, seconds in (
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ):
        with FakeOpenAI(Says(status=429, headers=headers)) as fake:
            error = Critics(tmp_path, fake, api=api).ask().error
        assert error is not None
        assert (error.kind, error.retry_after) == ("rate_limit", seconds)
        assert len(fake.asked) == 1, "the client must not retry where nobody sees it"


def test_a_date_to_wait_for_is_understood(tmp_path: Path, api: str) -> None:
    later = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 30))
    with FakeOpenAI(Says(status=503, headers={"retry-after": later})) as fake:
        error = Critics(tmp_path, fake, api=api).ask().error
    assert error is not None
    assert error.retry_after == pytest.approx(30, abs=3)


def test_a_turn_that_was_cut_off_goes_on_and_pays_for_nothing_twice(
    tmp_path: Path, api: str
) -> None:
    looks = Says(calls=(("nosuch", {}),))
    with FakeOpenAI(looks, Says(text="half", cut=True), DONE) as fake:
        critics = Critics(tmp_path, fake, api=api)
        first = critics.ask()
        assert first.error is not None
        assert (first.error.kind, first.tokens) == ("network", 1300)
        second = critics.ask(session=first.session)
    assert second.error is None
    assert (second.data, second.tokens) == ({"text": "Done."}, 1300)
    assert fake.asked[2].said == fake.asked[1].said == ["Go on."], "the prompt is said once"
    assert len(fake.asked[2].tool_answers) == 1


def test_a_stream_that_is_no_json_is_the_servers_fault(tmp_path: Path, api: str) -> None:
    with FakeOpenAI(Says(text="something long enough", garbage=True)) as fake:
        error = Critics(tmp_path, fake, api=api).ask().error
    assert error is not None
    assert (error.kind, error.retryable) == ("server", True)


def test_nobody_at_the_address_is_a_network_fault(tmp_path: Path, api: str) -> None:
    with FakeOpenAI(DONE) as fake:
        critics = Critics(tmp_path, fake, api=api)
    error = critics.ask().error
    assert error is not None
    assert (error.kind, error.retryable) == ("network", True)


def test_a_model_that_hangs_is_given_up_in_its_time(tmp_path: Path, api: str) -> None:
    with FakeOpenAI(Says(hang=60)) as fake:
        critics = Critics(tmp_path, fake, api=api, timeout=0.3)
        start = time.monotonic()
        error = critics.ask().error
    assert time.monotonic() - start < 2.0, "a timeout is not retried where nobody sees it"
    assert error is not None
    assert (error.kind, error.retryable) == ("timeout", True)


def test_the_time_of_a_run_ends_a_turn(tmp_path: Path, api: str) -> None:
    with FakeOpenAI(Says(hang=60)) as fake:
        error = Critics(tmp_path, fake, api=api).ask(allowance=Allowance(seconds=0.2)).error
    assert error is not None
    assert (error.kind, error.retryable) == ("budget", False)


def test_arguments_that_are_no_json_are_mended(tmp_path: Path, api: str) -> None:
    broken = Says(calls=(("submit_result", '{"text": "half'),))
    with FakeOpenAI(broken, DONE) as fake:
        result = Critics(tmp_path, fake, api=api).ask()
    assert result.data == {"text": "Done."}
    assert "cannot be used" in fake.asked[1].tool_answers[0]


def test_plain_words_are_reminded_of_and_given_up(tmp_path: Path, api: str) -> None:
    with FakeOpenAI(Says(text="I think so.")) as fake:
        result = Critics(tmp_path, fake, api=api).ask()
    assert result.error is not None
    assert result.error.kind == "no_output"
    assert len(fake.asked) == 3
    assert result.tokens == 3 * 1300


def test_a_model_that_only_calls_tools_is_stopped(tmp_path: Path, api: str) -> None:
    with FakeOpenAI(Says(calls=(("nosuch", {}),))) as fake:
        error = Critics(tmp_path, fake, api=api, max_turns=4).ask().error
    assert error is not None
    assert (error.kind, len(fake.asked)) == ("max_turns", 4)


def test_the_history_is_the_clients_own(tmp_path: Path, api: str) -> None:
    with FakeOpenAI(DONE) as fake:
        critics = Critics(tmp_path, fake, api=api)
        session = critics.ask().session
        critics.ask(prompt="And now?", session=session)
    asked = fake.asked[1]
    assert asked.said == ["Go on.", "And now?"]
    assert asked.body.get("store", False) is False
    assert "previous_response_id" not in asked.body


def test_a_server_that_counts_nothing_leaves_tokens_and_cost_unknown(
    tmp_path: Path, api: str
) -> None:
    with FakeOpenAI(Says(calls=DONE.calls, usage=None)) as fake:
        result = Critics(tmp_path, fake, api=api, prices="openai").ask()
    assert (result.tokens, result.cost_usd) == (None, None)


def test_a_price_that_nobody_knows_is_no_price(tmp_path: Path, api: str) -> None:
    with FakeOpenAI(DONE) as fake:
        result = Critics(tmp_path, fake, api=api, model="qwen3").ask()
        assert (result.tokens, result.cost_usd) == (1300, None)
        refused = Critics(tmp_path, fake, api=api).ask(allowance=Allowance(usd=1.0))
    assert refused.error is not None
    assert refused.error.kind == "config"
    assert "budget in dollars cannot hold" in refused.error.message
    assert len(fake.asked) == 1


def test_the_tokens_that_are_left_are_passed_on(tmp_path: Path, api: str) -> None:
    with FakeOpenAI(DONE) as fake:
        Critics(tmp_path, fake, api=api).ask(allowance=Allowance(tokens=500))
        Critics(tmp_path, fake, api=api, max_output_tokens=100).ask()
    names = ("max_output_tokens", "max_tokens")
    bounds = [next(asked.body[n] for n in names if n in asked.body) for asked in fake.asked]
    assert bounds == [500, 100]


def test_settings_reach_the_provider(tmp_path: Path, api: str) -> None:
    with FakeOpenAI(DONE) as fake:
        Critics(tmp_path, fake, api=api, effort="low", verbosity="high").ask()
        Critics(tmp_path, fake, api=api).ask()
    body, plain = (asked.body for asked in fake.asked)
    if api == "chat":
        assert (body["reasoning_effort"], body["verbosity"]) == ("low", "high")
    else:
        assert (body["reasoning"], body["text"]) == ({"effort": "low"}, {"verbosity": "high"})
    assert {"reasoning", "reasoning_effort", "text", "verbosity"}.isdisjoint(plain)
    assert plain["model"] == "m"


def test_a_model_that_does_not_think_is_asked_without_thoughts() -> None:
    no = Says(status=400, error={"message": "Encrypted content is not supported with this model."})

    async def ask(url: str) -> None:
        async with openai.AsyncOpenAI(base_url=url, api_key="x", max_retries=0) as client:
            wire = Responses(client, "m", RoleChoice())
            for _ in range(2):
                await wire.ask([wire.prompt("Go on.")], [], None, lambda _: None)

    with FakeOpenAI(no, Says(text="yes")) as fake:
        asyncio.run(ask(fake.url))
    included = [asked.body.get("include") for asked in fake.asked]
    assert included == [["reasoning.encrypted_content"], None, None]


def test_a_key_goes_to_no_server_that_lab_json_names_alone(
    tmp_path: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeOpenAI(DONE) as fake:
        Critics(tmp_path, fake, api=api).ask()
        Critics(tmp_path, fake, api=api, key=KEY).ask()
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        Critics(tmp_path, fake, api=api, base_url=None).ask()
    keys = [asked.headers["authorization"] for asked in fake.asked]
    assert keys == ["Bearer none", "Bearer sk-secret", "Bearer sk-secret"]


def test_what_is_missing_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = open_lab(SHIPPED_LABS / "parity")
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"):
        OpenAIBackend(lab, RoleChoice())
    with pytest.raises(ConfigError, match="MY_KEY is not set"):
        OpenAIBackend(lab, RoleChoice(key="MY_KEY", base_url="http://127.0.0.1:1/v1"))
    with pytest.raises(ConfigError, match="which model of http://127.0.0.1:1/v1"):
        OpenAIBackend(lab, RoleChoice(base_url="http://127.0.0.1:1/v1"))
    monkeypatch.setenv(KEY, "sk-secret")
    with pytest.raises(ConfigError, match="code_interpreter"):
        OpenAIBackend(lab, RoleChoice(code_interpreter=True))


def test_a_turn_costs_little_beyond_the_client(tmp_path: Path, api: str) -> None:
    looks = Says(calls=(("read", {"file": "data/train.txt", "lines": 20}),))
    spent: list[float] = []

    class Timed(OpenAIBackend):
        def _connect(self) -> Any:
            wire = super()._connect()
            real = wire.ask
            ended = [time.thread_time()]

            async def ask(*given: Any) -> Any:
                spent.append(time.thread_time() - ended[0])
                try:
                    return await real(*given)
                finally:
                    ended[0] = time.thread_time()

            wire.ask = ask  # type: ignore[method-assign]
            return wire

    async def work(url: str) -> None:
        critics = Critics(tmp_path, fake)
        asked = ModelContract().request(critics.lab, tmp_path)
        prompt = Prompts(critics.lab).turn("worker", Memory(), Move(kind="draft"), trial=1)
        backend = Timed(critics.lab, RoleChoice(base_url=url, model="m", api=api))  # type: ignore[arg-type]
        await backend.ask(msgspec.structs.replace(asked, prompt=prompt))
        await backend.close()

    with FakeOpenAI(looks) as fake:
        asyncio.run(work(fake.url))
    assert len(spent) == 50
    assert sorted(spent)[25] < 0.010
    print(f"median {sorted(spent)[25] * 1000:.2f} ms, most {max(spent[1:]) * 1000:.2f} ms")
