"""Solvers beside the grammar: each finds a rule of its kind, and says no more than is true."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sympy import isprime as is_prime

from leanlab.synthesis.learning import annealed, features, linear, pointers, primes
from leanlab.synthesis.learning.board import Board
from leanlab.synthesis.learning.code import Term, domain_of, render, run
from leanlab.synthesis.learning.learned import learn
from leanlab.synthesis.learning.numbers import Number
from leanlab.synthesis.learning.search import Effort, State, search
from leanlab.synthesis.splits import Split


def halved(label, draw, size, seed=0):
    """Strings of which one half has the label."""
    rng = random.Random(seed)
    drawn = {False: {}, True: {}}
    while min(map(len, drawn.values())) < size // 2:
        x = draw(rng)
        drawn[bool(label(x))][x] = None
    pairs = [(x, y) for y in (0, 1) for x in list(drawn[bool(y)])[: size // 2]]
    rng.shuffle(pairs)
    return Split(strings=tuple(x for x, _ in pairs), labels=tuple(y for _, y in pairs))


def letters(alphabet, length):
    return lambda rng: "".join(rng.choice(alphabet) for _ in range(length))


def solved(stage, label, draw, size=100):
    """The best rule of one stage, with its share of right answers on fresh strings."""
    made = halved(label, draw, size + 400)
    train = Split(strings=made.strings[:size], labels=made.labels[:size])
    state = State(train.strings, train.labels, Effort())
    stage(state)
    best = state.board.best()
    f = run(render(best.term, domain_of(train.strings)))
    fresh = list(zip(made.strings[size:], made.labels[size:], strict=True))
    return best, sum(f(x) == y for x, y in fresh) / len(fresh)


@pytest.mark.parametrize(("factor", "offset", "digits"), [(6, 1, 9), (10, -3, 14), (4, 15, 3)])
def test_a_multiple_plus_a_constant_that_is_prime_is_found(factor, offset, digits):
    made = halved(lambda x: is_prime(factor * int(x) + offset), letters("0123456789", digits), 80)
    board = Board(np.array(made.labels, dtype=bool))
    number = Number(Term("number(s, 10)", "the number x", 3.0), [int(x) for x in made.strings])
    primes.primes(number, board, whole=True)
    sign = "+" if offset > 0 else "-"
    wanted = f"is_prime({factor} * number(s, 10) {sign} {abs(offset)})"
    assert (board.best().term.code, board.best().errors) == (wanted, 0)


@given(st.lists(st.integers(10**6, 10**7), min_size=1, max_size=6), st.integers(1, 9))
def test_the_sieve_leaves_what_no_small_divisor_speaks_against(chosen, factor):
    left = primes._sieve(chosen, {}, factor, 30)
    small = [p for p in range(2, primes.SIEVED) if is_prime(p)]
    open_ = [c for c in range(-30, 31) if all((factor * v + c) % p for v in chosen for p in small)]
    assert sorted(left) == sorted(sorted(open_, key=lambda c: (abs(c), c))[: primes.SURVIVORS])


def accepts(table, accepting, word):
    state = 0
    for c in word:
        state = table[state][c]
    return state in accepting


@given(
    st.integers(1, 5).flatmap(
        lambda k: st.tuples(
            st.lists(
                st.tuples(st.integers(0, k - 1), st.integers(0, k - 1)), min_size=k, max_size=k
            ),
            st.sets(st.integers(0, k - 1)),
        )
    )
)
def test_the_least_automaton_accepts_the_same_and_has_no_state_too_many(made):
    table, accepting = made
    rows, ends = annealed.minimal(table, accepting)
    words = [w for n in range(7) for w in itertools.product((0, 1), repeat=n)]
    assert all(accepts(table, accepting, w) == accepts(rows, ends, w) for w in words)
    # Myhill and Nerode: as many states as there are different sets of words that end well.
    tails = {
        tuple(accepts(table, accepting, (*w, *t)) for t in words if len(t) < 5)
        for w in words
        if len(w) < 6
    }
    reached = {0, *(r for row in rows for r in row)}
    assert reached == set(range(len(rows)))
    assert len(rows) <= len(tails) or len(rows) == len(table)


SEVEN = ((1, 4), (6, 6), (6, 0), (2, 0), (3, 6), (3, 3), (5, 3))


def test_an_automaton_of_seven_states_is_found():
    def label(x):
        return accepts(SEVEN, {1, 2, 4, 6}, map(int, x))

    best, right = solved(annealed.annealed, label, letters("01", 18))
    assert best.errors == 0
    assert right > 0.98


def test_an_item_that_a_number_of_three_bits_points_to_is_found():
    best, right = solved(
        pointers.pointers, lambda x: x[6 + int(x[2:5], 2)] == "1", letters("01", 20)
    )
    assert best.term.code == "at(s, number(s[2:5], 2) + 6) == 1"
    assert right == 1.0


def test_a_digit_that_points_to_a_digit_is_found():
    def stage(state):
        features.add_places(state.lists, state.pool)
        pointers.pointers(state)

    best, right = solved(stage, lambda x: int(x[2 + int(x[0])]) >= 6, letters("0123456789", 12))
    assert best.term.code == "at(s, at(s, 0) + 2) >= 6"
    assert right == 1.0


def test_weights_of_few_places_are_found():
    def label(x):
        a, b, c, d, e = (int(x[i]) for i in (1, 4, 9, 13, 17))
        return 2 * a + b + c + 2 * d - 2 * e >= 2

    best, right = solved(linear.linear, label, letters("01", 20), 160)
    assert best.errors == 0
    assert right > 0.95


def test_weights_of_symbols_are_found():
    def label(x):
        return x.count("a") + 2 * x.count("b") > 2 * x.count("c") + x.count("d")

    _, right = solved(linear.linear, label, letters("abcd", 15))
    assert right > 0.97
    best, right = solved(
        linear.linear, lambda x: (x.count("b") + 3 * x.count("c")) % 5 == 2, letters("abc", 15)
    )
    assert (best.errors, right) == (0, 1.0)


@given(
    st.lists(st.integers(-2, 2), min_size=1, max_size=8),
    st.sampled_from([(0, 2), (-2, 2)]),
)
def test_weights_cost_less_when_most_are_0(weights, bounds):
    row = np.maximum(weights, bounds[0])
    cost = linear.weight_bits(row, bounds)
    assert cost >= linear.weight_bits(np.zeros(len(row), dtype=int), bounds)
    assert cost <= 5 + len(row) * np.log2(bounds[1] - bounds[0] + 1)


def test_a_threshold_is_told_rather_than_a_rarer_set_that_fits_as_well():
    made = halved(
        lambda x: any(a == b for a, b in itertools.pairwise(x)), letters("0123456789", 8), 100
    )
    assert "prime" not in learn(made).rules[0].description


def test_a_file_that_is_sorted_by_label_hides_nothing_from_the_search():
    strings = sorted((f"{n:03d}" for n in range(600)), key=lambda s: int(s) % 3 == 0)
    labels = [int(int(s) % 3 == 0) for s in strings]
    best = search(strings, labels, Effort()).best()
    assert best is not None
    assert best.errors == 0


def test_a_word_is_told_rather_than_how_often_a_shorter_one_occurs():
    draw = random.Random(7)
    drawn = ["".join(draw.choice("01") for _ in range(24)) for _ in range(60)]
    strings = tuple(dict.fromkeys([*drawn, *(s[:9] + "1001001" + s[16:] for s in drawn)]))
    labels = tuple(int("1001001" in s) for s in strings)
    learned = learn(Split(strings=strings, labels=labels))
    assert learned.rules[0].description == "1 exactly when 1001001 is in x."
