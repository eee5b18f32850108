"""Any command: the request as JSON on its standard input, JSON lines on its standard output."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab import events
from leanlab.backends import Failure, FailureKind, Result
from leanlab.child import minimal_environment
from leanlab.errors import BackendUnavailable, ConfigError
from leanlab.labkit.tool import schema_of
from leanlab.memory import clipped
from leanlab.sandbox import fence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from leanlab.backends import Request
    from leanlab.config import RoleChoice
    from leanlab.lab import Lab

_MAX_LINE = 16 << 20
_LAST_WORDS = 2000
_LAST_WORD = 1.0
"""Seconds for what is still in the pipes when the command has ended."""
_RETRYABLE = ("rate_limit", "overloaded", "server", "network", "timeout")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the command's output. Which fields count hangs on event."""

    event: str
    text: str = ""
    tool: str = ""
    arguments: Any = None
    tokens: int | None = None
    cost_usd: float | None = None
    data: Any = None
    session: str = ""
    kind: FailureKind = "crash"
    message: str = ""
    retry_after: float | None = None


class CommandBackend:
    """Runs the command once a turn, in the workspace, behind a fence, without the user's keys."""

    name = "command"

    def __init__(
        self, lab: Lab, command: Sequence[str], settings: RoleChoice, *, unfenced: bool
    ) -> None:
        self._lab = lab
        self._command = command
        self._settings = settings
        self.model = settings.model or Path(command[0]).name
        self.unfenced = unfenced

    @classmethod
    def of(
        cls, lab: Lab, settings: RoleChoice, argument: str, *, allow_unfenced: bool
    ) -> CommandBackend:
        """Make it for a command line, or for lab.json's own; a fault says what is missing."""
        command = shlex.split(argument) or list(settings.command)
        if not command:
            raise ConfigError(
                "which command? Say --backend 'command:PROGRAM ARGUMENTS', or roles.<role>.command "
                "in lab.json (docs/backends.md)."
            )
        program = shutil.which(command[0], path=_path())
        if program is None:
            raise ConfigError(
                f"backend command: there is no program {command[0]!r}. Install it, or name it by "
                "its path."
            )
        missing = fence.missing()
        if missing and not allow_unfenced:
            raise BackendUnavailable(
                f"backend command: its program cannot be fenced here: {missing}. Or run it as it "
                "is, every record saying so: --allow-unfenced."
            )
        # It runs in the workspace, where the paths of a command line lead nowhere.
        here = [
            str(Path(word).absolute()) if Path(word).is_file() else word for word in command[1:]
        ]
        whole = [str(Path(program).absolute()), *here]
        return cls(lab, whole, settings, unfenced=bool(missing))

    async def ask(self, request: Request) -> Result:
        seconds = self._settings.timeout
        allowed = request.allowance.seconds
        out_of_time = allowed is not None and allowed < seconds
        turn = _Turn(request)
        process = await self._start(request)
        try:
            async with asyncio.timeout(allowed if out_of_time else seconds):
                return await turn.follow(process, self._asked(request))
        except TimeoutError:
            if out_of_time:
                return turn.failed("budget", "the time of the run is used up")
            return turn.failed("timeout", f"the command took over {seconds:g} s")
        finally:
            await _end(process)

    def _asked(self, request: Request) -> bytes:
        asked = {
            "role": request.role,
            "prompt": request.prompt,
            "workspace": str(request.cwd),
            "session": request.session,
            "answer": schema_of(request.answer),
            "model": self._settings.model,
            "effort": self._settings.effort,
            "allowance": request.allowance,
        }
        return msgspec.json.encode(asked) + b"\n"

    async def _start(self, request: Request) -> asyncio.subprocess.Process:
        temporary = request.cwd / ".tmp"
        temporary.mkdir(exist_ok=True)
        named = {key: os.environ[key] for key in self._settings.environment if key in os.environ}
        with self._fence(request, temporary) as put_up:
            try:
                return await asyncio.create_subprocess_exec(
                    *self._command,
                    preexec_fn=put_up,
                    cwd=request.cwd,
                    env=minimal_environment() | {"PATH": _path(), "TMPDIR": str(temporary)} | named,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    limit=_MAX_LINE,
                    start_new_session=True,
                )
            except OSError as error:
                where = " behind the fence" if put_up else ""
                raise BackendUnavailable(
                    f"backend command: {self._command[0]} cannot be started{where}: "
                    f"{error.strerror}"
                ) from error

    def _fence(
        self, request: Request, temporary: Path
    ) -> AbstractContextManager[Callable[[], None] | None]:
        if self.unfenced:
            return contextlib.nullcontext()
        own = [Path(word) for word in self._command if Path(word).is_file()]
        writable = [temporary, *_paths(self._settings.writable)]
        if request.role == "worker":
            writable.append(request.cwd / "experiments")
        return fence.around(
            readable=[request.cwd, *own, *_paths(self._settings.readable), *writable],
            writable=writable,
            hidden=[self._lab.folder, self._lab.home],
        ).prepared()

    async def close(self) -> None:
        """Every command has ended by now."""


