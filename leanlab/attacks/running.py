"""Runs the attacks against a lab's author's own lab, in a copy, through the real evaluator."""

from __future__ import annotations

import asyncio
import math
import shutil
import time
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.attacks import steps
from leanlab.attacks.catalogue import Attack, attacks, compose, payload
from leanlab.attacks.findings import Finding, Seen, worst
from leanlab.attacks.in_process import SAMPLE
from leanlab.attacks.promises import REMEDY
from leanlab.attacks.stage import Stage
from leanlab.attacks.witness import Honest, Witness
from leanlab.errors import ConfigError, LabError, LeanlabError, SealBroken
from leanlab.evaluator import Evaluator
from leanlab.lab import open_lab
from leanlab.seal import Hasher

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from leanlab.attacks.findings import Verdict
    from leanlab.evaluator import Outcome
    from leanlab.lab import Lab

_SHORTEST_LIMIT = 2.0
_NO_TARGET = "in process; unconfined no target, as an experiment never shares leanlab's evaluator"


_NO_TARGET_OPEN = "in process; unconfined no target, as this lab scores in another way"


def run_attacks(
    lab: Lab,
    sets: Mapping[str, str] | None = None,
    *,
    control: bool = False,
    numbers: Collection[int] | None = None,
) -> Iterator[Finding]:
    """Yield a finding for each attack, or for those of these numbers. The lab stays untouched."""
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
        self._witness = Witness(stage, Honest(metrics={}, spread=0.0))
        self._value = 0.0
        self._tier = "none"
        self._refused: str | None = None
        """Why nothing runs unconfined, empty where it does; None before that was tried."""

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
        honest = outcomes[0].verdict.metrics
        self._witness = Witness(
            stage, Honest(metrics=honest, spread=3 * abs(first - second) + 1e-9)
        )
        sign = 1 if objective.direction == "maximize" else -1
        target = objective.target
        beyond = first + sign * max(1.0, abs(first))
        self._value = target if target is not None and sign * (target - first) > 1e-9 else beyond
        slowest = max(outcome.seconds for outcome in outcomes)
        own = stage.lab.config.limits.seconds
        told = "".join(outcome.verdict.feedback for outcome in outcomes)
        stage.settle(min(own, max(_SHORTEST_LIMIT, 20 * slowest)), told)

    async def finding(self, attack: Attack, *, control: bool) -> Finding:
        seen, validated = await self._played(attack)
        shown = await self._control(attack) if control else None
        return Finding(
            number=attack.number,
            title=attack.title,
            prize=attack.prize,
            verdict=seen.verdict,
            evidence=seen.evidence,
            validated=validated,
            tier=self._tier,
            promised=seen.promised,
            remedy=self._remedy(attack, seen),
            control=shown.verdict if shown else None,
            control_words=(shown.evidence if shown else attack.control) if control else "",
        )

    def _remedy(self, attack: Attack, seen: Seen) -> str:
        if seen.verdict == "resisted":
            return ""
        return attack.remedy if seen.promised else REMEDY

    async def _played(self, attack: Attack) -> tuple[Seen, bool | None]:
        """What came of it, and whether validate.py let it pass."""
        if attack.kind in steps.PLANTS:
            return await self._planted(attack), None
        seen: list[Seen] = []
        if attack.kind in steps.INTAKES:
            seen.append(steps.INTAKES[attack.kind](self._stage, steps.intake_of_loop))
            self._stage.reset()
        if attack.kind == "edits":
            seen += [
                await self._edited_meanwhile(edit) for edit in (steps.new_task, steps.new_rules)
            ]
        validated: bool | None = None
        if attack.source.strip():
            written, validated = await self._evaluate(attack, confined=True)
            seen.append(written)
        return worst(seen), validated

    async def _control(self, attack: Attack) -> Seen | None:
        """The same attack where nothing holds it; None where that would not be safe."""
        stage = self._stage
        if attack.control == "unconfined":
            seen = await self._unconfined(attack)
            return Seen(verdict=seen.verdict, evidence=f"unconfined: {seen.evidence}")
        if attack.control == "naive loop":
            seen = steps.INTAKES[attack.kind](stage, steps.naive_intake)
            stage.reset()
            return Seen(verdict=seen.verdict, evidence=f"naive loop: {seen.evidence}")
        if attack.control == "in process":
            return await self._in_process(attack)
        if attack.control == "as it was said":
            async with Evaluator(stage.lab) as evaluator:
                outcome = await evaluator.evaluate(self._write(attack, confined=True))
            stage.reset()
            raw = "\x1b" in outcome.message
            words = "its text as it was said, before control characters are dropped"
            return Seen(verdict="forged" if raw else "resisted", evidence=words)
        return None

    async def _unconfined(self, attack: Attack) -> Seen:
        """The same attack unconfined; it wins nothing where the sample has no score then."""
        if self._refused is None:
            self._refused = ""
            try:
                async with Evaluator(
                    self._stage.lab, allow_unsandboxed=True, confined=False
                ) as evaluator:
                    outcome = await evaluator.score(self._stage.lab.sample)
                if outcome.status != "scored":
                    self._refused = f"not even the sample has a score: {outcome.message}"
            except LeanlabError as error:  # as where the lab runs jobs
                self._refused = f"not even the sample has a score: {error}"
            self._stage.reset()
        if self._refused:
            return Seen(verdict="resisted", evidence=self._refused)
        return (await self._evaluate(attack, confined=False))[0]

    async def _in_process(self, attack: Attack) -> Seen:
        stage = self._stage
        targets = stage.targets({"accuracy": 1.0}, 1.0, "accuracy", confined=False)
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
        unconfined = await self._unconfined(attack)
        if unconfined.verdict != "resisted":
            return Seen(verdict=unconfined.verdict, evidence=f"unconfined: {unconfined.evidence}")
        no_target = _NO_TARGET if stage.lab.is_native else _NO_TARGET_OPEN
        words = "in process; unconfined, limits hold it too" if hung else no_target
        return Seen(verdict=verdict, evidence=words)

    def _targets(self, *, confined: bool = True) -> dict[str, Any]:
        metric = self._stage.lab.config.objective.metric
        best = self._witness.honest.metrics | {metric: self._value}
        return self._stage.targets(best, self._value, metric, confined=confined)

    def _write(self, attack: Attack, *, confined: bool) -> Path:
        lab = self._stage.lab
        targets = self._targets(confined=confined)
        path = lab.experiments / "0002_attack.py"
        path.write_text(compose(attack, self._sample, targets), encoding="utf-8")
        return path

    async def _evaluate(self, attack: Attack, *, confined: bool) -> tuple[Seen, bool | None]:
        """Evaluate the sample with the attack before it, then the sample; look what is left."""
        stage, witness = self._stage, self._witness
        seen: list[Seen] = []
        validated: bool | None = None
        path = self._write(attack, confined=confined)
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
                seen += witness.told_by(outcome, time.monotonic() - start)
                seen += witness.damage(before)
                seen += await witness.honest_again(evaluator)
        except SealBroken as broken:
            seen += witness.damage(before)
            seen.append(Seen(verdict="stalled", evidence=f"the run stops: {broken}"))
        except LeanlabError as error:
            seen.append(Seen(verdict="stalled", evidence=f"the run stops: {error}"))
        seen += witness.left(before)
        stage.end_survivors()
        stage.reset()
        return worst(seen), validated

    async def _edited_meanwhile(self, edit: Callable[[Stage], str]) -> Seen:
        """Have a file of the lab change while the sample is being evaluated."""
        stage, witness = self._stage, self._witness
        async with Evaluator(stage.lab) as evaluator:
            self._tier = evaluator.tier
            evaluation = asyncio.create_task(evaluator.evaluate(stage.lab.sample))
            # Until it waits for the first time: the seal was compared, and there is no answer yet.
            await asyncio.sleep(0)
            what = edit(stage)
            try:
                seen = [*witness.scored_as_before(await evaluation)]
                seen += await witness.honest_again(evaluator)
            except SealBroken:
                stage.reset()
                return Seen(verdict="resisted", evidence="nothing is recorded, and the run stops")
            later = open_lab(stage.folder, stage.sets)
            if later.fingerprint(Hasher().hash_all(later)) == evaluator.fingerprint:
                text = f"{what} goes unseen, and scores from before it count"
                seen.append(Seen(verdict="forged", evidence=text))
        stage.reset()
        return worst([*seen, Seen(verdict="resisted", evidence=f"{what} counts for later runs")])

    async def _planted(self, attack: Attack) -> Seen:
        """Plant files wherever a Worker or an experiment could, then start a new evaluator."""
        stage = self._stage
        workspace = stage.root / "workspace"
        theirs = [stage.lab.experiments, workspace]
        if stage.lab.is_native:
            return await self._planted_in([stage.folder, *theirs], workspace, attack)
        seen = await self._planted_in(theirs, workspace, attack)
        # Python finds what lies beside a program; neither Worker nor experiment can write there.
        beside = await self._planted_in([stage.folder], workspace, attack)
        return worst([seen, msgspec.structs.replace(beside, promised=False)])

    async def _planted_in(self, folders: Iterable[Path], workspace: Path, attack: Attack) -> Seen:
        stage, witness = self._stage, self._witness
        harm = payload(attack, self._targets())
        workspace.mkdir()
        variables: dict[str, str] = {}
        for folder in folders:
            variables = steps.plant(attack.kind, folder, harm)
        before = stage.snapshot()
        seen = [Seen(verdict="resisted", evidence="nothing that was planted ran")]
        with steps.inherited(variables, workspace):
            try:
                async with Evaluator(stage.lab) as evaluator:
                    self._tier = evaluator.tier
                    before = stage.snapshot()
                    seen += await witness.honest_again(evaluator)
            except LeanlabError as error:
                seen.append(Seen(verdict="stalled", evidence=f"the run stops: {error}"))
        log = stage.lab.state / "evaluator.log"
        if log.is_file() and "canary.so" in log.read_text(errors="replace"):
            seen.append(Seen(verdict="forged", evidence="LD_PRELOAD reached the evaluator"))
        if (stage.outside / "planted").exists():
            seen.append(Seen(verdict="forged", evidence="what was planted ran"))
        seen += witness.left(before)
        shutil.rmtree(workspace)
        stage.reset()
        return worst(seen)
