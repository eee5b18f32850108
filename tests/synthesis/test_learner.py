from __future__ import annotations

import ast
import math
import random
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanlab.labkit import ConfigError
from leanlab.synthesis import data, evidence, gf2, rules
from leanlab.synthesis.learner import Sample, best_of_kinds, learn
from leanlab.synthesis.splits import Split

LENGTHS = (20, 25, 30, 50, 75, 100)


def strings(length, size, seed):
    rng = random.Random(seed)
    drawn = {}
    while len(drawn) < size:
        drawn[format(rng.getrandbits(length), f"0{length}b")] = None
    return tuple(drawn)


def labelled(label, length, size=100, seed=0):
    drawn = strings(length, size, seed)
    return Split(strings=drawn, labels=tuple(label(x) for x in drawn))


def fitted(rule):
    space = {}
    exec(rule.code, space)
    return space["f"]


def log2_chance(rule, train):
    return evidence.log2_chance(rule.bits, rule.train_errors, train)


def surest(train):
    return min(best_of_kinds(train), key=lambda rule: log2_chance(rule, train))


@pytest.mark.parametrize("seed", [1, 2, 42])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("target", ["fn_a", "fn_b", "fn_e", "fn_f"])
def test_every_target_is_found_from_a_hundred_strings(target, length, seed):
    made = data.generate({"target": target, "length": length, "test": 1000, "seed": seed})
    rule = surest(made.train)
    assert rule.train_errors == 0
    assert log2_chance(rule, made.train) < -20
    f = fitted(rule)
    assert made.val.accuracy([f(x) for x in made.val.strings]) == 1.0
    assert made.test.accuracy([f(x) for x in made.test.strings]) == 1.0


@pytest.mark.parametrize("length", [20, 50, 100])
@pytest.mark.parametrize("negated", [0, 1])
@pytest.mark.parametrize("chosen", ["all", "half", "last half", 4, 7, 10])
def test_any_parity_and_its_negation_are_found(length, negated, chosen):
    picked = {
        "all": range(length),
        "half": range(length // 2),
        "last half": range(length // 2, length),
    }.get(chosen) or random.Random(length).sample(range(length), chosen)

    def label(x):
        return (sum(x[i] == "1" for i in picked) + negated) % 2

    f = fitted(surest(labelled(label, length)))
    assert all(f(x) == label(x) for x in strings(length, 500, seed=9))


@pytest.mark.parametrize("size", [45, 60])
def test_ten_of_a_hundred_positions_are_found_from_few_strings(size):
    picked = random.Random(5).sample(range(100), 10)
    train = labelled(lambda x: sum(x[i] == "1" for i in picked) % 2, 100, size)
    assert Sample(train).system().rank <= size
    listing = best_of_kinds(train)[-1]
    assert listing.train_errors == 0
    assert f"positions = ({', '.join(map(str, sorted(picked)))})" in listing.code


@pytest.mark.parametrize(
    ("label", "slug"),
    [
        (lambda x: 1, "always_1"),
        (lambda x: int(x[7] == "0"), "one_position"),
        (lambda x: int(x.count("1") >= 26), "count_threshold"),
        (lambda x: int(x.count("1") != 25), "exact_count"),
        (lambda x: int(not (x[3] == "1" and x[40] == "0")), "two_positions"),
        (lambda x: int(x[3] != x[40]), "two_differ"),
        (lambda x: x[10:31].count("1") % 2, "parity_of_range"),
        (lambda x: (x[0] + x[9] + x[30]).count("1") % 2, "parity_of_3"),
    ],
)
def test_a_rule_of_every_kind_is_found_among_the_best_of_kinds(label, slug):
    train = labelled(label, 50)
    exact = [rule for rule in best_of_kinds(train) if rule.train_errors == 0]
    rule = next(rule for rule in exact if rule.slug == slug)
    assert rule is exact[0]
    f = fitted(rule)
    assert all(f(x) == label(x) for x in strings(50, 500, seed=3))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("seed", range(3))
def test_nothing_certain_is_learned_from_random_labels(length, seed):
    coin = random.Random(seed)
    labels = [0, 1] * 50
    coin.shuffle(labels)
    train = Split(strings=strings(length, 100, seed), labels=tuple(labels))
    for rule in islice(learn(train), 40):
        assert log2_chance(rule, train) > -5
        assert rule.train_errors > 0 or rule.bits > 90


@pytest.mark.parametrize("wrong", [1, 3, 5])
@pytest.mark.parametrize(
    "picked",
    [range(50), range(10, 35), (1, 20, 45), (0, 4, 9, 13, 22, 31, 38, 49)],
    ids=["all", "range", "three", "eight"],
)
def test_a_few_wrong_labels_hide_no_parity(picked, wrong):
    def label(x):
        return sum(x[i] == "1" for i in picked) % 2

    clean = labelled(label, 50)
    flipped = random.Random(wrong).sample(range(100), wrong)
    labels = tuple(y ^ (i in flipped) for i, y in enumerate(clean.labels))
    train = Split(strings=clean.strings, labels=labels)
    assert not Sample(train).system().consistent
    rule = surest(train)
    assert rule.train_errors == wrong
    f = fitted(rule)
    assert all(f(x) == label(x) for x in strings(50, 500, seed=3))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 60), st.integers())
