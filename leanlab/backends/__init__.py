"""The port: a Request goes in, a Result comes out, and a provider's fault is a value."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from leanlab.errors import ConfigError
from leanlab.events import Role
from leanlab.labkit.researcher import Brief

if TYPE_CHECKING:
    from leanlab.lab import Lab

FailureKind = Literal[
    "rate_limit", "overloaded", "server", "network", "auth", "billing", "context", "refusal",
    "max_turns", "budget", "timeout", "no_output", "session_lost", "config", "crash", "abstained",
]  # fmt: skip

BACKENDS = ("auto", "offline", "scripted")


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no answer."""

    kind: FailureKind
    """abstained is no fault: there is nothing more to propose."""
    message: str
    retryable: bool = False
    """Waiting and asking again may help: the fault is the provider's, not the question's."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of one role."""

    role: Role
    prompt: str
    cwd: Path
    """The workspace."""
    brief: Brief
    """The same facts as the prompt's, for a mind that reads no prose."""
    session: str = ""
    """Goes on with an earlier turn; empty starts afresh."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend returned for one turn."""

    data: Any = None
    """The answer as JSON values, not yet checked."""
    session: str = ""
    cost_usd: float | None = None
    """This turn's own; None when the provider reports no price; never a guess."""
    tokens: int | None = None
    error: Failure | None = None


class Backend(Protocol):
    """What answers a role's prompt."""

    name: str
    model: str

    async def ask(self, request: Request) -> Result:
        """Answer one turn. Cancelling it ends the turn at once and leaves no process."""
        ...

    async def close(self) -> None:
        """End what was started. Harmless when called twice."""
        ...


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which backend was taken, and why."""

    name: str
    why: str


def choose(name: str) -> Choice:
    """Resolve auto and check a name; nothing is started."""
    if name == "auto":
        return Choice(name="offline", why="auto: it needs no key")
    if name.partition(":")[0] in BACKENDS:
        return Choice(name=name, why="asked for")
    near = difflib.get_close_matches(name, BACKENDS, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(BACKENDS)}."
    raise ConfigError(f"there is no backend {name!r}. {hint}")


def make(choice: Choice, lab: Lab) -> Backend:
    """Make the chosen backend for a lab."""
    kind, _, argument = choice.name.partition(":")
    if kind == "scripted":
        from leanlab.backends.scripted import ScriptedBackend

        return ScriptedBackend.from_file(argument)
    from leanlab.backends.offline import OfflineBackend

    return OfflineBackend(lab)
