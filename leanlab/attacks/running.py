"""Runs the attacks against a lab's author's own lab, in a copy, through the real evaluator."""

from __future__ import annotations

import asyncio
import math
import shutil
import time
from typing import TYPE_CHECKING

import msgspec

from leanlab.attacks import steps
from leanlab.attacks.catalogue import Attack, attacks, compose, payload
from leanlab.attacks.findings import Finding, Seen, worst
from leanlab.attacks.in_process import SAMPLE
from leanlab.attacks.stage import Stage
from leanlab.errors import ConfigError, LabError, LeanlabError, SealBroken
from leanlab.evaluator import Evaluator
from leanlab.memory import clipped
from leanlab.prompts import Prompts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from leanlab.attacks.findings import Verdict
    from leanlab.evaluator import Outcome
    from leanlab.lab import Lab

_SHORTEST_LIMIT = 2.0
_SLACK_SECONDS = 4.0
"""What an evaluation may take beyond its limit before it counts as stalled: a busy machine."""
_NO_TARGET = "in process; unconfined no target, as an experiment never shares leanlab's evaluator"


class _Honest(msgspec.Struct, frozen=True):
    """What the sample scores without any attack."""

    metrics: dict[str, float]
    spread: float
    """How far apart two honest scores were: labs may be noisy."""


def run_attacks(
    lab: Lab,
    sets: Mapping[str, str] | None = None,
    *,
    control: bool = False,
    numbers: Collection[int] | None = None,
) -> Iterator[Finding]:
    """Yield a finding for each attack, or for those of these numbers. The lab stays untouched."""
    if not lab.is_native:
        raise LabError(
            f"{lab.folder} is an open lab: its evaluation.py imports experiments itself, so most "
            "attacks win by design. Define evaluate(candidate, lab), as docs/lab.md shows, then "
            "attack it."
        )
    if not lab.sample.is_file():
        raise LabError(f"there is no {lab.sample}. Attacks are put before it: write it first.")
    wanted = [each for each in attacks() if numbers is None or each.number in numbers]
    if unknown := {*(numbers or ())} - {each.number for each in wanted}:
        names = ", ".join(map(str, sorted(unknown)))
        raise ConfigError(f"there is no attack {names}. docs/trust.md lists them.")
    with asyncio.Runner() as runner, Stage(lab, sets) as stage:
        campaign = _Campaign(stage)
        runner.run(campaign.prepare())
        for attack in wanted:
            yield runner.run(campaign.finding(attack, control=control))


