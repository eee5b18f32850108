"""A native lab's rules, applied by its warm evaluator process."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from leanlab import events
from leanlab.child import ChildDied
from leanlab.errors import EvaluatorError
from leanlab.evaluator.host import Order
from leanlab.evaluator.warm import WarmEvaluator
from leanlab.records import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from leanlab.events import Sink
    from leanlab.lab import Lab
    from leanlab.sandbox.progress import Progress

_MAKE_DATA_SECONDS = 600.0


class NativeRules:
    """validate() and evaluate() of the lab, with every fault turned into a verdict."""

    def __init__(
        self,
        lab: Lab,
        imports: tuple[str, ...],
        *,
        allow_unsandboxed: bool,
        confined: bool = True,
        emit: Sink = lambda _: None,
    ) -> None:
        self._lab = lab
        self._emit = emit
        self._warm = WarmEvaluator(
            lab, imports, allow_unsandboxed=allow_unsandboxed, confined=confined
        )
        # A candidate is ended at limits.seconds by its own supervisor. What is still at work
        # after this is the evaluation itself.
        self._patience = 2 * lab.config.limits.seconds + 2.0

    async def open(self) -> tuple[str, str]:
        """Start the evaluator; return the tier and the line that names it."""
        if not self._lab.validates_natively:
            raise EvaluatorError(
                f"{self._lab.folder} needs a validate(source, lab) in validate.py, and no "
                "validate_cmd of its own: evaluation.py has evaluate(). docs/lab.md shows one."
            )
        confinement = await self._warm.confinement()
        return confinement.tier, confinement.summary

    async def renew(self, imports: tuple[str, ...]) -> None:
        await self._warm.renew(imports)

    async def make_data(self) -> None:
        """Fill a data folder that is missing, whole or not at all."""
        data = self._lab.data
        if data.exists() or not self._lab.makes_data:
            return
        unfinished = data.with_name(".data.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        try:
            await self._warm.order(Order(do="make_data", path=str(unfinished)), _MAKE_DATA_SECONDS)
        except (TimeoutError, ChildDied) as error:
            raise EvaluatorError(
                f"make_data() in {self._lab.folder}/evaluation.py did not finish: "
                f"{error if str(error) else 'it hung'}. Its words are in .leanlab/evaluator.log."
            ) from error
        unfinished.rename(data)

    async def validate(self, experiment: Path) -> Verdict | None:
        """Return why the experiment breaks the contract, or None."""
        order = Order(do="validate", path=str(experiment))
        try:
            answer = await self._warm.order_again(order, self._patience)
        except TimeoutError:
            return self._ended("validate() in validate.py")
        except ChildDied as died:
            return _died("validate() in validate.py", died)
        if answer.reason is None:
            return None
        return Verdict.failed("invalid", "validate", f"validate.py says: {answer.reason}")

    async def evaluate(self, experiment: Path, seed: int) -> Verdict:
        order = Order(do="evaluate", path=str(experiment), seed=seed)

        def tell(progress: Progress) -> None:
            far, words = progress.fraction, progress.text
            self._emit(events.Progressed(file=experiment.name, fraction=far, text=words))

        try:
            answer = await self._warm.order_again(order, self._patience, tell)
        except TimeoutError:
            return self._ended("evaluate() in evaluation.py")
        except ChildDied as died:
            return _died("evaluate() in evaluation.py", died)
        assert answer.verdict is not None
        return answer.verdict

    def _ended(self, what: str) -> Verdict:
        text = f"{what} was still at work after {self._patience:g} s and was ended."
        return Verdict.failed("timed_out", "evaluation", text)

    async def close(self) -> None:
        await self._warm.close()

    async def kill(self) -> None:
        await self._warm.kill()


def _died(what: str, died: ChildDied) -> Verdict:
    text = (
        f"the evaluator's process ended twice in {what}: {died}. Its log is .leanlab/evaluator.log."
    )
    return Verdict.failed("crashed", "evaluation", text)
