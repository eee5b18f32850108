"""labs/trajectory: its data, its evaluation, and what it tells."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys

import jinja2
import msgspec
import pytest

from leanlab.config import load
from leanlab.labkit import Each, Lab
from leanlab.resources import SHIPPED_LABS
from leanlab.trajectory import hidden, taskfile
from leanlab.trajectory.execution import Executor
from leanlab.trajectory.library import FunctionLibrary

LAB = SHIPPED_LABS / "trajectory"
CONFIG = load(LAB / "lab.json")
RECIPE = msgspec.convert(CONFIG.params, hidden.Recipe)
SOLVE = 'def solve(inputs, outputs, library, budget):\n    """One."""\n    '
KNOWS = SOLVE + "return KNOWN.get(repr((inputs, outputs)), [])\nKNOWN = {known!r}\n"


def module(name):
    spec = importlib.util.spec_from_file_location(f"trajectory_{name}", LAB / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def split(name, folder=LAB):
    return taskfile.read(folder / "data" / f"{name}.jsonl")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The lab with a dozen tasks and little time for each."""
    folder = tmp_path_factory.mktemp("small")
    for name in ("evaluation.py", "task.md", "validate.py"):
        shutil.copy(LAB / name, folder)
    config = json.loads((LAB / "lab.json").read_text())
    config["params"] |= {"lengths": [2, 3], "train": 2, "val": 3, "test": 3, "seconds": 0.1}
    (folder / "lab.json").write_text(json.dumps(config))
    module("evaluation").make_data(Lab(folder=LAB, data=folder / "data", params=config["params"]))
    return folder


