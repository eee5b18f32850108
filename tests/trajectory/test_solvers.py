"""Solvers: three answers, kept apart; budgets; and exact is what breadth-first search is."""

from __future__ import annotations

import os

from leanlab.trajectory.exact import Exact
from leanlab.trajectory.plain import BreadthFirst
from leanlab.trajectory.search import Budget, Solved, Task
from leanlab.trajectory.tasks import Walks
from leanlab.trajectory.values import TypedList

TASKS = int(os.environ.get("LEANLAB_TRAJECTORY_TASKS", "150"))


def task(given: list, wanted: list) -> Task:
    return Task(input=TypedList.of(given), output=TypedList.of(wanted))


def test_exact_gives_the_answers_of_breadth_first_search(default):
    walks = Walks(default, seed=5)
    exact, plain = Exact(default), BreadthFirst(default)
    compared = 0
    for number in range(TASKS):
        made = walks.task(number, 1 + number % 4, items=1 + number % 5).task
        mine = exact.solve(made, Budget(max_depth=4))
        theirs = plain.solve(made, Budget(max_depth=4, max_calls=30_000))
        assert isinstance(mine, Solved)
        if isinstance(theirs, Solved):
            assert mine.functions == theirs.functions, made
            compared += 1
    assert compared > 0.9 * TASKS