class _Campaign:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._sample = stage.lab.sample.read_text(encoding="utf-8")
        self._honest = _Honest({}, 0.0)
        self._value = 0.0
        self._tier = "none"

    async def prepare(self) -> None:
        """Learn what is honest; make limits short."""
        stage = self._stage
        outcomes: list[Outcome] = []
        async with Evaluator(stage.lab) as evaluator:
            for _ in range(2):
                outcome = await evaluator.score(stage.lab.sample)
                if outcome.status != "scored":
                    raise LabError(
                        f"{stage.lab.sample.name} has no score in a copy of the lab "
                        f"({outcome.status}: {outcome.message}). Attacks need an honest one: mend "
                        "it, see that the lab needs nothing outside its folder, attack again."
                    )
                outcomes.append(outcome)
        objective = stage.lab.config.objective
        first, second = (outcome.verdict.metrics[objective.metric] for outcome in outcomes)
        self._honest = _Honest(outcomes[0].verdict.metrics, 3 * abs(first - second) + 1e-9)
        sign = 1 if objective.direction == "maximize" else -1
        target = objective.target
        beyond = first + sign * max(1.0, abs(first))
        self._value = target if target is not None and sign * (target - first) > 1e-9 else beyond
        slowest = max(outcome.seconds for outcome in outcomes)
        own = stage.lab.config.limits.seconds
        told = "".join(outcome.verdict.feedback for outcome in outcomes)
        stage.settle(min(own, max(_SHORTEST_LIMIT, 20 * slowest)), told)

    async def finding(self, attack: Attack, *, control: bool) -> Finding:
        validated: bool | None = None
        if attack.kind in steps.INTAKES:
            seen = steps.INTAKES[attack.kind](self._stage, steps.intake_of_loop)
            if attack.source.strip():
                written, _ = await self._evaluate(attack, confined=True)
                seen = worst([seen, written])
            self._stage.reset()
        elif attack.kind in steps.PLANTS:
            seen = await self._planted(attack)
        else:
            seen, validated = await self._evaluate(attack, confined=True)
        shown = await self._control(attack) if control else None
        return Finding(
            number=attack.number,
            title=attack.title,
            prize=attack.prize,
            verdict=seen.verdict,
            evidence=seen.evidence,
            validated=validated,
            tier=self._tier,
            remedy=attack.remedy if seen.verdict != "resisted" else "",
            control=shown.verdict if shown else None,
            control_words=(shown.evidence if shown else attack.control) if control else "",
        )

    async def _control(self, attack: Attack) -> Seen | None:
        """The same attack where nothing holds it; None where that would not be safe."""
        stage = self._stage
        if attack.control == "unconfined":
            seen, _ = await self._evaluate(attack, confined=False)
            return Seen(verdict=seen.verdict, evidence=f"unconfined: {seen.evidence}")
        if attack.control == "naive loop":
            seen = steps.INTAKES[attack.kind](stage, steps.naive_intake)
            stage.reset()
            return Seen(verdict=seen.verdict, evidence=f"naive loop: {seen.evidence}")
        if attack.control == "in process":
            return await self._in_process(attack)
        if attack.control == "as it was said":
            async with Evaluator(stage.lab) as evaluator:
                outcome = await evaluator.evaluate(self._write(attack))
            stage.reset()
            raw = "\x1b" in outcome.message
            words = "its text as it was said, before control characters are dropped"
            return Seen(verdict="forged" if raw else "resisted", evidence=words)
        return None

    async def _in_process(self, attack: Attack) -> Seen:
        stage = self._stage
        targets = stage.targets({"accuracy": 1.0}, 1.0, "accuracy")
        honest, _ = steps.score_in_process(stage, SAMPLE)
        stage.reset()
        assert honest is not None
        if attack.kind in steps.PLANTS:
            planted = (attack.kind, payload(attack, targets))
            found, hung = steps.score_in_process(stage, SAMPLE, planted=planted)
        else:
            found, hung = steps.score_in_process(stage, compose(attack, SAMPLE, targets))
        stage.reset()
        won = found is not None and (not math.isfinite(found) or found > honest)
        if not won and not hung:
            return Seen(verdict="resisted", evidence="in process")
        verdict: Verdict = "stalled" if hung else "forged"
        if attack.kind in steps.PLANTS:
            return Seen(verdict=verdict, evidence="an evaluator that inherits everything")
        unconfined, _ = await self._evaluate(attack, confined=False)
        if unconfined.verdict != "resisted":
            return Seen(verdict=unconfined.verdict, evidence=f"unconfined: {unconfined.evidence}")
        words = "in process; unconfined, limits hold it too" if hung else _NO_TARGET
        return Seen(verdict=verdict, evidence=words)

    def _write(self, attack: Attack) -> Path:
        lab = self._stage.lab
        metric = lab.config.objective.metric
        targets = self._stage.targets(
            self._honest.metrics | {metric: self._value}, self._value, metric
        )
        path = lab.experiments / "0002_attack.py"
        path.write_text(compose(attack, self._sample, targets), encoding="utf-8")
        return path

    async def _evaluate(self, attack: Attack, *, confined: bool) -> tuple[Seen, bool | None]:
        """Evaluate the sample with the attack before it, then the sample; look what is left."""
        stage = self._stage
        seen: list[Seen] = []
        validated: bool | None = None
        path = self._write(attack)
        before: Mapping[str, object] = {}
        try:
            async with Evaluator(
                stage.lab, allow_unsandboxed=not confined, confined=confined
            ) as evaluator:
                if confined:
                    self._tier = evaluator.tier
                before = stage.snapshot()
                if confined:
                    validated = await evaluator.validate(path) is None
                start = time.monotonic()
                outcome = await evaluator.evaluate(path)
                seen += self._told_by(outcome, time.monotonic() - start)
                seen += self._damage(before)
                seen += await self._honest_again(evaluator)
        except SealBroken as broken:
            seen += self._damage(before)
            seen.append(Seen(verdict="stalled", evidence=f"the run stops: {broken}"))
        except LeanlabError as error:
            seen.append(Seen(verdict="stalled", evidence=f"the run stops: {error}"))
        seen += self._left(before)
        stage.end_survivors()
        stage.reset()
        return worst(seen), validated

    def _told_by(self, outcome: Outcome, seconds: float) -> list[Seen]:
        """What can be told from the outcome alone; always ends with a plain account of it."""
        lab = self._stage.lab
        seen: list[Seen] = []
        metric = lab.config.objective.metric
        if outcome.status == "scored" and self._is_better(outcome.verdict.metrics):
            text = f"{metric} {outcome.verdict.metrics[metric]:.6g}, honestly "
            seen.append(
                Seen(verdict="forged", evidence=f"{text}{self._honest.metrics[metric]:.6g}")
            )
        told = Prompts(lab).fix(outcome.status, outcome.message, 1)
        told += clipped(outcome.verdict.feedback)
        out = self._stage.heard()
        words = [*self._stage.words.values()]
        if any(secret in told for secret in self._stage.secrets):
            seen.append(Seen(verdict="read", evidence="a role is told a secret"))
        if any(word in out for word in [*self._stage.secrets, *words]):
            seen.append(Seen(verdict="read", evidence="it reached a listener or a file outside"))
        if self._stage.is_beyond_limit(told + out):
            seen.append(Seen(verdict="stalled", evidence="it got more than its limit"))
        if any(not (char.isprintable() or char in "\n\t") for char in told):
            seen.append(Seen(verdict="forged", evidence="control characters reach a role"))
        if seconds > lab.config.repeats * lab.config.limits.seconds + _SLACK_SECONDS:
            seen.append(Seen(verdict="stalled", evidence=f"it held the evaluator {seconds:.0f} s"))
        if self._stage.sentinel.poll() is not None:
            seen.append(Seen(verdict="stalled", evidence="it ended another process"))
        error = outcome.verdict.error
        account = f"{outcome.status} ({error.category})" if error else "scored as the sample is"
        return [*seen, Seen(verdict="resisted", evidence=account)]

    def _is_better(self, metrics: Mapping[str, float]) -> bool:
        objective = self._stage.lab.config.objective
        sign = 1 if objective.direction == "maximize" else -1
        gain = sign * (metrics[objective.metric] - self._honest.metrics[objective.metric])
        return gain > self._honest.spread or not all(map(math.isfinite, metrics.values()))

    def _damage(self, before: Mapping[str, object]) -> list[Seen]:
        after = self._stage.snapshot()
        names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        if not names:
            return []
        return [Seen(verdict="forged", evidence=f"files of the lab changed: {', '.join(names)}")]

    async def _honest_again(self, evaluator: Evaluator) -> list[Seen]:
        """The sample must score as before, in the same evaluator."""
        outcome = await evaluator.evaluate(self._stage.lab.sample)
        if outcome.status != "scored":
            text = f"afterwards the sample {outcome.status}: {outcome.message}"
            return [Seen(verdict="stalled", evidence=text)]
        metric = self._stage.lab.config.objective.metric
        change = abs(outcome.verdict.metrics[metric] - self._honest.metrics[metric])
        if change <= self._honest.spread:
            return []
        return [Seen(verdict="forged", evidence=f"afterwards the sample differs by {change:.6g}")]

    def _left(self, before: Mapping[str, object]) -> list[Seen]:
        """What is still there when the evaluator has gone, and what it does in a moment."""
        stage = self._stage
        seen: list[Seen] = []
        if processes := stage.survivors():
            seen.append(Seen(verdict="survived", evidence=f"{len(processes)} processes are left"))
        if files := stage.leftovers():
            seen.append(
                Seen(verdict="survived", evidence=f"files are left: {', '.join(files[:3])}")
            )
        return [*seen, *(self._damage(before) if before else [])]

    async def _planted(self, attack: Attack) -> Seen:
        """Plant files wherever a Worker or an experiment could, then start a new evaluator."""
        stage = self._stage
        metric = stage.lab.config.objective.metric
        best = self._honest.metrics | {metric: self._value}
        harm = payload(attack, stage.targets(best, self._value, metric))
        workspace = stage.root / "workspace"
        workspace.mkdir()
        variables: dict[str, str] = {}
        for folder in (stage.folder, stage.lab.experiments, workspace):
            variables = steps.plant(attack.kind, folder, harm)
        before = stage.snapshot()
        seen = [Seen(verdict="resisted", evidence="nothing that was planted ran")]
        with steps.inherited(variables, workspace):
            try:
                async with Evaluator(stage.lab) as evaluator:
                    self._tier = evaluator.tier
                    before = stage.snapshot()
                    seen += await self._honest_again(evaluator)
            except LeanlabError as error:
                seen.append(Seen(verdict="stalled", evidence=f"the run stops: {error}"))
        log = stage.lab.state / "evaluator.log"
        if log.is_file() and "canary.so" in log.read_text(errors="replace"):
            seen.append(Seen(verdict="forged", evidence="LD_PRELOAD reached the evaluator"))
        if (stage.outside / "planted").exists():
            seen.append(Seen(verdict="forged", evidence="what was planted ran"))
        seen += self._left(before)
        shutil.rmtree(workspace)
        stage.reset()
        return worst(seen)