def scored(source, folder):
    experiment = folder / "experiment.py"
    experiment.write_text(source)
    command = [sys.executable, str(folder / "evaluation.py"), str(experiment)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def library():
    return FunctionLibrary.read(LAB / "data" / "library.json")


def test_the_committed_data_are_what_make_data_writes(tmp_path):
    small = CONFIG.params | {"lengths": [2, 3]}
    module("evaluation").make_data(Lab(folder=LAB, data=tmp_path, params=small))
    assert (tmp_path / "library.json").read_bytes() == (LAB / "data/library.json").read_bytes()
    # A length's tasks do not hang on the other lengths: the committed ones begin with the same.
    for name, count in (("train", RECIPE.train), ("val", RECIPE.val), ("test", RECIPE.test)):
        made = (tmp_path / f"{name}.jsonl").read_text().splitlines()
        assert made == (LAB / "data" / f"{name}.jsonl").read_text().splitlines()[: 2 * count]


def test_every_split_has_every_length_and_no_task_is_there_twice(library):
    executor = Executor(library)
    seen = set()
    for name, count in (("train", RECIPE.train), ("val", RECIPE.val), ("test", RECIPE.test)):
        records = split(name)
        assert [one.length for one in records] == sorted(RECIPE.lengths * count)
        for one in records:
            key = one.task.input.state, one.task.output.state
            assert key not in seen
            seen.add(key)
            reply = list(one.functions)
            assert hidden.grade(reply, one, executor).solved
            assert hidden.grade(reply, one, executor).general is not False
            text = hidden.arguments(one, hidden.as_data(library), RECIPE.seconds)
            assert json.loads(json.dumps(text)) == text
            assert len(set(map(repr, one.task.output.items))) > 1


def test_the_task_names_nothing_hidden():
    template = jinja2.Template((LAB / "task.md").read_text(), undefined=jinja2.StrictUndefined)
    public = {name: CONFIG.params[name] for name in CONFIG.public_params}
    told = {name: (LAB / name).read_text() for name in CONFIG.public if name != "task.md"}
    text = template.render(params=public, files=told)
    assert '"name":"inc"' in text.replace(" ", "")
    for word in ("val.jsonl", "test.jsonl", "test_solve_rate", "held_out"):
        assert word not in text.partition("## The library")[0]
    assert not {"test_solve_rate", "test_generalisation"} & set(CONFIG.revealed)
    everything = text + "".join(told.values())
    shown = [taskfile.line(one).partition(', "held_out')[0] for one in split("train")]
    assert all(one in everything for one in shown)
    kept = [taskfile.line(one).partition(', "held_out')[0] for one in split("val") + split("test")]
    assert not any(one in everything for one in kept)


def test_an_answer_that_is_right_is_counted_by_length_and_on_held_out_examples(small):
    known = {}
    for one in split("val", small):
        if one.length == 3:
            given = (list(one.task.input.items), list(one.task.output.items))
            known[repr(given)] = {"functions": list(one.functions), "calls": 12}
    told = scored(KNOWS.format(known=known), small)
    assert told["val_solve_rate"] == 0.5
    assert (told["val_length_3"], told["val_length_2"]) == (1.0, 0.0)
    assert (told["val_generalisation"], told["val_untrusted_calls"]) == (1.0, 12.0)
    assert told["val_no_answer"] == 0.5
    assert told["test_solve_rate"] == 0.0
    assert "test_generalisation" not in told
    assert "test_untrusted_calls" not in told


def test_a_solver_that_never_ends_is_ended_task_by_task(small):
    looping = SOLVE + "while inputs[0] != 3:\n        pass\n    return ['inc']\n"
    told = scored(looping, small)
    assert told["val_out_of_time"] > 0.9
    assert told["val_solve_rate"] == 0.0


@pytest.mark.parametrize("reply", ["'inc'", "[1]", "{'functions': ['inc']}", "None", "{'a': 1}"])
def test_replies_of_another_form_are_a_crash(small, reply):
    told = scored(SOLVE + f"return {reply}\n", small)
    assert told["status"] == "crashed"
    assert told["error"]["category"] == "wrong type"


def each(value, failure=""):
    return Each(value=value, failure=failure, cpu_seconds=0.0)


def test_every_outcome_is_counted(library):
    executor = Executor(library)
    (one, *_) = split("train")
    right = list(one.functions)
    replies = [
        each(right),
        each(["nothing_of_that_name"]),
        each([*right, "inc"] * 40),
        each([]),
        each(None, "out of cpu time"),
        each(None, "ValueError"),
        each(hidden.Reported(functions=right, calls=10**400)),
        each(["is_even", "inc"]),
    ]
    told = hidden.metrics("x", [one] * len(replies), replies, executor)
    assert told["x_solve_rate"] == 2 / 8
    assert told["x_wrong"] == 3 / 8
    assert told["x_no_answer"] == told["x_out_of_time"] == told["x_failed"] == 1 / 8
    assert told["x_untrusted_calls"] == 1e15
    less = hidden.metrics(
        "x", [one], [each(hidden.Reported(functions=right, calls=-(10**400)))], executor
    )
    assert less["x_untrusted_calls"] == 0.0
    words = hidden.told([one], [each(None, "out of cpu time")], executor)
    assert words == "A training task of 2 functions: out of time."


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def solve(", "not Python"),
        ("x = 1\n", "solve at module level 0 times"),
        ("def solve(a, b, c):\n    'One.'\n", "cannot be called with four"),
        ("def solve(a, b, c, d, e):\n    'One.'\n", "cannot be called with four"),
        ("def solve(a, b, c, d, *, e):\n    'One.'\n", "cannot be called with four"),
        ("def solve(a, b, c, d):\n    return []\n", "a docstring of one line"),
        ("import os\n" + SOLVE + "return []\n", "imports os: a solver needs no"),
        ("import numpy\n" + SOLVE + "return []\n", "not in the standard library"),
        (SOLVE + "open('x')\n", "Line 3 uses open"),
    ],
)
def test_a_broken_contract_is_said_in_one_line(source, reason):
    told = module("validate").validate(source, Lab(folder=LAB, data=LAB / "data"))
    assert reason in told
    assert "\n" not in told


def test_the_sample_and_other_forms_are_valid():
    for source in (
        (LAB / "experiments" / "sample.py").read_text(),
        SOLVE + "return []\n",
        "def solve(*args):\n    'One.'\n",
        "def solve(a, b, c, d, e=1, *, f=2):\n    'One.'\n",
    ):
        assert module("validate").validate(source, Lab(folder=LAB, data=LAB / "data")) is None
