"""What a role may do in its workspace: one set of tools for every backend, and no shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leanlab.tools.checking import validate_tool
from leanlab.tools.family import FamilyTools
from leanlab.tools.files import edit_tool, read_tool, search_tool, write_tool
from leanlab.tools.packages import PackageRequests
from leanlab.tools.snippets import Snippets

if TYPE_CHECKING:
    from pathlib import Path

    from leanlab.evaluator import Evaluator
    from leanlab.events import Role, Sink
    from leanlab.lab import Lab
    from leanlab.labkit.tool import Tool


class Toolbox:
    """The tools of one run. Leaving it ends what they started.

    lent names those that the lab's researcher is to lend. may_install is false where packages
    that lab.json lists are only to be used if they are here.
    """

    def __init__(
        self,
        lab: Lab,
        workspace: Path,
        evaluator: Evaluator,
        emit: Sink,
        *,
        lent: tuple[str, ...],
        may_install: bool = True,
        allow_unsandboxed: bool = False,
    ) -> None:
        self._lab = lab
        self._workspace = workspace
        self._evaluator = evaluator
        self._snippets = Snippets(
            lab, workspace, evaluator.imports, allow_unsandboxed=allow_unsandboxed
        )
        self._packages = PackageRequests(
            lab, evaluator, self._snippets, emit, may_install=may_install
        )
        self._family = FamilyTools(lab, workspace, lent)

    def of(self, role: Role, trial: int) -> tuple[Tool, ...]:
        """A Worker's tools, or those of a role that only looks and answers."""
        reading = (read_tool(self._workspace), search_tool(self._workspace))
        if role != "worker":
            return (*reading, self._snippets.tool)
        return (
            *reading,
            write_tool(self._workspace),
            edit_tool(self._workspace),
            validate_tool(self._workspace, self._lab, self._evaluator),
            self._snippets.tool,
            self._packages.tool(trial),
            *self._family.tools,
        )

    async def __aenter__(self) -> Toolbox:
        try:
            await self._family.open()
        except BaseException:
            await self._family.close()
            raise
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._family.close()
        await self._snippets.close()
