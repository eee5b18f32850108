"""Hands the points of a grid to worker processes, and writes down what they tell."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

import msgspec

from leanlab.child import Child, ChildDied
from leanlab.evaluator.prepare import prepare
from leanlab.lab import open_lab
from leanlab.sweep.attempts import Attempt, Outcome
from leanlab.sweep.grid import lab_at
from leanlab.sweep.results import one_line
from leanlab.sweep.worker import Ended, Go, Job, Made
from leanlab.workspace import Workspace

if TYPE_CHECKING:
    from leanlab.sweep.grid import Plan, Point
    from leanlab.sweep.results import Results

TRIES = 2
"""How many workers a point may take with it."""
_FINAL = ("target", "abstained", "done")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the points are run; another answer changes no result."""

    jobs: int = 1
    max_usd: float | None = None
    """Of the whole sweep, from its first start on."""
    require_tier: str | None = None
    allow_unsandboxed: bool = False
    allow_unfenced: bool = False
    prepare: bool = False


class Show(Protocol):
    """Is told what happens, as it happens."""

    def began(self, point: Point) -> None: ...

    def made(self, attempt: Attempt) -> None: ...

    def ended(self, outcome: Outcome) -> None: ...


def _is_finished(point: Point, plan: Plan, results: Results) -> bool:
    """Tell whether nothing is left to do; a point that failed is tried again."""
    outcome = results.outcomes.get(point.name)
    if outcome is None or outcome.status not in _FINAL:
        return False
    all_told = outcome.attempts == len(results.of(point))
    return all_told and (outcome.status != "done" or outcome.attempts >= plan.attempts)


class Conductor:
    """Runs what is unfinished of a sweep, a few points at once."""

    def __init__(self, plan: Plan, results: Results, settings: Settings, show: Show) -> None:
        self._plan = plan
        self._results = results
        self._settings = settings
        self._show = show
        self._waiting = deque(
            point for point in plan.points() if not _is_finished(point, plan, results)
        )

    async def run(self) -> None:
        """Return when all points have ended or the money is used up; then some still wait."""
        if self._waiting:
            await prepare(open_lab(self._plan.lab), agreed=self._settings.prepare)
        slots = min(self._settings.jobs, len(self._waiting))
        tasks = [asyncio.create_task(self._work_off()) for _ in range(slots)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _out_of_money(self) -> bool:
        limit = self._settings.max_usd
        return limit is not None and self._results.cost_usd >= limit

    async def _work_off(self) -> None:
        log = self._results.folder / "workers.log"
        child = Child("leanlab.sweep.worker", environment=dict(os.environ), log=log)
        try:
            while self._waiting and not self._out_of_money:
                await self._point(child, self._waiting.popleft())
        finally:
            await child.hang_up()

    async def _point(self, child: Child, point: Point) -> None:
        self._show.began(point)
        start = time.monotonic()
        deaths: list[str] = []
        ended: Ended | None = None
        try:
            while ended is None and len(deaths) < TRIES:
                try:
                    ended = await self._attempts(child, point)
                except ChildDied as died:
                    deaths.append(": ".join(filter(None, (str(died), one_line(died.last_words)))))
        except asyncio.CancelledError:
            # The worker is killed, as resuming is made for; only its workspace would stay.
            Workspace(lab_at(self._plan, point, self._results.folder)).close()
            raise
        if ended is None:
            ended = Ended(status="failed", reason=f"its worker died twice: {deaths[-1]}")
        outcome = Outcome(
            point=point.name,
            status=ended.status,
            reason=ended.reason,
            attempts=len(self._results.of(point)),
            deaths=tuple(deaths),
            cost_usd=ended.cost_usd,
            seconds=round(time.monotonic() - start, 3),
        )
        self._results.finish(outcome)
        self._show.ended(outcome)

    async def _attempts(self, child: Child, point: Point) -> Ended:
        if not child.is_alive:
            await child.start()
        message: msgspec.Struct = self._job(point)
        while True:
            told = msgspec.json.decode(await child.ask(message), type=Made | Ended)
            if isinstance(told, Ended):
                return told
            self._results.add(told.attempt)
            self._show.made(told.attempt)
            message = Go(stop=self._out_of_money)

    def _job(self, point: Point) -> Job:
        limit = self._settings.max_usd
        return Job(
            plan=self._plan,
            point=point,
            folder=str(self._results.folder),
            known=tuple(attempt.attempt for attempt in self._results.of(point)),
            max_usd=None if limit is None else max(0.0, limit - self._results.cost_usd),
            require_tier=self._settings.require_tier,
            allow_unsandboxed=self._settings.allow_unsandboxed,
            allow_unfenced=self._settings.allow_unfenced,
        )
