"""What the two APIs of OpenAI have in common, as the tool loop sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from leanlab.backends import Failure
from leanlab.backends.prices import Usage
from leanlab.labkit.tool import Tool


class CutOff(Exception):
    """The stream ended before the model had finished; the client itself does not notice."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the model wants to use."""

    id: str
    name: str
    arguments: str
    """JSON, as the model wrote it."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of the model."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    items: tuple[Any, ...] = ()
    """What goes into the history."""
    usage: Usage | None = None
    """None where the server does not count."""
    failure: Failure | None = None
    """The model refused, or was stopped."""


class Wire(Protocol):
    """One API: the history is in its words."""

    form: str

    def prompt(self, text: str) -> Any:
        """What the user says, as an item of the history."""
        ...

    def answer(self, call: Call, text: str) -> Any:
        """What a tool says."""
        ...

    async def ask(
        self,
        items: Sequence[Any],
        tools: Sequence[Tool],
        max_tokens: int | None,
        say: Callable[[str], None],
    ) -> Reply:
        """Send the whole history and stream the answer. Raises CutOff, and what the client does."""
        ...


def stopped(reason: str | None) -> Failure:
    """Why an answer was not finished, in the words of either API."""
    if reason == "content_filter":
        return Failure(kind="refusal", message="the provider's filter stopped the answer.")
    if reason in ("length", "max_output_tokens"):
        message = "the answer did not fit into max_output_tokens. Raise it, or ask for less."
        return Failure(kind="no_output", message=message)
    return Failure(kind="server", message=f"the answer ended early: {reason}.", retryable=True)
