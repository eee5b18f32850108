"""Candidate: an experiment as an evaluation may use it. It gets inputs and returns data.

    with Candidate(sandbox, source, "0001_idea.py", limits) as candidate:
        candidate.call("f", examples, public=True)
        replies = candidate.call("f", strings)

Public inputs come first, and what goes wrong with them is told whole. Of hidden inputs nothing is
told but numbers and fixed words, and they are sent in an order that nobody can guess.
"""

from __future__ import annotations

import math
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.errors import CandidateFailed, LeanlabError
from leanlab.labkit.jobs import finished, order_of
from leanlab.labkit.replies import NEVER, Bit, Each, Replies, arrange, form_of, gathered, words
from leanlab.sandbox.channel import Usage
from leanlab.sandbox.orders import FILE
from leanlab.sandbox.process import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from leanlab.config import Limits
    from leanlab.labkit.jobs import Done
    from leanlab.sandbox import Sandbox
    from leanlab.sandbox.jobs import Job
    from leanlab.sandbox.progress import Progress

_OUT_OF_CPU = "out of cpu time"
_FATAL = frozenset({"load failed", "no such function", "timed out", _OUT_OF_CPU})


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
        order, asked = arrange(inputs, public=public)
        if fresh:
            self._load(process)
        with self._watched(process, public=public):
            answers = process.call(function, asked, reply=form_of(returns), explain=public)
        return gathered(answers, order, returns, max_failed, self.log)

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
        order, asked = arrange(arguments, public=public)
        found: list[Each] = [NEVER] * len(order)
        failures: Counter[str] = Counter()
        for position, one in zip(order, asked, strict=True):
            found[position] = each = self._call_one(function, one, cpu_seconds, returns, public)
            if each.failure not in ("", _OUT_OF_CPU):
                failures[each.failure] += 1
        if failures.total() > max_failed * len(order):
            text = words(dict(failures.most_common()), len(order), "")
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
            order, asked = arrange(new_inputs, public=public)
            self._load(process)
            with self._watched(process, public=public):
                process.restore(model, explain=public)
                answers = process.predict(predict, asked, reply=form_of(returns), explain=public)
        return gathered(answers, order, returns, max_failed, self.log)

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
                replies = gathered(answers, (0,), returns, 1.0, "")
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
        left = self._left()
        left = msgspec.structs.replace(left, cpu_seconds=min(cpu_seconds, left.cpu_seconds))
        return self._sandbox.process(left, seed=self._seed)

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
