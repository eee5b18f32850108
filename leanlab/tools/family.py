"""Tools that a lab's researcher offers to models, run in the researcher's own process."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.backends.offline import ResearcherProcess
from leanlab.backends.researcher_host import ToolAnswer, ToolCall
from leanlab.child import ChildDied
from leanlab.errors import ConfigError
from leanlab.labkit.tool import Tool, ToolRefused

if TYPE_CHECKING:
    from pathlib import Path

    from leanlab.backends.researcher_host import Offer
    from leanlab.lab import Lab

_SECONDS = 300.0


class FamilyTools:
    """The tools of these names. The process is started only where there are some."""

    def __init__(self, lab: Lab, workspace: Path, names: tuple[str, ...]) -> None:
        self._names = names
        self._workspace = workspace
        self._process = ResearcherProcess(lab)
        self.tools: tuple[Tool, ...] = ()

    async def open(self) -> None:
        """Ask the researcher what it offers; a ConfigError names what it does not."""
        if not self._names:
            return
        offers = {offer.name: offer for offer in (await self._ask("", b"{}")).offers}
        for name in self._names:
            if name not in offers:
                raise ConfigError(
                    f"tools in lab.json names {name!r}, which {self._process.named} does not "
                    f"offer. It offers: {', '.join(offers) or 'none'}."
                )
        self.tools = tuple(self._tool(offers[name]) for name in self._names)

    def _tool(self, offer: Offer) -> Tool:
        return Tool(
            name=offer.name,
            description=offer.description,
            arguments=dict,
            run=partial(self._run, offer.name),
            form=offer.form,
        )

    async def _run(self, name: str, arguments: dict[str, Any]) -> str:
        try:
            answer = await self._ask(name, msgspec.json.encode(arguments))
        except (ChildDied, TimeoutError) as error:
            raise ToolRefused(f"{name} was ended: {error or 'it took too long'}.") from error
        if answer.refused:
            raise ToolRefused(answer.text)
        return answer.text

    async def _ask(self, name: str, arguments: bytes) -> ToolAnswer:
        asked = ToolCall(workspace=self._workspace, name=name, arguments=msgspec.Raw(arguments))
        return msgspec.json.decode(await self._process.ask(asked, _SECONDS), type=ToolAnswer)

    async def close(self) -> None:
        await self._process.kill()
