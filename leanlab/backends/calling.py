"""Calls a tool for a model: arguments checked, faults told to the model, all of it shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab import events
from leanlab.labkit.tool import ToolRefused
from leanlab.memory import clipped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.backends import Request
    from leanlab.labkit.tool import Tool

MAX_TEXT = 60_000
"""Characters of a tool's answer that reach the model."""
_SHOWN = 500


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """What a call came to."""

    text: str
    refused: bool = False


async def call(tools: Sequence[Tool], name: str, arguments: bytes, request: Request) -> Called:
    """Call the tool of that name; arguments is the JSON that the model wrote.

    Whatever the model gets wrong is an answer that says so: it can mend it.
    """
    role, trial = request.role, request.brief.trial
    shown = clipped(arguments.decode("utf-8", "replace"))[:_SHOWN]
    request.emit(events.ToolCalled(role=role, trial=trial, tool=name[:100], arguments=shown))
    called = await _call(tools, name, arguments)
    request.emit(
        events.ToolAnswered(
            role=role,
            trial=trial,
            tool=name[:100],
            text=clipped(called.text)[:_SHOWN],
            refused=called.refused,
        )
    )
    return called


async def _call(tools: Sequence[Tool], name: str, arguments: bytes) -> Called:
    tool = next((tool for tool in tools if tool.name == name), None)
    if tool is None:
        names = ", ".join(tool.name for tool in tools) or "none"
        return Called(text=f"there is no tool {name[:100]!r}. There are: {names}.", refused=True)
    try:
        checked = msgspec.json.decode(arguments or b"{}", type=tool.arguments)
        text = await tool.run(checked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Called(text=f"the arguments of {name} cannot be used: {error}.", refused=True)
    except ToolRefused as refused:
        return Called(text=str(refused), refused=True)
    if len(text) > MAX_TEXT:
        text = f"{text[:MAX_TEXT]}\n[{len(text) - MAX_TEXT:,} characters left out]"
    return Called(text=text)
