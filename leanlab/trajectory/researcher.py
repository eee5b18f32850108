"""The embedded researcher of labs of hidden tasks: from a random walk up, one idea an experiment.

Which idea comes next hangs on what failed: the outcome that most unsolved tasks had, and the
shortest tasks that are not all solved. The Director says so with a line of its own, which the
Worker follows, and which a person who edits the Director's notes can write too:

    Try next: dedupe

The idea is one of ideas.IDEAS; the last such line counts. One that cannot be had, or was tried on
this solver before, is passed over, and the proposal says so.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

from leanlab.labkit import NothingToPropose, Proposal
from leanlab.trajectory import findings, taskfile
from leanlab.trajectory.ideas import IDEAS, START, additions, ordered, program, removals, sha256

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leanlab.labkit import Brief
    from leanlab.trajectory.findings import Known
    from leanlab.trajectory.ideas import Ideas

STEER = re.compile(r"^[\s>*-]*try next:\s*(\w+)", re.IGNORECASE | re.MULTILINE)


class TrajectoryResearcher:
    """Adds an idea to the best solver so far; takes one away when all were added."""

    def __init__(self) -> None:
        self._trial = 0
        self._sent: set[str] = set()

    def propose(self, brief: Brief) -> Proposal:
        """Propose a solver that the history does not hold.

        Under a policy that gives no memory the trial's number says how many ideas it has. A
        proposal that was sent back is not sent again.
        """
        used = _used(brief)
        tried = {row.sha256 for row in brief.history}
        ahead = (
            each for each in _ahead(brief, used) if sha256(program(each[0], used)) not in tried
        )
        if brief.trial != self._trial or not brief.message:
            self._trial, self._sent = brief.trial, set()
        found = list(islice(ahead, len(self._sent) + 2))
        if brief.message and not self._sent:
            # Another process sent the first one: the order is fixed, so it was the head.
            self._sent = {program(ideas, used) for ideas, _ in found[:1]}
        for ideas, why in found:
            code = program(ideas, used)
            if code not in self._sent:
                self._sent.add(code)
                return Proposal(code=code, slug=_slug(ideas), notes=f"{findings.told(ideas)} {why}")
        raise NothingToPropose("every idea was tried on the best solver, with and without.")

    def criticise(self, brief: Brief) -> str:
        """Set every solver against the one that it was made from, and say what still fails."""
        return findings.criticism(brief, findings.known(brief, _used(brief)))

    def direct(self, brief: Brief) -> str:
        """Say what fails most, and which idea answers it."""
        used = _used(brief)
        solvers = findings.known(brief, used)
        tried = {row.sha256 for row in brief.history}
        for ideas, why in _from(findings.best(brief, solvers)):
            if sha256(program(ideas, used)) not in tried:
                steps = _step(findings.best(brief, solvers), ideas)
                return f"# Director's notes\n\n{why}\n\n{steps}\n"
        return "# Director's notes\n\nEvery idea was tried on the best solver.\n"


def _used(brief: Brief) -> dict[str, int]:
    """Count the functions of the training solutions, the most used first."""
    records = taskfile.read(brief.workspace / "data" / "train.jsonl")
    counted = Counter(name for one in records for name in one.functions or ())
    return dict(sorted(counted.items(), key=lambda each: (-each[1], each[0])))


def _ahead(brief: Brief, used: dict[str, int]) -> Iterator[tuple[Ideas, str]]:
    """Yield solvers to try, the most promising first, each with the reason."""
    if not brief.memory:
        yield from islice(_blindly(), max(brief.trial - 1, 0), None)
        return
    best = findings.best(brief, findings.known(brief, used))
    named = STEER.findall(brief.director)
    remark = ""
    if named and best is not None:
        idea = named[-1].lower()
        steered = additions(best.ideas).get(idea)
        if steered is not None:
            yield steered, f"The Director's notes ask for {idea}."
        else:
            why = "which cannot be added here" if idea in IDEAS else "which is no idea"
            remark = f" The Director's notes name {idea}, {why}."
    for ideas, why in _from(best):
        yield ideas, why + remark


def _from(best: Known | None) -> Iterator[tuple[Ideas, str]]:
    """Yield what may be made of the best solver: with one idea more, then with one less."""
    if best is None:
        yield from _blindly()
        return
    trouble = findings.trouble(best.row)
    grown = additions(best.ideas)
    for name in sorted(grown, key=trouble.order):
        yield grown[name], f"{trouble.words} Of trial {best.row.trial}, with {name} added."
    for name, fewer in removals(best.ideas).items():
        yield fewer, f"Of trial {best.row.trial}, without {name}: does it help at all?"


def _blindly() -> Iterator[tuple[Ideas, str]]:
    ideas = START
    while True:
        yield ideas, "The next idea in the list."
        grown = additions(ideas)
        if not grown:
            return
        ideas = next(iter(grown.values()))


def _step(best: Known | None, ideas: Ideas) -> str:
    if best is None:
        return "Try next: walk"
    added = ordered(ideas - best.ideas)
    return f"Try next: {added[0]}" if added else "Then see what can be left out."


def _slug(ideas: Ideas) -> str:
    """Name a solver by its last ideas."""
    return "_".join(ordered(ideas)[-3:])
