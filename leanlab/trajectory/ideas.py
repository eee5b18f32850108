"""The ideas that solvers are put together from, and the programs that they make."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

Complaint = str
"""What is wrong with a solver: an outcome of hidden.outcome, as metrics name it."""


class Idea(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a solver can do."""

    name: str
    does: str
    """For the notes, after the name."""
    answers: tuple[Complaint, ...]
    """What it is good against."""
    length: int
    """The shortest tasks that it should make a difference to."""
    needs: frozenset[str] = frozenset()
    replaces: frozenset[str] = frozenset()


IDEAS: dict[str, Idea] = {
    one.name: one
    for one in (
        Idea(
            name="walk",
            does="walk at random from the inputs",
            answers=(),
            length=1,
        ),
        Idea(
            name="typed",
            does="try only functions that take the type at hand",
            answers=("no_answer", "out_of_time"),
            length=1,
        ),
        Idea(
            name="layers",
            does="try every sequence, shorter ones first",
            answers=("no_answer", "wrong"),
            length=2,
            replaces=frozenset({"walk", "patience"}),
        ),
        Idea(
            name="patience",
            does="go on until most of the time is used",
            answers=("no_answer",),
            length=3,
            needs=frozenset({"walk"}),
        ),
        Idea(
            name="dedupe",
            does="go on from what was never seen before",
            answers=("out_of_time",),
            length=3,
            needs=frozenset({"layers"}),
        ),
        Idea(
            name="goal",
            does="look for the last function first, among those that make the outputs' type",
            answers=("out_of_time",),
            length=3,
            needs=frozenset({"layers", "typed"}),
        ),
        Idea(
            name="example",
            does="look at one example before the others",
            answers=("out_of_time",),
            length=4,
            needs=frozenset({"goal"}),
        ),
        Idea(
            name="numbers",
            does="keep every value once, and run each function on it once",
            answers=("out_of_time",),
            length=4,
            needs=frozenset({"dedupe", "typed"}),
        ),
        Idea(
            name="bounds",
            does="search one example backward from its goal, and follow only steps that can arrive",
            answers=("out_of_time",),
            length=4,
            needs=frozenset({"numbers", "goal"}),
        ),
        Idea(
            name="light",
            does="look at the last values of that example without keeping them",
            answers=("out_of_time",),
            length=4,
            needs=frozenset({"bounds"}),
        ),
        Idea(
            name="hardest",
            does="be guided by the example with the longest output",
            answers=("out_of_time",),
            length=5,
            needs=frozenset({"bounds"}),
        ),
        Idea(
            name="learned",
            does="try first what the training solutions use most",
            answers=("out_of_time", "no_answer"),
            length=5,
            needs=frozenset({"typed"}),
        ),
    )
}
"""In the order in which they are tried where nothing speaks for another one."""

Ideas = frozenset[str]
START: Ideas = frozenset({"walk"})


def ordered(ideas: Ideas) -> list[str]:
    """List ideas in the order of IDEAS."""
    return [name for name in IDEAS if name in ideas]


def additions(ideas: Ideas) -> dict[str, Ideas]:
    """Return what can be made of a solver by one more idea, by its name."""
    return {
        name: (ideas - idea.replaces) | {name}
        for name, idea in IDEAS.items()
        if name not in ideas and idea.needs <= ideas and not _is_replaced(name, ideas)
    }


def removals(ideas: Ideas) -> dict[str, Ideas]:
    """Return what is left of a solver without one idea that no other one needs."""
    return {
        name: ideas - {name}
        for name in ordered(ideas)
        if name not in ("walk", "layers") and not any(name in IDEAS[one].needs for one in ideas)
    }


def _is_replaced(name: str, ideas: Ideas) -> bool:
    return any(name in IDEAS[one].replaces for one in ideas)


def program(ideas: Ideas, used: Mapping[str, int]) -> str:
    """Write the solver that these ideas make, as an experiment; used counts known solutions."""
    return _written(ideas, tuple(used.items()))


@lru_cache(maxsize=256)
def _written(ideas: Ideas, used: tuple[tuple[str, int], ...]) -> str:
    kind = "A random walk" if "walk" in ideas else "Breadth-first search"
    if "bounds" in ideas:
        kind = "Iterative deepening with exact bounds of one example"
    others = [IDEAS[name].does for name in ordered(ideas - {"walk", "layers", "bounds"})]
    line = f"{kind}: {others[-1]}." if others else f"{kind}."
    text = _environment().get_template("program.py.j2")
    return text.render(title=f"{kind}.", ideas=ordered(ideas), used=dict(used), oneline=line)


def sha256(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - Python, not a page
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
