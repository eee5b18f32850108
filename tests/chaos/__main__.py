"""`python -m tests.chaos --rounds 1000 --seed 1`: status 1 at the first broken invariant."""

from __future__ import annotations

import argparse
import sys
import time

from .rounds import Broken, play


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start = time.monotonic()
    told: dict[str, int] = {}
    try:
        for number, arena in enumerate(play(options.rounds, options.seed), start=1):
            told = dict(arena.told)
            if number % 10 == 0:
                seconds = time.monotonic() - start
                print(f"{number} of {options.rounds} rounds, {seconds:.0f} s", flush=True)
    except Broken as broken:
        print(broken, file=sys.stderr)
        return 1
    finally:
        print(", ".join(f"{name} {count}" for name, count in sorted(told.items())), flush=True)
    print(f"{options.rounds} rounds of seed {options.seed}: every invariant held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
