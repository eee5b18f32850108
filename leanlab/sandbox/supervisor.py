"""The supervisor: forked from the zygote for one worker; ends it, and says how it ended.

Both are forked ahead of the job that they will do, since forking a process that has imported much
takes longer than a short evaluation. The supervisor runs nothing of the candidate. It kills its
worker when the wall-clock or CPU time is over, and when the evaluator hangs up, which a killed
evaluator does too.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING

from leanlab.sandbox import kernel, wire, worker

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


class Standby:
    """A supervisor and its worker, waiting for a job."""

    def __init__(self, plan: worker.Plan, control: socket.socket) -> None:
        self._to_supervisor, job = socket.socketpair()
        self._to_worker, task = socket.socketpair()
        if os.fork() == 0:
            for end in (control, self._to_supervisor, self._to_worker):
                end.close()
            _wait_and_supervise(job, task, plan)
        job.close()
        task.close()

    def start(self, job: bytes, descriptors: Sequence[int]) -> None:
        """Hand over a job: requests, replies and log to the worker, the last to the supervisor.

        Raises OSError when somebody has ended one of the two; the other is then gone as well, or
        about to be.
        """
        with self._to_worker, self._to_supervisor:
            socket.send_fds(self._to_worker, [job], descriptors[:3])
            socket.send_fds(self._to_supervisor, [job], descriptors[3:])


def _wait_and_supervise(job: socket.socket, task: socket.socket, plan: worker.Plan) -> NoReturn:
    try:
        _supervise(job, task, plan)
    finally:
        os._exit(1)


def _supervise(job: socket.socket, task: socket.socket, plan: worker.Plan) -> None:
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    if sys.platform == "linux":
        kernel.die_with_parent()
    trouble = _enter_pid_namespace() if plan.pid_namespace else ""
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        job.close()
        if plan.pid_namespace and os.getpid() != 1:
            trouble = trouble or "the pid namespace is not its own"
        worker.run(task, plan, trouble)
    task.close()
    message, descriptors, _, _ = socket.recv_fds(job, wire.JOB.size, 1)
    if not message:
        os.kill(child, signal.SIGKILL)
        return
    job.close()
    wall, cpu, _, _ = wire.JOB.unpack(message)
    _report(child, woken, wall, cpu, socket.socket(fileno=descriptors[0]))


def _enter_pid_namespace() -> str:
    """Have the next child be the first of a pid namespace; return why that cannot be."""
    try:
        kernel.unshare(kernel.NEW_PID)
    except OSError as error:
        return f"pid namespace: {error.strerror}"
    return ""


def _report(child: int, woken: int, wall: float, cpu: float, evaluator: socket.socket) -> None:
    """Wait for the worker's end, or bring it about; tell the evaluator."""
    started = time.monotonic()
    poll = select.poll()
    poll.register(woken, select.POLLIN)
    poll.register(evaluator, select.POLLIN)
    while True:
        wall_left = wall - (time.monotonic() - started)
        cpu_left = cpu - _cpu_seconds(child)
        # One thread uses at most a second of CPU a second: no need to look more often than this.
        ready = dict(poll.poll(1000 * max(0.0, min(wall_left, cpu_left))))
        if ready or wall_left <= 0 or cpu_left <= 0:
            break
    reason = 0 if woken in ready else 1 if ready else 2 if wall_left <= 0 else 3
    if reason:
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    resident = usage.ru_maxrss / 1024
    end = wire.END.pack(reason, code, seconds, usage.ru_utime + usage.ru_stime, resident)
    try:
        evaluator.sendall(end)
    except OSError:
        return


def _cpu_seconds(child: int) -> float:
    """Return what a process has used so far; 0 where the system does not say."""
    try:
        # The clock of another process, as clock_getcpuclockid(3) makes it on Linux.
        return time.clock_gettime(~child << 3 | 2) if sys.platform == "linux" else 0.0
    except OSError:
        return 0.0
