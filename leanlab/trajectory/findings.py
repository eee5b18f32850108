"""What the history of a lab of hidden tasks tells: solvers recognised, and what is wrong with them.

Nothing here has seen a hidden task; what is known of them are the metrics that are revealed.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from leanlab.labkit import Row
from leanlab.trajectory.ideas import IDEAS, additions, ordered, program, sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from leanlab.labkit import Brief
    from leanlab.trajectory.ideas import Ideas

_TOLD = re.compile(r"^Ideas: ([\w, ]+)\.")
_LENGTH = re.compile(r"_length_(\d+)$")
_OUTCOMES = {
    "out_of_time": "the time ended first",
    "no_answer": "the solver gave up",
    "wrong": "the answer was wrong",
    "failed": "there was no usable reply",
}
RECENT = 8
"""How many of the last solvers the Critic goes into."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A trial whose experiment is one of the programs of ideas.py."""

    row: Row
    ideas: Ideas


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What a solver fails at."""

    outcome: str
    """The commonest outcome of unsolved tasks; empty where nothing is known."""
    length: int
    """Of the shortest tasks that are not all solved; 0 where nothing is known."""
    words: str

    def order(self, name: str) -> tuple[bool, bool, int]:
        """Sort ideas: those against this outcome first, then those for tasks of this length."""
        idea = IDEAS[name]
        return (
            self.outcome not in idea.answers,
            0 < self.length < idea.length,
            list(IDEAS).index(name),
        )


def told(ideas: Ideas) -> str:
    """Name the ideas of a solver, as known() reads them again."""
    names = ordered(ideas)
    return f"Ideas: {', '.join(names)}. " + "; ".join(IDEAS[name].does for name in names) + "."


def known(brief: Brief, used: Mapping[str, int]) -> list[Known]:
    """Return the trials whose notes name ideas, and whose experiment is what these make."""
    found = []
    for row in brief.history:
        named = _TOLD.match(row.notes)
        ideas = frozenset(named[1].split(", ")) if named else frozenset()
        if ideas and ideas <= IDEAS.keys() and row.sha256 == sha256(program(ideas, used)):
            found.append(Known(row=row, ideas=ideas))
    return found


def best(brief: Brief, solvers: Sequence[Known]) -> Known | None:
    """Return the solver with the best score; on a tie the one with more ideas, then the first.

    One that has no better score for an idea more can still be what the next idea needs.
    """
    sign = 1.0 if brief.direction == "maximize" else -1.0
    scored = [one for one in solvers if brief.metric in one.row.metrics]
    return max(
        scored,
        key=lambda one: (sign * one.row.metrics[brief.metric], len(one.ideas), -one.row.trial),
        default=None,
    )


def trouble(row: Row) -> Trouble:
    """Find out from the metrics of a trial what it fails at."""
    shares = {
        outcome: value
        for outcome in _OUTCOMES
        for name, value in row.metrics.items()
        if name.endswith(f"_{outcome}") and value > 0
    }
    outcome = max(shares, key=shares.__getitem__, default="")
    weak = sorted(length for length, rate in _lengths(row).items() if rate < 1)
    words = ""
    if outcome:
        words = f"In {shares[outcome]:.0%} of the tasks {_OUTCOMES[outcome]}."
    if weak:
        words += f" The shortest tasks that fail have {weak[0]} functions."
    return Trouble(outcome=outcome, length=weak[0] if weak else 0, words=words.strip())


def _lengths(row: Row) -> dict[int, float]:
    """Return the solve rate by length, as far as it is revealed."""
    return {
        int(found[1]): value
        for name, value in row.metrics.items()
        if (found := _LENGTH.search(name))
    }


def criticism(brief: Brief, solvers: Sequence[Known]) -> str:
    """Return the Critic's feedback as Markdown."""
    statuses = Counter(row.status for row in brief.history)
    counted = ", ".join(f"{count} {status}" for status, count in statuses.items())
    lines = [f"{len(brief.history)} trials: {counted or 'none yet'}."]
    lines += _repeated(brief)
    lines += [line for one in solvers[-RECENT:] for line in _compared(brief, one, solvers)]
    top = best(brief, solvers)
    if top is not None:
        lines.append(f"The best is trial {top.row.trial}. {trouble(top.row).words}".strip())
        lines += _over_fit(top.row)
    return "\n".join(["# Critic's feedback", "", *(f"- {line}" for line in lines), ""])


def _repeated(brief: Brief) -> Iterator[str]:
    counted = Counter(row.sha256 for row in brief.history if row.sha256)
    again = sum(count > 1 for count in counted.values())
    if again:
        yield f"{again} experiments were tried more than once."


def _compared(brief: Brief, one: Known, solvers: Sequence[Known]) -> Iterator[str]:
    """Say what an idea changed, against the solver that differs in nothing else."""
    value = one.row.metrics.get(brief.metric)
    if value is None:
        yield f"Trial {one.row.trial} has no score: {one.row.status}."
        return
    for other in solvers:
        before = other.row.metrics.get(brief.metric)
        for name, grown in additions(other.ideas).items():
            if before is not None and grown == one.ideas:
                noise = _standard_error(brief, before, value)
                loud = "more" if abs(value - before) > 2 * noise else "no more"
                yield (
                    f"Trial {one.row.trial}: {name} takes trial {other.row.trial} from "
                    f"{before:.3f} to {value:.3f}, {loud} than two standard errors."
                )
                return


def _standard_error(brief: Brief, *rates: float) -> float:
    """Of a difference of shares of as many tasks as the lab says that it has; infinite if unsaid.

    The tasks are the same ones, so that this is on the safe side.
    """
    lengths, each = brief.params.get("lengths"), brief.params.get("val")
    if not lengths or not each:
        return math.inf
    return math.sqrt(sum(rate * (1 - rate) for rate in rates) / (len(lengths) * each))


def _over_fit(row: Row) -> Iterator[str]:
    for name, value in row.metrics.items():
        if name.endswith("_generalisation") and value < 1:
            yield (
                f"Of its answers {1 - value:.0%} fit the given examples and not further ones: "
                "several functions do the same to a few inputs, and the shortest answer is a guess."
            )
