"""Preimages: what they tell is all there is, for the functions there are and for any other."""

from __future__ import annotations

import math
import sys

import pytest

from leanlab.labkit import Stream
from leanlab.trajectory import FunctionDef, FunctionLibrary
from leanlab.trajectory.batch import Single
from leanlab.trajectory.images import Image
from leanlab.trajectory.preimages import is_askable
from leanlab.trajectory.tasks import INPUTS
from leanlab.trajectory.undoing import unknown
from leanlab.trajectory.values import KINDS, identity

from .short import library

VALUES = 400
"""Of each type, beside the odd ones."""

ODD = {
    "builtins.int": [0, 1, -1, 2, 36, 49, 100, 101, 2**53, 2**53 + 1, -(2**64), 10**30],
    "builtins.float": [
        0.0, -0.0, 1.0, -1.5, 0.1, 1 / 3, 1e-20, -1e-20, 1e160, 1e-160, 5e-324, 2.0**53, 2.0**60,
        math.inf, -math.inf, math.nan, math.nextafter(1.0, 2.0), 1e16, 7.25,
    ],
    "builtins.str": [
        "", " ", "a", "Z", "aa", "abab", "aabb", " ab ", "a  b", "Ab Cd", "12", "-7", "1.5", "007",
        "1_0", "stra\xdfe", "\ufb01n", "\u017f", "\u212a", "\u0130x", "\u01c6a", "\xe9", "\u0663",
        "nan", "inf", "True", "66", "6b",
    ],
    "builtins.bytes": [b"", b"a", b"abab", b"\xff\x00"],
    "builtins.list": [[], ["a"], ["a", "bc"], [1, 2], [1.0, 2], [2.464, 2]],
}  # fmt: skip


def values_of(kind: str) -> list:
    stream = Stream("preimages", kind)
    return [INPUTS[kind](stream) for _ in range(VALUES)] + ODD.get(kind, [])


def missing(function: FunctionDef, functions: FunctionLibrary) -> list:
    """Inputs that the preimage of what they become leaves out."""
    single = Single(function, functions.bodies)
    found = []
    for value in values_of(function.input_type):
        try:
            made = functions.bodies[function.name](value)
        except Exception:  # noqa: BLE001 - a body may raise anything
            continue
        if type(made) is not KINDS[function.output_type] or not is_askable(made):
            continue
        candidates = single.preimage(made)
        if candidates is not None and identity(value) not in map(identity, candidates):
            found.append((value, made, candidates))
    return found


def test_no_preimage_in_the_library_leaves_anything_out(default):
    assert {one.name: missing(one, default) for one in default if missing(one, default)} == {}


OTHERS = {
    "int int": (
        "5 - x", "-(x + 3)", "abs(x - 4)", "(x + 1) * 2", "x * -3", "0 * x", "(2 * x) // 5",
        "x // -2", "x % -3", "x % 7", "min(x, 5)", "max(min(x, 9), -9)", "(x - 1) * (x - 1)",
        "(x > 2) - (x < -2)", "-abs(x)", "int(x)", "x + True", "x // True", "int(float(x))",
        "round(x)", "len(str(x))", "abs(x) % 10", "x ** 2", "x << 1", "(x % 3) + (x % 5)",
        f"min(x, {10**400})", f"(x % {10**400}) * 3", "5", "round(x, ndigits=-1)",
    ),
    "int float": ("float(x)", "float(x + 1)", "x / 4", "float(-x)", "x * 1.5", "0.5 + x"),
    "int str": (
        "str(x)", "str(-x)", "str(x)[::-1]", "str(x) + str(x)",
        "str(float(x))", "'%d' % x",
    ),
    "float float": (
        "-abs(x)", "2.5 / x", "(-x) * (-x)", "math.sqrt(x)", "float(x)", "abs(1.0 / x)", "x % 0.5",
        "math.sin(x) - 0.25", "float('%.3g' % math.sin(x))", "10 * (x % 1.0)", "x + 1.0",
        "3 / (-x)",
        "1.5 * (x % 1e99) * 1e300", "max(0.5, 1.0 + x % 1.0)", "min(0.5, x % 1.0 - 2.0)",
        "max(x, 0.5)", "float('%.99999999999g' % math.sin(x))",
    ),
    "float int": ("math.floor(10 * (x % 1.0))", "round(math.sin(x))", "int(x)"),
    "float str": ("str(x)", "str(-x)", "str(abs(x))"),
    "str str": (
        "x.strip().upper()", "(x + x)[::-1]", "x.upper().lower()", "x[::-1].title()", "x[1:]",
        "x[-1]", "x[::2]", "''.join([c for c in x if c != 'a'])", "x.swapcase() + x.swapcase()",
        "''.join([c + c for c in x.lower()])", "' '.join(reversed(x.split()))", "str(x)",
        "' '.join(reversed(x.split(maxsplit=1)))", "' '.join(reversed(x.split('a')))",
        "''.join([c for c in x if c != x[0]])",
        "''.join([x + x for x in x])", "''.join([c for c in x if int(c) > 1])", "x.strip('a')",
    ),
    "str list": ("list(x)", "list(x[::-1])", "list(x + x)", "x.split()"),
    "str int": ("len(x)", "x.count('a')", "len(x) - 3", "int(x)", "stable_hash(x) % 11"),
    "list float": ("round(*x)", "max(*x)"),
    "list list": ("x[::-1]", "x + x", "list(x)", "x[:1]"),
    "bytes str": ("x.hex()", "x.hex()[::-1]", "x.hex('-')"),
    "bytes bytes": ("x[::-1]", "x + x"),
    "bool int": ("int(x)", "7 - x", "x"),
    "bool float": ("float(x)",),
}  # fmt: skip


