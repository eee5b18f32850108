"""The supervisor: a thread of the zygote that forks one worker, ends it, and says how it ended.

The worker is forked ahead of its job, since forking a process that has imported much takes longer
than a short evaluation. A thread forks it, because both the pid namespace of children and the
signal that a parent's end sends belong to a thread: each worker gets its own of both. The worker is
killed when the wall-clock or CPU time is over, and when the evaluator hangs up, which a killed
evaluator does too. Where the zygote is killed, the kernel ends its workers, on Linux.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import select
import signal
import socket
import sys
import time
import warnings
from contextvars import copy_context
from typing import TYPE_CHECKING

from leanlab.sandbox import kernel, wire, worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import NoReturn

_STACK = 8 << 20
"""Bytes of a supervisor's stack, which becomes its worker's."""
_LOOKS = 0.005
"""Seconds between looks at a worker, where the system does not say by itself that it has ended."""

_workers: set[int] = set()
"""Those that live, by pid."""


def prepare() -> None:
    """Make this process one whose threads fork; once, before the first Standby."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if sys.platform == "linux":
        kernel.share_memory_among_threads()
    _thread.stack_size(_STACK)
    # The fork is safe: all other threads wait in the kernel meanwhile, or are about to end; the
    # locks that an ending thread takes are made anew in the child, by Python and the C library.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)


class Standby:
    """A worker that waits for a job, and its supervisor."""

    def __init__(self, plan: worker.Plan) -> None:
        self._to_supervisor, job = socket.socketpair()
        self._to_worker, task = socket.socketpair()
        forked = _thread.allocate_lock()
        forked.acquire()
        # With the context of this thread: that of decimal and numpy, as imports have set it.
        run, arguments = copy_context().run, (_supervise, job, task, plan, forked.release)
        try:
            _thread.start_new_thread(run, arguments)
        except RuntimeError:  # no more threads for now: start() finds both sockets closed
            job.close()
            task.close()
            return
        forked.acquire()

    def start(self, job: bytes, descriptors: Sequence[int]) -> None:
        """Hand over a job: requests, replies and log to the worker, the last to the supervisor.

        Raises OSError when there is no worker: it could not be forked, or was ended.
        """
        with self._to_worker, self._to_supervisor:
            socket.send_fds(self._to_worker, [job], descriptors[:3])
            socket.send_fds(self._to_supervisor, [job], descriptors[3:])


def end_workers() -> None:
    """Kill all that live: where the kernel does not do it when this process ends."""
    for pid in [*_workers]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _supervise(
    job: socket.socket, task: socket.socket, plan: worker.Plan, forked: Callable[[], None]
) -> None:
    """Fork a worker, and see to its end."""
    with job:
        try:
            with task:
                trouble = _enter_pid_namespace() if plan.pid_namespace else ""
                base = worker.address_space(plan.statm)
                child = os.fork()
                if child == 0:
                    _become_worker(task, plan, base, trouble)
                _workers.add(child)
        except OSError:
            return  # both sockets are closed, which start() finds out
        finally:
            forked()
        message, descriptors, _, _ = socket.recv_fds(job, wire.JOB.size, 1)
    if not message:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        _workers.discard(child)
        return
    wall, cpu, _, _ = wire.JOB.unpack(message)
    with socket.socket(fileno=descriptors[0]) as evaluator:
        _report(child, wall, cpu, evaluator)


def _become_worker(task: socket.socket, plan: worker.Plan, base: int, trouble: str) -> NoReturn:
    try:
        worker.keep_only(task)
        if plan.pid_namespace and os.getpid() != 1:
            trouble = trouble or "the pid namespace is not its own"
        worker.run(task, plan, base, trouble)
    finally:
        os._exit(1)


def try_pid_namespace() -> None:
    """Raise OSError unless what a thread forks can be alone in a pid namespace."""
    trouble: list[str] = []
    done = _thread.allocate_lock()
    done.acquire()

    def attempt() -> None:
        try:
            trouble.append(_enter_pid_namespace())
            child = os.fork()
            if child == 0:
                os._exit(os.getpid() != 1)
            if os.waitpid(child, 0)[1]:
                trouble.append("a pid namespace is there, and does not separate")
        except OSError as error:
            trouble.append(error.strerror or repr(error))
        finally:
            done.release()

    _thread.start_new_thread(attempt, ())
    done.acquire()
    if any(trouble):
        raise OSError("; ".join(filter(None, trouble)))


def _enter_pid_namespace() -> str:
    """Have the next child be the first of a pid namespace; return why that cannot be."""
    try:
        kernel.unshare(kernel.NEW_PID)
    except OSError as error:
        return f"pid namespace: {error.strerror}"
    return ""


def _report(child: int, wall: float, cpu: float, evaluator: socket.socket) -> None:
    """Wait for the worker's end, or bring it about; tell the evaluator."""
    started = time.monotonic()
    poll = select.poll()
    poll.register(evaluator, select.POLLIN)
    ended = _end_of(child)
    if ended is not None:
        poll.register(ended, select.POLLIN)
    while True:
        wall_left = wall - (time.monotonic() - started)
        cpu_left = cpu - _cpu_seconds(child)
        # One thread uses at most a second of CPU a second: no need to look more often than this.
        patience = min(wall_left, cpu_left) if ended is not None else _LOOKS
        hung_up = evaluator.fileno() in dict(poll.poll(1000 * max(0.0, patience)))
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid or hung_up or wall_left <= 0 or cpu_left <= 0:
            break
    seconds = time.monotonic() - started
    if ended is not None:
        os.close(ended)
    reason = 0 if pid else 1 if hung_up else 2 if wall_left <= 0 else 3
    if reason:
        os.kill(child, signal.SIGKILL)
        _, status, usage = os.wait4(child, 0)
        seconds = time.monotonic() - started
    _workers.discard(child)
    code = os.waitstatus_to_exitcode(status)
    resident = usage.ru_maxrss / 1024
    end = wire.END.pack(reason, code, seconds, usage.ru_utime + usage.ru_stime, resident)
    try:
        evaluator.sendall(end)
    except OSError:
        return


def _end_of(child: int) -> int | None:
    """Return a descriptor that can be read once the child has ended; None where there is none."""
    try:
        return os.pidfd_open(child)
    # A Python that does not know it; Linux before 5.3, or a container that does not.
    except (AttributeError, OSError):
        return None


def _cpu_seconds(child: int) -> float:
    """Return what a process has used so far; 0 where the system does not say."""
    try:
        # The clock of another process, as clock_getcpuclockid(3) makes it on Linux.
        return time.clock_gettime(~child << 3 | 2) if sys.platform == "linux" else 0.0
    except OSError:
        return 0.0
