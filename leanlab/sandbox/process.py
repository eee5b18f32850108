"""Process: the evaluator's handle on one confined worker. Everything that comes back is checked."""

from __future__ import annotations

import json
import math
import secrets
import signal
import struct
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from leanlab.errors import CandidateFailed, ConfinementUnavailable, Disturbed
from leanlab.sandbox import wire
from leanlab.sandbox.channel import Channel, Usage
from leanlab.sandbox.packing import pack

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Iterator, Sequence

    from leanlab.config import Limits

BATCH = 1000
"""Items to send at a time: one at a time costs fifty times as much."""
MODEL_BYTES = 64 << 20
"""The largest model that a fit may hand on, and the largest reply to a batch."""

Reply = Literal["bit", "json"]

_LAST_WORD = 0.25
LATE = frozenset({"timed out", "out of cpu time"})
"""Categories of a candidate that has timed out, rather than crashed."""


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What a candidate said to one batch."""

    marks: bytes
    """One for each item: wire.ZERO, wire.ONE, wire.JSON, or why there is no answer."""
    texts: tuple[bytes, ...] = ()
    """JSON of each item, empty for those without; () for bits."""
    note: str = ""
    """The first traceback, where it was asked for."""


class _Asked(NamedTuple):
    """A request that is under way."""

    nonce: bytes
    cap: int
    note_cap: int
    items: int
    """How many answers are to come."""


class Process:
    """One worker, forked when this is made. A failure is a CandidateFailed, and ends its use.

    explain is for what has seen nothing hidden: only then does a failure, or a note, carry the
    candidate's own words. Loading always explains, as nothing has been seen yet.
    """

    def __init__(self, control: socket.socket, limits: Limits, seed: int, *, arrays: bool) -> None:
        self._channel = Channel(control, limits, seed)
        self._limits = limits
        self._arrays = arrays
        self._greeted = False
        self._outstanding = 0

    @property
    def log(self) -> bytes:
        """What the candidate has printed, on whatever inputs, up to limits.output_kb."""
        return bytes(self._channel.log)

    @property
    def usage(self) -> Usage | None:
        """None until the worker has ended; close() sees to that."""
        return self._channel.usage

    def load(self, source: bytes, name: str) -> None:
        """Run the experiment's module, under the name that tracebacks show."""
        self._ask({"op": "load", "name": name}, source, 0, explain=True)

    def call(
        self, function: str, inputs: Sequence[Any], *, reply: Reply, explain: bool = False
    ) -> Answers:
        """Call function on each item of a list, or row of an array, and collect the answers."""
        return self._answers("call", function, inputs, reply, explain=explain)

    def fit(
        self, function: str, inputs: Sequence[Any], labels: Sequence[Any], *, explain: bool = False
    ) -> bytes:
        """Call function(inputs, labels); return the model, opaque: it is for restore() alone."""
        form, first = pack(inputs, arrays=self._arrays)
        labels_form, second = pack(labels, arrays=self._arrays)
        header = {"op": "fit", "function": function, "form": form, "labels": labels_form}
        header["split"] = len(first)
        return self._ask(header, first + second, MODEL_BYTES, explain=explain)

    def restore(self, model: bytes, *, explain: bool = False) -> None:
        """Hand over the model that another process' fit returned, for predict()."""
        self._ask({"op": "restore"}, model, 0, explain=explain)

    def predict(
        self, function: str, inputs: Sequence[Any], *, reply: Reply, explain: bool = False
    ) -> Answers:
        """Call function(model, batch) on a thousand inputs at a time: one answer for each."""
        return self._answers("predict", function, inputs, reply, explain=explain)

    def close(self) -> None:
        """Kill the worker if it is still there, and set usage."""
        self._channel.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _answers(
        self, operation: str, function: str, inputs: Sequence[Any], reply: Reply, *, explain: bool
    ) -> Answers:
        each = self._limits.output_kb << 10
        header = {"op": operation, "function": function, "reply": reply, "each": each}

        def send_all() -> Iterator[_Asked]:
            for start in range(0, len(inputs), BATCH):
                batch = inputs[start : start + BATCH]
                form, payload = pack(batch, arrays=self._arrays)
                count = len(batch)
                cap = count if reply == "bit" else min(count * (5 + each), MODEL_BYTES)
                header["form"] = form
                yield self._send(header, payload, cap, count, explain=explain)

        marks: list[bytes] = []
        texts: list[bytes] = []
        notes: list[str] = []
        for asked in _one_behind(send_all()):
            data, note = self._receive(asked)
            batch_marks = data[: asked.items]
            if len(batch_marks) != asked.items or batch_marks.translate(None, wire.MARKS[reply]):
                raise _bad_reply()
            marks.append(batch_marks)
            texts += () if reply == "bit" else _split(data, asked.items)
            notes += [note] if note else []
        return Answers(marks=b"".join(marks), texts=tuple(texts), note="".join(notes[:1]))

    def _ask(self, header: dict[str, Any], payload: bytes, cap: int, *, explain: bool) -> bytes:
        return self._receive(self._send(header, payload, cap, explain=explain))[0]

    def _send(
        self, header: dict[str, Any], payload: bytes, cap: int, count: int = 0, *, explain: bool
    ) -> _Asked:
        if self._greeted and not self._outstanding and self._channel.unsolicited():
            raise _bad_reply()
        note_cap = self._limits.output_kb << 10 if explain else 0
        head = json.dumps(header | {"cap": cap, "note": note_cap}).encode()
        nonce = secrets.token_bytes(wire.NONCE)
        start = wire.REQUEST.pack(nonce, len(head), len(payload))
        self._channel.send(b"".join((start, head, payload)))
        self._outstanding += 1
        return _Asked(nonce, cap, note_cap, count)

    def _receive(self, asked: _Asked) -> tuple[bytes, str]:
        """Return the payload and the note, each of a size that was allowed."""
        channel = self._channel
        try:
            if not self._greeted:
                self._greeted = channel.receive(1) == wire.HELLO
            nonce, outcome, size, words = wire.REPLY.unpack(channel.receive(wire.REPLY.size))
            cap = asked.cap if outcome == wire.OK else int(outcome == wire.RAISED)
            if nonce != asked.nonce or size > cap or words > asked.note_cap:
                raise _bad_reply()
            data = channel.receive(size)
            note = channel.receive(words).decode("utf-8", "replace")
        except (EOFError, TimeoutError) as error:
            raise self._ended(error, explain=asked.note_cap > 0) from error
        channel.drain()
        self._outstanding -= 1
        if outcome != wire.OK:
            raise _failed(outcome, data, note)
        return data, note

    def _ended(self, error: Exception, *, explain: bool) -> Exception:
        """Say why nothing more will come."""
        ended = self._channel.listen(_LAST_WORD)
        self.close()
        usage = self.usage
        if isinstance(error, TimeoutError) or (usage and usage.reason == "timed out"):
            return _failure("timed out", f"no answer in {self._limits.seconds:g} s")
        if not self._greeted and self.log:
            why = self.log.decode("utf-8", "replace")
            return ConfinementUnavailable(f"a candidate's process could not be confined: {why}")
        # A worker says why it cannot be confined, and runs nothing of the candidate before that.
        if usage is None or not self._greeted:
            return Disturbed(
                "a candidate's process, or the one that watches it, was ended from outside. "
                "Start the evaluation again."
            )
        if not ended:
            return _bad_reply()
        killed = usage.exit_code in (-signal.SIGKILL, -signal.SIGXCPU)
        # The kernel enforces the limit by counting ticks, and reports what it measured.
        if killed and usage.cpu_seconds >= 0.5 * max(1, math.ceil(self._limits.cpu_seconds)):
            text = f"used {usage.cpu_seconds:.1f} s of CPU, of {self._limits.cpu_seconds:g} s"
            return _failure("out of cpu time", text)
        return _failure("died", _manner(usage.exit_code) if explain else "its process ended")


