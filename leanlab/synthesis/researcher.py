"""The embedded researcher of labs with labelled bit strings.

Its Worker proposes the learner's rules in their order. Its Director may name a family to take next,
and so may a person who edits the Director's notes, with a line of its own:

    Try next: parity

The family is one of rules.FAMILIES; the last such line counts, and of the family's rules the one
that fits best comes first. A name that is no family is passed over, and the proposal says so.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from leanlab.labkit import NothingToPropose, Proposal
from leanlab.synthesis import review, splits
from leanlab.synthesis.learner import learn
from leanlab.synthesis.rules import FAMILIES

if TYPE_CHECKING:
    from leanlab.labkit import Brief
    from leanlab.synthesis.rules import Rule
    from leanlab.synthesis.splits import Split

STEER = re.compile(r"^[\s>*-]*try next:\s*(\w+)", re.IGNORECASE | re.MULTILINE)
AHEAD = 100
"""How many untried rules are looked through for a family that was named."""


class SynthesisResearcher:
    """Goes through rules from short to long, unless the Director names a family."""

    def __init__(self) -> None:
        self._trial = 0
        self._sent: set[str] = set()

    def propose(self, brief: Brief) -> Proposal:
        """Propose the next rule that the history does not hold.

        Under a policy that gives no memory the trial's number says how far along the order it is.
        A proposal that was sent back is not sent again.
        """
        train = _train(brief)
        tried = {row.sha256 for row in brief.history}
        passed = 0 if brief.memory else max(brief.trial - 1, 0)
        untried = (rule for rule in learn(train) if rule.sha256 not in tried)
        rules, remark = _steered(list(islice(untried, passed, passed + AHEAD)), brief.director)
        if brief.trial != self._trial or not brief.message:
            self._trial, self._sent = brief.trial, set()
        if brief.message and not self._sent:
            # Another process sent the first one: the order is fixed, so it was the head.
            self._sent = {rule.sha256 for rule in rules[:1]}
        rule = next((rule for rule in rules if rule.sha256 not in self._sent), None)
        if rule is None:
            raise NothingToPropose("Every rule that the learner knows has been tried.")
        self._sent.add(rule.sha256)
        notes = (
            f"{rule.family}: {rule.description} {rule.bits:.1f} bits; "
            f"{rule.train_errors} of {len(train)} training strings wrong.{remark}"
        )
        return Proposal(code=rule.code, slug=rule.slug, notes=notes)

    def criticise(self, brief: Brief) -> str:
        """Set training against validation accuracy, and both against chance."""
        return review.criticism(brief, _train(brief))

    def direct(self, brief: Brief) -> str:
        """Weigh every kind of rule by its fit to the training strings, and name a family."""
        return review.direction(brief, _train(brief))


def _train(brief: Brief) -> Split:
    return splits.read(brief.workspace / "data" / "train.txt")


def _steered(rules: list[Rule], notes: str) -> tuple[list[Rule], str]:
    """Put the best-fitting rule of the family that the notes name first, and say so."""
    named = STEER.findall(notes)
    if not named:
        return rules, ""
    family = named[-1].lower()
    if family not in FAMILIES:
        known = ", ".join(FAMILIES)
        return rules, f" The Director's notes name {family!r}, which is no family ({known})."
    wanted = [rule for rule in rules if rule.family == family]
    if not wanted:
        return rules, f" The Director's notes ask for {family}, of which nothing is left to try."
    best = min(wanted, key=lambda rule: (rule.train_errors, rule.bits))
    rest = [rule for rule in rules if rule is not best]
    return [best, *rest], f" The Director's notes ask for {family}."
