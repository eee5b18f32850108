"""The benchmark of docs/trajectory.md at a small size."""

from __future__ import annotations

from pathlib import Path

import pytest

from leanlab.trajectory import Budget

from .benchmarks import trajectory

DOCS = Path(__file__).parents[1] / "docs" / "trajectory.md"
SMALL = trajectory.Size(shallow=3, deep=1, deepest=1, refuted=3, calls=3_000)


@pytest.fixture(scope="module")
def bench() -> trajectory.Bench:
    return trajectory.Bench()


def test_both_solvers_agree_and_the_document_has_every_figure() -> None:
    measured = {figure.name: figure for figure in trajectory.figures(SMALL)}
    assert measured["answers that differ"].median == 0
    assert measured["depth 8, solved"].median == 100
    assert measured["plain search, executions"].median > 20_000 / 4  # on a busy machine
    assert measured["exact to plain, depth 4 alone"].median > 2
    rows = [row.split("|") for row in DOCS.read_text().splitlines() if row.count("|") == 7]
    told = {row[1].strip(): row[5].strip() for row in rows}
    assert {name: figure.target for name, figure in measured.items()}.items() <= told.items()


@pytest.mark.parametrize(
    ("kind", "most"),
    [("shells", {4: 1_250, 6: 20_500, 7: 105_000}), ("ends", {4: 1_350, 6: 25_500, 7: 72_000})],
)
def test_the_exact_solver_makes_no_more_calls_than_it_did(bench, kind, most) -> None:
    # Times hang on the machine; these do not.
    tasks = getattr(bench, kind)
    each = {4: tasks.shallow(10)[4], 6: tasks.deep(6, 4), 7: tasks.deep(7, 4)}
    for depth, of_depth in each.items():
        answers = [bench.exact.solve(task, Budget()) for task in of_depth]
        assert [len(answer.functions) for answer in answers] == [depth] * len(answers)
        assert sum(answer.calls for answer in answers) / len(answers) < most[depth]


def test_the_deep_tasks_that_are_kept_are_those_that_are_drawn(bench) -> None:
    number = 4  # of tuples, which have the smallest layers
    drawn = bench.shells.draw(number, [6])[6]
    assert " ".join(drawn) == bench.shells.read()[6][number]
