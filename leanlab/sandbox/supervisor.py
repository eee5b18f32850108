"""The supervisor: forked from the zygote for one worker; ends it, and says how it ended.

It runs nothing of the candidate. It kills its worker when the wall-clock time is over, and when
the evaluator hangs up, which a killed evaluator does too.
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


def supervise(
    descriptors: Sequence[int], job: tuple[float, int, int, int], plan: worker.Plan
) -> NoReturn:
    """Fork the worker on the first three descriptors, and report on the fourth."""
    try:
        _supervise(descriptors, job, plan)
    finally:
        os._exit(1)


def _supervise(
    descriptors: Sequence[int], job: tuple[float, int, int, int], plan: worker.Plan
) -> None:
    started = time.monotonic()
    wall, cpu, memory, seed = job
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    if sys.platform == "linux":
        kernel.die_with_parent()
    if plan.pid_namespace:
        kernel.unshare(kernel.NEW_PID)
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        worker.run(descriptors[:3], cpu=cpu, memory=memory, seed=seed, plan=plan)
    for descriptor in descriptors[:3]:
        os.close(descriptor)
    evaluator = socket.socket(fileno=descriptors[3])
    poll = select.poll()
    poll.register(woken, select.POLLIN)
    poll.register(evaluator, select.POLLIN)
    ready = dict(poll.poll(max(0.0, wall - (time.monotonic() - started)) * 1000))
    reason = 0 if woken in ready else 1 if ready else 2
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
