"""The port: a Request goes in, a Result comes out, and a provider's fault is a value."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from leanlab.events import Role, Sink, ignore
from leanlab.labkit.researcher import Brief
from leanlab.labkit.tool import Tool
from leanlab.spending import Allowance

FailureKind = Literal[
    "rate_limit", "overloaded", "server", "network", "auth", "billing", "context", "refusal",
    "max_turns", "budget", "timeout", "no_output", "session_lost", "config", "crash", "abstained",
]  # fmt: skip


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of no declared form."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no answer."""

    kind: FailureKind
    """abstained is no fault: there is nothing more to propose."""
    message: str
    retryable: bool = False
    """Waiting and asking again may help: the fault is the provider's, not the question's."""
    retry_after: float | None = None
    """Seconds that the provider asks to wait."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of one role."""

    role: Role
    prompt: str
    cwd: Path
    """The workspace."""
    brief: Brief
    """The same facts as the prompt's, for a mind that reads no prose."""
    session: str = ""
    """Goes on with an earlier turn; empty starts afresh. Asking the very prompt again that ended
    with a retryable failure goes on where it was cut off."""
    answer: type[msgspec.Struct] = Answer
    """The form of the answer; `answers` checks it and makes the schema."""
    tools: tuple[Tool, ...] = ()
    """What the role may do, for a backend whose model has no hands of its own; see `calling`."""
    allowance: Allowance = Allowance()
    """What the turn may use. A backend stops before it asks its model for more."""
    emit: Sink = ignore
    """Takes events as they happen: Said, ToolCalled, ToolAnswered, Used, Retrying."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend returned for one turn."""

    data: Any = None
    """The answer as JSON values, not yet checked."""
    text: str = ""
    """What the model said last. An answer that is not in data may be in here."""
    session: str = ""
    cost_usd: float | None = None
    """This turn's own, all of it, whatever Used events have said; None when the provider reports
    no price; never a guess."""
    tokens: int | None = None
    error: Failure | None = None


class Backend(Protocol):
    """What answers a role's prompt."""

    name: str
    model: str
    unfenced: bool
    """Nothing but good will keeps its tools away from the rest of the machine."""

    async def ask(self, request: Request) -> Result:
        """Answer one turn. Cancelling it ends the turn at once and leaves no process."""
        ...

    async def close(self) -> None:
        """End what was started. Harmless when called twice."""
        ...
