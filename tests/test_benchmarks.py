"""The budgets of docs/benchmarks.md at a small size, with room for a busy machine."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from .benchmarks import candidates, commands, trials, turns
from .benchmarks.figures import Figure, children_cpu_seconds, line, timed

LONG, FULL = 20_000, 100_000
Pairs = list[tuple[trials.Cost, trials.Cost]]
DOCS = Path(__file__).parents[1] / "docs" / "benchmarks.md"


@pytest.fixture(scope="module")
def runs() -> Iterator[Pairs]:
    with tempfile.TemporaryDirectory() as folder:
        yield trials.compare(Path(folder), long=LONG, rounds=3, trials=11)


@pytest.fixture(scope="module")
def cost_of_turns() -> Iterator[turns.Cost]:
    with tempfile.TemporaryDirectory() as folder:
        yield turns.measure(Path(folder) / "lab", records=trials.SHORT, rounds=1, trials=6)


def python_seconds(code: str, *, runs: int = 5) -> list[float]:
    """A fresh interpreter's times for a line of code: a peer that a busy machine slows down too."""
    command = [sys.executable, "-I", "-c", code]
    return [timed(lambda: subprocess.run(command, check=True)) for _ in range(runs)]


def test_a_trial_costs_little_and_no_more_on_a_long_ledger(runs: Pairs) -> None:
    # The least of several rounds: what a busy machine adds differs, what the loop does is there
    # every time.
    short = min(cpu for cost, _ in runs for cpu in cost.trial_cpu_seconds)
    long = min(cpu for _, cost in runs for cpu in cost.trial_cpu_seconds)
    assert short < 0.03
    assert long < 1.8 * short


def test_memory_stays_bounded_as_the_ledger_grows(runs: Pairs) -> None:
    short, long = runs[0]
    growth = (long.peak_mb - short.peak_mb) / (LONG - trials.SHORT)
    assert short.peak_mb + growth * FULL < 150


def test_confinement_adds_less_than_a_few_starts_of_python() -> None:
    seconds = candidates.seconds_in_pairs(pairs=20)
    added = median(confined - bare for bare, confined in seconds)
    assert added < 3 * median(python_seconds("pass"))


def test_a_job_adds_less_than_a_few_starts_of_python() -> None:
    ratios = [job / bare for bare, job in candidates.job_seconds_in_pairs(pairs=9)]
    assert median(ratios) < 10


def test_imports_are_paid_once_and_not_by_each_evaluation() -> None:
    rate = median(candidates.evaluations_a_second(streams=3, each=5))
    assert 1 / rate < median(python_seconds("import numpy, sympy", runs=3)) / 4


def test_help_imports_little_beyond_what_it_is_made_with() -> None:
    commands.leanlab("--help")
    ratios = []
    for _ in range(9):
        of_help = children_cpu_seconds(lambda: commands.leanlab("--help"))
        of_peer = children_cpu_seconds(lambda: python_seconds("import typer", runs=1))
        ratios.append(of_help / of_peer)
    # Each group that a package brings is loaded to be listed, for its line of help.
    assert median(ratios) < 2.2


def test_the_fence_costs_less_than_a_start_of_python(cost_of_turns: turns.Cost) -> None:
    bare = [sys.executable, "-I", "-S", "-c", "pass"]
    python = min(children_cpu_seconds(lambda: subprocess.run(bare, check=True)) for _ in range(9))
    assert min(cost_of_turns.of_fence) < python, "a fork and some system calls"
    # Of one short round, which may be half as much again as of three long ones.
    assert min(cost_of_turns.added) < 2.5 * python


def test_the_demo_is_soon_over(tmp_path: Path) -> None:
    (seconds,) = commands.demo_seconds(tmp_path, runs=1)
    assert seconds < 20


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.split("|")[1:-1]]


def test_a_figure_beyond_its_target_is_missed() -> None:
    slow = Figure(name="start", unit="s", values=(1.0, 3.0, 2.5), at_most=2)
    assert cells(line(slow)) == ["start", "2.50", "1.00–3.00", "s", "at most 2", "MISSED"]
    assert slow.row()["ok"] is False
    rate = Figure(name="rate", unit="/s", values=(49.0, 60.0, 51.0), at_least=50)
    assert (rate.missed, rate.verdict, rate.row()["min"]) == (False, "ok", 49.0)
    told = Figure(name="start", unit="s", values=(1.0,))
    assert (told.missed, told.verdict, told.row()["ok"]) == (False, "", None)


def test_the_document_has_every_figure_and_its_target(
    runs: Pairs, cost_of_turns: turns.Cost, tmp_path: Path
) -> None:
    measured = [
        *trials.figures(runs, long=LONG),
        *candidates.figures(pairs=1, streams=1, each=1),
        *turns.figures(cost_of_turns, cost_of_turns, long=LONG),
        *commands.figures(tmp_path, helps=1, demos=1),
    ]
    rows = [cells(row) for row in DOCS.read_text().splitlines() if row.startswith("| ")]
    told = {row[0]: row[4] for row in rows[2:]}
    names = {each.name.replace(f"{LONG:,}", f"{FULL:,}"): each.target for each in measured}
    assert told == names
