"""The claude backend, one turn at a time: the real SDK and its program, a server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from leanlab import events
from leanlab.backends import FailureKind, Request, Result
from leanlab.backends.claude import ClaudeBackend
from leanlab.backends.claude.login import KEY
from leanlab.config import RoleChoice
from leanlab.lab import Lab, open_lab
from leanlab.resources import SHIPPED_LABS
from leanlab.testing import Act, ModelContract

from .conftest import GOOD
from .fake_anthropic import PREFIX, FakeAnthropic, Heard
from .fake_openai import Says

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


DONE = answers(text="Done.")


def plays_along(asked: Heard) -> Says:
    """A model that does what its role should."""
    if "Write" not in asked.tools:
        return answers(text="Go on.")
    if not asked.tool_answers:
        return Says(calls=(("Write", {"file_path": "experiments/a.py", "content": GOOD}),))
    return answers(experiment_file="experiments/a.py", valid=True, notes="")


def says(act: Act) -> Says:
    if act.fault is not None:
        return FAULTS[act.fault]
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

    def backend(self) -> ClaudeBackend:
        return ClaudeBackend.of(self.lab, self._settings, allow_unfenced=False)

    def request(self, role: str = "critic", **changes: Any) -> Request:
        asked = ModelContract().request(self.lab, self._folder, role)
        return msgspec.structs.replace(asked, emit=self.seen.append, **changes)

    def ask(self, role: str = "critic", **changes: Any) -> Result:
        """Have a fresh backend take one turn."""
        return asyncio.run(self.backend().ask(self.request(role, **changes)))


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
