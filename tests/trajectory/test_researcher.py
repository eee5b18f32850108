"""The embedded researcher of trajectory labs: its programs, its choices, and what they come to."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import shutil
from pathlib import Path

import pytest

from leanlab import run
from leanlab.evaluator import Evaluator
from leanlab.lab import open_lab
from leanlab.labkit import Brief, NothingToPropose, Row
from leanlab.ledger import Ledger
from leanlab.records import Trial
from leanlab.resources import SHIPPED_LABS
from leanlab.trajectory import hidden
from leanlab.trajectory.execution import Executor
from leanlab.trajectory.ideas import IDEAS, START, additions, program, removals
from leanlab.trajectory.researcher import TrajectoryResearcher
from leanlab.trajectory.values import TypedList

LAB = SHIPPED_LABS / "trajectory"
PLAIN = frozenset({"layers", "typed", "dedupe"})
"""Breadth-first search as everybody writes it."""
EVERY_KIND = [
    START,
    START | {"typed", "patience"},
    frozenset({"layers"}),
    PLAIN,
    PLAIN | {"goal", "example", "learned"},
    PLAIN | {"numbers", "learned"},
    PLAIN | {"goal", "example", "numbers"},
    PLAIN | {"goal", "numbers", "bounds"},
    PLAIN | {"goal", "example", "numbers", "bounds", "hardest", "learned"},
    PLAIN | {"goal", "numbers", "bounds", "light"},
    PLAIN | {"goal", "example", "numbers", "bounds", "light", "hardest", "learned"},
]
LIBRARY = json.loads((LAB / "data" / "library.json").read_text())["functions"]
FUNCTIONS = [
    one | {side: one[side].removeprefix("builtins.") for side in ("input_type", "output_type")}
    for one in LIBRARY
]


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / "workspace" / "data").mkdir(parents=True)
    shutil.copy(LAB / "data" / "train.jsonl", tmp_path / "workspace" / "data")
    return tmp_path / "workspace"


@pytest.fixture
def small(tmp_path):
    """The lab with a few tasks and little time, so that a run of it takes seconds."""
    left = shutil.ignore_patterns("results.jsonl*", "[0-9]*_*.py", ".leanlab", "*_*.md", "data")
    folder = Path(shutil.copytree(LAB, tmp_path / "lab", ignore=left))
    config = json.loads((folder / "lab.json").read_text())
    config["params"] |= {"lengths": [3, 5, 6], "train": 4, "val": 4, "test": 5, "seconds": 0.1}
    (folder / "lab.json").write_text(json.dumps(config))
    (folder / "lab.lock").unlink()
    return folder


def row(trial, proposal, **metrics):
    return Row(
        trial=trial,
        experiment=f"{trial:04d}_{proposal.slug}.py",
        sha256=hashlib.sha256(proposal.code.encode()).hexdigest(),
        status="scored",
        metrics=metrics,
        notes=proposal.notes,
    )


def brief(workspace, rows, **changes):
    told = {
        "workspace": workspace,
        "trial": len(rows) + 1,
        "seed": 0,
        "metric": "val_solve_rate",
        "direction": "maximize",
        "target": 1.0,
        "params": {"lengths": [2, 3], "val": 10},
        "history": rows,
    }
    return Brief(**(told | changes))


@pytest.mark.parametrize("ideas", EVERY_KIND, ids=sorted)
def test_every_program_solves_what_is_easy(ideas):
    names = {}
    exec(program(ideas, {"square": 3}), names)
    assert names["solve"]([3, 1, 2], [9, 1, 4], FUNCTIONS, 0.5) == ["square"]
    found = names["solve"](["ab", "c"], ["BA", "C"], FUNCTIONS, 0.5)
    executor = Executor(hidden.plain_library())
    reached = executor.run(executor.plan(TypedList.of(["ab", "c"]), found)).trajectory.output
    assert reached.items == ("BA", "C")
    assert names["solve"].__doc__.endswith(".")


@pytest.mark.parametrize("ideas", EVERY_KIND[5:], ids=sorted)
def test_programs_with_every_idea_find_shortest_solutions(ideas):
    names = {}
    exec(program(ideas, {}), names)
    lines = (LAB / "data" / "train.jsonl").read_text().splitlines()
    for told in map(json.loads, lines[:20]):
        given, wanted = (json.loads(told[side])["items"] for side in ("input", "output"))
        found = names["solve"](given, wanted, FUNCTIONS, 1.0)
        assert len(found) == told["relabeled_length"]


def test_all_programs_that_can_be_composed_are_python_with_the_ideas_that_they_name():
    ahead, seen = [START], set()
    while ahead:
        ideas = ahead.pop()
        if ideas in seen:
            continue
        seen.add(ideas)
        text = program(ideas, {"inc": 1})
        compile(text, "program", "exec")
        assert all(idea in text.split('"""')[1] for idea in ideas)
        assert "\n\n\n\n" not in text
        ahead += [*additions(ideas).values(), *removals(ideas).values()]
    assert len(seen) > 30
    assert set().union(*seen) == set(IDEAS)


