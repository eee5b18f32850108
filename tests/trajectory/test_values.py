"""One state identity, one grading equality, and what is too large."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanlab.trajectory.interchange import decode, encode
from leanlab.trajectory.values import (
    MAX_DIGITS,
    MAX_SIZE,
    BadValue,
    TypedList,
    canonical,
    check,
    fresh,
    grading,
    identity,
    same,
    stable_hash,
    within_caps,
)

NAN = math.nan

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=4),
    st.binary(max_size=4),
    st.complex_numbers(),
)
hashable = st.recursive(
    scalars, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=4
)
values = st.recursive(
    hashable,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner),
        st.dictionaries(hashable, inner, max_size=3),
        st.sets(hashable, max_size=3),
    ),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("one", "other", "one_state", "one_answer"),
    [
        (NAN, float("-nan"), True, True),
        ([NAN], [float("nan")], True, True),
        (complex(NAN, 0), complex(float("nan"), 0), True, True),
        (1, True, False, False),
        (1, 1.0, False, False),
        ([1], [True], False, False),
        ([1], [1.0], False, False),
        ((1,), [1], False, False),
        (0.0, -0.0, False, True),
        ([0.0], [-0.0], False, True),
        (complex(0.0, 0.0), complex(-0.0, -0.0), False, True),
        ({"a": (1, -0.0)}, {"a": (1, 0.0)}, False, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False, True),
        ([{"a": 1, "b": 2}], [{"b": 2, "a": 1}], False, True),
        ([1, 2], [2, 1], False, False),
        ({"a", "b", "c"}, {"c", "b", "a"}, True, True),
        ({1}, frozenset({1}), False, False),
        (b"a", bytearray(b"a"), False, False),
        (range(0, 3, 2), range(0, 4, 2), False, False),
        ("[1]", [1], False, False),
        (["-0.0"], ["0.0"], False, False),
        (["{"], ["}"], False, False),
    ],
)
def test_the_two_notions_of_sameness(one, other, one_state, one_answer):
    typed = type(one) is type(other)
    assert (typed and identity(one) == identity(other)) is one_state
    assert same(one, other) is one_answer
    assert same(other, one) is one_answer


@given(values, values)
def test_what_is_one_state_is_one_answer(one, other):
    if type(one) is type(other) and identity(one) == identity(other):
        assert same(one, other)
        assert hash(identity(one)) == hash(identity(other))
    assert identity(fresh(one)) == identity(one)
    assert grading(fresh(one)) == grading(one)
    assert hash(grading(one)) == hash(grading(fresh(one)))


@given(values)
def test_a_copy_shares_nothing_that_can_change(value):
    copied = [fresh(value)]
    assert identity(copied) == identity([value])
    if isinstance(value, (list, set, dict)):
        copied[0].clear()
        assert value == fresh(value) or "nan" in repr(value)
        assert copied[0] is not value


def test_equal_nans_of_a_list_become_one():
    # Otherwise [nan, nan] has one duplicate or none, by how it came about.
    one, other = fresh([float("nan"), float("nan")])
    assert one is other


@given(values)
def test_the_fast_check_says_what_the_slow_one_says(value):
    for one in (value, [value] * 3, "x" * (MAX_SIZE - 2), ["x" * 5_000] * 2, 10**MAX_DIGITS):
        try:
            check(one)
        except BadValue:
            assert not within_caps(one)
        else:
            assert within_caps(one)


def cyclic() -> list:
    loop: list = []
    loop.append(loop)
    return loop


def shared(levels: int) -> list:
    """Small in memory, and with 2 ** levels items."""
    found: list = [1]
    for _ in range(levels):
        found = [found, found]
    return found


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (cyclic(), "holds itself"),
        (shared(29), "larger than"),
        (10**MAX_DIGITS, "4,300 digits"),
        ("x" * MAX_SIZE, "larger than"),
        (range(10**18), "larger than"),
        (range(10**30), "larger than"),
        ([object], "type type"),
        ([iter([])], "list_iterator"),
    ],
    ids=lambda one: one if type(one) is str and len(one) < 30 else "",
)
def test_what_no_list_can_hold(value, told):
    with pytest.raises(BadValue, match=told):
        check(value)


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([], "the list is empty"),
        ([1, True], r"the list\[1\] is of type bool where the list holds int"),
        ([1, 1.0], r"the list\[1\] is of type float"),
        ([None], r"the list\[0\] is of type NoneType; use one of: int"),
        ([cyclic()], r"the list\[0\] is nested more than 30 levels deep, or holds itself"),
    ],
)
def test_a_list_has_one_type_and_says_where_not(items, told):
    with pytest.raises(BadValue, match=told):
        TypedList.of(items)


def test_sets_have_one_order_and_one_hash_in_every_process():
    program = (
        "from leanlab.trajectory.values import *;"
        "s = {'b', 'a', (1, 'x'), frozenset({'q', 'r'})};"
        "print(canonical({'b', 'a', 'c'}), canonical({2.5, float('nan'), -1.0}), canonical(s),"
        "stable_hash(s), stable_hash('abc'), identity(s))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.partition("frozenset({")[0]
        for seed in range(4)
    }
    assert len(told) == 1
    assert canonical({10, 9, -1}) == [-1, 9, 10]
    assert stable_hash("abc") == 0x352441C2  # the CRC-32 that every tool prints


@given(st.lists(st.dictionaries(hashable, values, max_size=2), min_size=1, max_size=2))
def test_a_list_survives_its_text(items):
    typed = TypedList.of(items)
    back = decode(encode(typed), where="line 1")
    assert back.state == typed.state
    assert encode(back) == encode(typed)


@pytest.mark.parametrize(
    "item",
    [
        NAN,
        math.inf,
        -math.inf,
        -0.0,
        1j,
        (1, (2,)),
        {1, 2},
        b"\xff",
        bytearray(b"a"),
        range(1, 9, 3),
    ],
)
def test_what_json_has_no_word_for_survives(item):
    typed = TypedList.of([item, item])
    assert decode(encode(typed), where="x").state == typed.state


def test_the_text_is_the_one_that_files_have():
    assert encode(TypedList.of([complex(5, 2)])) == (
        '{"type": "builtins.complex", "items": [{"__complex__": [5.0, 2.0]}]}'
    )
    assert decode('{"type": "builtins.float", "items": [NaN, -Infinity]}', where="x").items[1] < 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"type": "os.path", "items": [1]}', "x: there is no type 'os.path'"),
        ('{"type": "builtins.object", "items": [1]}', "x: there is no type 'builtins.object'"),
        (
            '{"type": "builtins.dict", "items": [{"__class__": ["os"]}]}',
            r"x\[0\] has the tag __cl",
        ),
        (
            '{"type": "builtins.set", "items": [{"__set__": [[1]]}]}',
            r"x\[0\] has a __set__ that",
        ),
        (
            '{"type": "builtins.range", "items": [{"__range__": 3}]}',
            r"x\[0\] has a __range__ that",
        ),
        ('{"type": "builtins.int", "items": [1, true]}', r"x\[1\] is of type bool"),
        ('{"type": "builtins.int", "items": []}', "x is empty"),
        ('{"type": "builtins.int"}', "x is no {"),
        ('{"type": "builtins.list", "items": [' + "[" * 2000 + "]" * 2000 + "]}", "nested"),
        ('{"type": "builtins.int", "items": [' + "9" * 5000 + "]}", "more than 4,300 digits"),
        ("{", "x is no JSON"),
    ],
)
def test_bad_text_is_an_error_that_names_the_place(text, told):
    with pytest.raises(BadValue, match=told):
        decode(text, where="x")
