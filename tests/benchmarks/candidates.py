"""What confinement adds to an evaluation, and how many evaluations one stream makes."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from leanlab.config import Limits
from leanlab.labkit import Candidate
from leanlab.sandbox import Sandbox

from .figures import Figure, milliseconds, timed

SOURCE = b"def f(x):\n    return x.count('1') % 2\n"
WITH_IMPORTS = b"import numpy\nimport sympy\n" + SOURCE
LIMITS = Limits(seconds=10)


def strings(count: int, length: int = 50) -> list[str]:
    stream = random.Random(0)
    return [format(stream.getrandbits(length), f"0{length}b") for _ in range(count)]


def confined(sandbox: Sandbox, source: bytes, inputs: list[str]) -> list[int]:
    """Evaluate as a lab does: a fresh process for the experiment, and one call on hidden inputs."""
    with Candidate(sandbox, source, "0001_count.py", LIMITS) as candidate:
        return candidate.call("f", inputs).values


def plain(source: bytes, inputs: list[str]) -> list[int]:
    """Do the same in this process."""
    names: dict[str, object] = {}
    exec(compile(source, "0001_count.py", "exec"), names)
    f = names["f"]
    return [f(x) for x in inputs]  # type: ignore[operator]


def seconds_in_pairs(*, pairs: int) -> list[tuple[float, float]]:
    """Times for 10,000 strings, in this process and confined, one right after the other."""
    inputs = strings(10_000)
    with _ready(SOURCE) as sandbox:
        return [
            (timed(lambda: plain(SOURCE, inputs)), timed(lambda: confined(sandbox, SOURCE, inputs)))
            for _ in range(pairs)
        ]


def evaluations_a_second(*, streams: int, each: int) -> list[float]:
    """Rates of evaluations of 10,000 strings, one after the other, numpy and sympy imported."""
    inputs = strings(10_000)

    def stream() -> None:
        for _ in range(each):
            confined(sandbox, WITH_IMPORTS, inputs)

    with _ready(WITH_IMPORTS, "numpy", "sympy") as sandbox:
        return [each / timed(stream) for _ in range(streams)]


def job_seconds_in_pairs(*, pairs: int) -> list[tuple[float, float]]:
    """Times of a Python that does nothing, started plainly, and right after that as a job."""
    plainly = [sys.executable, "-I", "-c", ""]
    with Sandbox() as sandbox:
        return [
            (
                timed(lambda: subprocess.run(plainly, check=True)),
                timed(lambda: _job(sandbox, ["python", "-I", "-c", ""])),
            )
            for _ in range(pairs)
        ]


def _job(sandbox: Sandbox, command: list[str]) -> None:
    with Candidate(sandbox, SOURCE, "0001_count.py", LIMITS) as candidate:
        candidate.job(command)


@contextmanager
def _ready(source: bytes, *imports: str) -> Iterator[Sandbox]:
    """A sandbox that has answered a few times, and rightly."""
    few = strings(1000)
    with Sandbox(imports=imports) as sandbox:
        for _ in range(3):
            assert confined(sandbox, source, few) == plain(SOURCE, few)
        yield sandbox


def figures(*, pairs: int, streams: int, each: int) -> list[Figure]:
    seconds = seconds_in_pairs(pairs=pairs)
    jobs = job_seconds_in_pairs(pairs=pairs)
    return [
        Figure(
            name="10,000 strings, not confined",
            unit="ms",
            values=milliseconds(bare for bare, _ in seconds),
        ),
        Figure(
            name="confinement adds to it",
            unit="ms",
            values=milliseconds(behind - bare for bare, behind in seconds),
            at_most=12,
        ),
        Figure(
            name="evaluations a second, numpy and sympy imported",
            unit="/s",
            values=tuple(evaluations_a_second(streams=streams, each=each)),
            at_least=50,
        ),
        Figure(
            name="a job adds to a Python that does nothing",
            unit="ms",
            values=milliseconds(behind - bare for bare, behind in jobs),
        ),
    ]