def test_it_begins_with_a_random_walk(workspace):
    first = TrajectoryResearcher().propose(brief(workspace, []))
    assert first.slug == "walk"
    assert first.notes.startswith("Ideas: walk. ")


def test_what_failed_says_what_comes_next(workspace):
    first = TrajectoryResearcher().propose(brief(workspace, []))
    rate = {"val_solve_rate": 0.1, "val_length_2": 0.2}
    gave_up = row(1, first, val_no_answer=0.8, val_out_of_time=0.1, **rate)
    assert TrajectoryResearcher().propose(brief(workspace, [gave_up])).slug == "walk_typed"
    typed = TrajectoryResearcher().propose(brief(workspace, [gave_up]))
    rows = [gave_up, row(2, typed, val_solve_rate=0.3, val_no_answer=0.7, val_length_2=0.9)]
    assert TrajectoryResearcher().propose(brief(workspace, rows)).slug == "typed_layers"
    layered = TrajectoryResearcher().propose(brief(workspace, rows))
    late = {"val_out_of_time": 0.5, "val_solve_rate": 0.5}
    at_three = [*rows, row(3, layered, val_length_3=0.9, **late)]
    assert "dedupe" in TrajectoryResearcher().propose(brief(workspace, at_three)).slug
    wrong = row(3, layered, val_solve_rate=0.5, val_no_answer=0.5, val_length_5=0.9)
    assert "learned" in TrajectoryResearcher().propose(brief(workspace, [*rows, wrong])).slug


def test_an_idea_that_made_it_worse_is_given_up(workspace):
    researcher = TrajectoryResearcher()
    first = researcher.propose(brief(workspace, []))
    rows = [row(1, first, val_solve_rate=0.5)]
    second = researcher.propose(brief(workspace, rows))
    rows.append(row(2, second, val_solve_rate=0.4))
    third = researcher.propose(brief(workspace, rows))
    assert "Of trial 1" in third.notes
    assert third.code not in (first.code, second.code)


def test_the_director_is_followed_where_that_is_possible(workspace):
    first = TrajectoryResearcher().propose(brief(workspace, []))
    rows = [row(1, first, val_solve_rate=0.5)]
    for note, slug, remark in (
        ("- Try next: layers", "layers", "The Director's notes ask for layers."),
        ("Try next: bounds", "walk_typed", "name bounds, which cannot be added here."),
        ("Try next: magic", "walk_typed", "name magic, which is no idea."),
    ):
        told = TrajectoryResearcher().propose(brief(workspace, rows, director=note))
        assert told.slug == slug
        assert remark in told.notes


def test_director_and_critic_say_what_the_ledger_shows(workspace):
    first = TrajectoryResearcher().propose(brief(workspace, []))
    rows = [row(1, first, val_solve_rate=0.0, val_no_answer=1.0, val_length_2=0.0)]
    second = TrajectoryResearcher().propose(brief(workspace, rows))
    rows.append(
        row(2, second, val_solve_rate=0.6, val_no_answer=0.4, val_length_3=0.2,
            val_generalisation=0.75)
    )  # fmt: skip
    notes = TrajectoryResearcher().direct(brief(workspace, rows))
    assert "In 40% of the tasks the solver gave up." in notes
    assert "The shortest tasks that fail have 3 functions." in notes
    assert "Try next: layers" in notes
    told = TrajectoryResearcher().criticise(brief(workspace, rows))
    assert "typed takes trial 1 from 0.000 to 0.600, more than two standard errors" in told
    assert "25% fit the given examples and not further ones" in told


def test_it_ends_when_every_idea_was_tried_with_and_without(workspace):
    rows = []
    with contextlib.suppress(NothingToPropose):
        for trial in range(1, 60):
            proposal = TrajectoryResearcher().propose(brief(workspace, rows))
            rows.append(row(trial, proposal, val_solve_rate=trial / 100))
    assert len(IDEAS) <= len(rows) + 2 < 59


def test_without_memory_it_goes_through_the_ideas_in_order(workspace):
    slugs = [
        TrajectoryResearcher().propose(brief(workspace, [], memory=False, trial=trial)).slug
        for trial in (1, 2, 3)
    ]
    assert slugs == ["walk", "walk_typed", "typed_layers"]


async def _scored(lab, code, folder):
    path = folder / "plain.py"
    path.write_text(code)
    async with Evaluator(lab) as evaluator:
        return (await evaluator.score(path)).verdict.metrics


@pytest.mark.slow
def test_within_twelve_trials_it_beats_breadth_first_search_on_hidden_tasks(small, tmp_path):
    run(small, trials=12, backend="offline")
    lab = open_lab(small)
    trials = [one for one in Ledger(lab.results).read() if isinstance(one, Trial)]
    best = max(trials, key=lambda one: one.metrics.get("val_solve_rate", -1))
    assert len(trials) <= 12
    assert trials[0].metrics["test_solve_rate"] < 0.3
    plain = asyncio.run(_scored(lab, program(PLAIN, {}), tmp_path))
    assert best.metrics["test_solve_rate"] > plain["test_solve_rate"], [
        (one.experiment_file, one.metrics["test_solve_rate"]) for one in trials
    ]
