"""Scores an experiment in the evaluator's own process, as many evaluators do: a control's victim.

Run as a script with the experiment's path; it prints one line of JSON. Everything here can be
forged, and the control run of `leanlab check --attack --control` shows it. Nothing scores with it.
"""

import json
import pickle
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

INPUTS = [[int(bit) for bit in f"{number:04b}"] for number in range(16)]

SAMPLE = '''"""A baseline."""


def f(x):
    """1 exactly when the first bit is."""
    return int(x[:1] == [1])
'''


def label_of(bits: list[int]) -> int:
    return sum(bits) % 2


class Scorer:
    """What a framework would offer."""

    def accuracy(self, right: int, count: int) -> float:
        return float(right / count)


def score(function: Callable[[list[int]], Any]) -> float:
    start = time.monotonic()
    right, gain = 0, []
    for bits in INPUTS:
        answer = function(bits)
        if not isinstance(answer, int):
            answer = pickle.loads(pickle.dumps(answer))  # noqa: S301 - as worker pools do
        right += 1 if answer == label_of(bits) else 0
        gain.append(float(answer))
    speed = 1 / (1 + round(time.monotonic() - start, 1))
    return Scorer().accuracy(right, len(INPUTS)) * speed + 0 * sum(gain)


def main() -> None:
    names: dict[str, Any] = {"__name__": "experiment"}
    source = Path(sys.argv[1]).read_text(encoding="utf-8")
    exec(compile(source, "experiment.py", "exec"), names)  # noqa: S102
    print(json.dumps({"accuracy": score(names["f"])}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
