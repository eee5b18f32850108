"""Every target's strings: labelled as an independent oracle labels them, and hard to shortcut."""

from __future__ import annotations

import math
import re

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from leanlab.labkit import ConfigError
from leanlab.synthesis import data, targets
from leanlab.synthesis.targets import bits, graphs

from . import oracles

BY_NAME = {target.name: target for target in targets.TARGETS}
IN_THE_TABLE = {
    "fn_a": "parity_all",
    "fn_b": "parity_first_half",
    "fn_c": "patternmatch1",
    "fn_d": "patternmatch2",
    "fn_e": "parity_rand_3",
    "fn_f": "parity_rand_10",
    "fn_g": "palindrome",
    "fn_h": "dyck2",
    "fn_i": "prime_decimal",
    "fn_j": "automata_parity",
    "fn_k": "prime_decimal_tf_check",
    "fn_l": "sha256_parity",
    "fn_v": "prime_plus_47",
    "fn_aa": "graph_has_cycle",
}


def made(name, length, **params):
    return data.generate({"target": name, "length": length, **params})


def of_label(dataset, value):
    return [
        x
        for name in data.NAMES
        for x, y in zip(getattr(dataset, name).strings, getattr(dataset, name).labels, strict=True)
        if y == value
    ]


def test_the_published_names_and_ids():
    assert {t.id: t.name for t in targets.TARGETS if t.id} == IN_THE_TABLE
    others = {t.name for t in targets.TARGETS if not t.id}
    assert others == {"poly_f2_deg3", "gcd_range", "two_primes", "prime_minus_5"}
    assert all(targets.find(key) is targets.find(name) for key, name in IN_THE_TABLE.items())


