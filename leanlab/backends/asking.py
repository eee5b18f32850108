"""Questions of labs and families to a backend, beside any loop."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leanlab.backends import Request, choose
from leanlab.backends.scripted import ScriptedBackend
from leanlab.errors import ConfigError
from leanlab.labkit.asking import NoAnswer, Said
from leanlab.labkit.researcher import Brief

if TYPE_CHECKING:
    from leanlab.backends import Backend


class BackendAsker:
    """Keeps one backend, in one event loop, in an empty folder that it may write to."""

    def __init__(self, backend: str) -> None:
        self._backend = _made(backend)
        self._runner = asyncio.Runner()
        self._folder = tempfile.TemporaryDirectory(prefix="leanlab-ask-")

    def ask(self, question: str) -> Said:
        folder = Path(self._folder.name)
        # A Critic answers in words; the brief is for minds that read none, and says nothing.
        brief = Brief(
            workspace=folder,
            trial=0,
            seed=0,
            metric="",
            direction="maximize",
            target=None,
            params={},
            memory=False,
        )
        request = Request(role="critic", prompt=question, cwd=folder, brief=brief)
        result = self._runner.run(self._backend.ask(request))
        if result.error is not None:
            raise NoAnswer(
                f"the backend {self._backend.name} gave no answer ({result.error.kind}): "
                f"{result.error.message}"
            )
        text = result.data.get("text") if isinstance(result.data, dict) else None
        if not isinstance(text, str):
            raise NoAnswer(f"the backend {self._backend.name} gave an answer that is no text.")
        return Said(text=text, cost_usd=result.cost_usd, tokens=result.tokens)

    def __enter__(self) -> BackendAsker:
        return self

    def __exit__(self, *_exception: Any) -> None:
        self._runner.run(self._backend.close())
        self._runner.close()
        self._folder.cleanup()


def _made(name: str) -> Backend:
    choice = choose(name)
    kind, _, argument = choice.name.partition(":")
    if kind == "offline":
        raise ConfigError(
            f"the offline backend takes no questions ({choice.why}): name a backend with a model."
        )
    return ScriptedBackend.from_file(argument)
