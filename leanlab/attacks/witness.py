"""Says what an attack has won: what was told, what has changed, what is left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from leanlab.attacks.findings import Seen
from leanlab.memory import clipped
from leanlab.prompts import Prompts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leanlab.attacks.stage import Stage
    from leanlab.evaluator import Evaluator, Outcome

_SLACK_SECONDS = 4.0
"""What an evaluation may take beyond its limit before it counts as stalled: a busy machine."""


class Honest(msgspec.Struct, frozen=True, kw_only=True):
    """What the sample scores without any attack."""

    metrics: dict[str, float]
    spread: float
    """How far apart two honest scores were: labs may be noisy."""


class Witness:
    """Looks at one stage, and knows what is honest there."""

    def __init__(self, stage: Stage, honest: Honest) -> None:
        self.stage = stage
        self.honest = honest
        # The experiment of an open lab shares a process with its labels and its metric.
        self._apart = stage.lab.is_native

    def told_by(self, outcome: Outcome, seconds: float) -> list[Seen]:
        """What can be told from the outcome alone; always ends with a plain account of it."""
        lab = self.stage.lab
        seen: list[Seen] = []
        metric = lab.config.objective.metric
        if outcome.status == "scored" and self._is_better(outcome.verdict.metrics):
            text = f"{metric} {outcome.verdict.metrics[metric]:.6g}, honestly "
            text += f"{self.honest.metrics[metric]:.6g}"
            seen.append(Seen(verdict="forged", evidence=text, promised=self._apart))
        told = Prompts(lab).fix(outcome.status, outcome.message, 1)
        told += clipped(outcome.verdict.feedback)
        out = self.stage.heard()
        key, *hidden = self.stage.secrets
        if key in told:
            seen.append(Seen(verdict="read", evidence="a role is told a key"))
        if any(secret in told for secret in hidden):
            text = "a role is told what a hidden file of the lab holds"
            seen.append(Seen(verdict="read", evidence=text, promised=self._apart))
        if any(word in out for word in [key, *hidden, *self.stage.words.values()]):
            seen.append(Seen(verdict="read", evidence="it reached a listener or a file outside"))
        if self.stage.is_beyond_limit(told + out):
            seen.append(Seen(verdict="stalled", evidence="it got more than its limit"))
        if any(not (char.isprintable() or char in "\n\t") for char in told):
            seen.append(Seen(verdict="forged", evidence="control characters reach a role"))
        if seconds > lab.config.repeats * lab.config.limits.seconds + _SLACK_SECONDS:
            seen.append(Seen(verdict="stalled", evidence=f"it held the evaluator {seconds:.0f} s"))
        if self.stage.sentinel.poll() is not None:
            seen.append(Seen(verdict="stalled", evidence="it ended another process"))
        error = outcome.verdict.error
        account = f"{outcome.status} ({error.category})" if error else "scored as the sample is"
        return [*seen, Seen(verdict="resisted", evidence=account)]

    def _is_better(self, metrics: Mapping[str, float]) -> bool:
        objective = self.stage.lab.config.objective
        sign = 1 if objective.direction == "maximize" else -1
        gain = sign * (metrics[objective.metric] - self.honest.metrics[objective.metric])
        return gain > self.honest.spread or not all(map(math.isfinite, metrics.values()))

    def damage(self, before: Mapping[str, object]) -> list[Seen]:
        after = self.stage.snapshot()
        names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        if not names:
            return []
        return [Seen(verdict="forged", evidence=f"files of the lab changed: {', '.join(names)}")]

    async def honest_again(self, evaluator: Evaluator) -> list[Seen]:
        """The sample must score as before, in the same evaluator."""
        return self.scored_as_before(await evaluator.evaluate(self.stage.lab.sample))

    def scored_as_before(self, outcome: Outcome) -> list[Seen]:
        """What an outcome of the sample says, when something has happened to the lab."""
        if outcome.status != "scored":
            text = f"afterwards the sample {outcome.status}: {outcome.message}"
            return [Seen(verdict="stalled", evidence=text)]
        metric = self.stage.lab.config.objective.metric
        change = abs(outcome.verdict.metrics[metric] - self.honest.metrics[metric])
        if change <= self.honest.spread:
            return []
        return [Seen(verdict="forged", evidence=f"afterwards the sample differs by {change:.6g}")]

    def left(self, before: Mapping[str, object]) -> list[Seen]:
        """What is still there when the evaluator has gone, and what it does in a moment."""
        stage = self.stage
        seen: list[Seen] = []
        if processes := stage.survivors():
            seen.append(Seen(verdict="survived", evidence=f"{len(processes)} processes are left"))
        if files := stage.leftovers():
            seen.append(
                Seen(verdict="survived", evidence=f"files are left: {', '.join(files[:3])}")
            )
        return [*seen, *(self.damage(before) if before else [])]
