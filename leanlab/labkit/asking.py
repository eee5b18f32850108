"""`ask`: one question to the backend that the user chose, and its answer as text."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol

import msgspec

from leanlab.errors import ConfigError

if TYPE_CHECKING:
    from types import TracebackType


class NoAnswer(ConfigError):
    """The backend was asked, and gave no answer: the message says why."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend answered."""

    text: str
    cost_usd: float | None
    """None where the provider reports no price."""
    tokens: int | None


class Asker(Protocol):
    """Asks one backend several questions, each without the ones before it."""

    def ask(self, question: str) -> Said:
        """Return the answer, or raise NoAnswer."""
        ...

    def __enter__(self) -> Asker: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        frames: TracebackType | None,
        /,
    ) -> None: ...


def asker(backend: str, model: str | None = None) -> Asker:
    """Make an Asker of the backend of that name, as --backend takes it.

    Raises ConfigError for a backend that takes no questions, which the offline one is.
    """
    # The backends are floors above; they are looked up when asked for, as labs' own modules are.
    made: Asker = import_module("leanlab.backends.asking").BackendAsker(backend, model)
    return made


def ask(question: str, *, backend: str = "auto", model: str | None = None) -> Said:
    """Put one question to a backend."""
    with asker(backend, model) as one:
        return one.ask(question)
