"""What the embedded Critic and Director say: facts computed from the history and the training data.

Nothing here has seen a validation string; what is known of them are the metrics in the history.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from leanlab.synthesis.evidence import coin, log2_chance
from leanlab.synthesis.learner import Sample, best_of_kinds, learn
from leanlab.synthesis.rules import FAMILIES

if TYPE_CHECKING:
    from leanlab.labkit import Brief, Row
    from leanlab.synthesis.rules import Rule
    from leanlab.synthesis.splits import Split

CONVINCING = -10.0
"""log2 of the chance below which a fit is taken to be no accident: about one in a thousand."""
RECENT = 8
"""How many of the last trials the Critic goes into."""
UNSEEN = 100
"""After that many untried rules in a row, the rest of the history is somebody else's."""


def criticism(brief: Brief, train: Split) -> str:
    """Return the Critic's feedback as Markdown."""
    known = _recognised(brief, train)
    lines = [*_against_a_coin(brief), _counted(brief), _repeated(brief), _families(known)]
    recent = [row for row in brief.history if row.status == "scored"][-RECENT:]
    lines += [line for row in recent if (line := _over_fit(row, brief.metric, known, train))]
    return "\n".join(["# Critic's feedback", "", *(f"- {line}" for line in lines), ""])


def direction(brief: Brief, train: Split) -> str:
    """Return the Director's notes as Markdown; `Try next:` names a family for the Worker."""
    best = best_of_kinds(train)
    lines = ["# Director's notes", "", *_decision(brief, train, best), ""]
    lines += [_equations(train), "", "The best of each kind of rule:", ""]
    for rule in best:
        chance = _power(log2_chance(rule.bits, rule.train_errors, train))
        lines.append(
            f"- {rule.slug} ({rule.family}, {rule.bits:.1f} bits): {rule.train_errors} of "
            f"{len(train)} training strings wrong; chance among random labels at most {chance}"
        )
    return "\n".join([*lines, ""])


def _decision(brief: Brief, train: Split, best: list[Rule]) -> list[str]:
    chances = {rule.sha256: log2_chance(rule.bits, rule.train_errors, train) for rule in best}
    rows = {row.sha256: row for row in brief.history}
    lines: list[str] = []
    for rule in sorted(best, key=lambda rule: chances[rule.sha256]):
        if chances[rule.sha256] > CONVINCING:
            break
        row = rows.get(rule.sha256)
        if row is None:
            fit = "no accident" if rule.train_errors == 0 else "no accident, for all its errors"
            return [*lines, f"The fit of {rule.slug} is {fit}.", f"Try next: {rule.family}"]
        value = row.metrics.get(brief.metric)
        told = row.status if value is None else f"{brief.metric} {value:g}"
        lines.append(f"{rule.slug} was tried in trial {row.trial}: {told}.")
    if not lines:
        lines.append("No kind of rule fits the training strings better than chance allows for.")
    tried = {rule.family for rule in _recognised(brief, train).values()}
    for rule in best:
        if rule.family not in tried:
            return [
                *lines,
                f"The shortest family that nobody tried is {rule.family}.",
                f"Try next: {rule.family}",
            ]
    return [*lines, "Every family was tried: go on in order of description length."]


def _equations(train: Split) -> str:
    sample = Sample(train)
    system = sample.system()
    text = (
        f"A parity of positions, negated or not, has to solve {len(train)} equations over GF(2) in "
        f"{system.width} unknowns; their rank is {system.rank}. "
    )
    if not system.consistent:
        return text + "They are inconsistent: no parity fits every training string."
    spare = len(train) - system.rank
    if spare == 0:
        return text + "They are consistent, as they would be with any labels: that is no evidence."
    return text + (
        f"They are consistent, which labels from a fair coin would be with chance {_power(-spare)}."
    )


def _recognised(brief: Brief, train: Split) -> dict[int, Rule]:
    """Return the rule of each trial that tried one of the learner's."""
    hashes = {row.sha256 for row in brief.history}
    rules: dict[str, Rule] = {}
    missed = 0
    for rule in learn(train):
        if rule.sha256 in hashes:
            rules[rule.sha256] = rule
            missed = 0
        elif (missed := missed + 1) == UNSEEN:
            break
    return {row.trial: rules[row.sha256] for row in brief.history if row.sha256 in rules}


def _counted(brief: Brief) -> str:
    statuses = Counter(row.status for row in brief.history)
    told = ", ".join(f"{count} {status}" for status, count in statuses.most_common())
    return f"{len(brief.history)} trials: {told or 'none yet'}."


def _repeated(brief: Brief) -> str:
    trials: dict[str, list[int]] = {}
    for row in brief.history:
        if row.sha256 is not None:
            trials.setdefault(row.sha256, []).append(row.trial)
    again = [group for group in trials.values() if len(group) > 1]
    if not again:
        return "No experiment was tried twice."
    groups = "; ".join(", ".join(map(str, group)) for group in again[:RECENT])
    return f"The same experiment was tried more than once, in trials {groups}."


def _families(known: dict[int, Rule]) -> str:
    tried = {rule.family for rule in known.values()}
    done = ", ".join(family for family in FAMILIES if family in tried) or "none"
    left = ", ".join(family for family in FAMILIES if family not in tried) or "none"
    return f"Families tried: {done}; not tried: {left}."


def _over_fit(row: Row, metric: str, known: dict[int, Rule], train: Split) -> str:
    seen, unseen = row.metrics.get("train_accuracy"), row.metrics.get(metric)
    if seen is None or unseen is None:
        return ""
    rule = known.get(row.trial)
    name = rule.slug if rule else row.experiment
    gap = seen - unseen
    n = len(train)
    # Standard error of the difference of two shares, with as many unseen strings as seen ones.
    spread = math.sqrt((seen * (1 - seen) + unseen * (1 - unseen)) / n)
    if gap > 2 * spread:
        verdict = "over-fitted: more than two standard errors"
    elif gap < -2 * spread:
        verdict = "better on unseen strings by more than two standard errors"
    else:
        verdict = "within two standard errors"
    text = f"Trial {row.trial} ({name}): training {seen:.3f}, {metric} {unseen:.3f}, gap {gap:+.3f}"
    text += f", {verdict}."
    if rule:
        chance = _power(log2_chance(rule.bits, rule.train_errors, train))
        text += f" Among random labels a rule as short fits as well with chance at most {chance}."
    return text


def _against_a_coin(brief: Brief) -> list[str]:
    """Compare the best score with chance, where the lab tells how many strings it is a share of."""
    best = brief.scored()[:1]
    n = brief.params.get("val")
    if not best or not n or not 0 <= (value := best[0].metrics[brief.metric]) <= 1:
        return []
    right = round(value * n)
    return [
        f"The best {brief.metric} is {value:g} (trial {best[0].trial}); on {n} strings a coin gets "
        f"{right} or more right with probability {coin(n, right):.2g}, and the best of "
        f"{len(brief.scored())} coins does so more often."
    ]


def _power(log2: float) -> str:
    if log2 >= 0:
        return "1"
    return f"2^{log2:.0f}" if log2 <= CONVINCING else f"{2**log2:.2g}"
