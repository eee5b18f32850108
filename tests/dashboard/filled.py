"""Ledgers with a history, written at once: what a long run would have left, in a second."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import msgspec

from leanlab import records
from leanlab.lab import open_lab
from leanlab.overview import fingerprint_of
from leanlab.records import Fault, RoleTurn, Seconds, Trial

SOURCE = '''"""Counts characters, attempt {trial}."""


def f(text: str) -> int:
    total = {value}
    for character in text:
        total += 1  # one each
    return total if total < {trial} else len(text)
'''


def fill(home: Path, count: int, *, files: int = 0, seed: int = 0) -> None:
    """Write count trials: a slow climb with setbacks, failures, lineage, costs and notes.

    files says how many of the first experiments are written to disk too.
    """
    lab = open_lab(home)
    fingerprint = fingerprint_of(lab)
    metric = lab.config.objective.metric
    best, best_trial, prev = 0.0, 0, ""
    lab.experiments.mkdir(exist_ok=True)
    with lab.results.open("wb") as file:
        for trial in range(1, count + 1):
            luck = _share(f"{seed}:{trial}")
            ceiling = 1 - math.exp(-4 * trial / count)
            value = round(ceiling * (0.55 + 0.4 * luck), 6)
            failed = luck < 0.12
            name = f"experiments/{trial:04d}_attempt.py"
            record: records.Record = Trial(
                run="20261121T100000Z-abc123",
                ts=f"2026-11-{1 + trial * 19 // count:02d}T{trial % 24:02d}:00:00.000+00:00",
                prev=prev,
                trial=trial,
                status=("crashed" if luck < 0.06 else "timed_out") if failed else "scored",
                experiment_file=name,
                experiment_sha256=hashlib.sha256(name.encode()).hexdigest(),
                metrics={} if failed else {metric: value, "secret": value * 0.9},
                error=Fault(category="ValueError", text="no idea about x") if failed else None,
                feedback="wrong on 3 of 10 public inputs",
                evaluator=fingerprint,
                tier="A",
                seconds=Seconds(propose=20 + 60 * luck, evaluate=2 + 9 * _share(f"e{trial}")),
                notes=f"Adds the length in one pass and keeps a running total, attempt {trial}.",
                cost_usd=round(0.02 + 0.05 * luck, 4),
                tokens=int(4000 + 9000 * luck),
                backend="scripted",
                model="a-model",
                policy="greedy",
                move="improve" if best_trial else "draft",
                parents=(best_trial,) if best_trial else (),
                session="s" * 12,
                prompt_sha256="0" * 64,
            )  # fmt: skip
            lines = [record]
            if trial % 5 == 0:
                lines.append(_turn(trial, fingerprint))
            for one in lines:
                line = records.encode(_after(one, prev))
                prev = hashlib.sha256(line).hexdigest()
                file.write(line + b"\n")
            if not failed and value > best:
                best, best_trial = value, trial
            if trial <= files:
                (home / name).write_text(SOURCE.format(trial=trial, value=trial % 7))


def _after(record: records.Record, prev: str) -> records.Record:

    return msgspec.structs.replace(record, prev=prev)


def _turn(trial: int, fingerprint: str) -> RoleTurn:
    role = "director" if trial % 10 == 0 else "critic"
    words = {
        "director": f"Up to trial {trial} the running total helped.\n\nTry next: one pass.",
        "critic": f"Trial {trial} repeats trial {trial - 1} but for a name.",
    }
    return RoleTurn(
        run="20261121T100000Z-abc123", ts="2026-11-20T10:00:00.000+00:00", role=role,
        after_trial=trial, text=words[role], evaluator=fingerprint, cost_usd=0.01, tokens=900,
    )  # fmt: skip


def _share(text: str) -> float:
    """A number from 0 to 1 that is the same everywhere."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48
