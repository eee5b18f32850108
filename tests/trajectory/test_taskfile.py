"""Files of tasks: read, written, and made."""

from __future__ import annotations

import gzip
import json
import math
import sys

import pytest
from typer.testing import CliRunner

from leanlab.cli import app
from leanlab.labkit import ConfigError
from leanlab.trajectory.exact import Exact
from leanlab.trajectory.execution import Executor
from leanlab.trajectory.making import Recipe, make
from leanlab.trajectory.search import Budget, Task
from leanlab.trajectory.taskfile import TaskRecord, line, read, write
from leanlab.trajectory.values import TypedList

INTS = '{"type": "builtins.int", "items": [1, 2]}'
LINE = json.dumps({"input": INTS, "output": INTS})


def data(tmp_path, *arguments, name="tasks.jsonl"):
    out = tmp_path / name
    told = CliRunner().invoke(app, ["trajectory", "data", "--out", str(out), *arguments])
    return out, told


def written(tmp_path, text):
    path = tmp_path / "tasks.jsonl"
    path.write_text(text)
    return path


def test_a_task_comes_back_with_all_that_its_line_held(tmp_path):
    items = [math.nan, -math.inf, -0.0]
    record = TaskRecord(
        task=Task(input=TypedList.of([1, 2, 3]), output=TypedList.of(items)),
        held_out=Task(input=TypedList.of([(4,)]), output=TypedList.of([{5, 6}])),
        functions=("inc", "int_to_float"),
        length=2,
        extra={"source": "somewhere", "score": math.nan, "module": "antigravity"},
    )
    for name in ("tasks.jsonl", "tasks.jsonl.gz"):
        write(tmp_path / name, [record, record])
        found = read(tmp_path / name)
        assert [line(one) for one in found] == [line(record)] * 2
        assert found[0].task.output.answers(record.task.output)
    assert gzip.decompress((tmp_path / "tasks.jsonl.gz").read_bytes()) == (
        (tmp_path / "tasks.jsonl").read_bytes()
    )
    assert "antigravity" not in sys.modules


def test_the_interchange_of_others_is_read(tmp_path):
    text = (
        '{"input": "{\\"type\\": \\"builtins.complex\\", \\"items\\": [{\\"__complex__\\": '
        '[5.0, 2.0]}]}", "output": "{\\"type\\": \\"builtins.float\\", \\"items\\": [NaN]}", '
        '"relabeled_functions": ["complex_real"], "relabeled_length": 1, "x": Infinity}\n\n'
    )
    (found,) = read(written(tmp_path, text))
    assert found.task.input.items == (5 + 2j,)
    assert math.isnan(found.task.output.items[0])
    assert (found.functions, found.length, found.extra) == (("complex_real",), 1, {"x": math.inf})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no task"),
        ("{", ":1 is no JSON"),
        ("[" * 100_000, ":1 is no JSON"),
        (LINE + "\n[]", ":2 is no JSON object"),
        ("{}", ":1 has no input and output"),
        ('{"input": [1], "output": "2"}', ":1: input is no text"),
        (json.dumps({"input": INTS}), ":1: output is no text"),
        (LINE.replace("[1, 2]", "[1]", 1), ":1: the input has 1 items and the output 2"),
        (LINE.replace("[1, 2]", "[1, true]", 1), ":1: input[1] is of type bool"),
        (LINE.replace("[1, 2]", "[]", 1), ":1: input is empty"),
        (LINE.replace("builtins.int", "os.path"), ":1: input: there is no type 'os.path'"),
        (LINE[:-1] + ', "relabeled_functions": "inc"}', ":1: relabeled_functions is no list"),
        (LINE[:-1] + ', "relabeled_length": "2"}', ":1: relabeled_length is 2; write a number"),
    ],
)
def test_a_line_that_is_no_task_is_an_error_that_names_it(tmp_path, text, reason):
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_file_and_a_torn_archive_are_errors(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read(tmp_path / "none.jsonl")
    (tmp_path / "torn.gz").write_bytes(gzip.compress(LINE.encode())[:-9])
    with pytest.raises(ConfigError, match="cannot be read: Compressed file ended"):
        read(tmp_path / "torn.gz")


def test_made_tasks_are_the_same_every_time_and_their_answers_are_right(tmp_path, default):
    counts = ("--counts", "1:6,3:4", "--seed", "5")
    first, told = data(tmp_path, *counts, name="a.jsonl")
    assert told.output == f"{first}: 10 tasks\n"
    assert data(tmp_path, *counts, name="b.jsonl")[0].read_bytes() == first.read_bytes()
    assert data(tmp_path, *counts[:3], "6", name="c.jsonl")[0].read_bytes() != first.read_bytes()
    records, executor = read(first), Executor(default)
    assert [one.length for one in records] == [1] * 6 + [3] * 4
    for one in records:
        for examples in (one.task, one.held_out):
            if examples is not None:
                plan = executor.plan(examples.input, one.functions)
                assert executor.run(plan).trajectory.output.answers(examples.output)
    assert sum(one.held_out is not None for one in records) > 5


def test_certified_tasks_have_no_shorter_answer(default):
    recipe = Recipe(counts={2: 10, 3: 10}, seed=1, certified=True)
    made = list(make(default, recipe))
    exact = Exact(default)
    for one in made:
        assert len(exact.solve(one.task, Budget()).functions) == one.length
    unproved = make(default, Recipe(counts={3: 40}, seed=1))
    assert any(len(exact.solve(one.task, Budget()).functions) < 3 for one in unproved)


def test_varied_tasks_have_no_constant_output(default):
    made = make(default, Recipe(counts={4: 20}, seed=1, varied=True))
    assert all(len(set(map(repr, one.task.output.items))) > 1 for one in made)
    other = make(default, Recipe(counts={4: 20}, seed=1))
    assert any(len(set(map(repr, one.task.output.items))) == 1 for one in other)


@pytest.mark.parametrize("counts", ["", "3", "a:1", "1:2,1:3", "0:1", "65:1", "1:-1"])
def test_counts_that_make_no_sense_are_refused(tmp_path, counts):
    _, told = data(tmp_path, "--counts", counts)
    assert told.exit_code == 2
    assert "--counts: " in told.output


def test_a_library_that_nobody_trusts_makes_no_tasks(tmp_path, default):
    own = tmp_path / "own.json"
    own.write_bytes(default.encode())
    out, told = data(tmp_path, "--counts", "1:1", "--library", str(own))
    assert (told.exit_code, out.exists()) == (2, False)
    assert "--trust-library" in told.output
    out, told = data(tmp_path, "--counts", "1:1", "--library", str(own), "--trust-library")
    assert told.exit_code == 0
    assert len(read(out)) == 1


def test_a_library_without_such_walks_says_so(tmp_path):
    own = tmp_path / "own.json"
    types = {"input_type": "builtins.int", "output_type": "builtins.int"}
    own.write_text(json.dumps({"functions": [{"name": "one", "code": "return 1", **types}]}))
    arguments = ("--library", str(own), "--trust-library", "--seed", "1")
    _, told = data(tmp_path, "--counts", "2:1", *arguments)
    assert told.exit_code == 2
    assert "2 functions" in told.output
