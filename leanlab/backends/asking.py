"""Questions of labs and families to a backend, beside any loop."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.backends import Request, answers
from leanlab.backends.choosing import choose, make
from leanlab.config import LabConfig, Objective, RoleChoice
from leanlab.errors import ConfigError
from leanlab.lab import Lab
from leanlab.labkit.asking import NoAnswer, Said
from leanlab.labkit.researcher import Brief

if TYPE_CHECKING:
    from leanlab.backends import Backend, Result


class _InWords(msgspec.Struct, frozen=True, kw_only=True):
    text: str


class BackendAsker:
    """Keeps one backend, in one event loop, in an empty folder that it may write to."""

    def __init__(self, backend: str, model: str | None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="leanlab-ask-")
        try:
            self._backend = _made(backend, model, Path(self._folder.name))
        except BaseException:
            self._folder.cleanup()
            raise
        self._runner = asyncio.Runner()

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
        request = Request(role="critic", prompt=question, cwd=folder, brief=brief, answer=_InWords)
        result = self._runner.run(self._backend.ask(request))
        if result.error is not None:
            raise NoAnswer(
                f"the backend {self._backend.name} gave no answer ({result.error.kind}): "
                f"{result.error.message}"
            )
        return Said(text=self._text(result), cost_usd=result.cost_usd, tokens=result.tokens)

    def _text(self, result: Result) -> str:
        """Take the answer in its declared form; where there is none, what the model said last."""
        try:
            return answers.read(result.data, result.text, _InWords).text
        except answers.WrongForm as problem:
            if result.data is None and result.text:
                return result.text
            raise NoAnswer(f"the backend {self._backend.name} gave no text: {problem}") from None

    def __enter__(self) -> BackendAsker:
        return self

    def __exit__(self, *_exception: Any) -> None:
        self._runner.run(self._backend.close())
        self._runner.close()
        self._folder.cleanup()


def _made(name: str, model: str | None, folder: Path) -> Backend:
    choice = choose(name, RoleChoice(model=model))
    if choice.kind == "offline":
        raise ConfigError(
            f"the offline backend takes no questions ({choice.why}): name a backend with a model."
        )
    # Backends are made for labs: this one has no rules, no ledger and nothing to hide.
    config = LabConfig(name="questions", objective=Objective(metric="none"))
    return make(choice, Lab(folder, folder, config))
