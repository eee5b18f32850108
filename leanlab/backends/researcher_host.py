"""The researcher's process: reads turns, answers as a model would, sees only the workspace."""

from __future__ import annotations

import asyncio
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from leanlab.backends import Failure, Result
from leanlab.child import wire
from leanlab.labkit.researcher import Brief, NothingToPropose, Row
from leanlab.labkit.tool import Tool, ToolRefused
from leanlab.workspace import HISTORY

if TYPE_CHECKING:
    from leanlab.labkit.researcher import Researcher


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask; sent once."""

    researcher: str
    """module:Class."""
    source: str = ""
    """The lab's own researcher.py, where module is `researcher`."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """Answers the setup; fault says why the researcher cannot be used."""

    fault: str = ""


class Turn(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="turn"):
    """One turn; the history is read from the workspace."""

    role: Literal["worker", "critic", "director"]
    brief: Brief


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", tag="tool"):
    """A model uses a tool that the researcher offers; without a name, all are asked for."""

    workspace: Path
    name: str = ""
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the researcher offers."""

    name: str
    description: str
    form: dict[str, Any]


class ToolAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool said, or the tools that there are."""

    text: str = ""
    refused: bool = False
    offers: tuple[Offer, ...] = ()


class HistoryReader:
    """Reads history.jsonl as it grows: each row once."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._offset = 0

    def read(self, path: Path) -> list[Row]:
        if not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                self._rows.append(msgspec.json.decode(line, type=Row))
                self._offset += len(line)
        return self._rows


def answer(researcher: Researcher, turn: Turn) -> Result:
    brief = turn.brief
    if turn.role == "critic":
        return _free({"text": researcher.criticise(brief)})
    if turn.role == "director":
        return _free({"text": researcher.direct(brief)})
    try:
        proposal = researcher.propose(brief)
    except NothingToPropose as end:
        return Result(error=Failure(kind="abstained", message=str(end)))
    name = f"experiments/{proposal.slug}.py"
    (brief.workspace / name).write_text(proposal.code, encoding="utf-8")
    return _free({"experiment_file": name, "valid": True, "notes": proposal.notes})


def use_tool(researcher: Researcher, asked: ToolCall) -> ToolAnswer:
    tools: list[Tool] = list(getattr(researcher, "tools", lambda _: [])(asked.workspace))
    if not asked.name:
        offers = [Offer(name=t.name, description=t.description, form=t.schema) for t in tools]
        return ToolAnswer(offers=tuple(offers))
    tool = next(tool for tool in tools if tool.name == asked.name)
    try:
        given = msgspec.json.decode(asked.arguments, type=tool.arguments)
        return ToolAnswer(text=asyncio.run(_run(tool, given)))
    except (msgspec.DecodeError, ToolRefused) as error:
        return ToolAnswer(text=str(error), refused=True)


async def _run(tool: Tool, given: Any) -> str:
    return await tool.run(given)


def _free(data: dict[str, Any]) -> Result:
    return Result(data=data, cost_usd=0.0, tokens=0)


def load(setup: Setup) -> Researcher:
    """Import module:Class and make one; raises whatever its module raises."""
    module, _, name = setup.researcher.partition(":")
    if setup.source:
        names: dict[str, Any] = {"__name__": module, "__file__": setup.source}
        exec(compile(Path(setup.source).read_bytes(), setup.source, "exec"), names)  # noqa: S102
    else:
        names = vars(import_module(module))
    researcher: Researcher = names[name]()
    return researcher


def main() -> None:
    lines, reply = wire()
    setup = msgspec.json.decode(next(lines), type=Setup)
    try:
        researcher = load(setup)
    except Exception as error:  # noqa: BLE001 - a module may raise anything as it is imported
        reply(Loaded(fault=f"{type(error).__name__}: {error}"))
        return
    reply(Loaded())
    history = HistoryReader()
    for line in lines:
        asked = msgspec.json.decode(
            line, type=Turn | ToolCall, dec_hook=lambda kind, value: kind(value)
        )
        try:
            if isinstance(asked, ToolCall):
                reply(use_tool(researcher, asked))
                continue
            rows = history.read(asked.brief.workspace / HISTORY)
            whole = msgspec.structs.replace(asked.brief, history=rows)
            reply(answer(researcher, msgspec.structs.replace(asked, brief=whole)))
        except Exception as error:  # noqa: BLE001 - a researcher's fault costs one trial, no more
            traceback.print_exc()
            message = f"the researcher raised {type(error).__name__}: {error}"
            if isinstance(asked, ToolCall):
                reply(ToolAnswer(text=message, refused=True))
            else:
                reply(Result(error=Failure(kind="crash", message=message)))
