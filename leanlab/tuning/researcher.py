"""Proposes variations of the best experiments in their numbers, and says how they went."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from leanlab.labkit import NothingToPropose, Proposal
from leanlab.tuning.literals import literals, replaced, sha256
from leanlab.tuning.steps import DRAWS, Move, Tuner, moves_of

if TYPE_CHECKING:
    from leanlab.labkit import Brief, Row

STALE = 6
"""After so many moves in a row without a success the Director asks for other steps."""
SHORT = 0.1
"""A share of the longest move below which moves count as short."""


class LiteralTuner:
    """Proposes the sample, then variations of the best experiments in their numbers."""

    def __init__(self) -> None:
        self._trial = 0
        self._sent: set[str] = set()

    def propose(self, brief: Brief) -> Proposal:
        """Return a source that no trial holds and that was not sent back in this one."""
        if brief.trial != self._trial or not brief.message:
            self._trial, self._sent = brief.trial, set()
        avoided = {row.sha256 for row in brief.history if row.sha256 is not None}
        if brief.message and not self._sent:
            # Another process sent the first one; a proposal hangs on the brief alone.
            self._sent = {sha256(_proposal(brief, avoided).code)}
        proposal = _proposal(brief, avoided | self._sent)
        self._sent.add(sha256(proposal.code))
        return proposal

    def criticise(self, brief: Brief) -> str:
        """Report trend, failures, repetitions, and what every number's moves brought."""
        lines = [_outcomes(brief), *_progress(brief), *_effects(brief)]
        return "\n".join(["# Critic's feedback", "", *(f"- {line}" for line in lines), ""])

    def direct(self, brief: Brief) -> str:
        """Ask for wider or finer steps, or for one number, when the last moves call for it."""
        return "\n".join(["# Director's notes", "", *_steer(brief), ""])


def _proposal(brief: Brief, avoided: set[str]) -> Proposal:
    sample = _sample(brief)
    # Where the policy gives no memory, the number of the trial tells that the sample was tried.
    first = brief.memory or brief.trial <= 1
    if sample is not None and first and sha256(sample) not in avoided:
        return Proposal(code=sample, slug="sample", notes="The sample as it is.")
    source, row = _parent(brief, sample)
    tuner = Tuner(brief, source, row)
    for values, how in tuner.candidates():
        code = replaced(source, tuner.found, values)
        if values and sha256(code) not in avoided:
            slug = f"number_{min(values) + 1}" if len(values) == 1 else "numbers"
            return Proposal(code=code, slug=slug, notes=tuner.notes(values) + how)
    raise NothingToPropose(f"all {DRAWS} variations drawn of {tuner.origin} have been tried.")


def _sample(brief: Brief) -> str | None:
    path = brief.workspace / "sample.py"
    # Decoded from bytes, as reading text would change the line ends, and with them the hash.
    return path.read_bytes().decode() if path.is_file() else None


def _parent(brief: Brief, sample: str | None) -> tuple[str, Row | None]:
    """Return the source to vary: a parent the policy named, the best with numbers, the sample."""
    rows = {row.trial: row for row in brief.history}
    named = [rows[trial] for trial in brief.parents if trial in rows]
    for row in [*named, *brief.scored()]:
        source = brief.code(row)
        if source is not None and literals(source):
            return source, row
    if sample is None:
        raise NothingToPropose("the workspace holds neither sample.py nor an experiment to vary.")
    if not literals(sample):
        raise NothingToPropose("neither sample.py nor an experiment at hand has a number to tune.")
    same = (row for row in brief.history if row.sha256 == sha256(sample))
    return sample, next(same, None)


def _last_moves(brief: Brief) -> list[Move]:
    """Return the moves of the shape that was varied last."""
    shapes = (re.search(r"shape ([0-9a-f]{8})", row.notes) for row in reversed(brief.history))
    last = next((shape[1] for shape in shapes if shape), None)
    return moves_of(brief, last) if last else []


def _outcomes(brief: Brief) -> str:
    counts = Counter(row.status for row in brief.history)
    told = ", ".join(f"{n} {status}" for status, n in counts.most_common())
    failed = 1 - counts["scored"] / max(1, len(brief.history))
    hashes = [row.sha256 for row in brief.history if row.sha256 is not None]
    return (
        f"{len(brief.history)} trials: {told or 'none yet'}; {failed:.0%} without a score, "
        f"{len(hashes) - len(set(hashes))} that repeated an earlier experiment."
    )


def _progress(brief: Brief) -> list[str]:
    ranked = brief.scored()
    if not ranked:
        return ["No experiment has been scored."]
    best, first = ranked[0], min(ranked, key=lambda row: row.trial)
    value, start = best.metrics[brief.metric], first.metrics[brief.metric]
    since = sum(row.trial > best.trial for row in brief.history)
    lines = [
        f"The best {brief.metric} is {value:g}, of trial {best.trial}; the first was {start:g}. "
        f"Trials since the best: {since}."
    ]
    if brief.target is not None:
        reached = not brief.better(brief.target, value)
        gap = "reached" if reached else f"{abs(brief.target - value):g} away"
        lines.append(f"The target {brief.target:g} is {gap}.")
    return lines


def _effects(brief: Brief) -> list[str]:
    moves = _last_moves(brief)
    lines = []
    for i in sorted({i for move in moves for i in move.deltas}):
        alone = [move for move in moves if set(move.deltas) == {i}]
        better = [move for move in alone if move.better]
        last = f"; the last better one by {better[-1].deltas[i]:+g}" if better else ""
        lines.append(f"Number {i + 1} moved alone {len(alone)} times, {len(better)} better{last}.")
    return lines


def _steer(brief: Brief) -> list[str]:
    moves = _last_moves(brief)
    recent = moves[-STALE:]
    if len(recent) < STALE:
        return [f"{len(moves)} moves so far, too few to steer by: the steps adapt on their own."]
    if not any(move.better for move in recent):
        told = f"None of the last {STALE} moves was better"
        if 2 * (lost := sum(not move.scored for move in recent)) > STALE:
            return [f"{told}, and {lost} gave no score.", "Step: finer"]
        longest = {
            i: max(abs(move.deltas.get(i, 0.0)) for move in moves)
            for i in {i for move in moves for i in move.deltas}
        }
        shares = [abs(d) / longest[i] for m in recent for i, d in m.deltas.items() if longest[i]]
        share = sorted(shares)[len(shares) // 2]
        told += f"; their median length was {share:.2g} of the longest move."
        return [told, "Step: wider" if share < SHORT else "Step: finer"]
    alone = [(next(iter(m.deltas)), m.better) for m in moves if len(m.deltas) == 1]
    tried = Counter(i for i, _ in alone)
    won = Counter(i for i, better in alone if better)
    if len(won) == 1 < len(tried) and min(tried.values()) > 1:
        ((only, times),) = won.items()
        if times > 1:
            told = f"Only number {only + 1} was ever moved for the better, {times} times."
            return [told, f"Literal: {only + 1}"]
    return ["The last moves brought something: the steps adapt on their own."]
