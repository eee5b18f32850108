"""Candidate: an experiment as an evaluation may use it. It gets inputs and returns data.

    with Candidate(sandbox, source, "0001_idea.py", limits) as candidate:
        candidate.call("f", examples, public=True)
        replies = candidate.call("f", strings)

Public inputs come first, and what goes wrong with them is told whole. Of hidden inputs nothing is
told but numbers and fixed words, and they are sent in an order that nobody can guess.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.errors import CandidateFailed, LeanlabError
from leanlab.labkit.jobs import finished, order_of
from leanlab.sandbox import wire
from leanlab.sandbox.channel import Usage
from leanlab.sandbox.orders import FILE
from leanlab.sandbox.packing import is_array
from leanlab.sandbox.process import Answers, Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from leanlab.config import Limits
    from leanlab.labkit.jobs import Done
    from leanlab.sandbox import Sandbox
    from leanlab.sandbox.jobs import Job
    from leanlab.sandbox.process import Reply
    from leanlab.sandbox.progress import Progress

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


class Candidate:
    """One experiment under test. limits hold for all that it does.

    A failure to answer at all is a CandidateFailed, and so are too many failures to answer single
    inputs. Its log is what the candidate printed on public inputs.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        source: bytes,
        name: str,
        limits: Limits,
        *,
        seed: int = 0,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._sandbox = sandbox
        self._source = source
        self._name = name
        self._limits = limits
        self._seed = seed
        self._on_progress = on_progress
        self._process: Process | None = None
        self._hidden = False
        self._logs: dict[Process | Job, bytes] = {}
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

    def job(
        self,
        command: Sequence[str] = ("python", FILE),
        *,
        inputs: Mapping[str, bytes | str | Path] | None = None,
        outputs: Mapping[str, Any] | None = None,
        output_mb: float = 16.0,
        public: bool = False,
        any_exit: bool = False,
    ) -> Done:
        """Run a command on the experiment, in a folder of its own, and read what it leaves.

        The first word of command is a program: "python" is the one that runs leanlab, with the
        lab's imports. {file} stands for the experiment. inputs lie read-only in inputs/: bytes,
        text, or the content of a file. outputs are the files of output/ to read, each with what it
        must be: bytes, str, or a type that msgspec decodes strictly from JSON. An exit status
        other than 0 is a CandidateFailed, unless any_exit says that it is yours to judge, and so is
        an output that is missing or is not what it must be.
        """
        self._enter_stage(public=public)
        order = order_of(command, self._source, self._name, inputs or {}, outputs or {}, output_mb)
        limits = self._left()
        with self._sandbox.job(order, limits) as job:
            self._ended.append(usage := job.wait(self._telling(public=public)))
            if public:
                self._logs[job] = bytes(job.log)
            try:
                return finished(job, usage, limits, outputs or {}, any_exit=any_exit, public=public)
            except CandidateFailed as failure:
                failure.log = self.log
                raise

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

    def _start(self) -> Process:
        return self._sandbox.process(self._left(), seed=self._seed)

    def _left(self) -> Limits:
        """What those of its processes that have ended have left of the limits."""
        used = self.usage
        return msgspec.structs.replace(
            self._limits,
            seconds=max(0.0, self._limits.seconds - used.seconds),
            cpu_seconds=max(0.0, self._limits.cpu_seconds - used.cpu_seconds),
        )

    def _telling(self, *, public: bool) -> Callable[[Progress], None]:
        def tell(progress: Progress) -> None:
            if self._on_progress is not None:
                # Its own words could tell what it has seen.
                shown = progress if public else msgspec.structs.replace(progress, text="")
                self._on_progress(shown)

        return tell

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
