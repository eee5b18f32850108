"""Lines of a ledger as the index sees them: the few fields that it needs, and no more.

What is left out is never made into an object, which is most of the time that a long ledger takes.
"""

from __future__ import annotations

import msgspec

from leanlab.records import Number, Seconds, Status


class Glance(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", gc=False):
    """What any line may say."""

    ts: str = ""
    prev: str = ""
    cost_usd: float | None = None
    tokens: int | None = None


class ScoredGlance(Glance, frozen=True, kw_only=True):
    """What an evaluation of an experiment came to."""

    trial: Number
    status: Status
    metrics: dict[str, float] = {}
    evaluator: str
    tier: str


class TrialGlance(ScoredGlance, frozen=True, kw_only=True, tag="trial"):
    """A trial, but for its texts and hashes."""

    run: str
    experiment_file: str | None = None
    repeats: dict[str, tuple[float, ...]] | None = None
    seconds: Seconds = Seconds(propose=0.0, evaluate=0.0)
    parents: tuple[int, ...] = ()
    fixes: int = 0


class EvaluationGlance(ScoredGlance, frozen=True, kw_only=True, tag="evaluation"):
    """A further evaluation of an earlier experiment."""


class TurnGlance(Glance, frozen=True, kw_only=True, tag="role"):
    """That a Critic or Director spoke."""


class RevealGlance(Glance, frozen=True, kw_only=True, tag="reveal"):
    """Hidden metrics that were shown to somebody."""

    trial: Number
    metrics: tuple[str, ...]


class NoteGlance(Glance, frozen=True, kw_only=True, tag="note"):
    """That a person left a line for the Workers."""


AnyGlance = TrialGlance | EvaluationGlance | TurnGlance | RevealGlance | NoteGlance

_decoder: msgspec.json.Decoder[AnyGlance] = msgspec.json.Decoder(AnyGlance)
decode = _decoder.decode
"""Raises msgspec.DecodeError on a line that is no record."""
