"""Measure everything on this machine and print the table of docs/benchmarks.md.

Exits 1 when a figure misses its target.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from leanlab.sandbox import probe

from . import candidates, commands, trials, turns
from .figures import Figure, header, line

LONG = 100_000


def of_trials(folder: Path) -> Iterable[Figure]:
    return trials.figures(trials.compare(folder, long=LONG, rounds=5, trials=41), long=LONG)


def of_candidates(_: Path) -> Iterable[Figure]:
    return candidates.figures(pairs=100, streams=10, each=25)


def of_turns(folder: Path) -> Iterable[Figure]:
    with_short = turns.measure(folder / "short-turns", records=trials.SHORT, rounds=3, trials=15)
    with_long = turns.measure(folder / "long-turns", records=LONG, rounds=3, trials=15)
    return turns.figures(with_short, with_long, long=LONG)


def of_commands(folder: Path) -> Iterable[Figure]:
    return commands.figures(folder, helps=30, demos=5)


PARTS: dict[str, Callable[[Path], Iterable[Figure]]] = {
    "trials": of_trials,
    "candidates": of_candidates,
    "turns": of_turns,
    "commands": of_commands,
}
"""Each measures something; about three minutes in all."""


def machine() -> str:
    """What the figures hold for, in one line."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    for text in info.read_text().splitlines() if info.is_file() else ():
        name, _, value = text.partition(":")
        if name.strip() == "model name":
            cpu = value.strip()
    return (
        f"{platform.system()} {platform.release()}, {os.cpu_count()} × {cpu}, "
        f"Python {platform.python_version()}, confinement tier {probe().tier}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", choices=PARTS, help="measure nothing else")
    arguments = parser.parse_args()
    as_json = arguments.json
    parts = [PARTS[arguments.only]] if arguments.only else PARTS.values()
    where = machine()
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        if not as_json:
            print(where, "", header(), sep="\n", flush=True)
        for figure in (figure for part in parts for figure in part(Path(folder))):
            measured.append(figure)
            if not as_json:
                print(line(figure), flush=True)
    if as_json:
        print(json.dumps({"machine": where, "figures": [each.row() for each in measured]}))
    return any(figure.missed for figure in measured)


if __name__ == "__main__":
    sys.exit(main())
