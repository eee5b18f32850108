"""The evaluator process: holds the lab's labels, starts candidates, answers the loop.

Speaks JSON lines: a Setup and then Orders on standard input, one Answer each on what was
standard output, and before an evaluation's any number that say how far a job is. What the lab's
own code prints goes to standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from leanlab.child import wire
from leanlab.config import Limits
from leanlab.errors import Disturbed, LeanlabError
from leanlab.labkit.scoring import score
from leanlab.labkit.view import Lab
from leanlab.records import Verdict
from leanlab.sandbox import Confinement, Sandbox
from leanlab.sandbox.progress import Progress
from leanlab.sandbox.sandbox import LAYERS


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What an evaluator is for; sent once."""

    folder: str
    home: str
    data: str
    params: dict[str, Any]
    limits: Limits
    imports: tuple[str, ...]
    metric: str
    allow_unsandboxed: bool
    validates: bool
    confined: bool = True
    """False takes every layer away: a control, which allow_unsandboxed must permit."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do. path is the experiment, or the folder that make_data fills."""

    do: Literal["evaluate", "validate", "make_data"]
    path: str
    seed: int = 0


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of the setup or of an order."""

    confinement: Confinement | None = None
    progress: Progress | None = None
    """Of a job: the order's answer is still to come."""
    verdict: Verdict | None = None
    reason: str | None = None
    """Why validate found the experiment invalid; None when it is valid."""
    fatal: str | None = None
    """Nothing can be evaluated, and no experiment is to blame."""


class Rules:
    """The functions of a lab's frozen files, loaded from source: never from a cached .pyc."""

    def __init__(self, setup: Setup) -> None:
        self.folder = Path(setup.folder)
        # Last, so that a file of the lab cannot take the place of a module.
        sys.path.append(setup.folder)
        sys.dont_write_bytecode = True
        self.evaluation = self._load("evaluation")
        self.validation = self._load("validate") if setup.validates else {}

    def _load(self, stem: str) -> dict[str, Any]:
        path = self.folder / f"{stem}.py"
        names: dict[str, Any] = {"__name__": stem, "__file__": str(path)}
        try:
            exec(compile(path.read_bytes(), str(path), "exec"), names)  # noqa: S102
        except (Exception, SystemExit) as error:
            raise LeanlabError(
                f"{path} cannot be loaded: {type(error).__name__}: {error}. Mend it; "
                f"`python {path.name} experiments/sample.py` shows the whole traceback."
            ) from error
        return names


class Host:
    """Answers orders until the loop hangs up."""

    def __init__(
        self, setup: Setup, sandbox: Sandbox, rules: Rules, say: Callable[[Answer], None]
    ) -> None:
        self._setup = setup
        self._say = say
        self._sandbox = sandbox
        self._rules = rules

    def answer(self, order: Order) -> Answer:
        if order.do == "evaluate":
            return Answer(verdict=self._evaluate(order))
        if order.do == "validate":
            return Answer(reason=self._validate(order))
        return self._make_data(order)

    def _view(self, order: Order, data: str | None = None) -> Lab:
        setup = self._setup
        return Lab(
            folder=Path(setup.folder),
            data=Path(data or setup.data),
            params=setup.params,
            seed=order.seed,
        )

    def _evaluate(self, order: Order) -> Verdict:
        return score(
            self._rules.evaluation["evaluate"],
            Path(order.path),
            self._view(order),
            sandbox=self._sandbox,
            limits=self._setup.limits,
            metric=self._setup.metric,
            on_progress=lambda progress: self._say(Answer(progress=progress)),
        )

    def _validate(self, order: Order) -> str | None:
        source = Path(order.path).read_text(encoding="utf-8")
        try:
            reason = self._rules.validation["validate"](source, self._view(order))
        except (RecursionError, MemoryError):
            return "it is nested too deeply to be read."
        return None if reason is None else str(reason)

    def _make_data(self, order: Order) -> Answer:
        try:
            self._rules.evaluation["make_data"](self._view(order, order.path))
        except LeanlabError as error:
            return Answer(fatal=str(error))
        return Answer()


def main() -> None:
    lines, answer = wire()
    setup = msgspec.json.decode(next(lines), type=Setup)
    try:
        # First the confined side, then the lab's files: labels are in no memory that it copies.
        with Sandbox(
            imports=setup.imports,
            hidden=[Path(setup.folder), Path(setup.home)],
            allow_unsandboxed=setup.allow_unsandboxed,
            layers=LAYERS if setup.confined else (),
        ) as sandbox:
            host = Host(setup, sandbox, Rules(setup), answer)
            answer(Answer(confinement=sandbox.confinement))
            for line in lines:
                answer(host.answer(msgspec.json.decode(line, type=Order)))
    except Disturbed as error:
        # No answer: the loop starts another evaluator, with a sandbox that is whole.
        sys.exit(str(error))
    except LeanlabError as error:
        answer(Answer(fatal=str(error)))
