"""What the embedded Critic and Director say: facts computed from the history and the training data.

Nothing here has seen a validation string; what is known of them are the metrics in the history.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from leanlab.synthesis.evidence import coin, log2_chance
from leanlab.synthesis.learning.board import exceptions
from leanlab.synthesis.learning.search import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.labkit import Brief, Row
    from leanlab.synthesis.learning.learned import Rule
    from leanlab.synthesis.splits import Split

GAIN = 10.0
"""A rule is proposed when it is shorter than the labels by that many bits."""
RECENT = 8
"""How many of the last trials the Critic goes into."""
LISTED = 8
"""How many untried rules the Director lists."""
SOFTENED = 0.005
"""No share of differing answers is taken to be nearer to 0 or 1 than that."""


def convincing(rule: Rule, train: Split) -> bool:
    """Tell whether the rule is clearly shorter than the labels that it explains."""
    fewer = min(sum(train.labels), len(train) - sum(train.labels))
    return exceptions(len(train), fewer) - rule.total >= GAIN


def ranked(rules: Sequence[Rule], brief: Brief, train: Split) -> list[Rule]:
    """Order rules by their two-part code and by how well they explain the scores of others.

    If a rule is true, one that was tried is wrong exactly where the two differ: so its errors among
    n validation strings come with the binomial probability of the share of probes on which they do.
    """
    known = {rule.sha256: rule for rule in rules}
    n = brief.params.get("val") or len(train)
    scores = [
        (known[row.sha256], row.metrics[brief.metric])
        for row in brief.history
        if row.sha256 in known and 0 <= row.metrics.get(brief.metric, -1) <= 1
    ]

    def surprise(rule: Rule) -> float:
        bits = 0.0
        for other, score in scores:
            share = min(1 - SOFTENED, max(SOFTENED, rule.differs(other)))
            wrong = round((1 - score) * n)
            bits -= wrong * math.log2(share) + (n - wrong) * math.log2(1 - share)
        return bits

    return sorted(rules, key=lambda rule: (rule.total + surprise(rule), rule.code))


def criticism(brief: Brief, train: Split, rules: Sequence[Rule]) -> str:
    """Return the Critic's feedback as Markdown."""
    known = _recognised(brief, rules)
    lines = [*_against_a_coin(brief), _counted(brief), _repeated(brief), _families(known)]
    recent = [row for row in brief.history if row.status == "scored"][-RECENT:]
    lines += [line for row in recent if (line := _over_fit(row, brief.metric, known, train))]
    return "\n".join(["# Critic's feedback", "", *(f"- {line}" for line in lines), ""])


def direction(brief: Brief, train: Split, rules: Sequence[Rule]) -> str:
    """Return the Director's notes as Markdown; `Try next:` names a family for the Worker."""
    tried = {row.sha256 for row in brief.history}
    worth = [rule for rule in rules if convincing(rule, train)]
    left = [rule for rule in ranked(worth, brief, train) if rule.sha256 not in tried]
    lines = ["# Director's notes", ""]
    if not worth:
        lines.append("No rule is shorter than the training labels: the learner abstains.")
    elif not left:
        lines.append(f"All {len(worth)} rules that the learner found were tried.")
    else:
        best = left[0]
        fit = "no accident" if best.train_errors == 0 else "no accident, for all its errors"
        lines += [f"The fit of {best.slug} is {fit}.", f"Try next: {best.family}", ""]
        lines += ["What the training strings and the scores so far leave open, best first:", ""]
    for rule in left[:LISTED]:
        chance = _power(log2_chance(rule.bits, rule.train_errors, train))
        lines.append(
            f"- {rule.slug} ({rule.family}, {rule.bits:.1f} bits): {rule.train_errors} of "
            f"{len(train)} training strings wrong; chance among random labels at most {chance}"
        )
    return "\n".join([*lines, ""])


def _recognised(brief: Brief, rules: Sequence[Rule]) -> dict[int, Rule]:
    """Return the rule of each trial that tried one of the learner's."""
    known = {rule.sha256: rule for rule in rules}
    return {row.trial: known[row.sha256] for row in brief.history if row.sha256 in known}


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
    return f"Families tried: {done}."


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
    return f"2^{log2:.0f}" if log2 <= -10 else f"{2**log2:.2g}"
