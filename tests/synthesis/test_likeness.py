"""Which made-up inputs count when rules are told apart."""

from __future__ import annotations

from leanlab.synthesis.learning.learned import learn
from leanlab.synthesis.learning.likeness import unlike
from leanlab.synthesis.splits import Split
from tests.synthesis.test_solvers import halved, letters


def test_values_never_seen_are_unlike_where_none_was_seen_once():
    assert unlike([0, 0, 2, 2, 2], [0, 1, 2, 3]) == [False, True, False, True]
    assert unlike([0, 0, 2, 2, 3], [0, 1, 2, 4]) == [False] * 4


def mirrored(rng):
    """A palindrome, or one with two of its characters changed."""
    half = letters("01", 12)(rng)
    x = list(half + half[::-1])
    if rng.random() < 0.5:
        for i in rng.sample(range(12), 2):
            x[i] = "10"[int(x[i])]
    return "".join(x)


def test_rules_that_differ_only_on_inputs_never_made_leave_a_rule_exact():
    made = halved(lambda x: x == x[::-1], mirrored, 200)
    learned = learn(
        Split(strings=made.strings[:100], labels=made.labels[:100]),
        Split(strings=made.strings[100:], labels=made.labels[100:]),
    )
    assert learned.verdict == "exact"
    assert learned.rules[1:], "one mismatch or none: the strings leave it open"
