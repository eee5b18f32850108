"""The benchmark of docs/trajectory.md at a small size."""

from __future__ import annotations

from pathlib import Path

import msgspec

from leanlab.trajectory import Budget

from .benchmarks import trajectory

DOCS = Path(__file__).parents[1] / "docs" / "trajectory.md"


def test_both_solvers_agree_and_the_document_has_every_figure() -> None:
    measured = {
        figure.name: figure
        for figure in trajectory.figures(shallow=3, deep=1, deepest=1, refuted=3, calls=3_000)
    }
    assert measured["answers that differ"].median == 0
    assert measured["plain search, executions"].median > 20_000 / 4  # on a busy machine
    assert measured["exact to plain, depth 6 and 7"].median > 0.1
    rows = [row.split("|") for row in DOCS.read_text().splitlines() if row.count("|") == 7]
    told = {row[1].strip(): row[5].strip() for row in rows}
    assert {name: figure.target for name, figure in measured.items()}.items() <= told.items()


def test_the_exact_solver_makes_no_more_calls_than_it_did() -> None:
    # Times hang on the machine; these do not.
    bench = trajectory.Bench()
    numbers = msgspec.json.decode(trajectory.DEEP.read_bytes(), type=dict[int, list[int]])
    tasks = {depth: [bench.task(number) for number in numbers[depth][:4]] for depth in (6, 7)}
    tasks[4] = bench.shallow(10)[-10:]
    calls = {
        depth: sum(bench.exact.solve(one, Budget()).calls for one in each) / len(each)
        for depth, each in tasks.items()
    }
    assert calls[4] < 1_800
    assert calls[6] < 40_000
    assert calls[7] < 160_000
