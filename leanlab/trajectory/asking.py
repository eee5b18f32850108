"""One question to a solver, as data: it can be put to another process."""

from __future__ import annotations

import msgspec

from leanlab.labkit import ConfigError
from leanlab.trajectory.exact import Exact
from leanlab.trajectory.interchange import decode
from leanlab.trajectory.library import FunctionLibrary
from leanlab.trajectory.search import Answer, Budget, Task
from leanlab.trajectory.solvers import solver


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A task, the budget, and who is asked."""

    input: str
    """As interchange.encode writes it, like the output."""
    output: str
    budget: Budget
    solver: str = "exact"
    seed: int = 0
    every: bool = False
    """Whether all shortest trajectories are wanted."""


class _Reply(msgspec.Struct, frozen=True):
    answer: Answer | None
    error: str = ""


def answered(question: Question, library: FunctionLibrary) -> Answer:
    """Ask the solver. Raises ConfigError where the question makes no sense."""
    task = Task(
        input=decode(question.input, where="the input"),
        output=decode(question.output, where="the output"),
    )
    if not question.every:
        chosen = solver(question.solver, library, seed=question.seed)
        return chosen.solve(task, question.budget)
    if question.solver != "exact":
        raise ConfigError(f"--all: {question.solver} finds one trajectory; use --solver exact.")
    return Exact(library).solve_all(task, question.budget)


def reply(asked: tuple[str, str, str]) -> str:
    """Answer a question, a library and its name as text, with text."""
    question, library, where = asked
    try:
        functions = FunctionLibrary.decode(library.encode(), where=where)
        answer = answered(msgspec.json.decode(question, type=Question), functions)
    except ConfigError as problem:
        return msgspec.json.encode(_Reply(None, str(problem))).decode()
    return msgspec.json.encode(_Reply(answer)).decode()


def understood(text: str) -> Answer:
    """Read a reply. Raises ConfigError with what was wrong with the question or the library."""
    replied = msgspec.json.decode(text, type=_Reply)
    if replied.answer is None:
        raise ConfigError(replied.error)
    return replied.answer
