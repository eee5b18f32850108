"""From labelled strings to rules with a certificate."""

from __future__ import annotations

import hashlib
import re
import time
from typing import TYPE_CHECKING

import msgspec

from leanlab.synthesis.learning import certificate
from leanlab.synthesis.learning.board import exceptions
from leanlab.synthesis.learning.code import Domain, Term, domain_of, render, run, sentence
from leanlab.synthesis.learning.inputs import alike
from leanlab.synthesis.learning.likeness import unlike
from leanlab.synthesis.learning.search import Effort, search

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from leanlab.synthesis.learning.board import Candidate
    from leanlab.synthesis.learning.certificate import Verdict
    from leanlab.synthesis.splits import Split

PREFIX = 6.0
"""Bits in front of every rule, so that the weights 2**-bits of all rules sum to less than 1.

Without them the sums are at most: questions about features 5.1 (views on views 3.75, distances
0.1, the rest of the stages 1.25), comparisons 3.1, sums and the like of two 4.7, joints 4, choices
5.7, and 2.9 for all that the other stages offer directly: 26 of the 64 that six bits allow.
"""
PROBES = 400
FEWEST = 100
"""Probes that a claim of being exact takes."""
PROPOSED = 120
OPEN = 10
"""How many rules are told at most."""
RIVAL = 10.0
"""Rules within so many bits of the best one stand against it."""
GAIN = 10.0
"""Bits by which a rule has to be shorter than the labels before anything is claimed."""
APART = 0.01
"""A share of inputs; a rule with a rival that differs on more of them is not called exact."""
UNIT_SECONDS = 30.0
"""The limit at which the search goes as far as without one."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that training strings led to."""

    code: str
    """A module that defines f(x: str) and needs nothing else."""
    description: str
    family: str
    """The stage of the search that found it."""
    bits: float
    train_errors: int
    total: float
    """Bits of the rule and of its exceptions among the training strings."""
    answers: tuple[int, ...]
    """What it says of the probes: inputs drawn like the training strings."""
    measure: str
    """A module with the integer that the rule asks about as its f; empty where there is none."""

    @property
    def sha256(self) -> str:
        """The hash that the ledger keeps of an experiment with this code."""
        return hashlib.sha256(self.code.encode()).hexdigest()

    def differs(self, other: Rule) -> float:
        """Return the share of probes on which two rules of the same training strings differ."""
        differ = sum(a != b for a, b in zip(self.answers, other.answers, strict=True))
        return differ / len(self.answers)

    @property
    def slug(self) -> str:
        """A few words for a file's name."""
        words = re.findall(r"[a-z0-9]+", self.description.lower())
        dull = {"1", "exactly", "when", "the", "of", "is", "in", "a", "x"}
        return "_".join([word for word in words if word not in dull][:4]) or "rule"


def answer(f: Callable[[str], int], x: str) -> int:
    """Return the rule's answer, 0 where it has none for such a string."""
    try:
        return int(f(x))
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return 0


def answers(code: str, strings: Sequence[str]) -> tuple[int, ...]:
    """Run a program on strings."""
    f = run(code)
    return tuple(answer(f, x) for x in strings)


def propose(
    train: Split, effort: Effort | None = None, go_on: Callable[[], bool] = lambda: True
) -> list[Rule]:
    """Return different rules, shortest two-part code first, from the training strings alone.

    Rules are different when they answer differently on a probe; of equals, the shortest is told.
    """
    board = search(train.strings, train.labels, effort or Effort(), go_on)
    probes = (*train.strings, *alike(train.strings, PROBES))
    rules: list[Rule] = []
    seen: set[tuple[int, ...]] = set()
    domain = domain_of(train.strings)
    for candidate in board.ranked():
        code = render(candidate.term, domain)
        told = answers(code, probes)
        if told in seen:
            continue
        seen.add(told)
        rules.append(_rule(candidate, code, told, train))
        if len(rules) == PROPOSED:
            break
    return sorted(rules, key=lambda rule: rule.total)


def _rule(candidate: Candidate, code: str, told: tuple[int, ...], train: Split) -> Rule:
    n = len(train)
    errors = sum(a != y for a, y in zip(told[:n], train.labels, strict=True))
    bits = candidate.term.bits + PREFIX
    return Rule(
        code=code,
        description=sentence(candidate.term, domain_of(train.strings)),
        family=candidate.family,
        bits=bits,
        train_errors=errors,
        total=bits + exceptions(n, errors),
        answers=told[n:],
        measure=_measure(candidate.term, domain_of(train.strings)),
    )


def _measure(term: Term, domain: Domain) -> str:
    return render(Term(term.measure, term.says, term.bits), domain) if term.measure else ""


