"""What candidates answer: the order of asking, and answers decoded as the lab declares them."""

from __future__ import annotations

import os
import struct
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.errors import CandidateFailed
from leanlab.sandbox import wire
from leanlab.sandbox.packing import is_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.sandbox.process import Answers, Reply

_ANSWERED = bytes((wire.ZERO, wire.ONE, wire.JSON))
_BITS = {wire.ZERO: 0, wire.ONE: 1}


class Bit:
    """What `returns` is for a function that answers 0, 1, False or True, by exact type."""


class Replies(msgspec.Struct, frozen=True, kw_only=True):
    """What a candidate answered."""

    values: list[Any]
    """In the order of the inputs; None where there is no usable answer. Bits are 0 and 1."""
    failures: dict[str, int]
    """How many answers are missing, by category: an exception's name, "not a bit", "wrong type"."""
    text: str
    """The same in words, empty without failures; for public inputs, after the first traceback."""


class Each(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one call of `Candidate.call_each`."""

    value: Any
    """None where there is no usable answer."""
    failure: str
    """Why there is none, by category as in Replies; "out of cpu time" is one. Else empty."""
    text: str = ""
    """For public arguments, the traceback of a failure."""
    cpu_seconds: float
    """What its process used, loading the experiment too."""


NEVER = Each(value=None, failure="not asked", cpu_seconds=0.0)


def form_of(returns: Any) -> Reply:
    return "bit" if returns is Bit else "json"


def arrange(inputs: Sequence[Any], *, public: bool) -> tuple[Sequence[int], Sequence[Any]]:
    """Return an order and the inputs in it; hidden ones in one that nobody can guess."""
    count = len(inputs)
    if public:
        return range(count), inputs
    # A sort by the system's random numbers: as good as SystemRandom.shuffle, and faster, most of
    # all with keys of 30 bits, which Python compares as small integers. A tie keeps its order.
    keys = [key >> 2 for key in struct.unpack(f"{count}I", os.urandom(4 * count))]
    order = sorted(range(count), key=keys.__getitem__)
    if is_array(inputs):
        return order, inputs[order]  # type: ignore[call-overload]
    return order, [inputs[i] for i in order]


def gathered(
    answers: Answers, order: Sequence[int], returns: Any, max_failed: float, log: str
) -> Replies:
    """Decode the answers, and put them back into the order of the inputs."""
    marks = answers.marks
    failures: Counter[str] = Counter()
    for mark, count in Counter(marks.translate(None, _ANSWERED)).items():
        failures[wire.name_of(mark, form_of(returns))] += count
    if returns is Bit:
        decoded: list[Any] = list(map(_BITS.get, marks))
    else:
        decoded = _decode(marks, answers.texts, returns, failures)
    values: list[Any] = [None] * len(order)
    for position, value in zip(order, decoded, strict=True):
        values[position] = value
    counts = dict(failures.most_common())
    text = words(counts, len(order), answers.note)
    if sum(counts.values()) > max_failed * len(order):
        raise CandidateFailed("crashed", next(iter(counts)), text, log)
    return Replies(values=values, failures=counts, text=text)


def _decode(
    marks: bytes, texts: Sequence[bytes], returns: Any, failures: Counter[str]
) -> list[Any]:
    decode = msgspec.json.Decoder(returns).decode
    decoded: list[Any] = []
    for mark, text in zip(marks, texts, strict=True):
        value = None
        if mark == wire.JSON:
            try:
                value = decode(text)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                failures["wrong type"] += 1
        decoded.append(value)
    return decoded


def words(counts: dict[str, int], asked: int, note: str) -> str:
    if not counts:
        return ""
    each = ", ".join(f"{category} {count:,}" for category, count in counts.items())
    line = f"{sum(counts.values()):,} of {asked:,} answers are missing: {each}"
    return f"{note.rstrip()}\n{line}" if note else line
