"""run_python: a snippet of a role's, confined as a candidate is, with the workspace's files."""

from __future__ import annotations

import asyncio
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from leanlab.child import Child, ChildDied, minimal_environment
from leanlab.labkit.tool import Tool, ToolRefused
from leanlab.tools import inside
from leanlab.tools.snippet_host import Ran, Setup, Snippet

if TYPE_CHECKING:
    from pathlib import Path

    from leanlab.lab import Lab

_START_SECONDS = 60.0
_ALL_FILES = 32 << 20


class _Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: Annotated[str, Meta(description="Python. Print what you want to see.")]


class Snippets:
    """Runs snippets in a process of its own, which has never held anything hidden.

    It is started by the first snippet.
    """

    def __init__(
        self, lab: Lab, workspace: Path, imports: tuple[str, ...], *, allow_unsandboxed: bool
    ) -> None:
        config = lab.config
        self._workspace = workspace
        # The supervisor keeps the limits; this is for a helper that hangs itself.
        self._patience = 2 * config.limits.seconds + 2.0
        self._setup = Setup(
            hidden=(str(lab.folder), str(lab.home)),
            imports=imports,
            limits=config.limits,
            allow_unsandboxed=allow_unsandboxed,
        )
        self._child = Child(
            "leanlab.tools.snippet_host", environment=minimal_environment(), log=None
        )

    @property
    def tool(self) -> Tool:
        modules = ", ".join(self._setup.imports)
        return Tool(
            name="run_python",
            description=(
                "Run a Python snippet in a process of its own and see what it prints. It can "
                "open() the files of your folder, to read them, and import the standard library"
                + (f" and {modules}" if modules else "")
                + ". No network, no writing; nothing is kept between snippets."
            ),
            arguments=_Run,
            run=self._run,
        )

    async def _run(self, asked: _Run) -> str:
        snippet = Snippet(code=asked.code, files=self._files())
        try:
            if not self._child.is_alive:
                await self._start()
            ran = msgspec.json.decode(await self._child.ask(snippet, self._patience), type=Ran)
        except (ChildDied, TimeoutError) as error:
            raise ToolRefused(f"the snippet was ended: {error or 'it took too long'}.") from error
        if ran.fault:
            raise ToolRefused(f"run_python is not to be had here: {ran.fault}")
        return ran.output or "(it printed nothing)"

    async def _start(self) -> None:
        await self._child.start()
        ready = await self._child.ask(self._setup, _START_SECONDS)
        fault = msgspec.json.decode(ready, type=Ran).fault
        if fault:
            await self._child.kill()
            raise ToolRefused(f"run_python is not to be had here: {fault}")

    async def renew(self, imports: tuple[str, ...]) -> None:
        """Have snippets import these from now on."""
        self._setup = msgspec.structs.replace(self._setup, imports=imports)
        await self._child.hang_up()

    def _files(self) -> dict[str, str]:
        """The text of the workspace, up to a size that a snippet's memory can take."""
        found: dict[str, str] = {}
        left = _ALL_FILES
        for path in inside.files(self._workspace, PurePosixPath()):
            try:
                text = inside.text(self._workspace, path)
            except ToolRefused:
                continue
            left -= len(text)
            if left < 0:
                break
            found[str(path)] = text
        return found

    async def close(self) -> None:
        await asyncio.shield(self._child.hang_up())
