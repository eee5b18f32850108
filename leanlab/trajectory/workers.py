"""Many tasks at once, each worker a process. One that dies is replaced, and its task tried again.

Results come in the order of the tasks, whatever order they were done in.
"""

from __future__ import annotations

import multiprocessing
import queue
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from leanlab.trajectory.evaluation import Outcome, attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from leanlab.trajectory.evaluation import Setup
    from leanlab.trajectory.taskfile import TaskRecord

_TRIES = 2


class Workers:
    """As many processes as jobs says; none but this one where it is 1."""

    def __init__(self, jobs: int, *, on_done: Callable[[], None] = lambda: None) -> None:
        self._jobs = jobs
        self._on_done = on_done
        self._idle: queue.SimpleQueue[ProcessPoolExecutor] = queue.SimpleQueue()
        if jobs > 1:
            for _ in range(jobs):
                self._idle.put(_worker())

    def measure(self, setup: Setup, records: Sequence[TaskRecord]) -> Iterator[Outcome]:
        """Solve every task."""
        if self._jobs == 1:
            for record in records:
                yield attempt(setup, record)
                self._on_done()
            return
        # A thread waits for each worker: a pool of several would end with the first that dies.
        with ThreadPoolExecutor(self._jobs) as threads:
            yield from threads.map(lambda record: self._one(setup, record), records)

    def _one(self, setup: Setup, record: TaskRecord) -> Outcome:
        worker = self._idle.get()
        try:
            for _ in range(_TRIES):
                try:
                    return worker.submit(attempt, setup, record).result()
                except BrokenProcessPool:
                    worker.shutdown()
                    worker = _worker()
            return Outcome(solved=False, died=True)
        finally:
            self._idle.put(worker)
            self._on_done()

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _frames: TracebackType | None,
    ) -> None:
        while not self._idle.empty():
            self._idle.get().shutdown(cancel_futures=True)


def _worker() -> ProcessPoolExecutor:
    # Forked from a process with threads, a worker could inherit a lock that nobody releases.
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
