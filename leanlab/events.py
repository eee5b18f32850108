"""What happens during a run, as it happens: for the console, and on disk for the dashboard."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

import msgspec

from leanlab.records import RoleTurn, Trial

if TYPE_CHECKING:
    from pathlib import Path

Role = Literal["worker", "critic", "director"]


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Something that happened."""


class RunStarted(Event, frozen=True, kw_only=True, tag="run_started"):
    """A run has its lock, its evaluator and its backend."""

    run: str
    lab: str
    """The folder that holds ledger and experiments."""
    named: str
    """How a command line names the lab."""
    metric: str
    revealed: tuple[str, ...]
    trials: int
    earlier_trials: int
    """Trials under the present fingerprint, from earlier runs."""
    best: Trial | None
    backend: str
    policy: str
    confinement: str


class TrialStarted(Event, frozen=True, kw_only=True, tag="trial_started"):
    """left counts this trial and those after it."""

    trial: int
    left: int
    resumed: bool = False
    """The experiment was on disk already, from a run that was cut off."""


class TurnStarted(Event, frozen=True, kw_only=True, tag="turn_started"):
    """A role is at work."""

    role: Role
    trial: int


class Said(Event, frozen=True, kw_only=True, tag="said"):
    """A piece of what a model writes, as it comes."""

    role: Role
    trial: int
    text: str


class ToolCalled(Event, frozen=True, kw_only=True, tag="tool_called"):
    """A model uses a tool."""

    role: Role
    trial: int
    tool: str
    arguments: str
    """JSON, cut short."""


class ToolAnswered(Event, frozen=True, kw_only=True, tag="tool_answered"):
    """A tool has answered, or refused."""

    role: Role
    trial: int
    tool: str
    text: str
    """Cut short."""
    refused: bool = False


class Used(Event, frozen=True, kw_only=True, tag="used"):
    """A model has answered once within a turn; these are its own tokens and cost."""

    role: Role
    trial: int
    tokens: int | None
    cost_usd: float | None


class Retrying(Event, frozen=True, kw_only=True, tag="retrying"):
    """A backend's own client asks again, within a turn."""

    role: Role
    trial: int
    reason: str


class PackageRequested(Event, frozen=True, kw_only=True, tag="package_requested"):
    """A Worker says that an experiment needs a package."""

    trial: int
    package: str
    reason: str
    allowed: bool
    """imports or packages in lab.json names it; otherwise it is a wish."""
    installed: str = ""
    """The version that was installed for it; empty where none was."""
    fault: str = ""
    """Why it could not be installed, or used."""


class Evaluating(Event, frozen=True, kw_only=True, tag="evaluating"):
    """The evaluator is at work."""

    trial: int
    file: str


class Progressed(Event, frozen=True, kw_only=True, tag="progressed"):
    """A job that the evaluation runs says how far it is; at most two a second."""

    file: str
    fraction: float
    text: str
    """Its own words, printable and short; empty on hidden inputs."""


class SentBack(Event, frozen=True, kw_only=True, tag="sent_back"):
    """The experiment had no score; the message went back to the Worker."""

    trial: int
    status: str
    message: str


class Recorded(Event, frozen=True, kw_only=True, tag="recorded"):
    """The trial is in the ledger."""

    record: Trial
    is_best: bool


class Noted(Event, frozen=True, kw_only=True, tag="noted"):
    """A Critic's or Director's note is in the ledger and in its file."""

    record: RoleTurn


class Paused(Event, frozen=True, kw_only=True, tag="paused"):
    """A provider's fault: the run waits and asks again."""

    seconds: float
    reason: str
    kind: str = ""
    """The failure's."""


class Notice(Event, frozen=True, kw_only=True, tag="notice"):
    """A sentence that the user should read."""

    text: str


class RunEnded(Event, frozen=True, kw_only=True, tag="run_ended"):
    """The run is over."""

    end: str
    """Why, in words."""
    new_records: int
    best: Trial | None
    target_reached: bool
    """By the best trial, whichever run it belongs to."""


AnyEvent = (
    RunStarted | TrialStarted | TurnStarted | Said | ToolCalled | ToolAnswered | Used | Retrying
    | PackageRequested | Evaluating | Progressed | SentBack | Recorded | Noted | Paused | Notice
    | RunEnded
)  # fmt: skip

Sink = Callable[[AnyEvent], None]


def ignore(_event: AnyEvent) -> None:
    """A sink for nobody."""


def to_file(path: Path) -> Sink:
    """A sink that appends to a file, one line an event, never to a line that was torn."""
    encoder = msgspec.json.Encoder()

    def write(event: AnyEvent) -> None:
        with path.open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            whole = size == 0 or os.pread(file.fileno(), 1, size - 1) == b"\n"
            file.write((b"" if whole else b"\n") + encoder.encode(event) + b"\n")

    return write


def from_file(path: Path) -> Iterator[AnyEvent]:
    """Yield what a sink wrote, from the first; nothing where there is no file.

    A torn line, as a full disk or a kill leaves one, is skipped.
    """
    decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue


def to_all(*sinks: Sink) -> Sink:
    """A sink that passes each event on, in order."""

    def write(event: AnyEvent) -> None:
        for sink in sinks:
            sink(event)

    return write
