"""How far to move which number, learned from how earlier moves went.

One number is moved at a time, by a step of its own. After a success the next step is three times as
long; after a failure it is half as long and goes the other way (H. H. Rosenbrock, "An automatic
method for finding the greatest or least value of a function", The Computer Journal 3, 1960). Every
fourth move takes all numbers on in the direction of the last successes, with some noise (the
pattern move of R. Hooke and T. A. Jeeves, "'Direct search' solution of numerical and statistical
problems", Journal of the ACM 8, 1961). When no step is left, all numbers move by normal draws. The
steps are read from the notes of earlier trials, so a resumed run goes on alike.

The Director's notes, which a person may edit too, can hold these lines:

    Step: wider      (four times as long; finer: a quarter)
    Literal: 3       (move only the third number of the source)
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import msgspec

from leanlab.tuning.literals import LARGEST, literals, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leanlab.labkit import Brief, Row

EXPAND, SHRINK = 3.0, -0.5
STEPS = {"wider": 4.0, "finer": 0.25}
FINEST = 1e-5
"""A step below this share of its number is no step any more."""
PATTERN_EVERY = 4
NOISE = 0.3
"""Standard deviation of a pattern move's noise, in steps."""
DRAWS = 200
"""How many joint moves are drawn in search of a source that was not tried."""
LOOKED_BACK = 500
"""How many of the last trials the steps are read from."""

VALUE = r"(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
MOVED = re.compile(rf"number (\d+) \(line \d+\): {VALUE} to {VALUE}")
STEER = re.compile(r"^[\s>*-]*(step|literal):\s*(\w+)", re.IGNORECASE | re.MULTILINE)


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What an earlier trial changed, by index of the number, and whether that was better."""

    deltas: dict[int, float]
    factor: float
    better: bool
    scored: bool


class Tuner:
    """Varies the numbers of one source by steps that the history teaches."""

    def __init__(self, brief: Brief, source: str, parent: Row | None) -> None:
        self.found = literals(source)
        self.shape = shape_of(source, self.found)
        self.moves = moves_of(brief, self.shape)
        self.origin = f"trial {parent.trial}" if parent else "the sample"
        self._random = brief.random
        # Under a policy that gives no memory only chance tells trials apart.
        self._blind = not brief.memory and brief.trial > 1
        steer = {key.lower(): value.lower() for key, value in STEER.findall(brief.director)}
        self.factor = STEPS.get(steer.get("step", ""), 1.0)
        self.only, self.remark = None, ""
        if wanted := steer.get("literal"):
            if wanted.isdecimal() and 1 <= int(wanted) <= len(self.found):
                self.only = int(wanted) - 1
            else:
                self.remark = f" The notes ask for number {wanted}, which is none of the source's."

    def candidates(self) -> Iterator[tuple[dict[int, int | float], str]]:
        """Yield new values by index, and a word on how they came about; the first is the best."""
        turn = len(self.moves) + 1
        if self.only is None and len(self.found) > 1 and turn % PATTERN_EVERY == 0:
            yield self._draw(NOISE, self._trend()), ""
        for i in () if self._blind else self._order():
            step = self.step(i) * self.factor
            # A step to a source that was tried before is passed over as the failure it was.
            for _ in range(4):
                if abs(step) < FINEST * (abs(self.found[i].value) or 1.0):
                    break
                values = {i: self._moved(i, step)}
                if values[i] != self.found[i].value:
                    yield values, ""
                step *= SHRINK
        for _ in range(DRAWS):
            yield self._draw(10 ** self._random.uniform(-2, 0.5), {}), " Drawn: no step was left."

    def step(self, i: int) -> float:
        """Return the signed step of number i before any steering."""
        for move in reversed(self.moves):
            if i in move.deltas:
                if move.better:
                    return EXPAND * move.deltas[i]
                if len(move.deltas) == 1:
                    return SHRINK * move.deltas[i] / move.factor
        return abs(self.found[i].value) / 4 or 1.0

    def notes(self, values: dict[int, int | float]) -> str:
        """Say what moves, in the form that _moves reads back."""
        told = ", ".join(
            f"number {i + 1} (line {self.found[i].line}): {self.found[i].value!r} to {value!r}"
            for i, value in sorted(values.items())
        )
        factor = f" steps x{self.factor:g};" if self.factor != 1 else ""
        return f"From {self.origin}: {told};{factor} shape {self.shape}.{self.remark}"

    def _order(self) -> list[int]:
        """Return the numbers in turn, beginning after the one that moved alone last."""
        if self.only is not None:
            return [self.only]
        single = (next(iter(m.deltas)) for m in reversed(self.moves) if len(m.deltas) == 1)
        start = next(single, -1) + 1
        return [(start + i) % len(self.found) for i in range(len(self.found))]

    def _trend(self) -> dict[int, float]:
        """Add up the last better moves, as many as there are numbers."""
        better = [move for move in self.moves if move.better][-len(self.found) :]
        return {i: sum(m.deltas.get(i, 0.0) for m in better) for i in range(len(self.found))}

    def _draw(self, scale: float, trend: dict[int, float]) -> dict[int, int | float]:
        values = {}
        for i in range(len(self.found)) if self.only is None else [self.only]:
            floor = 1e-3 * (abs(self.found[i].value) or 1.0)
            size = max(abs(self.step(i)), floor) * self.factor * scale
            value = self._moved(i, trend.get(i, 0.0) + self._random.gauss(0, size), least=0)
            if value != self.found[i].value:
                values[i] = value
        return values

    def _moved(self, i: int, step: float, least: int = 1) -> int | float:
        value = self.found[i].value
        if isinstance(value, int):
            whole = round(step) or int(math.copysign(least, step))
            return max(-LARGEST, min(LARGEST, value + whole))
        digits = 2 - math.floor(math.log10(abs(step))) if step else 0
        return max(-float(LARGEST), min(float(LARGEST), round(value + step, digits)))


def moves_of(brief: Brief, shape: str) -> list[Move]:
    """Read the moves of sources of this shape from the last trials' notes, oldest first."""
    values = {row.trial: row.metrics[brief.metric] for row in brief.scored()}
    found = []
    for row in brief.history[-LOOKED_BACK:]:
        changes = MOVED.findall(row.notes)
        if not changes or f"shape {shape}" not in row.notes:
            continue
        parent = re.match(r"From trial (\d+)", row.notes)
        before = values.get(int(parent[1])) if parent else None
        value = values.get(row.trial)
        factor = re.search(r"steps x([\d.]+)", row.notes)
        found.append(
            Move(
                deltas={int(i) - 1: float(new) - float(old) for i, old, new in changes},
                factor=float(factor[1]) if factor else 1.0,
                better=value is not None and (before is None or brief.better(value, before)),
                scored=value is not None,
            )
        )
    return found
