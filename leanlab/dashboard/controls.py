"""What a page can ask of a lab. One entry a control; each has a twin on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import msgspec

from leanlab import control

if TYPE_CHECKING:
    from leanlab.dashboard.library import Shelf
    from leanlab.lab import Lab

When = Literal["always", "running", "at work", "paused"]


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """A button that asks once, then acts."""

    name: str
    """In addresses, and in the twin."""
    label: str
    question: str
    when: When
    act: Callable[[Lab, str], None]
    """Takes the lab and what was typed. Raises a LeanlabError with words for the page."""
    twin: str
    """The command that does the same; {lab} stands for the lab as a command line names it."""
    asks_for: str = ""
    """Label of the text that it takes; empty for a plain button."""
    grave: bool = False

    def command(self, lab: Lab) -> str:
        return self.twin.format(lab=lab.named)


CONTROLS: tuple[Control, ...] = (
    Control(
        name="note",
        label="Note",
        question="The very next Worker reads it, and those after it, until newer ones come.",
        when="always",
        act=control.note,
        twin='leanlab note {lab} "…"',
        asks_for="One line for the next Worker",
    ),
    Control(
        name="pause",
        label="Pause",
        question="The run waits after its present trial, until you let it go on.",
        when="at work",
        act=lambda lab, _: _done(control.pause(lab)),
        twin="leanlab pause {lab}",
    ),
    Control(
        name="resume",
        label="Resume",
        question="The run goes on with its next trial.",
        when="paused",
        act=lambda lab, _: _done(control.resume(lab)),
        twin="leanlab resume {lab}",
    ),
    Control(
        name="stop",
        label="Stop",
        question="The run ends after its present trial. Running again goes on from there.",
        when="running",
        act=lambda lab, _: _done(control.stop(lab)),
        twin="leanlab stop {lab}",
        grave=True,
    ),
)


def offered(shelf: Shelf) -> list[Control]:
    """The controls that make sense now."""
    if shelf.lab is None:
        return []
    now: set[When] = {"always"}
    if shelf.running_pid is not None and not shelf.stopping:
        now |= {"running", "paused" if shelf.paused else "at work"}
    return [each for each in CONTROLS if each.when in now]


def named(name: str) -> Control | None:
    return next((each for each in CONTROLS if each.name == name), None)


def _done(_: int) -> None:
    """The pid is for the command line; the page shows the run's new state."""
