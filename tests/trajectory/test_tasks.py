"""Tasks by random walks: the same everywhere, and solved by what was walked."""

from __future__ import annotations

import subprocess
import sys

import pytest

from leanlab.labkit import ConfigError
from leanlab.trajectory import Executor, FunctionDef, FunctionLibrary, Walks
from leanlab.trajectory.values import KINDS, grading


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_walked_is_an_answer(default, kind):
    executor = Executor(default)
    for number in range(10):
        made = Walks(default, seed=3).task(number, 3, items=5, type=kind)
        done = executor.run(executor.plan(made.task.input, made.functions))
        assert made.task.input.type == kind
        assert len(made.task.input.items) == 5
        assert len(made.functions) == 3
        assert done.trajectory.output == made.task.output or "nan" in str(made.task.output)


def test_a_varied_walk_never_makes_all_items_alike(default):
    walks = Walks(default, seed=1)
    kinds = [
        len({grading(item) for item in walks.task(number, 8, varied=varied).task.output.items})
        for varied in (True, False)
        for number in range(30)
    ]
    assert min(kinds[:30]) > 1
    assert kinds[30:].count(1) > 10


def test_tasks_are_the_same_in_every_process(default):
    program = (
        "from leanlab.trajectory import *; from leanlab.trajectory import encode\n"
        "walks = Walks(FunctionLibrary.default(), seed=7)\n"
        "for number in range(40):\n"
        "    made = walks.task(number, 1 + number % 6)\n"
        "    print(encode(made.task.input), encode(made.task.output), made.functions)\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(told) == 1
    assert len(set(next(iter(told)).splitlines())) == 40
    other = Walks(default, seed=8).task(0, 1)
    assert other != Walks(default, seed=7).task(0, 1)


def test_a_library_that_allows_no_such_walk_is_an_error():
    constant = FunctionDef(
        name="one", input_type="builtins.int", output_type="builtins.int", code="return 1"
    )
    with pytest.raises(ConfigError, match="no walk of 3 functions was found from any type"):
        Walks(FunctionLibrary([constant]), seed=0).task(0, 3)
