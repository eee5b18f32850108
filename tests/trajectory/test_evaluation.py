"""Solvers measured: the guided and the asking one, workers that die, and the figures."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leanlab.cli import app
from leanlab.labkit import asker
from leanlab.resources import SHIPPED_LABS
from leanlab.trajectory import measuring, taskfile
from leanlab.trajectory.evaluation import Outcome, Setup, attempt, learning
from leanlab.trajectory.guided import Guided, Learned
from leanlab.trajectory.library import FunctionLibrary
from leanlab.trajectory.llm import LanguageModel
from leanlab.trajectory.making import Recipe, make
from leanlab.trajectory.plain import BreadthFirst
from leanlab.trajectory.search import Budget, Exhausted, Refuted, Solved, Task
from leanlab.trajectory.summary import call_steps, rate, summarise, wilson
from leanlab.trajectory.taskfile import TaskRecord
from leanlab.trajectory.values import TypedList
from leanlab.trajectory.workers import Workers

GOLDEN = Path(__file__).parents[1] / "golden"


def task(given, wanted):
    return Task(input=TypedList.of(given), output=TypedList.of(wanted))


SQUARE = task([3, 1, 2], [9, 1, 4])


@pytest.fixture(scope="session")
def records(default):
    return list(make(default, Recipe(counts={1: 4, 2: 6, 3: 6}, seed=4, certified=True)))


@pytest.fixture
def tasks(tmp_path, records):
    path = tmp_path / "tasks.jsonl"
    taskfile.write(path, records)
    return path


@pytest.fixture
def script(tmp_path):
    """Write what a backend answers, one text after the other."""

    def write(*answers):
        steps = [
            {"role": "critic"} | ({"text": one} if isinstance(one, str) else one) for one in answers
        ]
        (tmp_path / "steps.json").write_text(json.dumps(steps))
        return f"scripted:{tmp_path / 'steps.json'}"

    return write


def evaluated(*arguments):
    return CliRunner().invoke(app, ["trajectory", "eval", *map(str, arguments)])


# The figures


def test_the_interval_is_that_of_wilson():
    assert wilson(0, 0) is None
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1), abs=1e-4)


def test_a_summary_counts_what_was_solved_and_at_what_cost():
    both = [
        TaskRecord(task=SQUARE, length=1),
        TaskRecord(task=task([1], ["1"]), length=None),
        TaskRecord(task=SQUARE, length=3),
    ]
    outcomes = [
        Outcome(solved=True, general=False, functions=("a", "b"), calls=30, seconds=0.002),
        Outcome(solved=True, functions=("a",), calls=31, seconds=0.004),
        Outcome(solved=False, calls=500, seconds=0.006, died=True),
    ]
    told = summarise(both, outcomes, [10, 30, 100])
    assert (told.solved, told.total, told.rate) == (2, 3, pytest.approx(2 / 3))
    assert (told.mean_length, told.mean_excess) == (1.5, 1.0)
    assert (told.mean_ms, told.mean_calls) == (pytest.approx(4), 187)
    assert {name: one.solved for name, one in told.at_calls.items()} == {"10": 0, "30": 1, "100": 2}
    assert {name: one.rate for name, one in told.by_length.items()} == {"?": 1, "1": 1, "3": 0}
    assert {name: one.total for name, one in told.by_type.items()} == {
        "int -> int": 2,
        "int -> str": 1,
    }
    assert told.generalisation == rate([False])
    assert told.died == 1


def test_budgets_to_compare_at_end_with_the_one_that_was_given():
    assert call_steps(250) == [10, 30, 100, 250]
    assert call_steps(100) == [10, 30, 100]


# The guided solver


def test_what_is_learned_shows_first(default):
    learned = Learned().and_from([("square", "neg")] * 5)
    plain = Guided(default, Learned()).solve(task([3], [-9]), Budget(max_depth=4))
    guided = Guided(default, learned).solve(task([3], [-9]), Budget(max_depth=4))
    assert guided.functions == ("square", "neg")
    assert guided.calls < plain.calls
    costs = learned.costs("square", [default["neg"], default["inc"]])
    assert costs[0] < 1 < costs[1]


def test_nothing_learned_is_every_function_alike(default):
    assert len(set(Learned().costs("", default))) == 1


def test_guided_refutes_what_breadth_first_search_refutes(tmp_path):
    types = {"input_type": "builtins.int", "output_type": "builtins.int"}
    codes = {"inc": "return x + 1", "mod": "return x % 5", "half": "return x // 2"}
    functions = [{"name": name, "code": code, **types} for name, code in codes.items()]
    library = FunctionLibrary.decode(json.dumps({"functions": functions}).encode(), where="own")
    learned = Learned().and_from([("inc", "inc", "mod")])
    for depth in range(5):
        for start in range(0, 40, 7):
            for goal in range(-1, 12, 2):
                one, budget = task([start], [goal]), Budget(max_depth=depth)
                mine = Guided(library, learned).solve(one, budget)
                theirs = BreadthFirst(library).solve(one, budget)
                assert type(mine) is type(theirs), (start, goal, depth)
                if isinstance(mine, Solved):
                    assert len(theirs.functions) <= len(mine.functions) <= depth


def test_guided_keeps_to_its_budget(default):
    for calls in (0, 1, 50):
        answer = Guided(default, Learned()).solve(task([3], ["x"]), Budget(max_calls=calls))
        assert (type(answer), answer.calls) == (Exhausted, calls)
    none = Guided(default, Learned()).solve(task([3], [4]), Budget(max_depth=0))
    assert isinstance(none, Refuted)


def test_the_guided_solver_learns_from_its_own_answers_however_many_run_at_once(default, records):
    setup = Setup(solver="guided", library=default.encode(), budget=Budget(max_calls=2000))
    seen = []

    def measure(now, batch):
        seen.append((now.learned, len(batch)))
        return [attempt(now, one) for one in batch]

    outcomes = list(learning(setup, records * 3, measure))
    assert [count for _, count in seen] == [32, 16]
    assert seen[0][0] == Learned()
    assert seen[1][0] == Learned().and_from(o.functions for o in outcomes[:32] if o.solved)
    again = outcomes[32:]
    assert sum(one.calls for one in again) < sum(one.calls for one in outcomes[:16])


def test_learning_from_a_file_needs_answers_in_it(tmp_path, tasks):
    assert measuring.learned(tasks).used
    taskfile.write(tmp_path / "bare.jsonl", [TaskRecord(task=SQUARE)])
    told = evaluated(tasks, "--solver", "guided", "--learn", tmp_path / "bare.jsonl")
    assert told.exit_code == 2
    assert "no task of" in told.output


# The solver that asks a model


def test_the_prompt_is_as_the_golden_file_has_it(default, script):
    few = FunctionLibrary(default[name] for name in ("inc", "square", "str_is_palindrome"))
    with asker(script("inc")) as one:
        text = LanguageModel(few, one).question(SQUARE, Budget(max_depth=5))
    assert text == (GOLDEN / "trajectory_solver.md").read_text()


def test_the_shortest_right_answer_of_several_wins(default, script):
    answers = ("double, half, square", "Let me think:\ndec\n`square`.", "inc, nothing, magic")
    with asker(script(*answers)) as one:
        model = LanguageModel(default, one, attempts=3)
        found = model.solve(SQUARE, Budget())
    assert found.functions == ("square",)
    assert (found.shortest, found.calls) == (False, 4)
    assert len(model.remarks) == 1
    assert "'nothing'" in model.remarks[0]
    assert "'magic'" in model.remarks[0]
    assert model.cost_usd == 0.0


def test_wrong_long_and_missing_answers_solve_nothing(default, script):
    failure = {"failure": {"kind": "server", "message": "busy"}}
    with asker(script("inc", "double, half, square", failure, "lower, square")) as one:
        model = LanguageModel(default, one, attempts=4)
        assert isinstance(model.solve(SQUARE, Budget(max_depth=2)), Exhausted)
    assert model.remarks == ["the backend scripted gave no answer (server): busy"]
    with asker(script("square")) as one:
        cut = LanguageModel(default, one).solve(SQUARE, Budget(max_calls=0))
    assert (type(cut), cut.budget, cut.calls) == (Exhausted, "calls", 0)


def test_a_backend_that_never_answers_ends_the_evaluation(tasks, script):
    backend = script({"failure": {"kind": "auth", "message": "no key"}})
    told = evaluated(tasks, "--solver", "llm", "--backend", backend)
    assert told.exit_code == 2
    assert "no answer (auth): no key" in told.output


# The command


def test_solvers_side_by_side_at_the_same_budget(tasks):
    solvers = "exact,bfs,random,guided"
    told = evaluated(tasks, "--solver", solvers, "--max-calls", "3000", "--json")
    found = json.loads(told.output)
    assert list(found) == solvers.split(",")
    exact = found["exact"]
    assert (exact["solved"], exact["total"], exact["mean_excess"]) == (16, 16, 0)
    assert {"mean_ms", "mean_calls", "mean_length", "by_length"} <= exact.keys()
    assert exact["by_length"]["2"]["total"] == 6
    assert found["bfs"]["mean_excess"] == 0
    assert found["random"]["mean_excess"] > 0
    for one in found.values():
        solved = [each["solved"] for each in one["at_calls"].values()]
        assert solved == sorted(solved)
        assert solved[-1] == one["solved"]
    lines = evaluated(tasks, "--solver", solvers, "--max-calls", "3000").output.splitlines()
    assert lines[0].split() == [
        "solver", "solved", "rate", "95%", "held", "out", "calls", "ms", "length", "excess"
    ]  # fmt: skip
    assert lines[1].startswith("exact   16/16   100.0%  80.6% to 100.0%")


def test_several_at_once_come_to_the_same(tasks):
    def figures(*arguments):
        told = json.loads(evaluated(tasks, "--solver", "bfs,guided", "--json", *arguments).output)
        return [{k: v for k, v in one.items() if k != "mean_ms"} for one in told.values()]

    assert figures("--jobs", "2", "--max-calls", "500") == figures("--max-calls", "500")
    assert figures("--max-depth", "1")[0]["by_length"]["3"]["solved"] == 0


def test_every_budget_is_kept(tasks):
    def solved(*budget):
        told = json.loads(evaluated(tasks, "--solver", "exact", "--json", *budget).output)
        return told["exact"]["solved"]

    assert solved() == 16
    assert solved("--max-depth", "2") == 10
    assert solved("--max-calls", "40") < 10
    assert solved("--seconds", "0") < 10


def test_the_exact_solver_keeps_to_its_megabytes(tmp_path):
    path = tmp_path / "deep.jsonl"
    path.write_text((SHIPPED_LABS / "trajectory/data/test.jsonl").read_text().splitlines()[-2])
    for memory, solved in (("1", 0), ("1000", 1)):
        arguments = ("--solver", "exact", "--max-calls", 10**9, "--memory", memory, "--json")
        assert json.loads(evaluated(path, *arguments).output)["exact"]["solved"] == solved


def test_answers_are_checked_and_not_believed(tmp_path, tasks, monkeypatch):
    (tmp_path / "boasting.py").write_text(
        textwrap.dedent("""
        from leanlab.trajectory.search import Spent

        class Solver:
            def __init__(self, library):
                self.library = library

            def solve(self, task, budget):
                return Spent(budget).solved((("inc",),))

        class Unknown(Solver):
            def solve(self, task, budget):
                return Spent(budget).solved((("magic",),))
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("boasting:Solver", "boasting:Unknown"):
        told = json.loads(evaluated(tasks, "--solver", name, "--json").output)
        assert told[name]["solved"] < 4


