"""What a turn of Claude's costs beyond the SDK and Claude, with a short ledger and a long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from ..fake_anthropic import FakeAnthropic
from ..test_claude_turns import DONE
from .figures import Figure, milliseconds
from .labs import parity_after

ROOT = Path(__file__).parents[2]


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a run's turns cost, in seconds of CPU: see turn_process.py."""

    turns: tuple[tuple[float, float], ...]
    """Of the loop's process: by the SDK alone, and by leanlab."""
    starts: tuple[tuple[float, float], ...]
    """What the fence adds to a start: in the loop's process, and in the one started."""
    peak_mb: float

    @property
    def of_fence(self) -> list[float]:
        return [loop + started for loop, started in self.starts]

    @property
    def added(self) -> list[float]:
        """A turn's own. What the fence costs the loop's process is in its turn already."""
        pairs = zip(self.turns, self.starts, strict=True)
        return [ours - plain + started for (plain, ours), (_, started) in pairs]


def measure(folder: Path, *, records: int, pairs: int) -> Cost:
    """Run a lab that has so many records, and measure so many pairs of turns."""
    lab = parity_after(records, folder)
    config = msgspec.json.decode((lab / "lab.json").read_bytes())
    config |= {"critic_every": 1, "director_every": 0}
    (lab / "lab.json").write_bytes(msgspec.json.encode(config))
    module = [sys.executable, "-m", "tests.benchmarks.turn_process"]
    with FakeAnthropic(DONE) as fake:
        command = [*module, str(lab), str(pairs), fake.url]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT)
    cost = msgspec.json.decode(done.stdout, type=Cost)
    assert len(cost.turns) == pairs
    return cost


def figures(with_short: Cost, with_long: Cost, *, long: int) -> list[Figure]:
    a_turn = "a turn of Claude's, CPU beyond the SDK"
    return [
        _figure("starting Claude behind the fence, CPU", with_short.of_fence),
        _figure(a_turn, with_short.added, at_most=10),
        _figure(f"the same, the loop with {long:,} records", with_long.added, at_most=10),
        Figure(
            name="peak memory of that loop", unit="MB", values=(with_long.peak_mb,), at_most=150
        ),
    ]


def _figure(name: str, seconds: list[float], at_most: float | None = None) -> Figure:
    return Figure(name=name, unit="ms", values=milliseconds(seconds), at_most=at_most)
