"""leanlab trajectory solve, as a user types it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leanlab.cli import app

INT = {"input_type": "builtins.int", "output_type": "builtins.int"}
INPUT = ("--input", "[3, 1, 2]")


def solve(*arguments: str):
    return CliRunner().invoke(app, ["trajectory", "solve", *arguments])


@pytest.fixture
def own(tmp_path: Path):
    """Write a library of functions from int to int, given as name and code."""

    def write(**codes: str) -> str:
        path = tmp_path / "own.json"
        functions = [{"name": name, "code": code, **INT} for name, code in codes.items()]
        path.write_text(json.dumps({"functions": functions}))
        return str(path)

    return write


def test_the_three_answers_have_statuses_of_their_own():
    found = solve(*INPUT, "--output", "[9, 1, 4]")
    assert found.exit_code == 0
    assert found.output.startswith("square\n1 function, shortest (")
    none = solve(*INPUT, "--output", "[5, 5, 6]", "--max-depth", "3")
    assert none.exit_code == 1
    assert none.output.startswith("none: no trajectory of at most 3 functions exists (")
    cut = solve(*INPUT, "--output", "[5, 5, 6]", "--max-calls", "500")
    assert cut.exit_code == 3
    assert cut.output.startswith("unknown: the budget of calls ended first; none of at most 2 func")


def test_json_has_the_answer_and_its_cost():
    told = json.loads(solve(*INPUT, "--output", "[9, 1, 4]", "--json").output)
    assert told["answer"] == "solved"
    assert told["trajectories"] == [["square"]]
    assert told["shortest"] is True
    assert told["calls"] > 0
    told = json.loads(
        solve("--input", "[1]", "--output", "[[1]]", "--max-depth", "3", "--json").output
    )
    assert {name: told[name] for name in ("answer", "depth", "any_length")} == {
        "answer": "refuted",
        "depth": 3,
        "any_length": False,
    }


def test_all_lists_every_shortest_one():
    told = solve("--input", "[2]", "--output", "[4]", "--all")
    assert told.output.splitlines()[:2] == ["double", "square"]
    assert "1 function, all 2 of this length (" in told.output
    assert solve("--input", "[2]", "--output", "[4]", "--all", "--solver", "bfs").exit_code == 2


@pytest.mark.parametrize("name", ["exact", "bfs", "random"])
def test_every_solver_is_there(name):
    assert "square" in solve(*INPUT, "--output", "[9, 1, 4]", "--solver", name).output


@pytest.mark.parametrize(
    ("given", "wanted", "names"),
    [
        ("[range(1, 4)]", "[[1, 2, 3]]", "range_list"),
        ('["Ab"]', '["ab"]', "lower"),
        ("[true, false]", "[False, True]", "bool_not"),
        ('[{"__complex__": [1, 2]}]', "[2.0]", "complex_imag"),
        ("[1+2j]", "[1.0]", "complex_real"),
        ("[{1, 2, 3}]", "[[1, 2, 3]]", "set_to_list"),
        ("[b'ab']", "[b'ba']", "bytes_reverse"),
        ("[bytearray(b'ab')]", "[b'ab']", "bytearray_to_bytes"),
        ("[(1, 2)]", "[[1, 2]]", "tuple_to_list"),
        ("[{'a': 1}]", "[[('a', 1)]]", "dict_items"),
        ("[-Infinity, 4.0]", "[Infinity, 4.0]", "f_abs"),
        ("[7]", "[7]", "(the output is the input)"),
    ],
)
def test_inputs_are_python_or_json(given, wanted, names):
    assert solve("--input", given, "--output", wanted).output.splitlines()[0] == names


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("[1, True]", "--input[1] is of type bool where the list holds int"),
        ("[1, 'a']", "--input[1] is of type str where the list holds int"),
        ("[]", "--input is empty: give at least one item."),
        ("3", "--input is no list"),
        ("[1, 2]", "the input has 2 items and the output 1"),
        ("[None]", "--input[0] is of type NoneType; use one of: int float"),
        ("[hello]", "--input names hello, where only literals can be; text needs quotes."),
        ("[open('x')]", "--input has a call"),
        ("[__import__('os')]", "--input has a call"),
        ("[(1).real]", "--input is no list of literals"),
        ("[2**99]", "--input is no list of literals"),
        ("[1", "--input is no list of literals: '[' was never closed."),
        ("[[" * 200 + "]]" * 200, "--input"),
        ("[" + "9" * 4_400 + "]", "--input"),
        ("['" + "x" * 20_000 + "']", "--input[0] is larger than 10,000"),
        ("[range(10**12)]", "--input is no list of literals"),
        ("[range(1000000000000)]", "--input is larger than 10,000"),
        ("[bytearray(99999999999)]", "--input has bytearray(…) of something else"),
        ('[{"__class__": ["os"]}]', "--input[0] has the tag __class__"),
        ("[{[1]: 2}]", "--input is no list of literals: unhashable type"),
    ],
)
def test_bad_input_is_one_line_that_names_the_place(given, told):
    answer = solve("--input", given, "--output", "[1]")
    assert answer.exit_code == 2
    assert answer.output.startswith(f"leanlab: {told}")
    assert answer.output.count("\n") == 1


# Libraries of others.


def test_a_library_of_others_gives_the_answers_that_a_trusted_one_gives(own):
    path = own(plus="return x + 3", stop="return 1 // 0")
    there = solve(*INPUT, "--output", "[9, 7, 8]", "--library", path)
    trusted = solve(*INPUT, "--output", "[9, 7, 8]", "--library", path, "--trust-library")
    assert there.output.partition("(")[0] == trusted.output.partition("(")[0]
    assert there.output.startswith("plus, plus\n2 functions, shortest")


def test_a_library_that_never_ends_is_ended(own):
    path = own(stall="while True:\n    pass")
    start = time.monotonic()
    answer = solve(*INPUT, "--output", "[9, 7, 8]", "--library", path, "--seconds", "0.1")
    assert answer.exit_code == 2
    assert "its functions, confined, gave no answer (timed out)" in answer.output
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("trust", [(), ("--trust-library",)])
@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("return x +", "its code does not compile: invalid syntax in line 1."),
        ("import os", "its code has an import, which no body may have (line 1)."),
        ("return open(x)", "its code names open, which no body may name (line 1)."),
    ],
)
def test_a_library_that_cannot_be_used_is_told_in_one_line(own, code, told, trust):
    path = own(fine="return x", bad=code)
    answer = solve(*INPUT, "--output", "[9, 7, 8]", "--library", path, *trust)
    assert answer.exit_code == 2
    assert answer.output == f"leanlab: {path}: functions[1] (bad): {told}\n"
