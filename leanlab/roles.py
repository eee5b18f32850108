"""Worker, Critic and Director: a prompt, a backend, a checked reply."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from leanlab import events
from leanlab.backends import Failure, Request, Result
from leanlab.backends.answers import WrongForm, read
from leanlab.errors import BackendUnavailable
from leanlab.labkit.researcher import Brief
from leanlab.memory import printable

if TYPE_CHECKING:
    from leanlab.backends import Backend
    from leanlab.evaluator import Outcome
    from leanlab.events import Role, Sink
    from leanlab.lab import Lab
    from leanlab.labkit.tool import Tool
    from leanlab.memory import Memory
    from leanlab.policy import Advisor, Move
    from leanlab.prompts import Prompts
    from leanlab.spending import Spending
    from leanlab.workspace import Workspace

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0)
"""Seconds between tries while a provider is at fault; then the run gives up."""
LONGEST_PAUSE = 3600.0
"""Seconds; a provider that asks for more is asked again after so many."""
_FINAL = ("auth", "billing", "config")
_MAX_TEXT = 16_000


class WorkerReply(msgspec.Struct, frozen=True, kw_only=True):
    """What a Worker answers. Whether it is valid is for validate.py to say."""

    experiment_file: str | None = None
    valid: bool = True
    notes: str = ""


class CodeReply(msgspec.Struct, frozen=True, kw_only=True):
    """What a Worker without tools answers, where lab.json says "propose": "code"."""

    code: str
    """The whole experiment."""
    notes: str = ""


class NoteReply(msgspec.Struct, frozen=True, kw_only=True):
    """What a Critic or Director answers: the whole new note."""

    text: str


Reply = TypeVar("Reply", WorkerReply, NoteReply)
Toolkit = Callable[["Role", int], "tuple[Tool, ...]"]
"""The tools of a role in a trial."""


class Turn(msgspec.Struct, Generic[Reply], frozen=True, kw_only=True):
    """What came of one turn: a reply, or the failure that stands in its place.

    Both where a Worker was cut off that had written its experiment.
    """

    reply: Reply | None
    failure: Failure | None
    session: str
    seconds: float
    prompt_sha256: str


class Roles:
    """The three roles in one workspace."""

    def __init__(
        self,
        lab: Lab,
        backends: dict[Role, Backend],
        workspace: Workspace,
        prompts: Prompts,
        spending: Spending,
        *,
        seed: int,
        emit: Sink,
        toolkit: Toolkit,
        researcher: Backend | None = None,
        sleep: Callable[[float], asyncio.Future[None]] = asyncio.sleep,  # type: ignore[assignment]
    ) -> None:
        self._backends = backends
        self._researcher = researcher
        self._lab = lab
        self._workspace = workspace
        self._prompts = prompts
        self._spending = spending
        self._seed = seed
        self._emit = emit
        self._toolkit = toolkit
        self._by_code = lab.config.propose == "code"
        self._sleep = sleep

    def backend(self, role: Role, move: Move) -> Backend:
        """What answers for the role: the offline researcher where the move asks for it."""
        return self._researcher if move.offline and self._researcher else self._backends[role]

    async def propose(self, trial: int, move: Move, memory: Memory) -> Turn[WorkerReply]:
        """Let the Worker write one experiment in a fresh workspace."""
        self._lay(memory, move)
        prompt = self._prompts.turn("worker", memory, move, trial=trial)
        brief = self._brief(trial, move, memory)
        return await self._turn("worker", move, prompt, brief, WorkerReply)

    async def fix(
        self, trial: int, move: Move, memory: Memory, *, outcome: Outcome, left: int, session: str
    ) -> Turn[WorkerReply]:
        """Send the evaluation's message back to the same session."""
        prompt = self._prompts.fix(outcome.status, outcome.message, left)
        brief = msgspec.structs.replace(self._brief(trial, move, memory), message=outcome.message)
        turn = await self._turn("worker", move, prompt, brief, WorkerReply, session)
        if turn.failure is None or turn.failure.kind != "session_lost":
            return turn
        # Whoever answers now has read nothing of it yet.
        whole = self._prompts.turn("worker", memory, move, trial=trial)
        return await self._turn("worker", move, f"{whole}\n{prompt}", brief, WorkerReply)

    async def advise(
        self, role: Advisor, trial: int, move: Move, memory: Memory
    ) -> Turn[NoteReply]:
        """Let the Critic or the Director rewrite its note."""
        self._lay(memory, move)
        prompt = self._prompts.turn(role, memory, move, trial=trial)
        return await self._turn(role, move, prompt, self._brief(trial, move, memory), NoteReply)

    def _lay(self, memory: Memory, move: Move) -> None:
        files = self._prompts.public_files()
        for row in memory.best + memory.failures:
            source = self._lab.experiments / (row.experiment or "")
            if row.experiment and source.is_file():
                files[f"memory/{row.experiment}"] = source.read_bytes()
        self._workspace.lay(files, history=move.memory)

    def _brief(self, trial: int, move: Move, memory: Memory) -> Brief:
        objective = self._lab.config.objective
        return Brief(
            workspace=self._workspace.path,
            trial=trial,
            seed=self._seed,
            metric=objective.metric,
            direction=objective.direction,
            target=objective.target,
            params=self._lab.public_params,
            memory=move.memory,
            move=move.kind,
            parents=move.parents,
            critic=memory.critic,
            # A researcher follows these lines wherever they come from, and the last the most.
            director="\n".join([memory.director, *memory.people]).strip("\n"),
        )

    async def _turn(
        self,
        role: Role,
        move: Move,
        prompt: str,
        brief: Brief,
        kind: type[Reply],
        session: str = "",
    ) -> Turn[Reply]:
        self._emit(events.TurnStarted(role=role, trial=brief.trial))
        self._keep(role, brief.trial, prompt)
        start = time.monotonic()
        by_code = kind is WorkerReply and self._by_code
        request = Request(
            role=role,
            prompt=prompt,
            cwd=self._workspace.path,
            brief=brief,
            session=session,
            answer=CodeReply if by_code else kind,
            tools=() if by_code else self._toolkit(role, brief.trial),
        )
        result = await self._answer(self.backend(role, move), request)
        reply, failure = self._checked(result, kind)
        return Turn(
            reply=reply,
            failure=failure,
            session=result.session,
            seconds=time.monotonic() - start,
            prompt_sha256=hashlib.sha256(prompt.encode()).hexdigest(),
        )

    async def _answer(self, backend: Backend, request: Request) -> Result:
        """Ask until there is an answer or a fault that waiting does not mend."""
        for pause in (*PAUSES, None):
            if over := self._spending.run_over():
                return Result(error=Failure(kind="budget", message=f"{over}."))
            result = await self._ask(backend, request)
            error = result.error
            if error is None or not (error.retryable or error.kind in _FINAL):
                return result
            if pause is None or error.kind in _FINAL:
                raise BackendUnavailable(f"backend {backend.name}: {error.message}")
            await self._pause(pause, error)
            # What was said before the fault need not be said again.
            request = msgspec.structs.replace(request, session=result.session or request.session)
        raise AssertionError("the last pause is None")

    async def _ask(self, backend: Backend, request: Request) -> Result:
        """Ask once. What it costs is noted as it is told, and the rest at the end."""
        told: list[events.Used] = []

        def emit(event: events.AnyEvent) -> None:
            if isinstance(event, events.Used):
                told.append(event)
                self._spending.use(event.cost_usd, event.tokens)
            self._emit(event)

        allowance = self._spending.allowance()
        request = msgspec.structs.replace(request, allowance=allowance, emit=emit)
        result = await backend.ask(request)
        usd = sum(event.cost_usd or 0.0 for event in told)
        tokens = sum(event.tokens or 0 for event in told)
        self._spending.use(
            None if result.cost_usd is None else max(0.0, result.cost_usd - usd),
            None if result.tokens is None else max(0, result.tokens - tokens),
        )
        return result

    async def _pause(self, seconds: float, error: Failure) -> None:
        """Wait as long as the provider asks for, but not beyond the time of the run."""
        seconds = max(seconds, min(error.retry_after or 0.0, LONGEST_PAUSE))
        left = self._spending.allowance().seconds
        seconds = seconds if left is None else min(seconds, left)
        self._emit(events.Paused(seconds=seconds, reason=error.message, kind=error.kind))
        await self._sleep(seconds)

    def _keep(self, role: Role, trial: int, prompt: str) -> None:
        """Keep every prompt for people to read."""
        folder = self._lab.state / "prompts"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{trial:04d}_{role}.md").open("a", encoding="utf-8") as file:
            file.write(prompt)

    def _checked(self, result: Result, kind: type[Reply]) -> tuple[Reply | None, Failure | None]:
        if result.error is not None:
            return None, result.error
        try:
            reply = self._read(result, kind)
        except WrongForm as error:
            return None, Failure(kind="no_output", message=str(error))
        texts = {
            name: printable(value)[:_MAX_TEXT]
            for name in ("notes", "text")
            if isinstance(value := getattr(reply, name, None), str)
        }
        return msgspec.structs.replace(reply, **texts), None

    def _read(self, result: Result, kind: type[Reply]) -> Reply:
        """Read the answer; code becomes a file. Offline and scripted have written one already."""
        if kind is WorkerReply and self._by_code:
            try:
                proposed = read(result.data, result.text, CodeReply)
            except WrongForm:
                return read(result.data, result.text, kind)
            name = self._workspace.write(proposed.code)
            return read({"experiment_file": name, "notes": proposed.notes}, "", kind)
        return read(result.data, result.text, kind)
