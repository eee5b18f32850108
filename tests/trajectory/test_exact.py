"""Exact: what its short cuts might have cost, and do not."""

from __future__ import annotations

from leanlab.trajectory import BreadthFirst, Budget, Exact, FunctionLibrary, Solved, Walks
from leanlab.trajectory.layers import Layers
from leanlab.trajectory.search import Spent

from .short import agree, library, task


def test_which_nan_a_function_made_does_not_matter():
    functions = library(
        own="float float: return math.nan",
        other="float float: return math.inf - math.inf + x",
        told="float bool: return x in (math.nan, 1.0)",
        copied="bool list: return [x]",
    )
    for goal in ([[False], [False]], [[True], [True]]):
        one = task([1.0, 3.0], goal)
        agree(*(make(functions).solve(one, Budget(max_depth=4)) for make in (Exact, BreadthFirst)))


def test_what_is_tried_without_being_kept_is_what_would_be_kept():
    functions = library(
        inc="int int: return x + 1",
        nans="int list: return [math.inf * 0 * x, math.inf * 0 * x] if x == 6 else [x, x + 1]",
        loop="int list: y = [x]\nif x == 5: y.append(y)\nreturn y",
        large="int list: return [x] * 2000 * x",
        lie="int list: return (x, 100)",
        different="list str: return str(len(dict.fromkeys(x))) + ' of ' + str(len(x))",
        total="list str: return str(x[0] + x[1])",
        popped="list str: return str(x.pop()) + ' of ' + str(len(x))",
    )
    # Of 5 to 7: equal NaNs, a list, one that is changed, one that is too large, and no list.
    for goal, reached in (("1 of 2", 7), ("11", 6), ("6 of 1", 6), ("1 of 14000", 0), ("106", 0)):
        one = task([1], [goal])
        answer = Exact(functions).solve(one, Budget(max_depth=7))
        agree(answer, BreadthFirst(functions).solve(one, Budget(max_depth=7)))
        assert len(answer.functions if isinstance(answer, Solved) else ()) == reached
        way = Exact(functions).way("builtins.int", "builtins.str", 1)
        layers = Layers(way, 1, "builtins.int", goal, Spent(Budget()))
        assert layers.reach(8) == bool(reached)


def test_a_goal_that_is_only_equal_is_no_answer():
    functions = library(
        lie="int int: return x == 1",
        ones="int list: return [x == 1]",
        zero="int float: return -0.0 * x",
        one="int list: return [x]",
    )
    for inputs, outputs in (
        ([1, 2], [[1], [2]]), ([1, 2], [[True], [False]]), ([1, 2], [0.0, -0.0]), ([1, 2], [1, 0]),
    ):  # fmt: skip
        one = task(inputs, outputs)
        agree(*(make(functions).solve(one, Budget(max_depth=3)) for make in (Exact, BreadthFirst)))


def test_the_answer_found_alone_is_the_first_of_all_in_the_order_of_the_library(default):
    walks = Walks(default, seed=8)
    for number in range(40):
        made = walks.task(number, 1 + number % 4, items=3).task
        alone = Exact(default).solve(made, Budget(max_depth=4))
        every = Exact(default).solve_all(made, Budget(max_depth=4))
        assert alone.functions in every.trajectories
        first = min(every.trajectories, key=lambda names: [place(default, one) for one in names])
        assert alone.functions == first


def place(functions: FunctionLibrary, name: str) -> int:
    return [one.name for one in functions].index(name)


def test_a_trajectory_far_longer_than_python_nests_calls():
    step = library(inc="int int: return x + 1")
    answer = Exact(step).solve(task([0, 7], [1500, 1507]), Budget(max_depth=1500))
    assert isinstance(answer, Solved)
    assert len(answer.functions) == 1500


def test_what_a_function_does_to_its_argument_no_other_sees():
    # What changes its argument is tried first, and leads one example or the other to its goal.
    functions = library(
        grow="list int: x.append(7)\nreturn len(x) + 9",
        two="int int: return min(x, 2)",
        three="int int: return min(x, 3)",
        size="list int: return len(x)",
        inc="int int: return x + 1",
    )
    one = task([[5], [6, 8]], [2, 3])
    answer = Exact(functions).solve(one, Budget())
    assert isinstance(answer, Solved)
    assert answer.functions == ("size", "inc")
    assert one.input.items == ([5], [6, 8])
