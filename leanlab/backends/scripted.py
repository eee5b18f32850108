"""Answers written down beforehand, for tests and for trying a lab without a model."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.backends import Failure, Result
from leanlab.errors import ConfigError
from leanlab.events import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.backends import Request


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer. A Worker's writes code to file first; a Critic's or Director's is its text."""

    role: Role = "worker"
    code: str | None = None
    file: str = "experiments/scripted.py"
    data: Any = None
    """The answer itself, where it is to differ from the one that file and notes make."""
    notes: str = ""
    text: str = "Nothing to add."
    cost_usd: float | None = 0.0
    tokens: int | None = 0
    failure: Failure | None = None
    """In place of the answer, once the code is written."""


class ScriptedBackend:
    """Plays each role's steps in order and repeats the last one of them for ever.

    A step is a Step, or a string: a Worker's code.
    """

    name = "scripted"
    model = ""
    unfenced = False

    def __init__(self, steps: Sequence[Step | str]) -> None:
        self._steps: dict[str, deque[Step]] = {}
        for step in steps:
            whole = Step(code=step) if isinstance(step, str) else step
            self._steps.setdefault(whole.role, deque()).append(whole)
        self.requests: list[Request] = []
        """Everything that was asked, for tests to read."""

    @classmethod
    def from_file(cls, path: str) -> ScriptedBackend:
        """Read a JSON list of steps."""
        if not path:
            raise ConfigError("name the script: --backend scripted:steps.json (docs/backends.md)")
        try:
            return cls(msgspec.json.decode(Path(path).read_bytes(), type=list[Step | str]))
        except OSError as error:
            raise ConfigError(f"the script {path} cannot be read: {error.strerror}.") from error
        except msgspec.DecodeError as error:
            raise ConfigError(f"the script {path} is no list of steps: {error}.") from error

    async def ask(self, request: Request) -> Result:
        self.requests.append(request)
        step = self._next(request.role)
        answer = _answer(step, request)
        return Result(
            data=answer if step.failure is None else None,
            session=request.session or f"scripted-{len(self.requests)}",
            cost_usd=step.cost_usd,
            tokens=step.tokens,
            error=step.failure,
        )

    def _next(self, role: str) -> Step:
        steps = self._steps.get(role)
        if not steps:
            return Step(role="critic") if role != "worker" else Step(data={"valid": False})
        return steps.popleft() if len(steps) > 1 else steps[0]

    async def close(self) -> None:
        """Nothing was started."""


def _answer(step: Step, request: Request) -> Any:
    if request.role != "worker":
        return step.data if step.data is not None else {"text": step.text}
    if step.code is not None:
        target = request.cwd / step.file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(step.code, encoding="utf-8")
    if step.data is not None:
        return step.data
    return {"experiment_file": step.file, "valid": True, "notes": step.notes}
