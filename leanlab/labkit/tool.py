"""Tool: something that a role may do, defined once for every backend."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec


class ToolRefused(Exception):
    """The tool did not do what was asked; the message tells the model why, and what to do."""


class NoArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For a tool that takes none."""


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """One tool. run gets arguments as declared, decoded strictly, and returns what the model reads.

    run may raise ToolRefused; anything else that it raises is a bug and ends the run.
    """

    name: str
    description: str
    arguments: type[Any]
    """A struct. Its fields, with msgspec.Meta(description=…), are what the model is told."""
    run: Callable[[Any], Awaitable[str]]
    form: dict[str, Any] | None = None
    """JSON schema of the arguments, where they are a plain dict."""

    @property
    def schema(self) -> dict[str, Any]:
        return schema_of(self.arguments) if self.form is None else self.form


def schema_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """JSON schema of a struct, its own object at the top: some servers resolve no reference."""
    _, components = msgspec.json.schema_components([kind])
    whole = dict(components.pop(kind.__name__))
    # Name and docstring speak to those who read the code.
    whole.pop("title", None)
    whole.pop("description", None)
    return whole | ({"$defs": components} if components else {})