@pytest.mark.parametrize(("types", "code"), [(t, c) for t, codes in OTHERS.items() for c in codes])
def test_no_preimage_of_other_code_leaves_anything_out(types, code):
    functions = library(f=f"{types}: return {code}")
    assert missing(functions["f"], functions) == []


@pytest.mark.parametrize(
    ("name", "target", "told"),
    [
        ("inc", 5, {4}),
        ("half", 3, {6, 7}),
        ("square", 49, {7, -7}),
        ("square", 50, set()),
        ("mod2", 2, set()),
        ("int_clip_0_100", 7, {7}),
        ("f_frac_percent", 101, set()),
        ("str_hash", -1, set()),
        ("f_sin", 1.5, set()),
        ("float_to_str", "1.5", {1.5}),
        ("reverse", "abc", {"cba"}),
        ("repeat", "abab", {"ab"}),
        ("duplicate", "aabb", {"ab"}),
        ("upper", "Ab", set()),
        ("upper", "6363", {"6363"}),
        ("str_remove_digits", "a1", set()),
        ("first_char", "ab", set()),
        ("str_to_list", ["a", "b"], {"ab"}),
        ("bytes_to_hex", "6162", {b"ab"}),
        ("upper", "AB", None),
        ("length", 3, None),
    ],
)
def test_what_preimages_tell(default, name, target, told):
    candidates = Single(default[name], default.bodies).preimage(target)
    assert told == (None if candidates is None else set(candidates))


def test_an_expression_of_another_type_than_declared_makes_nothing():
    functions = library(lie="int int: return float(x)", more="int int: y = x\nreturn y")
    assert Single(functions["lie"], functions.bodies).preimage(1) == ()
    assert Single(functions["more"], functions.bodies).preimage is unknown


def test_where_there_would_be_many_nothing_is_told():
    functions = library(f="int int: return x // 16 // 16 // 16 // 16 // 16 // 16")
    assert Single(functions["f"], functions.bodies).preimage(1) is None


def test_types_and_ranges_hold(default):
    for function in default:
        single = Single(function, default.bodies)
        if single.expression is None:
            continue
        image = Image(KINDS[function.input_type])
        kind, (low, high) = image.type(single.expression), image.range(single.expression)
        for value in values_of(function.input_type):
            try:
                made = default.bodies[function.name](value)
            except Exception:  # noqa: BLE001 - a body may raise anything
                continue
            assert kind in (None, type(made)), function.name
            if isinstance(made, int | float) and made == made:
                assert low <= made <= high, function.name


def test_only_letters_become_ascii_letters_of_another_case():
    # What the preimages of upper, lower and so on say of ASCII texts.
    for number in range(sys.maxunicode + 1):
        one = chr(number)
        made = {"upper": one.upper(), "lower": one.lower(), "title": one.title()}
        made["swap"] = one.swapcase()
        for name, text in made.items():
            if one.isascii() or not text.isascii():
                continue
            assert text.isalpha(), (number, name)
            assert name == "swap" or getattr(text, name)() == text, (number, name)
            # Before and after a letter, too, where title looks at the neighbours.
            for each in (f"a{one}", f"{one}a", f"1{one}"):
                for change in (str.title, str.capitalize):
                    assert not change(each).isascii() or change(change(each)) == change(each)
