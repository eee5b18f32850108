"""Spans: nothing that makes a number is outside of where the rules tell it is."""

from __future__ import annotations

import math

import pytest

from leanlab.labkit import Stream
from leanlab.trajectory import FunctionDef, FunctionLibrary
from leanlab.trajectory.batch import Batch, Single
from leanlab.trajectory.spans import around, inside, joined
from leanlab.trajectory.values import KINDS

from .short import library
from .test_preimages import OTHERS, values_of

VALUES = 2_000
"""Of each type, of every size there is."""
NUMBERS = ("builtins.int", "builtins.float")

MORE = {
    "int int": (
        "x.bit_length()", "x.bit_count()", "(-3 * x).bit_length()", "x // 7 + 2", "-5 + x",
        "2 * (x - 5) // 3", "abs(x * x - 4)", "math.floor(float(x))", "min(x * x, 50)",
        "max(x, 3) - 9", "(x * -3).bit_length()", f"x + {10**400}", f"{10**400} * x",
        "abs(x // 16)",
    ),
    "int float": (
        "math.exp(float(x))", "1 / float(x)", "float(x) * 0.5", "math.sqrt(float(x * x))",
    ),
    "float float": (
        "math.exp(x)", "math.log10(x)", "math.exp(math.exp(x))", "x * 1e60", "x / 1e60",
        "x * 1e300", "x * 0.1 + 5", "1e20 + x", "x - 1e-20", "math.sqrt(x) * 3", "x / -0.7",
        "0.1 / (x * x)", "1 / (x - 1)", "-0.5 / x", "float('%.2g' % x)", "float('%.0g' % x)",
        "2 * x", "x - round(x)", "float('%.1g' % math.exp(x))", "x - round(x, ndigits=-1)",
        "1 / math.sqrt(abs(x))",
    ),
    "float int": (
        "math.trunc(x)", "math.ceil(x * x)", "round(1 / x)", "math.floor(math.exp(x))", "int(-x)",
        "round(float('%.3g' % x))", "math.floor(math.log10(x))", "math.floor(x).bit_length()",
        "round(x) - 5", "(3 * math.floor(x)).bit_count()",
    ),
}  # fmt: skip


def numbers_of(kind: str) -> list:
    stream = Stream("spans", kind)
    made = []
    for number in range(VALUES):
        digits = stream.below(620) - 320 if number % 3 else stream.below(8) - 4
        sign = 1 if stream.below(2) else -1
        made.append(sign * (1 + stream.below(10**9) / 10**8) * 10.0**digits)
    if kind == "builtins.int":
        return [*map(int, made), 10**4299, 7 - 10**4000, *values_of(kind)]
    return [*made, *values_of(kind)]


def made_by(function: FunctionDef, functions: FunctionLibrary) -> list[tuple]:
    found = []
    for value in numbers_of(function.input_type):
        try:
            made = functions.bodies[function.name](value)
        except Exception:  # noqa: BLE001 - a body may raise anything
            continue
        if type(made) is KINDS[function.output_type] and made == made:
            found.append((value, made))
    return found


def missing(function: FunctionDef, functions: FunctionLibrary) -> list:
    """Inputs that lie outside of where what they become is told to come from."""
    locate = Single(function, functions.bodies).locate
    pairs = made_by(function, functions)
    found = [one for one in pairs if not inside([one[0]], around(locate, [one[1]]))]
    for start in range(0, len(pairs), 9):
        some = pairs[start : start + 9]
        spans = around(locate, [made for _, made in some])
        found += [one for one in some if not inside([one[0]], spans)]
    return found


def test_nothing_is_outside_for_the_functions_of_the_library(default):
    numeric = [one for one in default if {one.input_type, one.output_type} <= set(NUMBERS)]
    assert len(numeric) > 20
    assert {one.name: missing(one, default) for one in numeric if missing(one, default)} == {}


@pytest.mark.parametrize(
    ("types", "code"),
    [(types, code) for types, mine in MORE.items() for code in (*mine, *OTHERS.get(types, ()))],
)
def test_nothing_is_outside_for_other_code(types, code):
    functions = library(f=f"{types}: return {code}")
    assert missing(functions["f"], functions) == []


@pytest.mark.parametrize(
    ("name", "target", "within", "without"),
    [
        ("f_floor", 3, [3.0, 3.5, 4.0], [1.9, 4.1, -3.5, math.nan]),
        ("f_round", -3, [-3.5, -2.5], [-5.0, -1.9]),
        ("f_exp", 1.0, [0.0, -1e-12], [0.1, math.inf]),
        ("f_exp", -1.0, [], [0.0, -math.inf]),
        ("f_log10", 2.0, [100.0], [99.0, 101.0]),
        ("f_reciprocal", 0.0, [math.inf, -1e300], [5.0, -5.0]),
        ("f_square", 4.0, [2.0, -2.0], [1.9, 0.0]),
        ("int_bit_length", 5, [16, 31, -16, -31], [15, 32, 0, -32]),
        ("int_popcount", 3, [7, -8], [6, 0, -6]),
        ("int_clip_0_100", 100, [100, 10**30], [99]),
        ("f_frac_percent", 7, [1e300, -3.0], []),
        ("f_frac_percent", 101, [], [0.5]),
    ],
)
def test_where_a_number_is(default, name, target, within, without):
    spans = around(Single(default[name], default.bodies).locate, [target])
    assert sorted(inside(within, spans)) == sorted(within)
    assert inside(without, spans) == []


def test_of_many_numbers_the_ends_count(default):
    locate = Single(default["f_floor"], default.bodies).locate
    assert len(around(locate, [1, 5])) == 2
    assert len(around(locate, range(0, 100, 10))) == 1


def test_spans_that_overlap_become_one():
    assert joined([(5, 9), (1, 2), (2, 3), (6, 7)]) == ((1, 3), (5, 9))


def test_functions_that_tell_the_same_are_run_together(default):
    rounding = [one for one in default if one.name in ("f_trunc", "f_round", "f_floor", "f_ceil")]
    other = default["f_frac_percent"]
    batch = Batch([*rounding, other], default.bodies)
    assert [one.size for _, one in batch.others] == [4]
    assert [one.size for _, one in batch.located] == [4, 1]
