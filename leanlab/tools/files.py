"""read, search, write and edit, inside the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from leanlab.labkit.tool import Tool, ToolRefused
from leanlab.tools import inside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LINES = 2000
_MATCHES = 200
_WIDTH = 400

File = Annotated[str, Meta(description="Path inside your folder, such as task.md.")]
Experiment = Annotated[str, Meta(description="experiments/<two_or_three_words>.py")]


class _Read(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file: File
    first_line: Annotated[int, Meta(ge=1, description="Where to start, from 1.")] = 1
    lines: Annotated[int, Meta(ge=1, le=_LINES, description="How many lines at most.")] = _LINES


class _Search(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: Annotated[
        str, Meta(description="What to look for, literally, in any case; empty lists the files.")
    ] = ""
    path: Annotated[str, Meta(description="A file or folder to look in; empty is all.")] = ""


class _Write(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file: Experiment
    content: Annotated[str, Meta(description="The whole file.")]


class _Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file: Experiment
    old: Annotated[str, Meta(min_length=1, description="Text that is in the file exactly once.")]
    new: Annotated[str, Meta(description="What takes its place.")]


def read_tool(workspace: Path) -> Tool:
    async def run(asked: _Read) -> str:
        text = inside.text(workspace, inside.relative(workspace, asked.file))
        lines = text.splitlines(keepends=True)
        start = asked.first_line - 1
        shown = "".join(lines[start : start + asked.lines])
        left = len(lines) - start - asked.lines
        return f"{shown}\n[{left:,} more lines]" if left > 0 else shown or "(nothing)"

    return Tool(
        name="read",
        description="Read a text file of your folder.",
        arguments=_Read,
        run=run,
    )


def search_tool(workspace: Path) -> Tool:
    async def run(asked: _Search) -> str:
        found = list(_matches(workspace, asked))
        if not found:
            return f"nothing has {asked.text!r} in it." if asked.text else "there is no such file."
        more = len(found) > _MATCHES
        return "\n".join(found[:_MATCHES]) + ("\n[and more: narrow the search]" if more else "")

    return Tool(
        name="search",
        description="List the files of your folder, or the lines in them that hold a text.",
        arguments=_Search,
        run=run,
    )


def _matches(workspace: Path, asked: _Search) -> Iterator[str]:
    """Yield at most one more than is shown."""
    wanted = asked.text.casefold()
    count = 0
    for path in inside.files(workspace, inside.relative(workspace, asked.path)):
        if not wanted:
            count += 1
            yield str(path)
        else:
            try:
                lines = inside.text(workspace, path).splitlines()
            except ToolRefused:
                continue
            for number, line in enumerate(lines, start=1):
                if wanted in line.casefold():
                    count += 1
                    yield f"{path}:{number}: {line[:_WIDTH]}"
                    if count > _MATCHES:
                        return
        if count > _MATCHES:
            return


def write_tool(workspace: Path) -> Tool:
    async def run(asked: _Write) -> str:
        path = inside.relative(workspace, asked.file)
        inside.write(workspace, path, asked.content)
        return f"{path} has {len(asked.content.splitlines()):,} lines."

    return Tool(
        name="write",
        description="Write a file in experiments/, whole.",
        arguments=_Write,
        run=run,
    )


def edit_tool(workspace: Path) -> Tool:
    async def run(asked: _Edit) -> str:
        path = inside.relative(workspace, asked.file)
        text = inside.text(workspace, path)
        count = text.count(asked.old)
        if count != 1:
            raise ToolRefused(f"the text is in {path} {count} times. Give one that is there once.")
        inside.write(workspace, path, text.replace(asked.old, asked.new))
        return f"{path} is changed."

    return Tool(
        name="edit",
        description="Replace one piece of a file in experiments/.",
        arguments=_Edit,
        run=run,
    )