class _Turn:
    """What a command has said so far."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._words: list[str] = []
        self._usd: float | None = None
        self._tokens: int | None = None
        self._end: Line | None = None
        self._over: Line | None = None
        """How it ends, for its budget is used up, unless its answer comes at once."""
        self._complaint = b""

    async def follow(self, process: asyncio.subprocess.Process, asked: bytes) -> Result:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        with contextlib.suppress(ConnectionError):
            process.stdin.write(asked)
            await process.stdin.drain()
        process.stdin.close()
        exited = asyncio.create_task(_exit(process))
        reading = asyncio.create_task(self._read(process.stdout))
        complaining = asyncio.create_task(self._listen(process.stderr))
        tasks = (exited, reading, complaining)
        try:
            await asyncio.wait({exited, reading}, return_when=asyncio.FIRST_COMPLETED)
            if self._end is None:
                # Something that it started may hold the pipes open, and outlive it.
                await asyncio.wait(tasks, timeout=_LAST_WORD)
            return self._result(process.returncode)
        finally:
            for task in tasks:
                task.cancel()

    async def _read(self, output: asyncio.StreamReader) -> None:
        """Take lines up to the one that ends the turn."""
        try:
            while raw := await self._next_line(output):
                self._take(raw)
                if self._end is not None:
                    return
        except ValueError:
            text = "the command wrote a line without end"
            self._end = Line(event="failure", kind="no_output", message=text)

    async def _next_line(self, output: asyncio.StreamReader) -> bytes:
        """Return the next line, nothing at the end; with the budget used up, none that is late."""
        if self._over is None:
            return await output.readline()
        try:
            return await asyncio.wait_for(output.readline(), _LAST_WORD)
        except TimeoutError:
            self._end = self._over
            return b""

    async def _listen(self, errors: asyncio.StreamReader) -> None:
        while chunk := await errors.read(1 << 16):
            self._complaint = (self._complaint + chunk)[-_LAST_WORDS:]

    def failed(self, kind: FailureKind, message: str, retry_after: float | None = None) -> Result:
        failure = Failure(
            kind=kind, message=message, retryable=kind in _RETRYABLE, retry_after=retry_after
        )
        return Result(cost_usd=self._usd, tokens=self._tokens, error=failure)

    def _take(self, raw: bytes) -> None:
        """Read one line; what is no event of ours is text of the agent's."""
        text = raw.decode("utf-8", "replace")
        try:
            line = msgspec.json.decode(raw, type=Line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            line = Line(event="text", text=text)
        role, trial = self._request.role, self._request.brief.trial
        emit = self._request.emit
        if line.event in ("result", "failure"):
            self._end = line
        elif self._over is not None and line.event != "used":
            self._end = self._over
        elif line.event == "tool":
            shown = clipped(msgspec.json.encode(line.arguments).decode())[:500]
            emit(events.ToolCalled(role=role, trial=trial, tool=line.tool, arguments=shown))
        elif line.event == "used":
            self._tokens = (self._tokens or 0) + (line.tokens or 0)
            if line.cost_usd is not None:
                self._usd = (self._usd or 0.0) + line.cost_usd
            used = events.Used(role=role, trial=trial, tokens=line.tokens, cost_usd=line.cost_usd)
            emit(used)
            if over := self._request.allowance.exceeded(self._usd, self._tokens):
                # What it has found out is paid for: it may still answer, and nothing else.
                self._over = Line(event="failure", kind="budget", message=f"{over}.")
        else:
            self._words.append(line.text or text)
            emit(events.Said(role=role, trial=trial, text=line.text or text))

    def _result(self, code: int | None) -> Result:
        end = self._end or self._over
        if end is not None and end.event == "failure":
            return self.failed(end.kind, end.message or "it says no more", end.retry_after)
        if end is None and code != 0:
            words = clipped(self._complaint.decode("utf-8", "replace")).strip()
            ended = "did not end" if code is None else f"ended with status {code}"
            return self.failed("crash", f"the command {ended}{words and f': {words}'}")
        end = end or Line(event="result")
        return Result(
            data=end.data,
            text=end.text or "".join(self._words),
            session=end.session,
            cost_usd=self._usd if end.cost_usd is None else end.cost_usd,
            tokens=self._tokens if end.tokens is None else end.tokens,
        )


def _path() -> str:
    """Where programs are looked for: `python` is the Python of leanlab."""
    return f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"


def _paths(named: Sequence[str]) -> list[Path]:
    return [Path(path).expanduser().absolute() for path in named]


async def _exit(process: asyncio.subprocess.Process) -> None:
    """Wait for the process alone: wait() would wait for its pipes too, whoever holds them."""
    while process.returncode is None:
        await asyncio.sleep(0.02)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the command, if it lives, and all that it started in its session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process._transport.close()  # type: ignore[attr-defined]
    await process.wait()
