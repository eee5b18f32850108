"""A solver that asks a model: sources, input and target go in, a list of names comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leanlab.labkit import NoAnswer, prompt
from leanlab.trajectory.execution import Executor, StepFailed
from leanlab.trajectory.library import LibraryError
from leanlab.trajectory.search import OverBudget, Spent
from leanlab.trajectory.values import short

if TYPE_CHECKING:
    from leanlab.labkit import Asker
    from leanlab.trajectory.library import FunctionDef, FunctionLibrary
    from leanlab.trajectory.search import Answer, Budget, Name, Task

ATTEMPTS = 1


class LanguageModel:
    """Asks the same question several times; the shortest answer that is right wins."""

    def __init__(self, library: FunctionLibrary, asker: Asker, *, attempts: int = ATTEMPTS) -> None:
        self._library = library
        self._executor = Executor(library)
        self._asker = asker
        self._attempts = attempts
        self._has_answered = False
        self.remarks: list[str] = []
        """What was wrong with answers, such as names that the library has not."""
        self.cost_usd: float | None = 0.0
        """Of all questions; None once a provider reported no price."""

    def solve(self, task: Task, budget: Budget) -> Answer:
        """Return the shortest right answer of all attempts, which is not proved to be shortest."""
        spent = Spent(budget)
        question = self.question(task, budget)
        best: tuple[Name, ...] | None = None
        over = None
        for _ in range(self._attempts):
            plan = self._read(self._said(question))
            if plan is None or len(plan) > budget.max_depth:
                continue
            try:
                right = self._is_right(plan, task, spent)
            except OverBudget as limit:
                over = limit.budget
                break
            if right and (best is None or len(plan) < len(best)):
                best = tuple(one.name for one in plan)
        if best is not None:
            return spent.solved((best,), shortest=len(best) == 0)
        return spent.exhausted(over or "calls", -1)

    def question(self, task: Task, budget: Budget) -> str:
        """Return the whole prompt for a task."""
        functions = [
            {
                "name": one.name,
                "takes": short(one.input_type),
                "makes": short(one.output_type),
                "code": one.code,
            }
            for one in self._library
        ]
        return prompt(
            "trajectory_solver.md.j2",
            max_depth=budget.max_depth,
            input_type=short(task.input.type),
            output_type=short(task.output.type),
            input=repr(list(task.input.items)),
            output=repr(list(task.output.items)),
            functions=functions,
        )

    def _said(self, question: str) -> str | None:
        """Ask; None, with a remark, where one question of many has no answer."""
        try:
            said = self._asker.ask(question)
        except NoAnswer as problem:
            if not self._has_answered:
                raise
            self.remarks.append(str(problem))
            return None
        self._has_answered = True
        if self.cost_usd is not None:
            self.cost_usd = None if said.cost_usd is None else self.cost_usd + said.cost_usd
        return said.text

    def _read(self, text: str | None) -> tuple[FunctionDef, ...] | None:
        """Read the last line that says anything; None, with a remark, where it is no plan."""
        if text is None:
            return None
        lines = [line for line in text.splitlines() if line.strip(" \t`")]
        try:
            return self._library.parse(lines[-1] if lines else "")
        except LibraryError as problem:
            self.remarks.append(str(problem))
            return None

    def _is_right(self, plan: tuple[FunctionDef, ...], task: Task, spent: Spent) -> bool:
        state = task.input
        for function in plan:
            spent.take(1)
            try:
                state = self._executor.step(function, state)
            except StepFailed:
                return False
        return state.answers(task.output)
