"""What the loop itself costs, with a short ledger and with a long one."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import msgspec

from .figures import Figure, milliseconds
from .labs import parity_after

SHORT = 10


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one run cost the loop's process: see loop_process.py."""

    earlier_trials: int
    startup_seconds: float
    trial_cpu_seconds: tuple[float, ...]
    peak_mb: float

    @property
    def trial_cpu(self) -> float:
        return statistics.median(self.trial_cpu_seconds)


def compare(folder: Path, *, long: int, rounds: int, trials: int) -> list[tuple[Cost, Cost]]:
    """Run trials on a short ledger and on one of so many records, in turns.

    trials is odd, so that what is between the first start and the last is pairs of trials.
    """
    # The short ones first: a file that is younger than two seconds is hashed again and again.
    short_labs = [parity_after(SHORT, folder / f"short-{number}") for number in range(rounds)]
    long_lab = parity_after(long, folder / "long")
    pairs = []
    for number, short_lab in enumerate(short_labs):
        pairs.append((_run(short_lab, trials), _run(long_lab, trials)))
        assert pairs[-1][0].earlier_trials == SHORT
        assert pairs[-1][1].earlier_trials == long + number * trials
    return pairs


def figures(pairs: list[tuple[Cost, Cost]], *, long: int) -> list[Figure]:
    short_runs, long_runs = zip(*pairs, strict=True)
    return [
        _trial_cpu(short_runs, SHORT),
        _trial_cpu(long_runs, long),
        Figure(
            name=f"the same, {long:,} records to {SHORT}",
            unit="×",
            values=tuple(
                with_long.trial_cpu / with_short.trial_cpu for with_short, with_long in pairs
            ),
            at_most=1.5,
        ),
        Figure(
            name=f"peak memory of the loop, {long:,} records",
            unit="MB",
            values=tuple(run.peak_mb for run in long_runs),
            at_most=150,
        ),
        _startup(short_runs, SHORT),
        _startup(long_runs, long),
    ]


def _trial_cpu(runs: tuple[Cost, ...], records: int) -> Figure:
    seconds = [each for run in runs for each in run.trial_cpu_seconds]
    name = f"a trial's own CPU, {records:,} records"
    return Figure(name=name, unit="ms", values=milliseconds(seconds), at_most=15)


def _startup(runs: tuple[Cost, ...], records: int) -> Figure:
    name = f"from start to first trial, {records:,} records"
    return Figure(name=name, unit="s", values=tuple(run.startup_seconds for run in runs))


def _run(lab: Path, trials: int) -> Cost:
    script = Path(__file__).with_name("loop_process.py")
    command = [sys.executable, "-P", str(script), str(lab), str(trials)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return msgspec.json.decode(done.stdout, type=Cost)
