"""The loop's end of an evaluator process, kept warm between trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab.child import Child, ChildDied, minimal_environment
from leanlab.errors import EvaluatorError
from leanlab.evaluator.host import Answer, Order, Setup

if TYPE_CHECKING:
    from collections.abc import Callable

    from leanlab.lab import Lab
    from leanlab.sandbox import Confinement
    from leanlab.sandbox.progress import Progress

    OnProgress = Callable[[Progress], None]

_START_SECONDS = 120.0


class WarmEvaluator:
    """One evaluator process. It is started at need, and again after it died or was killed."""

    def __init__(
        self,
        lab: Lab,
        imports: tuple[str, ...],
        *,
        allow_unsandboxed: bool,
        confined: bool = True,
    ) -> None:
        self._lab = lab
        self._imports = imports
        self._allow_unsandboxed = allow_unsandboxed
        self._confined = confined
        self._confinement: Confinement | None = None
        self._log = lab.state / "evaluator.log"
        self._child = Child(
            "leanlab.evaluator.host", environment=minimal_environment(), log=self._log
        )

    async def confinement(self) -> Confinement:
        await self._ensure_started()
        assert self._confinement is not None
        return self._confinement

    async def renew(self, imports: tuple[str, ...]) -> None:
        """Start again with other imports; raise EvaluatorError, and keep the old, if that fails."""
        before, self._imports = self._imports, imports
        await self._child.hang_up()
        try:
            await self._ensure_started()
        except BaseException:
            self._imports = before
            raise

    async def order(
        self, order: Order, seconds: float, on_progress: OnProgress = lambda _: None
    ) -> Answer:
        """Send one order and wait for its answer.

        Raises TimeoutError after so many seconds and ChildDied when the process ends; either way
        nothing of it is left. Raises EvaluatorError when the lab cannot be evaluated at all.
        """
        await self._ensure_started()

        def is_progress(line: bytes) -> bool:
            said = msgspec.json.decode(line, type=Answer).progress
            if said is not None:
                on_progress(said)
            return said is not None

        line = await self._child.ask(order, seconds, is_progress)
        answer = msgspec.json.decode(line, type=Answer)
        if answer.fatal is not None:
            raise EvaluatorError(answer.fatal)
        return answer

    async def order_again(
        self, order: Order, seconds: float, on_progress: OnProgress = lambda _: None
    ) -> Answer:
        """Like order, but once more where the process ended: that may be nobody's fault here."""
        try:
            return await self.order(order, seconds, on_progress)
        except ChildDied:
            return await self.order(order, seconds, on_progress)

    async def _ensure_started(self) -> None:
        if self._child.is_alive:
            return
        try:
            try:
                line = await self._introduce()
            except ChildDied:
                line = await self._introduce()
        except TimeoutError:
            raise EvaluatorError(
                f"{self._lab.folder}/evaluation.py took over {_START_SECONDS:.0f} s to load. "
                "Do slow work in make_data() or in evaluate()."
            ) from None
        except ChildDied as died:
            raise EvaluatorError(
                f"the evaluator of {self._lab.folder} did not start: {died}. "
                f"Its log is {self._log}."
            ) from died
        answer = msgspec.json.decode(line, type=Answer)
        if answer.fatal is not None:
            await self._child.kill()
            raise EvaluatorError(answer.fatal)
        self._confinement = answer.confinement

    async def _introduce(self) -> bytes:
        await self._child.start()
        return await self._child.ask(self._setup(), _START_SECONDS)

    def _setup(self) -> Setup:
        lab = self._lab
        return Setup(
            folder=str(lab.folder),
            home=str(lab.home),
            data=str(lab.data),
            params=lab.config.params,
            limits=lab.config.limits,
            imports=self._imports,
            metric=lab.config.objective.metric,
            allow_unsandboxed=self._allow_unsandboxed,
            validates=lab.validates_natively,
            confined=self._confined,
        )

    async def close(self) -> None:
        await self._child.hang_up()

    async def kill(self) -> None:
        await self._child.kill()
