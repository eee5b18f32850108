"""No key, no network: a researcher in a child process, fed the same facts as a model's prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab.backends import Failure, Result
from leanlab.backends.researcher_host import Loaded, Setup, ToolCall, Turn
from leanlab.child import Child, ChildDied, minimal_environment
from leanlab.errors import BackendUnavailable

if TYPE_CHECKING:
    from leanlab.backends import Request
    from leanlab.lab import Lab

GENERAL_RESEARCHER = "leanlab.tuning:LiteralTuner"
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class ResearcherProcess:
    """The lab's researcher, or the general one, in a process that is started at need."""

    def __init__(self, lab: Lab) -> None:
        self.named = lab.config.researcher or GENERAL_RESEARCHER
        own = self.named.partition(":")[0] == "researcher"
        source = str(lab.folder / "researcher.py") if own else ""
        self._setup = Setup(researcher=self.named, source=source)
        environment = minimal_environment() | _ONE_THREAD
        self._child = Child("leanlab.backends.researcher_host", environment=environment, log=None)

    async def ask(self, asked: Turn | ToolCall, seconds: float | None = None) -> bytes:
        """Return its answer's line; raises ChildDied, and TimeoutError after so many seconds."""
        if not self._child.is_alive:
            await self._start()
        return await self._child.ask(asked, seconds)

    async def _start(self) -> None:
        await self._child.start()
        loaded = msgspec.json.decode(await self._child.ask(self._setup), type=Loaded)
        if loaded.fault:
            await self._child.kill()
            raise BackendUnavailable(
                f"lab.json names the researcher {self.named!r}, which cannot be loaded: "
                f"{loaded.fault}. It is module:Class."
            )

    async def kill(self) -> None:
        await self._child.kill()


class OfflineBackend:
    """Asks the lab's researcher, or the general one. It is told of the workspace, not the lab."""

    name = "offline"
    unfenced = False

    def __init__(self, lab: Lab) -> None:
        self._process = ResearcherProcess(lab)
        self.model = self._process.named

    async def ask(self, request: Request) -> Result:
        turn = Turn(role=request.role, brief=request.brief)
        try:
            try:
                line = await self._process.ask(turn)
            except ChildDied:
                # Somebody may have ended it from outside. A proposal hangs on the brief alone, so
                # a fresh process answers alike; a researcher that ends itself does so again.
                line = await self._process.ask(turn)
        except ChildDied as died:
            text = f"the researcher {self.model} ended: {died}.\n{died.last_words[-2000:]}".strip()
            return Result(error=Failure(kind="crash", message=text))
        return msgspec.json.decode(line, type=Result)

    async def close(self) -> None:
        await self._process.kill()
