"""The one place where what a model answered becomes a checked value, for every backend."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

from leanlab.labkit.tool import Tool

Kind = TypeVar("Kind", bound=msgspec.Struct)


class WrongForm(ValueError):
    """What was answered is not of the declared form; the message says how."""


def read(data: Any, text: str, kind: type[Kind]) -> Kind:
    """Return the answer: data as it stands or, where there is none, the JSON object in text.

    Unknown keys are let pass, as models like to explain themselves. Raises WrongForm.
    """
    found = data if data is not None else _object_in(text)
    if found is None:
        raise WrongForm("there is no JSON object in the answer.")
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        raise WrongForm(f"the answer has the wrong form: {error}.") from error


def submit_tool(kind: type[msgspec.Struct], submitted: list[Any]) -> Tool:
    """A tool that takes the answer, for models that end a turn by calling something."""

    async def run(answer: msgspec.Struct) -> str:
        submitted.append(msgspec.to_builtins(answer))
        return "The answer is in. The turn is over."

    return Tool(
        name="submit_result",
        description="Give the answer to the whole task. Call it once, at the very end.",
        arguments=kind,
        run=run,
    )


def _object_in(text: str) -> Any:
    """The object from the first brace to the last: models put it into a fence, or after words."""
    try:
        return json.loads(text[text.index("{") : text.rindex("}") + 1])
    except (ValueError, RecursionError):
        return None
