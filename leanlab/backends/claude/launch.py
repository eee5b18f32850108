"""How Claude is started: the SDK has a name for it, the loop its program and its fence."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leanlab.errors import BackendUnavailable
from leanlab.sandbox import fence

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from leanlab.backends.claude.login import Login
    from leanlab.lab import Lab
    from leanlab.sandbox.fence import Fence

PRIVATE = (Path("/proc"), Path("/sys"), Path("/dev"), Path("/etc"))
"""What no tool of Claude's reads, though its program may have to."""
_NOWHERE = "/dev/null/only-behind-the-fence"
"""A file in what is no folder: nobody can put a program there."""
_OF_ASYNCIO = asyncio.BaseEventLoop.subprocess_exec


def program() -> Path | None:
    """Where the Claude program is: with the SDK, or on the user's path."""
    import claude_agent_sdk

    bundled = Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"
    if bundled.is_file():
        return bundled
    found = shutil.which("claude")
    return Path(found) if found else None


def fenced(
    claude: Path, lab: Lab, workspace: Path, folder: Path, login: Login, *, writing: bool
) -> Fence:
    """Claude's fence: it reads the workspace, and writes experiments/ and its folder."""
    writable = [folder, *login.paths]
    if writing:
        writable.append(workspace / "experiments")
    return fence.around(
        readable=[workspace, claude, claude.resolve(), *writable[1:]],
        writable=writable,
        hidden=[lab.folder, lab.home],
    )


class Launcher:
    """Starts the program of one turn. What the SDK is told to start is a name that nothing has.

    Only a loop under `routed` knows which program that is; however else the SDK may start
    it, now or in a later version, nothing runs.
    """

    def __init__(self, claude: Path, around: Fence | None) -> None:
        self.name = f"{_NOWHERE}/{uuid.uuid4()}"
        self._claude = claude
        self._fence = around
        self._put_up: Callable[[], None] | None = None
        self._process: asyncio.SubprocessTransport | None = None

    @contextlib.contextmanager
    def routed(self) -> Iterator[None]:
        """Have the running loop start the program behind its fence where it is asked for the name.

        Raises BackendUnavailable where that cannot be had, and at the end when it was not asked.
        """
        prepared = self._fence.prepared() if self._fence else contextlib.nullcontext()
        with prepared as self._put_up, _route(self.name, self._start):
            yield
        if self._process is None:
            raise BackendUnavailable(
                "backend claude: this claude-agent-sdk starts Claude by a way of its own, on which "
                "it cannot be fenced. Install the version that leanlab was tested with."
            )

    async def _start(
        self, exec_: Callable[..., Awaitable[Any]], protocol: Any, *arguments: Any, **options: Any
    ) -> Any:
        claude = str(self._claude)
        try:
            started = await exec_(protocol, claude, *arguments, preexec_fn=self._put_up, **options)
        except OSError as error:
            where = " behind the fence" if self._put_up else ""
            why = f"Claude's program {claude} cannot be started{where}: {error.strerror}"
            raise OSError(why) from error
        self._process = started[0]
        return started

    def kill(self) -> None:
        """End the process at once, if it lives: the SDK would wait for a goodbye."""
        if self._process is not None and self._process.get_returncode() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.get_pid(), signal.SIGKILL)


class _Routes:
    """Stands in for a loop's subprocess_exec while there are names that it must know."""

    def __init__(self, given: Callable[..., Awaitable[Any]]) -> None:
        self.starts: dict[object, Callable[..., Awaitable[Any]]] = {}
        self._given = given

    async def __call__(self, protocol: Any, program: Any, *arguments: Any, **options: Any) -> Any:
        if start := self.starts.get(program):
            return await start(self._given, protocol, *arguments, **options)
        return await self._given(protocol, program, *arguments, **options)


@contextlib.contextmanager
def _route(name: str, start: Callable[..., Awaitable[Any]]) -> Iterator[None]:
    """Have the running loop call start where it is asked to execute name.

    Turns at the same time share one _Routes, which is gone with the last of them.
    """
    loop: Any = asyncio.get_running_loop()
    routes = vars(loop).get("subprocess_exec")
    if not isinstance(routes, _Routes):
        if getattr(loop.subprocess_exec, "__func__", None) is not _OF_ASYNCIO:
            kind = f"{type(loop).__module__}.{type(loop).__qualname__}"
            raise BackendUnavailable(
                f"backend claude: its program is fenced by asyncio's own event loop, and this is "
                f"a {kind}. Call leanlab from asyncio.run(), or from no loop at all."
            )
        routes = loop.subprocess_exec = _Routes(loop.subprocess_exec)
    routes.starts[name] = start
    try:
        yield
    finally:
        del routes.starts[name]
        if not routes.starts:
            del loop.subprocess_exec
