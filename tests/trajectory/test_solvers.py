"""Solvers: three answers, kept apart; budgets; and exact is what breadth-first search is."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanlab.labkit import ConfigError, Stream
from leanlab.trajectory import (
    BreadthFirst,
    Budget,
    Exact,
    Executor,
    Exhausted,
    FunctionDef,
    FunctionLibrary,
    RandomWalk,
    Refuted,
    Solved,
    Solver,
    Task,
    TypedList,
    Walks,
    solver,
)

from .short import agree, library, task

TASKS = int(os.environ.get("LEANLAB_TRAJECTORY_TASKS", "120"))
"""How many random tasks both solvers are given; `make trajectory` gives 2,500."""

EXACT_SOLVERS = (Exact, BreadthFirst)


# Exact and plain breadth-first search.


def test_exact_gives_the_answers_of_breadth_first_search(default):
    walks = Walks(default, seed=5)
    exact, plain = Exact(default), BreadthFirst(default)
    lengths = set()
    for number in range(TASKS):
        made = walks.task(number, 1 + number % 5, items=1 + number % 5).task
        theirs = plain.solve(made, Budget(max_depth=4, max_calls=30_000))
        mine = exact.solve(made, Budget(max_depth=4))
        if isinstance(theirs, Exhausted):
            assert not isinstance(mine, Exhausted)
            assert not isinstance(mine, Solved) or len(mine.functions) > theirs.refuted
        else:
            agree(mine, theirs)
            lengths.add(len(theirs.functions) if isinstance(theirs, Solved) else None)
    assert {1, 2, 3, 4} <= lengths


BODIES = {
    ("int", "int"): (
        "return x + 1", "return abs(x)", "return -x", "return x * x", "return x // 3",
        "return 12 // x", "return x % 4", "return float(x)", "return [x]",
    ),
    ("int", "bool"): ("return x > 2", "return x % 2 == 0", "return x"),
    ("bool", "int"): ("return int(x)", "return 7 if x else 3", "return x"),
    ("bool", "bool"): ("return not x",),
    ("int", "float"): ("return x / 2", "return math.inf - x", "return -0.0 * x"),
    ("float", "float"): ("return x - x", "return -x", "return x * 1e200", "return 1 / x"),
    ("float", "int"): ("return round(x)", "return math.floor(2 * x)"),
    ("int", "list"): ("return [x, -x]", "return [float(x), x]", "return [x] * x"),
    ("list", "list"): (
        "x.append(1)\nreturn x", "x.reverse()\nreturn x", "x.sort()\nreturn x[:3]",
        "return [x, x]", "return list(dict.fromkeys(x))", "x[0] = x[-1]\nreturn x",
        "return x + [math.nan]", "x += x\nreturn x",
    ),
    ("list", "int"): ("return len(x)", "return sum(x)", "return x.pop()", "return x[0]"),
    ("list", "dict"): ("return {item: i for i, item in enumerate(x)}",),
    ("list", "set"): ("return set(x)",),
    ("set", "int"): ("return stable_hash(x) % 5", "x.pop()\nreturn len(x)"),
    ("dict", "dict"): ("return dict(reversed(x.items()))", "x[3] = -0.0\nreturn x"),
    ("dict", "list"): ("return list(x)", "return [x.popitem()[0]]"),
}  # fmt: skip


@st.composite
def libraries(draw) -> FunctionLibrary:
    every = [(types, code) for types, codes in BODIES.items() for code in codes]
    chosen = draw(st.lists(st.sampled_from(every), min_size=2, max_size=14, unique=True))
    return library(**{f"f{i}": f"{a} {b}: {code}" for i, ((a, b), code) in enumerate(chosen)})


@settings(max_examples=max(100, TASKS // 2), deadline=None)
@given(
    libraries(),
    st.lists(st.integers(-3, 9), min_size=1, max_size=3),
    st.integers(0, 999),
    st.integers(0, 4),
)
def test_any_library_mutating_raising_and_mistyped_functions_and_all(functions, given, seed, depth):
    typed = TypedList.of(given)
    executor = Executor(functions)
    # The goal is something that can be made, or else the input shifted, which seldom can.
    reached = {typed.state: typed}
    for _ in range(2):
        for before, function in itertools.product(list(reached.values()), functions):
            done = executor.run(executor.plan(before, [function.name]))
            if done.trajectory is not None:
                reached.setdefault(done.trajectory.output.state, done.trajectory.output)
    goals = [*reached.values(), TypedList.of([one + 100 for one in given])]
    wanted = Task(input=typed, output=goals[seed % len(goals)])
    budget = Budget(max_depth=depth)
    mine = Exact(functions).solve(wanted, budget)
    agree(mine, BreadthFirst(functions).solve(wanted, budget))
    assert typed.items == tuple(given)
    if isinstance(mine, Solved):
        assert solves(functions, wanted, mine.functions)
        every = Exact(functions).solve_all(wanted, budget)
        assert isinstance(every, Solved)
        assert sorted(every.trajectories) == sorted(brute(functions, wanted, len(mine.functions)))


def solves(functions: FunctionLibrary, wanted: Task, names: tuple[str, ...]) -> bool:
    executor = Executor(functions)
    done = executor.run(executor.plan(wanted.input, names))
    return done.trajectory is not None and done.trajectory.output.answers(wanted.output)


def brute(functions: FunctionLibrary, wanted: Task, length: int) -> list[tuple[str, ...]]:
    """Every trajectory of that length that solves the task, found by running all there are."""
    executor = Executor(functions)
    ahead: list[tuple[TypedList, tuple[str, ...]]] = [(wanted.input, ())]
    for _ in range(length):
        after = []
        for typed, names in ahead:
            for function in functions:
                done = executor.run(executor.plan(typed, [function.name]))
                if done.trajectory is not None:
                    after.append((done.trajectory.output, (*names, function.name)))
        ahead = after
    return [names for typed, names in ahead if typed.answers(wanted.output)]


def test_an_example_that_needs_fewer_functions_hides_no_trajectory():
    # What one of these leaves alone, another example needs: some examples stand still.
    functions = library(
        low="int int: return max(x, 0)",
        high="int int: return min(x, 9)",
        plus="int int: return x + 4",
        neg="int int: return -x",
        half="int int: return x // 2",
        three="int int: return x % 7",
    )
    exact, plain, executor = Exact(functions), BreadthFirst(functions), Executor(functions)
    names = [one.name for one in functions]
    stream = Stream("standing still")
    for _ in range(2 * TASKS):
        typed = TypedList.of([stream.below(30) - 9 for _ in range(2 + stream.below(4))])
        walk = [names[stream.below(len(names))] for _ in range(2 + stream.below(5))]
        done = executor.run(executor.plan(typed, walk)).trajectory
        made = Task(input=typed, output=done.output)
        agree(exact.solve(made, Budget(max_depth=6)), plain.solve(made, Budget(max_depth=6)))


CLOSED = {
    "int int": (
        "x + 1", "2 * x", "x // 3", "x * x", "-x", "abs(x)", "x % 7", "min(max(x, -9), 9)",
        "(x > 2) - (x < -2)", "5 - x", "x.bit_length()", "x.bit_count()",
    ),
    "int str": ("str(x)", "str(x)[::-1]"),
    "int float": ("float(x)", "x / 4"),
    "float float": (
        "abs(x)", "1.5 / x", "x * x", "math.sqrt(x)", "x % 1.0", "-x",
        "float('%.12g' % math.exp(x))", "math.log10(x)", "x - math.trunc(x)",
    ),
    "float int": ("math.floor(100 * (x % 1.0))", "round(x)", "math.ceil(x)", "math.trunc(2 * x)"),
    "float str": ("str(x)",),
    "str str": (
        "x[::-1]", "x + x", "x.upper()", "x.title()", "x[0]", "x.strip()",
        "''.join([c + c for c in x])", "''.join([c for c in x if not c.isdigit()])",
    ),
    "str int": ("len(x)", "stable_hash(x) % 11"),
    "str list": ("list(x)",),
    "list list": ("x[::-1]", "x[1:]"),
    "list str": ("''.join(x)",),
    "int bool": ("x > 3",),
    "bool str": ("str(x)",),
}  # fmt: skip
"""Code that tells much of what it was given, and never leaves these types."""


def test_going_back_by_what_the_code_tells_loses_no_trajectory():
    every = [(types, code) for types, codes in CLOSED.items() for code in codes]
    stream = Stream("going back")
    depths = set()
    for number in range(TASKS):
        stream.shuffle(every)
        functions = library(**{f"f{i}": f"{a}: return {b}" for i, (a, b) in enumerate(every[:12])})
        walk = Walks(functions, seed=number)
        try:
            made = walk.task(number, 7, items=2, varied=number % 2 == 0).task
        except ConfigError:  # it has no walks so long
            continue
        theirs = BreadthFirst(functions).solve(made, Budget(max_depth=7, max_calls=4_000))
        mine = Exact(functions).solve(made, Budget(max_depth=7))
        if isinstance(theirs, Exhausted):
            assert not isinstance(mine, Solved) or len(mine.functions) > theirs.refuted
        else:
            agree(mine, theirs)
            depths.add(len(theirs.functions) if isinstance(theirs, Solved) else None)
    assert {4, 5, 6, 7} <= depths


# Three answers.


@pytest.mark.parametrize("make", EXACT_SOLVERS)
def test_the_three_answers(default, make: Callable[[FunctionLibrary], Solver]):
    squares = task([3, 1, 2], [9, 1, 4])
    found = make(default).solve(squares, Budget())
    assert isinstance(found, Solved)
    assert found.functions == ("square",)
    none = make(default).solve(task([1, 2, 3], [5, 5, 6]), Budget(max_depth=2))
    assert isinstance(none, Refuted)
    assert (none.depth, none.any_length) == (2, False)
    cut = make(default).solve(task([1, 2, 3], [5, 5, 6]), Budget(max_depth=8, max_calls=500))
    assert isinstance(cut, Exhausted)
    assert cut.budget == "calls"
    assert 1 <= cut.refuted <= 3


@pytest.mark.parametrize("make", EXACT_SOLVERS)
def test_what_has_no_trajectory_of_any_length(make):
    one_way = library(to_bool="int bool: return x > 0", back="bool int: return int(x)")
    for one in (([5, 6], [1, 2]), ([5], ["5"]), ([7], [8])):
        answer = make(one_way).solve(task(*one), Budget(max_depth=12))
        assert isinstance(answer, Refuted)
        assert answer.any_length


def test_one_input_with_two_outputs_is_refuted_at_once(default):
    answer = Exact(default).solve(task([1, 2, 1], [1, 2, 3]), Budget())
    assert isinstance(answer, Refuted)
    assert (answer.any_length, answer.calls) == (True, 0)
    nan = task([2.0, 2.0], [math.nan, float("nan")])
    assert not isinstance(Exact(default).solve(nan, Budget(max_depth=1)), Exhausted)
    assert not Exact(default).solve(nan, Budget(max_depth=1)).any_length


@pytest.mark.parametrize("make", EXACT_SOLVERS)
def test_the_input_itself_is_an_answer(default, make):
    answer = make(default).solve(task([1.0, -0.0], [1.0, 0.0]), Budget(max_depth=0))
    assert isinstance(answer, Solved)
    assert answer.functions == ()
    assert isinstance(make(default).solve(task([1], [True]), Budget(max_depth=0)), Refuted)


def test_a_hit_on_some_examples_is_checked_on_all(default):
    # square fits the first two, and the first three of five have square and double alike.
    answer = Exact(default).solve(task([2, 0, 3], [4, 0, 6]), Budget())
    assert isinstance(answer, Solved)
    assert answer.functions == ("double",)


@pytest.mark.parametrize("make", EXACT_SOLVERS)
@pytest.mark.parametrize("calls", [0, 1, 7, 100])
def test_the_budget_of_calls_is_kept_exactly(make, calls):
    ran = []
    functions = library(**{f"f{i}": f"int int: return x + {i}" for i in range(1, 9)})
    for name, body in list(functions.bodies.items()):
        functions.bodies[name] = lambda x, body=body: ran.append(x) or body(x)
    answer = make(functions).solve(task([1], [10_000]), Budget(max_depth=9, max_calls=calls))
    assert isinstance(answer, Exhausted)
    assert answer.calls <= calls
    if make is BreadthFirst:
        assert len(ran) == answer.calls == calls


@pytest.mark.parametrize("make", EXACT_SOLVERS)
def test_depth_is_kept_exactly(make):
    step = library(inc="int int: return x + 1")
    assert isinstance(make(step).solve(task([0], [6]), Budget(max_depth=5)), Refuted)
    assert isinstance(make(step).solve(task([0], [6]), Budget(max_depth=6)), Solved)


def test_seconds_and_memory_end_a_search(default):
    far = task(["Ab c", "d"], ["x", "yy"])
    late = Exact(default).solve(far, Budget(max_depth=30, seconds=0.05))
    assert isinstance(late, Exhausted)
    assert late.budget == "seconds"
    assert late.seconds < 2
    full = Exact(default).solve(far, Budget(max_depth=30, memory_mb=1))
    assert isinstance(full, Exhausted)
    assert full.budget == "memory"
    assert full.refuted >= 3


def test_a_random_walk_is_the_same_again_and_never_proves(default):
    squares = task([3, 1, 2], [9, 1, 4])
    walks = [RandomWalk(default, seed=seed).solve(squares, Budget()) for seed in (1, 1, 2)]
    assert walks[0].calls == walks[1].calls != walks[2].calls
    for walk in walks:
        assert isinstance(walk, Solved)
        assert solves(default, squares, walk.functions)
    spent = RandomWalk(default).solve(task([1], ["no"]), Budget(max_calls=100))
    assert isinstance(spent, Exhausted)
    assert (spent.calls, spent.refuted) == (100, 0)
    stuck = RandomWalk(library(f="str str: return x")).solve(task([1], [2]), Budget())
    assert isinstance(stuck, Refuted)


def test_every_shortest_trajectory_is_listed_the_usual_first():
    functions = library(
        grow="int int: return x + 2", square="int int: return x * x", twice="int int: return 2 * x"
    )
    answer = Exact(functions).solve_all(task([2], [4]), Budget())
    assert isinstance(answer, Solved)
    assert answer.complete
    assert answer.trajectories == (("grow",), ("square",), ("twice",))
    usual = [
        FunctionDef(
            name=one.name,
            input_type=one.input_type,
            output_type=one.output_type,
            code=one.code,
            usage_count={"twice": 5}.get(one.name, 0),
        )
        for one in functions
    ]
    answer = Exact(FunctionLibrary(usual)).solve_all(task([2], [4]), Budget())
    assert answer.trajectories[0] == ("twice",)


def test_an_unknown_solver_names_the_nearest(default):
    assert isinstance(solver("bfs", default), BreadthFirst)
    with pytest.raises(ConfigError, match="no solver 'exat'; the nearest is 'exact'"):
        solver("exat", default)


# Pitfalls of execution.


def test_a_function_that_changes_its_input_changes_a_copy():
    functions = library(
        push="list list: x.append(0)\nreturn x", deep="list list: x[0].clear()\nreturn x"
    )
    given = TypedList.of([[[1], 2]])
    executor = Executor(functions)
    for _ in range(2):
        done = executor.run(executor.plan(given, ["push", "deep"]))
        assert done.trajectory.output.items == ([[], 2, 0],)
        assert given.items == ([[1], 2],)


def test_a_failed_step_is_named(default):
    executor = Executor(default)
    done = executor.run(
        executor.plan(TypedList.of([4, 0]), ["int_to_float", "f_reciprocal", "f_abs"])
    )
    assert (done.success, done.failed_step) == (False, 1)
    assert done.error == "f_reciprocal raised on item 1: ZeroDivisionError: float division by zero"
    done = executor.run(executor.plan(TypedList.of([1]), ["upper"]))
    assert done.error == "upper takes str, not int"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (1000.0, "f_exp"),
        (math.inf, "f_trunc"),
        (math.nan, "f_round"),
        (10**4000, "square"),
        ("x" * 5_000, "repeat"),
        (10**2000, "int_to_float"),
        (-1.0, "f_log10"),
        ([1, "a"], "list_sorted"),
        ([], "list_max"),
        ({"a": []}, "dict_flip"),
        ([1.5], "list_sum"),
    ],
)
def test_what_raises_or_grows_too_large_is_no_step(default, given, name):
    executor = Executor(default)
    done = executor.run(executor.plan(TypedList.of([given]), [name]))
    assert done.failed_step == 0
    output = {"builtins.int": 1, "builtins.str": "z", "builtins.float": 0.123}
    wanted = output.get(default[name].output_type, [0])
    for make in EXACT_SOLVERS:
        answer = make(default).solve(task([given], [wanted]), Budget(max_depth=1))
        assert not isinstance(answer, Solved) or answer.functions != (name,)


def test_a_bool_is_no_int():
    functions = library(lying="int int: return x > 0", is_one="int bool: return x == 1")
    for make in EXACT_SOLVERS:
        assert isinstance(make(functions).solve(task([1], [0]), Budget()), Refuted)
        assert make(functions).solve(task([1], [True]), Budget()).functions == ("is_one",)


def test_a_nan_is_reached_and_graded_as_one():
    functions = library(
        spoil="float float: return x * math.inf - x * math.inf",
        hold="float list: return [x, math.nan]",
    )
    for make in EXACT_SOLVERS:
        answer = make(functions).solve(task([1.0], [math.nan]), Budget())
        assert answer.functions == ("spoil",)
        answer = make(functions).solve(task([1.0], [[float("nan"), math.nan]]), Budget())
        assert answer.functions == ("spoil", "hold")
