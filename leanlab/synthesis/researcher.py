"""The embedded researcher of labs with labelled strings.

Its Worker proposes what the learner found on the training strings: the shortest rule first, then,
with every score that comes in, the rule that all scores together speak for. Its Director may name
a family to take next, and so may a person who edits the Director's notes, with a line of its own:

    Try next: parity

The family is a stage of the search, one of search.FAMILIES; the last such line counts. A name that
is no family is passed over, and the proposal says so.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from leanlab.labkit import NothingToPropose, Proposal, Tool
from leanlab.synthesis import review, splits
from leanlab.synthesis.learning.search import FAMILIES

if TYPE_CHECKING:
    from pathlib import Path

    from leanlab.labkit import Brief
    from leanlab.synthesis.learning.learned import Rule
    from leanlab.synthesis.splits import Split

TRAIN = "data/train.txt"
STEER = re.compile(r"^[\s>*-]*try next:\s*(\w+)", re.IGNORECASE | re.MULTILINE)


class _Learn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seconds: Annotated[float, Meta(gt=0, le=120, description="How long to search at most.")] = 30.0
    rules: Annotated[int, Meta(ge=1, le=20, description="How many rules to tell.")] = 5


class SynthesisResearcher:
    """Proposes the learner's rules in the order of what speaks for them."""

    def __init__(self) -> None:
        self._trial = 0
        self._sent: set[str] = set()

    def propose(self, brief: Brief) -> Proposal:
        """Propose the best rule that the history does not hold.

        Under a policy that gives no memory the trial's number says how far down the list it is. A
        proposal that was sent back is not sent again. With nothing that is shorter than the labels
        themselves there is nothing to propose: another backend may do better.
        """
        train = _train(brief)
        rules = [rule for rule in found(train) if review.convincing(rule, train)]
        if not rules:
            raise NothingToPropose(
                f"the learner abstains: of {len(train)} training strings no rule was found that is "
                f"shorter than the list of their labels"
            )
        tried = {row.sha256 for row in brief.history}
        passed = 0 if brief.memory else max(brief.trial - 1, 0)
        ranked = review.ranked(rules, brief, train)
        untried = [rule for rule in ranked if rule.sha256 not in tried][passed:]
        untried, remark = _steered(untried, brief.director)
        if brief.trial != self._trial or not brief.message:
            self._trial, self._sent = brief.trial, set()
        if brief.message and not self._sent:
            # Another process sent the first one: the order is fixed, so it was the head.
            self._sent = {rule.sha256 for rule in untried[:1]}
        rule = next((rule for rule in untried if rule.sha256 not in self._sent), None)
        if rule is None:
            raise NothingToPropose(f"all {len(rules)} rules that the learner found were tried")
        self._sent.add(rule.sha256)
        notes = (
            f"{rule.family}: {rule.description} {rule.bits:.1f} bits; "
            f"{rule.train_errors} of {len(train)} training strings wrong.{remark}"
        )
        return Proposal(code=rule.code, slug=rule.slug, notes=notes)

    def tools(self, workspace: Path) -> list[Tool]:
        """Lend the learner to a model: rules of the training strings, for it to build on."""

        async def run(asked: _Learn) -> str:
            return _told(splits.read(workspace / TRAIN), asked)

        return [
            Tool(
                name="learn",
                description="Search for short rules that fit the training strings.",
                arguments=_Learn,
                run=run,
            )
        ]

    def criticise(self, brief: Brief) -> str:
        """Set training against validation accuracy, and both against chance."""
        train = _train(brief)
        return review.criticism(brief, train, found(train))

    def direct(self, brief: Brief) -> str:
        """Weigh the rules by all scores so far, and name a family."""
        train = _train(brief)
        return review.direction(brief, train, found(train))


def _train(brief: Brief) -> Split:
    return splits.read(brief.workspace / TRAIN)


@lru_cache(maxsize=2)
def _proposed(train: Split) -> tuple[Rule, ...]:
    from leanlab.synthesis.learning.learned import propose

    return tuple(propose(train))


def found(train: Split) -> tuple[Rule, ...]:
    """Return what the learner finds; kept, as every turn of a run asks for the same."""
    return _proposed(train)


def _told(train: Split, asked: _Learn) -> str:
    from leanlab.synthesis.learning.learned import propose_within

    rules = [
        rule for rule in propose_within(train, asked.seconds) if review.convincing(rule, train)
    ]
    if not rules:
        return "No rule was found that is shorter than the list of the labels."
    told = [
        f"{rule.bits:.1f} bits, {rule.train_errors} of {len(train)} training strings wrong:\n"
        f"{rule.code}"
        for rule in rules[: asked.rules]
    ]
    return "\n".join(told)


def _steered(rules: list[Rule], notes: str) -> tuple[list[Rule], str]:
    """Put the rules of the family that the notes name first, and say so."""
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
    rest = [rule for rule in rules if rule.family != family]
    return [*wanted, *rest], f" The Director's notes ask for {family}."
