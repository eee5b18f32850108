"""Candidate: an experiment as an evaluation may use it. It gets inputs and returns data.

    with Candidate(sandbox, source, "0001_idea.py", limits) as candidate:
        candidate.call("f", examples, public=True)
        replies = candidate.call("f", strings)

Public inputs come first, and what goes wrong with them is told whole. Of hidden inputs nothing is
told but numbers and fixed words, and they are sent in an order that nobody can guess.
"""

from __future__ import annotations

import math
import os
import struct
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.errors import CandidateFailed, LeanlabError
from leanlab.sandbox import wire
from leanlab.sandbox.channel import Usage
from leanlab.sandbox.packing import is_array
from leanlab.sandbox.process import Answers, Process

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from leanlab.config import Limits
    from leanlab.sandbox import Sandbox
    from leanlab.sandbox.process import Reply

_ANSWERED = bytes((wire.ZERO, wire.ONE, wire.JSON))
_BITS = {wire.ZERO: 0, wire.ONE: 1}
_OUT_OF_CPU = "out of cpu time"
_FATAL = frozenset({"load failed", "no such function", "timed out", _OUT_OF_CPU})


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


_NEVER = Each(value=None, failure="not asked", cpu_seconds=0.0)


class Candidate:
    """One experiment under test. limits hold for all that it does.

    A failure to answer at all is a CandidateFailed, and so are too many failures to answer single
    inputs. Its log is what the candidate printed on public inputs.
    """

    def __init__(
        self, sandbox: Sandbox, source: bytes, name: str, limits: Limits, *, seed: int = 0
    ) -> None:
        self._sandbox = sandbox
        self._source = source
        self._name = name
        self._limits = limits
        self._seed = seed
        self._process: Process | None = None
        self._hidden = False
        self._logs: dict[Process, bytes] = {}
        self._ended: list[Usage] = []

    @property
    def log(self) -> str:
        """What the candidate printed while it had seen nothing hidden."""
        return b"".join(self._logs.values()).decode("utf-8", "replace")

    @property
    def usage(self) -> Usage:
        """What those of its processes have used that have ended: ask after close()."""
        ended = self._ended
        return Usage(
            seconds=sum(usage.seconds for usage in ended),
            cpu_seconds=sum(usage.cpu_seconds for usage in ended),
            max_rss_mb=max((usage.max_rss_mb for usage in ended), default=0.0),
            reason=ended[-1].reason if ended else "closed",
            exit_code=ended[-1].exit_code if ended else 0,
        )

    def call(
        self,
        function: str,
        inputs: Sequence[Any],
        *,
        returns: Any = Bit,
        public: bool = False,
        max_failed: float = 0.5,
    ) -> Replies:
        """Call function on every input: on an item of a list, or on a row of an array.

        returns is Bit, or a type that msgspec decodes strictly from JSON. When more than
        max_failed of the answers are missing, that is a CandidateFailed too. A public call after
        a hidden one is a ValueError: its traceback could tell what the candidate has seen.
        """
        self._enter_stage(public=public)
        fresh = self._process is None
        process = self._process = self._process or self._start()
        order, asked = _arrange(inputs, public=public)
        if fresh:
            self._load(process)
        with self._watched(process, public=public):
            answers = process.call(function, asked, reply=_reply(returns), explain=public)
        return _gathered(answers, order, returns, max_failed, self.log)

    def call_each(
        self,
        function: str,
        arguments: Sequence[Sequence[Any]],
        *,
        cpu_seconds: float,
        returns: Any,
        public: bool = False,
        max_failed: float = 0.5,
    ) -> list[Each]:
        """Call function(*arguments[i]) for each i, in a fresh process of at most cpu_seconds.

        Nothing that one call computes is there for the next. One that is out of CPU time is no
        failure of the candidate; more than max_failed of other failures are a CandidateFailed.
        What is printed on public inputs is in the log.
        """
        self._enter_stage(public=public)
        order, asked = _arrange(arguments, public=public)
        found: list[Each] = [_NEVER] * len(order)
        failures: Counter[str] = Counter()
        for position, one in zip(order, asked, strict=True):
            found[position] = each = self._call_one(function, one, cpu_seconds, returns, public)
            if each.failure not in ("", _OUT_OF_CPU):
                failures[each.failure] += 1
        if failures.total() > max_failed * len(order):
            text = _words(dict(failures.most_common()), len(order), "")
            raise CandidateFailed("crashed", failures.most_common(1)[0][0], text, self.log)
        return found

    def fit_predict(
        self,
        inputs: Sequence[Any],
        labels: Sequence[Any],
        new_inputs: Sequence[Any],
        *,
        fit: str = "fit",
        predict: str = "predict",
        returns: Any = float,
        public: bool = False,
        max_failed: float = 0.5,
    ) -> Replies:
        """Call fit(inputs, labels), and predict(model, batch) on new_inputs in a fresh process.

        The model is whatever fit returns that can be pickled, to at most 64 MiB. predict gets up
        to a thousand new inputs at a time, and returns one answer for each.
        """
        self._enter_stage(public=public)
        with self._counted(self._start()) as process:
            self._load(process)
            with self._watched(process, public=public):
                model = process.fit(fit, inputs, labels, explain=public)
        with self._counted(self._start()) as process:
            order, asked = _arrange(new_inputs, public=public)
            self._load(process)
            with self._watched(process, public=public):
                process.restore(model, explain=public)
                answers = process.predict(predict, asked, reply=_reply(returns), explain=public)
        return _gathered(answers, order, returns, max_failed, self.log)

    def close(self) -> None:
        """End its process. Twice is once."""
        if self._process is not None:
            with self._counted(self._process):
                self._process = None

    def __enter__(self) -> Candidate:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _enter_stage(self, *, public: bool) -> None:
        if public and self._hidden:
            raise ValueError(
                "a public call cannot follow a hidden one: make the public calls first"
            )
        self._hidden = not public

    def _call_one(
        self,
        function: str,
        arguments: Sequence[Any],
        cpu_seconds: float,
        returns: Any,
        public: bool,
    ) -> Each:
        spent = self.usage.cpu_seconds
        enough = self._limits.cpu_seconds - spent >= cpu_seconds
        replies, failure = None, ""
        with self._counted(self._start(cpu_seconds)) as process:
            try:
                with self._watched(process, public=public):
                    process.load(self._source, self._name)
                    answers = process.call(
                        function, [arguments], reply="json", explain=public, spread=True
                    )
                replies = _gathered(answers, (0,), returns, 1.0, "")
            except CandidateFailed as failed:
                # What ends all calls ends the evaluation: the time of all, or code that never runs.
                own = failed.category == _OUT_OF_CPU and enough
                if not own and failed.category in _FATAL:
                    raise
                failure = failed.category
        used = self.usage.cpu_seconds - spent
        if replies is None:
            return Each(value=None, failure=failure, cpu_seconds=used)
        return Each(
            value=replies.values[0],
            failure=next(iter(replies.failures), ""),
            text=replies.text if public else "",
            cpu_seconds=used,
        )

    def _start(self, cpu_seconds: float = math.inf) -> Process:
        """Fork a worker that may use what is left of the limits, and no more than cpu_seconds."""
        used = self.usage
        left = msgspec.structs.replace(
            self._limits,
            seconds=max(0.0, self._limits.seconds - used.seconds),
            cpu_seconds=max(0.0, min(cpu_seconds, self._limits.cpu_seconds - used.cpu_seconds)),
        )
        return self._sandbox.process(left, seed=self._seed)

    def _load(self, process: Process) -> None:
        with self._watched(process, public=True):
            process.load(self._source, self._name)

    @contextmanager
    def _watched(self, process: Process, *, public: bool) -> Iterator[None]:
        """Keep what is printed on public inputs, and give up a process that fails."""
        try:
            yield
        except LeanlabError as error:
            self.close()
            if public:
                self._logs[process] = process.log
            if isinstance(error, CandidateFailed):
                error.log = self.log
            raise
        if public:
            self._logs[process] = process.log

    @contextmanager
    def _counted(self, process: Process) -> Iterator[Process]:
        try:
            yield process
        finally:
            process.close()
            if process.usage is not None:
                self._ended.append(process.usage)


