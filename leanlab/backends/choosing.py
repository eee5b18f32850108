"""Which backend answers for a role, and why; makes it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from leanlab.config import RoleChoice
from leanlab.errors import ConfigError

if TYPE_CHECKING:
    from leanlab.backends import Backend
    from leanlab.lab import Lab

BACKENDS = ("auto", "offline", "claude", "openai", "command", "scripted")


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which backend was taken, and why."""

    name: str
    """With what follows a colon: a script's file, or a command."""
    why: str
    settings: RoleChoice = RoleChoice()

    @property
    def kind(self) -> str:
        return self.name.partition(":")[0]

    def words(self, made: Backend) -> str:
        """For the run's first line."""
        model = f" {made.model}" if self.kind in ("claude", "openai") else ""
        fence = ", with no fence around it" if made.unfenced else ""
        return f"{self.name}{model} ({self.why}{fence})"


def choose(name: str, settings: RoleChoice = RoleChoice()) -> Choice:  # noqa: B008 - frozen
    """Resolve auto and check a name; nothing is started."""
    if name == "auto":
        for taken, reason in _AUTO:
            if why := reason(settings):
                return Choice(name=taken, why=f"auto: {why}", settings=settings)
        return Choice(name="offline", why="auto: it needs no key", settings=settings)
    choice = Choice(name=name, why="asked for", settings=settings)
    if choice.kind in BACKENDS:
        return choice
    near = difflib.get_close_matches(name, BACKENDS, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(BACKENDS)}."
    raise ConfigError(f"there is no backend {name!r}. {hint}")


def _claude(settings: RoleChoice) -> str:
    from leanlab.backends.claude import login

    if settings.base_url or settings.key or not login.is_installed():
        return ""
    found = login.find(settings)
    return found.words if found else ""


def _openai(settings: RoleChoice) -> str:
    variable = settings.key or "OPENAI_API_KEY"
    return f"{variable} is set" if os.environ.get(variable) else ""


_AUTO: tuple[tuple[str, Callable[[RoleChoice], str]], ...] = (
    ("claude", _claude),
    ("openai", _openai),
)
"""What auto looks at, in order: a backend, and why it would serve; empty where it would not."""


def make(choice: Choice, lab: Lab, *, allow_unfenced: bool = False) -> Backend:
    """Make the chosen backend for a lab. A ConfigError says what is missing, and the remedy."""
    argument = choice.name.partition(":")[2]
    if choice.kind == "scripted":
        from leanlab.backends.scripted import ScriptedBackend

        return ScriptedBackend.from_file(argument)
    if choice.kind == "openai":
        from leanlab.backends.openai import OpenAIBackend

        return OpenAIBackend(lab, choice.settings)
    if choice.kind == "claude":
        from leanlab.backends.claude import ClaudeBackend

        return ClaudeBackend.of(lab, choice.settings, allow_unfenced=allow_unfenced)
    if choice.kind == "command":
        from leanlab.backends.command import CommandBackend

        return CommandBackend.of(lab, choice.settings, argument, allow_unfenced=allow_unfenced)
    from leanlab.backends.offline import OfflineBackend

    return OfflineBackend(lab)
