"""The Researcher protocol: the embedded mind of the offline backend for one kind of lab."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A trial as a role may know it: one line of history.jsonl, revealed metrics only."""

    trial: int
    experiment: str | None
    """File name in the lab's experiments folder; None when the trial left none."""
    sha256: str | None
    """SHA-256 of the experiment's bytes, in hex."""
    status: str
    metrics: dict[str, float]
    notes: str = ""
    feedback: str = ""
    error: str = ""
    move: str = ""
    parents: tuple[int, ...] = ()


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """What a researcher is told for one turn. It is all that it may use."""

    workspace: Path
    """The folder with rendered task.md, the public files, sample.py, and memory/ (the experiments
    that memory names)."""
    trial: int
    """The number of this trial, or of the one just recorded for a Critic or Director."""
    seed: int
    metric: str
    direction: Literal["maximize", "minimize"]
    target: float | None
    params: dict[str, Any]
    """Public parameters of the lab."""
    history: Sequence[Row] = ()
    """Every trial so far under the present rules, oldest first."""
    memory: bool = True
    """False where the policy lets a turn know nothing of earlier trials: history is then empty."""
    move: str = "draft"
    parents: tuple[int, ...] = ()
    """The trials to build on, best first."""
    critic: str = ""
    """Critic_Feedback.md as it stands."""
    director: str = ""
    """Director_Notes.md as it stands."""
    message: str = ""
    """Why the evaluator sent the last proposal back; empty on a first call."""

    @property
    def random(self) -> random.Random:
        """A fresh generator for this turn: the same seed and trial give the same stream."""
        key = hashlib.sha256(f"{self.seed}:{self.trial}".encode()).digest()
        return random.Random(int.from_bytes(key[:8], "big"))

    def better(self, a: float, b: float) -> bool:
        """Tell whether a beats b under the objective; a tie does not."""
        return a > b if self.direction == "maximize" else a < b

    def scored(self) -> list[Row]:
        """Rows that have the objective's metric, best first; the earlier first on a tie."""
        rows = [
            row for row in self.history if row.status == "scored" and self.metric in row.metrics
        ]
        sign = -1.0 if self.direction == "maximize" else 1.0
        return sorted(rows, key=lambda row: (sign * row.metrics[self.metric], row.trial))

    def code(self, row: Row) -> str | None:
        """Return the experiment's source, or None when memory did not place it here."""
        if row.experiment is None:
            return None
        path = self.workspace / "memory" / row.experiment
        return path.read_text(encoding="utf-8") if path.is_file() else None


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """One experiment to try."""

    code: str
    slug: str
    """Two or three words for the file's name, lower case with underscores."""
    notes: str = ""
    """What is tried and why; the ledger keeps it and later turns read it."""


class NothingToPropose(Exception):
    """The researcher has no further idea; the message says why."""


class Researcher(Protocol):
    """Proposes, criticises and steers from a brief alone, so that a resumed run goes on alike."""

    def propose(self, brief: Brief) -> Proposal:
        """Write one experiment; raise NothingToPropose when there is no further idea."""
        ...

    def criticise(self, brief: Brief) -> str:
        """Say what is wrong with what was tried, from the history alone. Markdown."""
        ...

    def direct(self, brief: Brief) -> str:
        """Say what to try next, in words that propose() itself will follow. Markdown."""
        ...
