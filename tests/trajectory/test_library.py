"""Libraries are data, and their code is checked before it is compiled."""

from __future__ import annotations

import json

import msgspec
import pytest

from leanlab.trajectory.bodies import compiled
from leanlab.trajectory.execution import Executor
from leanlab.trajectory.library import DEFAULT, FunctionDef, FunctionLibrary, LibraryError
from leanlab.trajectory.values import KINDS, TypedList, short


def function(name: str, code: str, given: str = "int", returned: str = "int") -> FunctionDef:
    return FunctionDef(
        name=name, input_type=f"builtins.{given}", output_type=f"builtins.{returned}", code=code
    )


TABLE = {
    "int": 21, "float": 16, "str": 29, "bool": 5, "list": 10, "tuple": 6, "set": 4, "dict": 9,
    "bytes": 6, "bytearray": 3, "complex": 5, "range": 4,
}  # fmt: skip


def test_the_default_library_has_118_functions_of_every_type(default):
    assert len(default) == 118
    counts = {short(kind): sum(one.input_type == kind for one in default) for kind in KINDS}
    assert counts == TABLE


@pytest.mark.parametrize(
    ("names", "given", "made"),
    [
        ("square, inc, int_to_str, reverse", [4, 9], ["71", "28"]),
        ("half, neg, sign", [7, -7, 0], [-1, 1, 0]),
        ("int_popcount", [-7], [3]),
        ("f_mod1, f_frac_percent", [-0.25], [75]),
        ("f_fraction", [-1.25], [-0.25]),
        ("f_abs_sqrt, f_floor", [-17.0], [4]),
        ("duplicate, repeat", ["ab"], ["aabbaabb"]),
        ("str_reverse_words, title", ["foo bar"], ["Bar Foo"]),
        ("str_hash", ["abc"], [0x352441C2]),
        ("list_unique, list_median", [[3, 3, 1, [2]]], None),
        ("list_unique", [[3, 3, 1]], [[3, 1]]),
        ("list_unique", [[[3], [3], [1]]], [[[3], [1]]]),
        ("list_median", [[3, 1, 2], [4, 1]], [2.0, 2.5]),
        ("tuple_count_none", [(None, 0)], [1]),
        ("set_to_list", [{"b", "a"}], [["a", "b"]]),
        ("dict_items, list_length", [{"a": 1}], [1]),
        ("dict_freeze", [{"b": 1, "a": 2}], [(("a", 2), ("b", 1))]),
        ("dict_has_duplicate_values", [{"a": [1], "b": [1]}, {"a": 1}], [True, False]),
        ("dict_flip", [{"a": 1, "b": 1}], [{1: "b"}]),
        ("bytes_reverse, bytes_to_hex", [b"\x01\xff"], ["ff01"]),
        ("complex_conjugate, complex_imag", [1 + 2j], [-2.0]),
        ("range_sum", [range(1, 4)], [6]),
    ],
)
def test_functions_do_what_their_names_say(default, names, given, made):
    executor = Executor(default)
    plan = [one.name for one in default.parse(names)]
    done = executor.run(executor.plan(TypedList.of(given), plan))
    if made is None:
        assert not done.success
        assert done.failed_step == 1
    else:
        assert done.trajectory is not None, done.error
        assert list(done.trajectory.output.items) == made


def test_a_library_file_is_read_and_written(default, tmp_path):
    path = tmp_path / "own.json"
    path.write_bytes(default.encode())
    assert list(FunctionLibrary.read(path)) == list(default)
    assert json.loads(DEFAULT.read_text())["functions"][0].keys() >= {"name", "code"}


def test_one_name_is_one_function():
    inc = function("inc", "return x + 1")
    assert len(FunctionLibrary([inc, inc])) == 1
    with pytest.raises(LibraryError, match=r"functions\[1\] \(inc\): the name inc is taken"):
        FunctionLibrary([inc, function("inc", "return x + 2")])
    with pytest.raises(LibraryError, match="taken"):
        FunctionLibrary([inc, function("inc", "return x + 1", returned="bool")])
    with pytest.raises(LibraryError, match="no function in it"):
        FunctionLibrary([])


def test_an_answer_names_every_unknown_function(default):
    assert [one.name for one in default.parse("`inc`, 'square'.\n")] == ["inc", "square"]
    assert default.parse(" ") == ()
    with pytest.raises(LibraryError, match=r"no function 'incc' \(nearest: inc\), 'zzz'\.$"):
        default.parse("inc, incc, square, zzz, incc")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("return x +", "its code does not compile: invalid syntax in line 1"),
        ("import os\nreturn x", r"its code has an import, which no body may have \(line 1\)"),
        ("from os import path", "an import"),
        ("return __import__('os')", "names __import__"),
        ("return x.__class__", r"uses \.__class__"),
        ("return (1).real.__class__", r"uses \.__class__"),
        ("return '{0.__class__}'.format(x)", r"uses \.format,"),
        ("return f'{x.__class__}'", r"uses \.__class__"),
        ("return open('/etc/passwd')", "names open"),
        ("return eval('1')", "names eval"),
        ("return getattr(x, 'real')", "names getattr"),
        ("return (i for i in [1]).gi_frame", r"uses \.gi_frame"),
        ("global y\ny = 1", "a global statement"),
        ("class A: pass\nreturn 1", "a class"),
        ("yield x", "a yield"),
        ("match x:\n    case int(real=r):\n        return r", "a match statement"),
        ("_y = x\nreturn _y", "names _y: no name may begin with an underscore"),
        ("x.real = 3", r"uses \.real"),
        ("return 1\ndef f(): pass\nreturn unknown", "names unknown"),
        ("return " + "(" * 5000 + ")" * 5000, "does not compile"),
        ("x = 1\n" * 20_000, "longer than"),
        ("", "does not compile"),
        ("return '\0'", "does not compile"),
    ],
)
def test_code_that_must_not_be_is_an_error_that_names_the_place(tmp_path, code, told):
    path = tmp_path / "bad.json"
    good = function("good", "return x")
    bad = function("bad", code)
    path.write_bytes(msgspec.json.encode({"functions": [good, bad]}))
    with pytest.raises(LibraryError, match=rf"bad\.json: functions\[1\] \(bad\): .*{told}"):
        FunctionLibrary.read(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is no library file"),
        ('{"functions": 3}', "is no library file"),
        (
            '{"functions": [{"name": "f"}]}',
            r"functions\[0\]: .*missing required field `input_type`",
        ),
        (
            '{"functions": [{"name": "f", "input_type": "os.path", "output_type": "builtins.int",'
            ' "code": "return 1"}]}',
            r"functions\[0\] \(f\): input_type: there is no type 'os.path'",
        ),
        (
            '{"functions": [{"name": "a, b", "input_type": "builtins.int",'
            ' "output_type": "builtins.int", "code": "return 1"}]}',
            "is no name for a function",
        ),
    ],
)
def test_a_file_that_is_no_library(tmp_path, text, told):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(LibraryError, match=told):
        FunctionLibrary.read(path)
    with pytest.raises(LibraryError, match="cannot be read"):
        FunctionLibrary.read(tmp_path / "none.json")


def test_a_body_may_span_lines_and_use_what_is_listed():
    body = compiled(
        "  total = 0\n  for i, item in enumerate(sorted(x)):\n      total += i * item\n"
        "  def half(n):\n      return n // 2\n  return half(total) + math.gcd(4, 6)\n",
        "f",
    )
    assert body([3, 1, 2]) == 6
