"""The benchmark of docs/trajectory.md at a small size."""

from __future__ import annotations

from pathlib import Path

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
