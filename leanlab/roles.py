"""Worker, Critic and Director: a prompt, a backend, a checked reply."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from leanlab.backends import Request
from leanlab.errors import BackendUnavailable
from leanlab.events import Paused, TurnStarted
from leanlab.labkit.researcher import Brief
from leanlab.memory import printable

if TYPE_CHECKING:
    from leanlab.backends import Backend, Failure, Result
    from leanlab.evaluator import Outcome
    from leanlab.events import Role, Sink
    from leanlab.lab import Lab
    from leanlab.memory import Memory
    from leanlab.policy import Advisor, Move
    from leanlab.prompts import Prompts
    from leanlab.workspace import Workspace

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0)
"""Seconds between tries while a provider is at fault; then the run gives up."""
_FINAL = ("auth", "billing", "config")
_MAX_TEXT = 16_000


class WorkerReply(msgspec.Struct, frozen=True, kw_only=True):
    """What a Worker answers. Whether it is valid is for validate.py to say."""

    experiment_file: str | None = None
    valid: bool = True
    notes: str = ""


class NoteReply(msgspec.Struct, frozen=True, kw_only=True):
    """What a Critic or Director answers: the whole new note."""

    text: str


Reply = TypeVar("Reply", WorkerReply, NoteReply)


class Turn(msgspec.Struct, Generic[Reply], frozen=True, kw_only=True):
    """What came of one turn: a reply, or the failure that stands in its place."""

    reply: Reply | None
    failure: Failure | None
    session: str
    cost_usd: float | None
    tokens: int | None
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
        *,
        seed: int,
        emit: Sink,
        researcher: Backend | None = None,
        sleep: Callable[[float], asyncio.Future[None]] = asyncio.sleep,  # type: ignore[assignment]
    ) -> None:
        self._backends = backends
        self._researcher = researcher
        self._lab = lab
        self._workspace = workspace
        self._prompts = prompts
        self._seed = seed
        self._emit = emit
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
        return await self._turn("worker", move, prompt, brief, WorkerReply, session)

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
            director=memory.director,
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
        self._emit(TurnStarted(role=role, trial=brief.trial))
        self._keep(role, brief.trial, prompt)
        start = time.monotonic()
        request = Request(
            role=role, prompt=prompt, cwd=self._workspace.path, brief=brief, session=session
        )
        result = await self._answer(self.backend(role, move), request)
        reply, failure = _checked(result, kind)
        return Turn(
            reply=reply,
            failure=failure,
            session=result.session,
            cost_usd=result.cost_usd,
            tokens=result.tokens,
            seconds=time.monotonic() - start,
            prompt_sha256=hashlib.sha256(prompt.encode()).hexdigest(),
        )

    async def _answer(self, backend: Backend, request: Request) -> Result:
        """Ask until there is an answer or a fault that waiting does not mend."""
        for pause in (*PAUSES, None):
            result = await backend.ask(request)
            error = result.error
            if error is None or not (error.retryable or error.kind in _FINAL):
                return result
            if pause is None or error.kind in _FINAL:
                raise BackendUnavailable(f"backend {backend.name}: {error.message}")
            self._emit(Paused(seconds=pause, reason=error.message))
            await self._sleep(pause)
        raise AssertionError("the last pause is None")

    def _keep(self, role: Role, trial: int, prompt: str) -> None:
        """Keep every prompt for people to read."""
        folder = self._lab.state / "prompts"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{trial:04d}_{role}.md").open("a", encoding="utf-8") as file:
            file.write(prompt)


def _checked(result: Result, kind: type[Reply]) -> tuple[Reply | None, Failure | None]:
    from leanlab.backends import Failure

    if result.error is not None:
        return None, result.error
    try:
        reply = msgspec.convert(result.data, kind)
    except msgspec.ValidationError as error:
        return None, Failure(kind="no_output", message=f"the answer has the wrong form: {error}.")
    texts = {
        name: printable(value)[:_MAX_TEXT]
        for name in ("notes", "text")
        if isinstance(value := getattr(reply, name, None), str)
    }
    return msgspec.structs.replace(reply, **texts), None
