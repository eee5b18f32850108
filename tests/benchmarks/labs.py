"""Labs to measure in: a copy of labs/parity, as a run of so many trials would have left it."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from leanlab import records
from leanlab.lab import open_lab
from leanlab.records import Fault, Seconds, Trial
from leanlab.resources import SHIPPED_LABS
from leanlab.seal import Hasher

_LEFT_BY_RUNS = shutil.ignore_patterns(
    "results.jsonl*", "[0-9]*_*.py", ".leanlab", "*.md.part", "variants", "archive",
    "Director_Notes.md", "Critic_Feedback.md",
)  # fmt: skip

SOURCE = '''"""Experiment {number}: one position tells the label."""


def f(x: str) -> int:
    """1 exactly when character {place} is 1."""
    return int(x[{place}])
'''
_NOTES = (
    "One position: 1 exactly when character {place} is 1. Its share of right labels among the "
    "training strings is that of a coin, so the rule is not in this family; next are pairs of "
    "positions, and after them the parity of a range."
)
_FAULT = Fault(
    category="IndexError",
    text='Traceback (most recent call last):\n  File "experiment.py", line 6, in f\n'
    "    return int(x[50])\nIndexError: string index out of range\n100 of 100 answers are missing",
)


def fresh_parity(folder: Path) -> Path:
    """Copy labs/parity, as git would check it out."""
    return Path(shutil.copytree(SHIPPED_LABS / "parity", folder, ignore=_LEFT_BY_RUNS))


def parity_after(trials: int, folder: Path) -> Path:
    """Copy labs/parity and give it a ledger of so many trials, with their experiments.

    The chain is whole and the fingerprint is the lab's own, so that every record is ranked and
    remembered. Every other trial has a score; the records have the length of real ones.
    """
    home = fresh_parity(folder)
    lab = open_lab(home)
    fingerprint = lab.fingerprint(Hasher().hash_all(lab))
    tail = ""
    with lab.results.open("wb") as file:
        for number in range(1, trials + 1):
            source = SOURCE.format(number=number, place=number % 50).encode()
            path = lab.experiments / f"{number:04d}_one_position.py"
            path.write_bytes(source)
            line = records.encode(_trial(number, path.name, source, fingerprint, tail))
            file.write(line + b"\n")
            tail = hashlib.sha256(line).hexdigest()
    return home


def _trial(number: int, name: str, source: bytes, fingerprint: str, prev: str) -> Trial:
    scored = number % 2 == 0
    # All different, and none of them the target's 1.0.
    share = 0.4 + 0.2 * (number * 0.6180339887 % 1.0)
    shares = {f"{part}_accuracy": share for part in ("train", "val", "test")}
    return Trial(
        run="20260101T000000Z-0a1b2c",
        ts="2026-01-01T00:00:00.000+00:00",
        prev=prev,
        trial=number,
        status="scored" if scored else "crashed",
        experiment_file=f"experiments/{name}",
        experiment_sha256=hashlib.sha256(source).hexdigest(),
        metrics=shares if scored else {},
        error=None if scored else _FAULT,
        evaluator=fingerprint,
        tier="A",
        seconds=Seconds(propose=0.012345678901234, evaluate=0.034567890123456),
        notes=_NOTES.format(place=number % 50),
        cost_usd=0.0,
        tokens=0,
        backend="scripted",
        policy="greedy",
        move="improve",
        parents=(max(1, number - 2),),
        session=f"scripted-{number}",
        prompt_sha256=hashlib.sha256(prev.encode()).hexdigest(),
    )
