"""One run of a lab in a process of its own: prints what the run cost that process, as JSON.

Run by path: loop_process.py LAB TRIALS
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from leanlab import events, run
from leanlab.backends.scripted import ScriptedBackend, Step

WEAK = '''def f(x: str) -> int:
    """1 exactly when character 3 is 1."""
    return int(x[3])
'''


class Clock:
    """A sink that notes the time as each trial begins."""

    def __init__(self) -> None:
        self.earlier_trials = 0
        self.first = 0.0
        """When the first trial began."""
        self.cpu: list[float] = []
        """CPU time of this process so far, all its threads, as each trial began."""

    def __call__(self, event: events.AnyEvent) -> None:
        if isinstance(event, events.RunStarted):
            self.earlier_trials = event.earlier_trials
        if isinstance(event, events.TrialStarted):
            self.first = self.first or time.monotonic()
            self.cpu.append(time.process_time())


def main(lab: str, trials: int) -> None:
    clock = Clock()
    backend = ScriptedBackend([Step(code=WEAK, notes="One position.")])
    start = time.monotonic()
    run(lab, backend=backend, trials=trials, on_event=clock)
    cost = {
        "earlier_trials": clock.earlier_trials,
        "startup_seconds": clock.first - start,
        "trial_cpu_seconds": per_trial(clock.cpu),
        "peak_mb": peak_mb(),
    }
    print(json.dumps(cost))


def per_trial(starts: list[float]) -> list[float]:
    """Means of two trials each: Critic and Director are due after every other one."""
    return [(end - start) / 2 for start, end in zip(starts[:-2:2], starts[2::2], strict=True)]


def peak_mb() -> float:
    # Not getrusage: ru_maxrss begins at what the parent held when it started this process.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) / 1024


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