@st.composite
def cases(draw):
    target = draw(st.sampled_from(targets.TARGETS))
    few = {"prime_decimal_tf_check": 5, "prime_plus_47": 5, "prime_minus_5": 5, "two_primes": 8}
    low = max(target.shortest, few.get(target.name, 0), 12)
    high = min(max(low, 40), target.longest)
    steps = draw(st.integers(-(-low // target.step), max(high, 60) // target.step))
    sizes = st.integers(1, 12).map(lambda half: 2 * half)
    return {
        "target": target.name,
        "length": steps * target.step,
        "train": draw(sizes),
        "val": draw(sizes),
        "test": draw(st.integers(1, 60)) * 2,
        "seed": draw(st.integers(-(2**63), 2**63)),
    }


@settings(max_examples=150, deadline=None)
@given(cases())
def test_splits_are_balanced_disjoint_shuffled_and_labelled_by_the_rule(params):
    dataset = data.generate(params)
    length = params["length"]
    shape = {"bits": r"[01]*", "digits": r"[1-9]\d*", "edges": r"(u\d\dv\d\d)*"}
    every = []
    for name in data.NAMES:
        split = getattr(dataset, name)
        assert sum(split.labels) * 2 == len(split) == dataset.meta[name]
        for x, y in zip(split.strings, split.labels, strict=True):
            assert len(x) == length
            assert re.fullmatch(shape[BY_NAME[params["target"]].domain], x)
            assert oracles.label(params["target"], x, length) == y
        every += split.strings
    assert len(set(every)) == len(every)
    assert (len(dataset.train), len(dataset.val)) == (params["train"], params["val"])
    assert (len(dataset.test) == params["test"]) == ("note" not in dataset.meta)
    assert data.generate(params) == dataset


@pytest.mark.parametrize("name", BY_NAME)
def test_the_label_function_is_the_rule_on_strings_of_no_generator(name):
    target = BY_NAME[name]
    length = max(target.shortest, 12)
    label = target.rule(length)
    if target.domain == "edges":
        strings = ["u00v01" * 5, "u00v01u01v00u01v02u02v00u03v03", "u00v01u02v03u04v05u06v07u08v09"]
        # A double edge and a loop are cycles too; generated graphs have none.
        assert [label(x) for x in strings] == [1, 1, 0]
        return
    figures = "01" if target.domain == "bits" else "0123456789"
    strings = [figures[-1] * length, figures[0] * length]
    strings += [
        "".join(figures[(i * i + k) % len(figures)] for i in range(length)) for k in range(40)
    ]
    assert [label(x) for x in strings] == [oracles.label(name, x, length) for x in strings]


@given(st.text("01", min_size=2, max_size=40))
def test_rule_30_is_the_published_polynomial(x):
    assert targets.find("fn_j").rule(len(x))(x) == oracles.rule_30_published(x)


@pytest.mark.parametrize("length", [20, 50, 100])
def test_monomials_are_of_degree_two_or_three_over_five_to_ten_positions(length):
    monomials = bits.random_monomials(length)
    assert len(set(monomials)) == 3
    assert len(monomials[0]) == 3
    assert all(len(each) in (2, 3) for each in monomials)
    assert 5 <= len(set().union(*monomials)) <= 10


@pytest.mark.parametrize("length", [20, 21, 50])
def test_a_negative_palindrome_is_two_flips_away_and_balanced_in_every_way(length):
    dataset = made("palindrome", length, test=1000)
    for x in of_label(dataset, 0):
        first, last = x[: length // 2], x[-(length // 2) :][::-1]
        assert sum(a != b for a, b in zip(first, last, strict=True)) == 2
        assert sorted(first) == sorted(last)
        assert sorted(first[::2]) == sorted(last[::2])
        if length % 2 == 0:
            assert x.count("1") % 2 == 0
            assert overlapping(first, "101") % 2 == overlapping(last, "101") % 2


def overlapping(x, pattern):
    return sum(x.startswith(pattern, i) for i in range(len(x)))


@pytest.mark.parametrize("length", [20, 40, 100])
def test_a_negative_word_has_the_counts_of_a_word(length):
    dataset = made("dyck2", length, test=1000)
    for x in of_label(dataset, 0):
        pairs = re.findall("..", x)
        assert pairs.count("00") == pairs.count("01")
        assert pairs.count("10") == pairs.count("11")


def test_every_word_of_length_20_comes_once_and_the_metadata_say_that_there_are_no_more():
    dataset = made("dyck2", 20)
    assert len(set(of_label(dataset, 1))) == 1344
    assert dataset.meta["test"] == 2488
    assert "test holds 2488; 10000 were asked for" in dataset.meta["note"]
    assert made("palindrome", 20).meta["test"] == 2 * (1024 - 100)


@pytest.mark.parametrize(
    ("name", "less"),
    [("prime_decimal_tf_check", 0), ("prime_plus_47", 47), ("prime_minus_5", 5)],
)
def test_negatives_are_products_of_two_halves_without_small_factors(name, less):
    small = sympy.primorial(1000, nth=False)
    for x in of_label(made(name, 21, train=2, val=2, test=20), 0):
        n = int(x) - less
        assert n % 10 in (1, 3, 7, 9)
        assert math.gcd(n, small) == 1
        divisors = [d for d in sympy.divisors(n) if len(str(d)) == 10]
        assert any(len(str(n // d)) == 11 for d in divisors)


def test_negatives_of_the_plain_primes_have_any_last_digit():
    negatives = of_label(made("prime_decimal", 20, test=2000), 0)
    assert {x[-1] for x in negatives} == set("0123456789")


@pytest.mark.parametrize("length", [96, 300, 600])
def test_graphs_are_simple_and_near_the_threshold(length):
    dataset = made("graph_has_cycle", length, train=2, val=2, test=400)
    for value, offsets in ((1, {1, 2}), (0, {0, -1})):
        seen = set()
        for x in of_label(dataset, value):
            edges = graphs.edges_of(x)
            assert len({frozenset(edge) for edge in edges}) == length // 6
            assert all(u != v for u, v in edges)
            seen.add(graphs.cyclomatic(edges) - graphs.threshold(len(edges)))
        assert seen == offsets


@pytest.mark.parametrize("length", [96, 300])
def test_neither_leaves_nor_vertices_nor_degrees_tell_a_graph(length):
    dataset = made("graph_has_cycle", length, train=2, val=2, test=2000)
    for feature in (vertices, leaves, largest_degree):
        told = [[feature(x) for x in of_label(dataset, value)] for value in (0, 1)]
        best = max(
            sum(n <= cut for n in told[0]) + sum(n > cut for n in told[1]) for cut in range(101)
        )
        assert max(best, 2004 - best) / 2004 < 0.65, feature.__name__


def degrees(x):
    names = re.findall(r"\d\d", x)
    return [names.count(name) for name in set(names)]


def vertices(x):
    return len(degrees(x))


def leaves(x):
    return degrees(x).count(1)


def largest_degree(x):
    return max(degrees(x))


@pytest.mark.parametrize("name", ["parity_rand_3", "palindrome", "prime_plus_47", "patternmatch1"])
def test_a_test_of_another_length_has_the_rule_of_the_training_strings(name):
    dataset = made(name, 20, test_length=60, train=20, val=20, test=200)
    assert {len(x) for x in dataset.train.strings + dataset.val.strings} == {20}
    assert {len(x) for x in dataset.test.strings} == {60}
    assert [oracles.label(name, x, 20) for x in dataset.test.strings] == list(dataset.test.labels)
    assert sum(dataset.test.labels) == 100
    assert dataset.meta["test_length"] == 60


@pytest.mark.parametrize(
    ("name", "length", "message"),
    [
        ("dyck2", 50, "dyck2 needs strings of 4 to 10000 characters, multiples of 4, not 50; use"),
        ("gcd_range", 25, "multiples of 2, not 25; use 24 or 26"),
        ("graph_has_cycle", 100, "of 30 to 600 characters, multiples of 6, not 100; use 96 or 102"),
        ("graph_has_cycle", 6, "not 6; use 30"),
        ("graph_has_cycle", 900, "not 900; use 600"),
        ("prime_decimal", 1000, "of 3 to 300 characters, not 1000; use 300"),
        ("palindrome", 5, "of 6 to 10000 characters, not 5; use 6"),
        ("parity_all", -1, "not -1; use 1"),
    ],
)  # fmt: skip
def test_a_length_that_is_not_allowed_names_those_that_are(name, length, message):
    for params in ({"length": length}, {"length": 60, "test_length": length}):
        with pytest.raises(ConfigError, match=re.escape(message)) as caught:
            data.generate({"target": name, **params})
        assert "\n" not in str(caught.value)


def test_a_test_too_short_for_the_rule_is_refused():
    with pytest.raises(
        ConfigError, match=r"test_length: parity_rand_10 of length 100 looks at \d+"
    ):
        made("parity_rand_10", 100, test_length=30)
