"""What the ledger holds, line by line, and what an evaluation returns."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import msgspec

SCHEMA = 1

Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""Of a trial, from 1."""

Status = Literal["scored", "invalid", "rejected", "crashed", "timed_out", "abandoned"]
"""invalid: validate failed; rejected: the file itself broke a rule; abandoned: stopped midway."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no score. category is short and fixed; text is what a role may be told."""

    category: str
    text: str


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A file that an evaluation left. Roles see it only when visible."""

    name: str
    path: str
    visible: bool = False


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What an evaluation returns."""

    status: Status = "scored"
    metrics: dict[str, float] = {}
    cases: dict[str, float] | None = None
    """Score per named case."""
    feedback: str = ""
    """What a role may be told beside the revealed metrics."""
    artifacts: tuple[Artifact, ...] = ()
    error: Fault | None = None

    @staticmethod
    def failed(status: Status, category: str, text: str, feedback: str = "") -> Verdict:
        """A verdict without a score."""
        fault = Fault(category=category, text=text)
        return Verdict(status=status, error=fault, feedback=feedback)


class Seconds(msgspec.Struct, frozen=True, kw_only=True):
    """Wall-clock time of a trial's two halves."""

    propose: float
    evaluate: float


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """One line of the ledger. The ledger fills in ts and prev as it appends."""

    run: str
    schema: int = SCHEMA
    ts: str = ""
    """UTC, ISO 8601."""
    prev: str = ""
    """SHA-256 of the previous line's bytes, newline excluded; empty for the first."""


class Scored(Record, frozen=True, kw_only=True):
    """What an evaluation of an experiment came to."""

    trial: Number
    status: Status
    experiment_file: str | None = None
    """Relative to the lab; None when the Worker left nothing usable."""
    experiment_sha256: str | None = None
    metrics: dict[str, float] = {}
    """Means, where the evaluation was repeated."""
    repeats: dict[str, tuple[float, ...]] | None = None
    """Every value of every metric, in order of seed; None for a single evaluation."""
    standard_error: dict[str, float] | None = None
    cases: dict[str, float] | None = None
    feedback: str = ""
    artifacts: tuple[Artifact, ...] = ()
    error: Fault | None = None
    evaluator: str
    """Fingerprint of frozen files, params, limits and imports."""
    tier: str
    """Confinement of the candidate, from the strongest: A, B, C, D, or none. An open lab has A, C
    or none."""
    untrusted: bool = False
    """True when no confinement held, so the score may have been forged."""
    open: bool = False
    """True when the evaluator imports the experiment itself."""
    seconds: Seconds = Seconds(propose=0.0, evaluate=0.0)


class Trial(Scored, frozen=True, kw_only=True, tag="trial"):
    """One numbered pass of the loop."""

    notes: str = ""
    cost_usd: float | None = None
    """None when the provider reports no price; never a guess."""
    tokens: int | None = None
    backend: str = ""
    model: str = ""
    policy: str = ""
    move: str = ""
    parents: tuple[int, ...] = ()
    fixes: int = 0
    """How often the evaluator's message went back to the Worker."""
    session: str = ""
    prompt_sha256: str = ""
    unfenced: bool = False
    """True when nothing kept the Worker's tools away from the rest of the machine."""


class Evaluation(Scored, frozen=True, kw_only=True, tag="evaluation"):
    """A further evaluation of an earlier experiment."""

    stage: Literal["rescore"]

    def as_trial(self) -> Trial:
        """The trial as this evaluation sees it; the Worker's words are in the original."""
        shared = {name: getattr(self, name) for name in Scored.__struct_fields__}
        return Trial(**shared, move=self.stage)


class RoleTurn(Record, frozen=True, kw_only=True, tag="role"):
    """A Critic's or Director's turn."""

    role: Literal["critic", "director"]
    after_trial: int
    text: str
    """The whole note, as the role's file held it."""
    evaluator: str
    cost_usd: float | None = None
    """This turn's own."""
    tokens: int | None = None
    backend: str = ""
    model: str = ""
    session: str = ""
    session_cost_usd: float | None = None
    """The session's total so far, so that a restart charges only the difference."""
    prompt_sha256: str = ""
    unfenced: bool = False


class Reveal(Record, frozen=True, kw_only=True, tag="reveal"):
    """Hidden metrics were shown to a person or a report."""

    trial: Number
    metrics: tuple[str, ...]
    command: str


class Note(Record, frozen=True, kw_only=True, tag="note"):
    """A line by which a person steers; the next Worker reads it."""

    text: str


AnyRecord = Trial | Evaluation | RoleTurn | Reveal | Note

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyRecord] = msgspec.json.Decoder(AnyRecord)


def encode(record: Record) -> bytes:
    """One line, newline excluded. Equal records give equal bytes."""
    return _encoder.encode(record)


def decode(line: bytes) -> AnyRecord:
    """Raise msgspec.DecodeError on anything that is not a record of this schema."""
    return _decoder.decode(line)


def clean_metrics(raw: Any, metric: str) -> dict[str, float]:
    """Return the metrics as finite floats, the objective's among them.

    Raises ValueError, with a sentence that says what to change, on a mapping that is none, a
    name that is no string, or a value that is NaN, infinite, a bool or no number.
    """
    if not isinstance(raw, dict):
        raise ValueError(
            f"the evaluation returned {type(raw).__name__}, not metrics by name. "
            f'Return a dict such as {{"{metric}": 0.5}}.'
        )
    metrics: dict[str, float] = {}
    for name, value in raw.items():
        if not isinstance(name, str) or _is_no_text(name):
            raise ValueError(f"a metric is named {name!r}. Name metrics with strings.")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(
                f"metric {name!r} is {type(value).__name__} {str(value)[:40]!r}. "
                "Return a plain number."
            )
        number = _as_float(value)
        if not math.isfinite(number):
            raise ValueError(f"metric {name!r} is {number}. Return a finite number.")
        metrics[name] = number
    if metric not in metrics:
        found = ", ".join(metrics) or "no metric"
        raise ValueError(
            f"the evaluation gave no {metric!r}; it gave {found}. "
            "Return it, or change objective.metric in lab.json."
        )
    return metrics


def _as_float(value: float) -> float:
    """As the ledger would hold it: an integer beyond every float is infinite there."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _is_no_text(name: str) -> bool:
    """Tell whether it holds half a surrogate pair, which no file can."""
    return any("\ud800" <= char <= "\udfff" for char in name)
