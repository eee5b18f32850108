"""What a turn of Claude's costs beyond the SDK and Claude, with a short ledger and a long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median

import msgspec

from ..fake_anthropic import FakeAnthropic
from ..test_claude_turns import DONE
from .figures import Figure, milliseconds
from .labs import parity_after

ROOT = Path(__file__).parents[2]


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What one run cost, in seconds of CPU: see turn_process.py."""

    trials: tuple[float, ...]
    """Of the loop's process, from each of the Critic's turns to the next."""
    starts: tuple[tuple[float, float], ...]
    """What the fence adds to a start: in the loop's process, and in the one started."""
    peak_mb: float


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What runs cost by the SDK alone, and each right after that by leanlab."""

    rounds: tuple[tuple[Run, Run], ...]

    @property
    def of_fence(self) -> list[float]:
        return [loop + started for _, ours in self.rounds for loop, started in ours.starts]

    @property
    def added(self) -> list[float]:
        """What the fence costs the loop's process is in its trials already."""
        return [
            trial - median(plain.trials) + median(started for _, started in ours.starts)
            for plain, ours in self.rounds
            for trial in ours.trials
        ]

    @property
    def peak_mb(self) -> list[float]:
        return [ours.peak_mb for _, ours in self.rounds]


def measure(folder: Path, *, records: int, rounds: int, trials: int) -> Cost:
    """Run a lab that has so many records, each time for so many trials."""
    lab = parity_after(records, folder)
    config = msgspec.json.decode((lab / "lab.json").read_bytes())
    config |= {"critic_every": 1, "director_every": 0}
    (lab / "lab.json").write_bytes(msgspec.json.encode(config))
    pairs = [(_run("sdk", lab, trials), _run("leanlab", lab, trials)) for _ in range(rounds)]
    return Cost(rounds=tuple(pairs))


def _run(by: str, lab: Path, trials: int) -> Run:
    module = [sys.executable, "-m", "tests.benchmarks.turn_process"]
    with FakeAnthropic(DONE) as fake:
        command = [*module, by, str(lab), str(trials), fake.url]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT)
    run = msgspec.json.decode(done.stdout, type=Run)
    assert len(run.trials) == trials - 1
    return run


def figures(with_short: Cost, with_long: Cost, *, long: int) -> list[Figure]:
    a_turn = "a turn of Claude's, CPU beyond the SDK"
    return [
        _figure("starting Claude behind the fence, CPU", with_short.of_fence),
        _figure(a_turn, with_short.added, at_most=10),
        _figure(f"the same, the loop with {long:,} records", with_long.added, at_most=10),
        Figure(
            name="peak memory of that loop",
            unit="MB",
            values=tuple(with_long.peak_mb),
            at_most=150,
        ),
    ]


def _figure(name: str, seconds: list[float], at_most: float | None = None) -> Figure:
    return Figure(name=name, unit="ms", values=milliseconds(seconds), at_most=at_most)