def _one_behind(sent: Iterable[_Asked]) -> Iterator[_Asked]:
    """Yield each request after the next is sent: it waits there while the worker is busy."""
    previous = None
    for asked in sent:
        if previous is not None:
            yield previous
        previous = asked
    if previous is not None:
        yield previous


def _split(data: bytes, count: int) -> list[bytes]:
    """Cut the texts out, by the lengths after the marks; what does not add up is a bad reply."""
    start = 5 * count
    if len(data) < start:
        raise _bad_reply()
    texts = []
    for length in struct.unpack_from(f"<{count}I", data, count):
        texts.append(data[start : start + length])
        start += length
    if start != len(data):
        raise _bad_reply()
    return texts


def _manner(code: int) -> str:
    """Say how a process ended, in words that an experiment could not have chosen freely."""
    if code >= 0:
        return f"its process ended with exit status {code}; an experiment must return, not exit"
    return f"its process was killed by {signal.Signals(-code).name}"


def _failed(outcome: int, data: bytes, note: str) -> CandidateFailed:
    if outcome in wire.CATEGORIES:
        return _failure(wire.CATEGORIES[outcome], note)
    if outcome != wire.RAISED or len(data) != 1 or data[0] not in wire.EXCEPTION_MARKS.values():
        return _bad_reply()
    return _failure(wire.name_of(data[0], "json"), note)


def _bad_reply() -> CandidateFailed:
    return _failure("bad reply", "its process sent something other than an answer")


def _failure(category: str, text: str) -> CandidateFailed:
    status = "timed_out" if category in LATE else "crashed"
    return CandidateFailed(status, category, f"{category}: {text}" if text else category)