DYING = """
import os
from pathlib import Path
from leanlab.trajectory.exact import Exact

class Solver(Exact):
    def solve(self, task, budget):
        trace = Path(__file__).with_suffix(f".{task.input.items[0]}")
        if not trace.exists() or "ALWAYS" in globals():
            trace.touch()
            os._exit(3)
        return super().solve(task, budget)
"""


def test_a_worker_that_dies_is_replaced_and_its_task_tried_once_more(
    tmp_path, default, monkeypatch
):
    records = [TaskRecord(task=SQUARE), TaskRecord(task=task([5], [4]))]
    (tmp_path / "dies_once.py").write_text(DYING)
    (tmp_path / "dies_always.py").write_text(DYING + "\nALWAYS = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    done = []
    for name, solved, died in (("dies_once", True, False), ("dies_always", False, True)):
        setup = Setup(solver=f"{name}:Solver", library=default.encode(), budget=Budget())
        with Workers(2, on_done=lambda: done.append(1)) as workers:
            outcomes = list(workers.measure(setup, records))
        assert [(one.solved, one.died) for one in outcomes] == [(solved, died)] * 2
    assert len(done) == 4


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--solver", "magic"), "there is no solver 'magic'"),
        (("--solver", ","), "--solver names none"),
        (("--solver", "nothing_there:Solver"), "cannot be had: No module named"),
        (("--solver", "llm", "--backend", "offline"), "takes no questions"),
        (("--library", "x.json"), "--trust-library"),
    ],
)
def test_what_cannot_be_measured_is_an_error_of_one_line(tasks, arguments, reason):
    told = evaluated(tasks, *arguments)
    assert told.exit_code == 2
    assert reason in told.output
    assert len(told.output.strip().splitlines()) == 1
