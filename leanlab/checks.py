"""Whether a lab is fit to run: one finding a line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

import msgspec

from leanlab import flat, policy
from leanlab.attacks.promises import KEPT, REMEDY, measured
from leanlab.backends import choosing
from leanlab.errors import ConfinementUnavailable, LabError, LeanlabError
from leanlab.evaluator import Evaluator
from leanlab.evaluator.prepare import due
from leanlab.lab import open_lab
from leanlab.ledger import Ledger
from leanlab.memory import Memory
from leanlab.policy import Move
from leanlab.prompts import Prompts
from leanlab.seal import Hasher, read_seal, verify
from leanlab.wishes import allowed_by
from leanlab.workspace import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from leanlab.lab import Lab

Mark = Literal["✓", "⚠", "✗"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at a lab found; ✗ means that a run would fail or could not be believed."""

    mark: Mark
    what: str
    text: str


def check(where: str, sets: Mapping[str, str] | None = None) -> Iterator[Finding]:
    """Yield findings as they are made. Nothing is written to the lab."""
    sweep()
    try:
        lab = open_lab(where, sets)
    except LeanlabError as error:
        yield Finding(mark="✗", what="lab.json", text=str(error))
        return
    yield Finding(mark="✓", what="lab.json", text=f"{lab.config.name}, in {lab.folder}")
    for what, look in _LOOKS:
        try:
            mark, text = look(lab)
        except LeanlabError as error:
            mark, text = "✗", str(error)
        yield Finding(mark=mark, what=what, text=text)


def _files(lab: Lab) -> tuple[Mark, str]:
    names = lab.frozen_files()
    if not lab.sample.is_file():
        return "⚠", f"there is no {lab.sample}; an example of the contract helps every Worker"
    return "✓", f"{len(names)} frozen files, {lab.sample.name}"


def _kind(lab: Lab) -> tuple[Mark, str]:
    if not lab.is_native:
        return "⚠", (
            "open: evaluation.py has no evaluate(), so it imports experiments itself, next to "
            f"labels and metric. As measured, it cannot promise {measured()}. {KEPT}. To promise "
            f"both, {REMEDY}. To measure this lab: leanlab check {lab.named} --attack"
        )
    if not lab.validates_natively:
        raise LabError(f"{lab.folder} needs validate(source, lab), and no validate_cmd of its own")
    return "✓", "native: experiments never share a process with the labels"


def _seal(lab: Lab) -> tuple[Mark, str]:
    seal = read_seal(lab)
    if seal is None:
        return "⚠", "not sealed yet; the first run will seal it"
    verify(lab, seal, Hasher())
    return "✓", f"{len(seal.files)} files are as sealed; fingerprint {lab.fingerprint(seal.files)}"


def _tier(_lab: Lab) -> tuple[Mark, str]:
    from leanlab.sandbox import probe

    confinement = probe()
    if confinement.tier == "none":
        raise ConfinementUnavailable(confinement.summary)
    mark: Mark = "✓" if confinement.tier == "A" else "⚠"
    return mark, confinement.summary.removeprefix("confinement: ")


def _sample(lab: Lab) -> tuple[Mark, str]:
    if not lab.sample.is_file():
        return "⚠", "there is no sample.py to run"
    if command := due(lab):
        return (
            "⚠",
            f"not run: the lab is not prepared (leanlab run {lab.named} --prepare): {command}",
        )
    if lab.makes_data and not lab.data.exists():
        return "⚠", "not run: the first run makes the data"

    async def score() -> tuple[Mark, str]:
        async with Evaluator(lab, only_look=True) as evaluator:
            outcome = await evaluator.score(lab.sample)
        if outcome.status != "scored":
            return "✗", f"{outcome.status}: {outcome.message}"
        metrics = outcome.verdict.metrics
        if unknown := [name for name in lab.config.revealed if name not in metrics]:
            return "⚠", f"'reveal' names {', '.join(unknown)}; it gave {', '.join(sorted(metrics))}"
        metric = lab.config.objective.metric
        names = ", ".join(sorted(metrics))
        milliseconds = outcome.seconds * 1000
        return "✓", f"{metric} {metrics[metric]:.6g} in {milliseconds:.0f} ms (metrics: {names})"

    return asyncio.run(score())


def _imports(lab: Lab) -> tuple[Mark, str]:
    allowed = allowed_by(lab.config)
    here = [f"{one.module} {one.installed}" for one in allowed if one.installed]
    text = ", ".join([*lab.config.imports, *here]) or "the standard library alone"
    missing = [f"{one.module} ({one.requirement})" for one in allowed if not one.installed]
    if not missing:
        return "✓", text
    return "⚠", f"{text}; not installed until a model asks for it: {', '.join(missing)}"


def _metrics(lab: Lab) -> tuple[Mark, str]:
    hidden = "everything else stays hidden"
    return "✓", f"roles see {', '.join(lab.config.revealed)}; {hidden}"


def _prompts(lab: Lab) -> tuple[Mark, str]:
    prompts = Prompts(lab)
    move = Move(kind="draft")
    lengths = [
        f"{role} {len(prompts.turn(role, Memory(), move, trial=1)):,}"
        for role in ("worker", "critic", "director")
    ]
    return "✓", f"characters: {', '.join(lengths)}"


def _ledger(lab: Lab) -> tuple[Mark, str]:
    count = old = 0
    for record in Ledger(lab.results).read():
        count += 1
        old += record.run == flat.VERSION
    before = f" after {old} rows of leanlab 0.2" if old else ""
    return "✓", f"{count - old} records{before}, the chain is whole" if count else "empty"


def _policy(lab: Lab) -> tuple[Mark, str]:
    return "✓", policy.make(lab.config.policy, lab.config).name


def _backend(lab: Lab) -> tuple[Mark, str]:
    names = {choice.backend for choice in lab.config.roles.values() if choice.backend} or {"auto"}
    choices = [choosing.choose(name) for name in sorted(names)]
    return "✓", ", ".join(f"{choice.name} ({choice.why})" for choice in choices)


_LOOKS: tuple[tuple[str, Callable[[Lab], tuple[Mark, str]]], ...] = (
    ("files", _files),
    ("kind", _kind),
    ("seal", _seal),
    ("confinement", _tier),
    ("imports", _imports),
    ("sample", _sample),
    ("metrics", _metrics),
    ("prompts", _prompts),
    ("ledger", _ledger),
    ("policy", _policy),
    ("backend", _backend),
)