def _reply(returns: Any) -> Reply:
    return "bit" if returns is Bit else "json"


def _arrange(inputs: Sequence[Any], *, public: bool) -> tuple[Sequence[int], Sequence[Any]]:
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


def _gathered(
    answers: Answers, order: Sequence[int], returns: Any, max_failed: float, log: str
) -> Replies:
    """Decode the answers, and put them back into the order of the inputs."""
    marks = answers.marks
    failures: Counter[str] = Counter()
    for mark, count in Counter(marks.translate(None, _ANSWERED)).items():
        failures[wire.name_of(mark, _reply(returns))] += count
    if returns is Bit:
        decoded: list[Any] = list(map(_BITS.get, marks))
    else:
        decoded = _decode(marks, answers.texts, returns, failures)
    values: list[Any] = [None] * len(order)
    for position, value in zip(order, decoded, strict=True):
        values[position] = value
    counts = dict(failures.most_common())
    text = _words(counts, len(order), answers.note)
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


def _words(counts: dict[str, int], asked: int, note: str) -> str:
    if not counts:
        return ""
    each = ", ".join(f"{category} {count:,}" for category, count in counts.items())
    line = f"{sum(counts.values()):,} of {asked:,} answers are missing: {each}"
    return f"{note.rstrip()}\n{line}" if note else line
