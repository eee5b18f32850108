"""The learner's parts: what arrays say is what programs say, and what is fitted is what is run."""

from __future__ import annotations

import ast
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanlab.synthesis.learning import (
    arrays,
    automata,
    certificate,
    gf2,
    grammar,
    predicates,
    sums,
    views,
)
from leanlab.synthesis.learning.board import Board, exceptions
from leanlab.synthesis.learning.code import (
    Domain,
    Term,
    domain_of,
    function,
    integer,
    natural,
    render,
    run,
)
from leanlab.synthesis.learning.search import Effort, search

LISTS = st.lists(st.lists(st.integers(-3, 9), max_size=9), min_size=1, max_size=6)


@given(LISTS)
def test_features_of_rows_are_those_of_programs(lists):
    rows = arrays.Rows(lists)
    for production in grammar.FEATURES:
        if production.code == "xor_of({0})" and any(c < 0 for s in lists for c in s):
            continue
        told = arrays.ARRAYS[production.code](rows).tolist()
        assert told == [function(production.code)(s) for s in lists], production.code
    for v in (0, 1, 7):
        for production in grammar.OF_VALUE:
            told = arrays.VALUE_ARRAYS[production.code](rows, v).tolist()
            assert told == [function(production.code)(s, v) for s in lists], production.code
        for production in grammar.OF_TWO_VALUES:
            told = arrays.TWO_VALUE_ARRAYS[production.code](rows, v, 1).tolist()
            assert told == [function(production.code)(s, v, 1) for s in lists], production.code


@given(st.lists(st.integers(0, 1), max_size=12))
def test_every_view_and_feature_takes_any_list(bits):
    for production in (*grammar.VIEWS, *grammar.FEATURES, *grammar.ROOT_FEATURES):
        function(production.code)(bits)


ALPHABETS = ("01", "0123456789", "abc", "()[]")


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(ALPHABETS), st.integers(4, 14), st.integers(0, 3), st.integers())
def test_a_program_is_wrong_exactly_as_often_as_the_search_says(alphabet, length, spread, seed):
    rng = random.Random(seed)
    drawn = {
        "".join(rng.choice(alphabet) for _ in range(length + rng.randrange(spread + 1)))
        for _ in range(24)
    }
    strings = sorted(drawn)
    labels = [rng.getrandbits(1) for _ in strings]
    if len(set(labels)) < 2:
        return
    board = search(strings, labels, Effort(0.1))
    domain = domain_of(strings)
    for candidate in board.ranked():
        code = render(candidate.term, domain)
        f = run(code)
        wrong = sum(int(f(x)) != y for x, y in zip(strings, labels, strict=True))
        assert wrong == candidate.errors, code
        says = ast.get_docstring(ast.parse(code).body[-1])
        assert says.startswith("1 exactly when")
        assert "\n" not in says


def test_weights_of_the_grammar_are_those_of_a_prefix_free_code():
    assert sum(2 ** -natural(n) for n in range(100_000)) <= 1
    assert sum(2 ** -integer(n) for n in range(-50_000, 50_000)) <= 1
    assert sum(2**-cost for cost in predicates.COST.values()) == pytest.approx(1)
    shares = [2 ** -grammar.view_bits(production) for production in grammar.VIEWS]
    assert sum(shares) == pytest.approx(0.5)
    groups = (grammar.FEATURES, grammar.ROOT_FEATURES, grammar.OF_VALUE, grammar.OF_TWO_VALUES)
    every = [production for group in groups for production in group]
    assert sum(2 ** -grammar.feature_bits(production) for production in every) == pytest.approx(1)


def test_exceptions_are_a_code():
    n = 30
    assert sum(math.comb(n, e) * 2 ** -exceptions(n, e) for e in range(n + 1)) < 2


@given(
    st.lists(st.integers(-6, 12), min_size=12, max_size=12),
    st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_questions_are_fitted_as_well_as_by_trying_all(values, labels):
    if len(set(values)) < 2 or len(set(labels)) < 2:
        return
    y = np.array(labels)
    board = Board(y)
    board._ceiling = 1e9
    board.exceptions = np.array([float(e) if e <= 6 else math.inf for e in range(13)])
    predicates.fit(np.array([values]), [Term("v", "v", 0.0)], board, (2, 3))
    for candidate in board.ranked():
        told = [eval(candidate.term.code, dict(vars_of()), {"v": v}) for v in values]
        wrong = sum(bool(t) != bool(z) for t, z in zip(told, labels, strict=True))
        assert wrong == candidate.errors, candidate.term.code
    fewest = min(
        sum((v >= t) != z for v, z in zip(values, labels, strict=True)) for t in range(-6, 14)
    )
    found = [c.errors for c in board.ranked() if ">=" in c.term.code]
    if 0 < fewest < min(sum(labels), 12 - sum(labels)):
        assert min(found) == fewest


def vars_of():
    from leanlab.synthesis.learning.code import PIECES

    return PIECES


@given(st.integers(1, 60), st.data())
def test_the_bound_is_the_inverse_of_the_binomial_tail(n, data):
    errors = data.draw(st.integers(0, n - 1))
    p = certificate.tail_inverse(n, errors, 0.05)
    tail = sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(errors + 1))
    assert tail == pytest.approx(0.05, abs=1e-6)


def test_a_bound_never_claims_more_than_its_samples_allow():
    assert certificate.tail_inverse(100, 0, 0.05) == pytest.approx(1 - 0.05**0.01)
    assert certificate.tail_inverse(0, 0, 0.05) == 1.0
    assert certificate.occam_bound(100, 0, 200.0, 0.05) > 0.7
    assert certificate.ranked_bound(100, 0, 50, 0.05) > certificate.ranked_bound(100, 0, 1, 0.05)
    assert sum(1 / (rank * (rank + 1)) for rank in range(1, 10_000)) < 1


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


@given(st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=1, max_size=5))
def test_the_kernel_modulo_a_prime_is_that_of_brute_force(rows):
    found = sums.kernel(np.array(rows), 5)
    every = [
        (a, b, c)
        for a in range(5)
        for b in range(5)
        for c in range(5)
        if all((a * r[0] + b * r[1] + c * r[2]) % 5 == 0 for r in rows)
    ]
    assert len(every) == 5 ** len(found)
    assert all(tuple(vector) in every for vector in found)


def test_tables_of_automata_are_all_and_different():
    # The numbers of accessible complete deterministic automata without final states (OEIS A006689).
    for states, symbols, count in ((1, 2, 1), (2, 2, 12), (3, 2, 216), (4, 2, 5248), (2, 3, 56)):
        tables = automata.every_table(states, symbols)
        assert len(np.unique(tables, axis=0)) == len(tables) == count


def test_marks_tell_where_symbols_are():
    view = views.View(Term("s", "x", 0.0), [[0, 2, 1, 2], [1, 1, 0, 3]])
    for mark in views.marks(view):
        of = eval("lambda s: " + mark.term.code)
        assert [of(s) for s in view.lists] == mark.lists


def test_a_domain_reads_characters_as_they_are():
    assert domain_of(["0110"]) == Domain("01")
    assert domain_of(["0110", "7"]) == Domain("0123456789")
    assert domain_of(["ba", "c"]) == Domain("abc")
    assert domain_of(["u1v2"]).numbered
