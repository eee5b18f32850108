"""Moves what runs left in a lab out of the way; deletes nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from leanlab.evaluator.intake import unrecorded
from leanlab.lock import RunLock

if TYPE_CHECKING:
    from pathlib import Path

    from leanlab.lab import Lab


def archive(lab: Lab) -> tuple[int, Path]:
    """Move ledger, notes, numbered experiments and runtime state; return how many, and where to."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    place = lab.home / "archive" / stamp
    with RunLock(lab):
        torn = lab.results.with_name(lab.results.name + ".torn")
        notes = [lab.note_file(role) for role in ("critic", "director")]
        runtime = ("events.jsonl", "prompts", "sessions", "pending.json", "unrecorded.json")
        state = [lab.state / name for name in runtime]
        experiments = unrecorded(lab, 0) if lab.experiments.is_dir() else []
        found = [
            path for path in (lab.results, torn, *notes, *state, *experiments) if path.exists()
        ]
        for path in found:
            target = place / path.relative_to(lab.home)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    return len(found), place