def propose_within(train: Split, seconds: float | None) -> list[Rule]:
    """Propose with stages made smaller or larger in proportion to the time that is given.

    None begins after it. Without a limit the same strings always lead to the same rules.
    """
    began = time.monotonic()
    effort = Effort(min(10.0, max(0.1, (seconds or UNIT_SECONDS) / UNIT_SECONDS)))
    return propose(
        train, effort, lambda: seconds is None or time.monotonic() - began < 0.8 * seconds
    )


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What can be said of labelled strings."""

    verdict: Verdict
    error_bound: float
    rules: tuple[Rule, ...]
    """The chosen rule, then those that the data leave open."""
    val_errors: tuple[int | None, ...]
    disagreement: tuple[str, tuple[int, ...]] | None
    """An input on which the rules differ, and what each says."""
    seconds: float


def learn(train: Split, val: Split | None = None, seconds: float | None = None) -> Learned:
    """Search on train, choose with val, and say what may be claimed.

    Without `seconds` the same strings always lead to the same answer.
    """
    began = time.monotonic()
    rules = propose_within(train, seconds)
    if not rules:
        return Learned(
            verdict="abstain",
            error_bound=1.0,
            rules=(),
            val_errors=(),
            disagreement=None,
            seconds=time.monotonic() - began,
        )
    return _weighed(rules, train, val, began)


def _weighed(rules: list[Rule], train: Split, val: Split | None, began: float) -> Learned:
    wrong: list[int | None] = [None] * len(rules)
    if val is not None:
        wrong = [
            sum(a != y for a, y in zip(answers(rule.code, val.strings), val.labels, strict=True))
            for rule in rules
        ]
    size = len(train) + (len(val) if val else 0)
    all_wrong = [rule.train_errors + (more or 0) for rule, more in zip(rules, wrong, strict=True)]
    totals = [
        rule.bits + exceptions(size, errors) for rule, errors in zip(rules, all_wrong, strict=True)
    ]
    order = sorted(range(len(rules)), key=lambda i: (totals[i], i))
    best = order[0]
    errors = all_wrong[best]
    bound = certificate.error_bound(
        rules[best].bits,
        (len(train), rules[best].train_errors),
        None if val is None else (len(val), wrong[best] or 0),
        best + 1,
    )
    rivals = [i for i in order[1:] if totals[i] <= totals[best] + RIVAL]
    if errors == 0:
        exact_ones = [i for i in order[1:] if not all_wrong[i]]
        rivals = sorted({*rivals, *exact_ones}, key=lambda i: (totals[i], i))
    told = [best, *rivals][:OPEN]
    # A rule with errors cannot be the exact one; those without are what the data leave open.
    close = [i for i in rivals if totals[i] <= totals[best] + RIVAL and not all_wrong[i]]
    data = (*train.strings, *(val.strings if val else ()))
    near = [rules[i] for i in close if rules[i].differs(rules[best]) > APART]
    apart = _apart(rules[best], near, data, alike(train.strings, PROBES)) if near else 0.0
    labels = (*train.labels, *(val.labels if val else ()))
    verdict: Verdict = "abstain"
    if _is_claim(totals[best], bound, labels):
        verdict = "exact" if errors == 0 and apart <= APART else "better-than-chance"
    return Learned(
        verdict=verdict,
        error_bound=bound,
        rules=tuple(rules[i] for i in told),
        val_errors=tuple(wrong[i] for i in told),
        disagreement=_disagreement([rules[i] for i in told], train),
        seconds=time.monotonic() - began,
    )


def _apart(
    rule: Rule, rivals: Sequence[Rule], strings: Sequence[str], probes: Sequence[str]
) -> float:
    """Return the largest share of inputs drawn like the strings on which a rival differs.

    Left out are probes that an integer of one of these rules tells to be unlike the strings; 1
    where few are left.
    """
    left = [True] * len(probes)
    for measure in sorted({each.measure for each in (rule, *rivals)} - {""}):
        odd = unlike(answers(measure, strings), answers(measure, probes))
        left = [here and not away for here, away in zip(left, odd, strict=True)]
    if sum(left) < FEWEST:
        return 1.0
    differ = [
        sum(a != b for a, b, here in zip(rule.answers, rival.answers, left, strict=True) if here)
        for rival in rivals
    ]
    return max(differ, default=0) / sum(left)


def _is_claim(total: float, bound: float, labels: Sequence[int]) -> bool:
    """Tell whether a rule is clearly shorter than the labels, and the bound excludes chance."""
    fewer = min(sum(labels), len(labels) - sum(labels))
    return exceptions(len(labels), fewer) - total >= GAIN and bound < fewer / len(labels)


def _disagreement(rules: list[Rule], train: Split) -> tuple[str, tuple[int, ...]] | None:
    """Return the probe on which the rules are most evenly divided."""
    probes = alike(train.strings, PROBES)
    votes = [sum(rule.answers[i] for rule in rules) for i in range(len(probes))]
    split = [min(v, len(rules) - v) for v in votes]
    if not any(split):
        return None
    i = split.index(max(split))
    return probes[i], tuple(rule.answers[i] for rule in rules)