def test_rules_are_what_they_say(length, size, seed):
    size = min(size, 2**length)
    coin = random.Random(seed)
    drawn = strings(length, size, seed)
    train = Split(strings=drawn, labels=tuple(coin.getrandbits(1) for _ in drawn))
    for rule in islice(learn(train), 60):
        f = fitted(rule)
        assert sum(f(x) != y for x, y in zip(drawn, train.labels, strict=True)) == rule.train_errors
        assert ast.get_docstring(ast.parse(rule.code).body[0]) == rule.description
        assert "\n" not in rule.description
        assert rule.family in rules.FAMILIES
        assert rule.slug.replace("_", "").isalnum()


def test_rounds_go_from_short_to_long_and_from_good_to_worse():
    made = data.generate({"target": "parity_first_half", "length": 50, "test": 2})
    order = list(islice(learn(made.train), 300))
    assert len({rule.sha256 for rule in order}) == 300
    first = [rule.bits for rule in best_of_kinds(made.train)]
    assert [rule.bits for rule in order[: len(first)]] == first == sorted(first)
    exact = next(i for i, rule in enumerate(order) if rule.train_errors == 0)
    assert [rule.slug for rule in order[:exact]] == ["always_0", "one_position", "count_threshold"]
    for slug in ("one_position", "parity_of_range"):
        errors = [rule.train_errors for rule in order if rule.slug == slug]
        assert errors == sorted(errors)
        assert len(errors) > 5


def test_code_lengths_obey_krafts_inequality():
    train = labelled(lambda x: x.count("1") % 2, 8, 60)
    every = list(learn(train))
    assert len({rule.sha256 for rule in every}) == len(every)
    listed = sum(rule.family == "parity" for rule in every)
    assert len(every) - listed == 2 + 16 + 2 * 8 + 2 * 9 + 10 * 28
    assert 0.3 < sum(2**-rule.bits for rule in every) <= 1


@pytest.mark.parametrize("length", [4, 20, 100])
def test_listings_of_every_size_share_one_kinds_code(length):
    subsets = [(k, math.comb(length, k)) for k in range(4, length + 1)]
    assert sum(count * 2 ** -rules.listing_bits(k, length) for k, count in subsets) <= 1


def test_strings_of_something_else_are_refused():
    with pytest.raises(ConfigError, match="training string 2"):
        best_of_kinds(Split(strings=("0101", "01a1"), labels=(0, 1)))
    with pytest.raises(ConfigError, match="training string 2"):
        best_of_kinds(Split(strings=("0101", "01"), labels=(0, 1)))


def test_evidence_against_direct_counts():
    assert evidence.coin(10, 8) == pytest.approx((45 + 10 + 1) / 1024)
    assert evidence.coin(10, 0) == 1.0
    assert 2 ** evidence.log2_ball(5, 2) == pytest.approx(1 + 5 + 10)
    train = Split(strings=tuple("abcd"), labels=(0, 1, 1, 0))
    assert 2 ** evidence.log2_chance(1.0, 0, train) == pytest.approx(2 / 6)
    same = Split(strings=tuple("abcd"), labels=(1, 1, 1, 1))
    assert evidence.log2_chance(1.0, 0, same) == 0.0


systems = st.integers(1, 8).flatmap(
    lambda width: st.tuples(
        st.just(width), st.lists(st.integers(0, 2 ** (width + 1) - 1), max_size=10)
    )
)


@given(systems)
def test_solutions_are_those_of_brute_force(system):
    width, rows = system

    def solves(x):
        return all((row & (x | 1 << width)).bit_count() % 2 == 0 for row in rows)

    expected = {x for x in range(2**width) if solves(x)}
    assert set(gf2.solutions(rows, width, 2**width - 1)) == expected
    echelon = gf2.eliminate(rows, width)
    assert echelon.consistent == bool(expected)
    if expected:
        assert len(expected) == 2 ** (width - echelon.rank)
