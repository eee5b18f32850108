"""Job: the evaluator's handle on one command that a candidate's experiment is run by.

with Job(plan, contents, limits) as job:
    usage = job.wait(on_progress)
    job.outputs.read("model.json")
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import msgspec

from leanlab.child import minimal_environment
from leanlab.errors import ConfinementUnavailable, Disturbed, EvaluatorError
from leanlab.sandbox import wire
from leanlab.sandbox.channel import GRACE, Usage
from leanlab.sandbox.helper import Ready, last_word, starting
from leanlab.sandbox.outputs import Outputs
from leanlab.sandbox.progress import ProgressLines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from leanlab.config import Limits
    from leanlab.sandbox.jobprofile import Plan
    from leanlab.sandbox.progress import Progress

_SETUP_SECONDS = 120.0
_CHUNK = 1 << 16


class Job:
    """One command, running from when this is made. Leaving it ends all that the command started.

    Raises EvaluatorError when the command itself cannot be started, and ConfinementUnavailable
    when it cannot be confined; nothing of the experiment has run then. contents are those of the
    experiment and of the inputs, as the plan names them.
    """

    def __init__(self, plan: Plan, contents: Sequence[bytes | Path], limits: Limits) -> None:
        self._limits = limits
        self._log_cap = limits.output_kb << 10
        self.log = bytearray()
        """The last part of what it printed, on either stream."""
        ours, theirs = socket.socketpair()
        reading, writing = os.pipe()
        self._printed = reading
        self._usage: Usage | None = None
        self._started = time.monotonic()
        with theirs:
            self._helper = subprocess.Popen(
                [*starting("jobprofile"), str(os.getpid()), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=minimal_environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
            )
        os.close(writing)
        try:
            with ours:
                ours.settimeout(_SETUP_SECONDS)
                self.outputs = self._introduce(ours, plan, contents)
        except BaseException:
            self._end()
            os.close(self._printed)
            raise
        self._started = time.monotonic()

    def wait(self, on_progress: Callable[[Progress], None]) -> Usage:
        """Return when the command has ended, by itself or because its time is over."""
        lines = ProgressLines()
        deadline = self._started + self._limits.seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._printed], [], [], left)[0]:
                continue
            chunk = self._read()
            if not chunk:
                break
            if progress := lines.feed(chunk):
                on_progress(progress)
        # Everything that could print is gone, or will be killed; the helper ends right after it.
        ended = self._reaped(max(left, 0.0))
        usage = self._end()
        while select.select([self._printed], [], [], GRACE)[0] and self._read():
            continue
        if usage.exit_code < 0 and ended:
            raise Disturbed(
                "a job, or the process that watches over it, was ended from outside. "
                "Start the evaluation again."
            )
        return msgspec.structs.replace(usage, reason="ended" if ended else "timed out")

    def close(self) -> None:
        """End it, and let go of its output."""
        self._end()
        os.close(self._printed)
        self.outputs.close()

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _read(self) -> bytes:
        """Return what was printed next; empty at the end."""
        chunk = os.read(self._printed, _CHUNK)
        self.log += chunk
        del self.log[: -self._log_cap]
        return chunk

    def _reaped(self, seconds: float) -> bool:
        """Wait for the helper's end; tell whether it came."""
        handle = os.pidfd_open(self._helper.pid)
        try:
            return bool(select.select([handle], [], [], seconds)[0])
        finally:
            os.close(handle)

    def _end(self) -> Usage:
        """Kill the helper, if it lives, and so everything that the command started."""
        if self._usage is None:
            # Not Popen.kill, which would reap it without saying what it has used.
            os.kill(self._helper.pid, signal.SIGKILL)
            _, status, used = os.wait4(self._helper.pid, 0)
            code = self._helper.returncode = os.waitstatus_to_exitcode(status)
            self._usage = Usage(
                seconds=time.monotonic() - self._started,
                cpu_seconds=used.ru_utime + used.ru_stime,
                max_rss_mb=used.ru_maxrss / 1024,
                reason="ended",
                exit_code=code,
            )
        return self._usage

    def _introduce(
        self, control: socket.socket, plan: Plan, contents: Sequence[bytes | Path]
    ) -> Outputs:
        """Hand everything over; return the output folder once the command has begun."""
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the report says why
                wire.send_json(control, plan)
                for content, size in zip(contents, _sizes(plan), strict=True):
                    _send(control, content, size)
            report, handles = _receive_report(control)
        except TimeoutError as error:
            raise EvaluatorError(
                f"a job's inputs could not be laid out in {_SETUP_SECONDS:g} s. Hand over less."
            ) from error
        try:
            _require(plan["command"][0], report)
            return Outputs(os.dup(handles[0]))
        finally:
            for handle in handles:
                os.close(handle)


def _sizes(plan: Plan) -> list[int]:
    return [plan["size"], *(size for _, size in plan["inputs"])]


def _send(control: socket.socket, content: bytes | Path, size: int) -> None:
    if isinstance(content, bytes):
        control.sendall(content)
        return
    with content.open("rb") as file:
        if size and control.sendfile(file, count=size) != size:
            raise EvaluatorError(f"{content} was changed while it was handed to a job. Run again.")


def _receive_report(control: socket.socket) -> tuple[Ready, list[int]]:
    """Return what the helper says before the command begins, and the descriptors it sends."""
    report, handles = b"", []
    while True:
        part, found, _, _ = socket.recv_fds(control, _CHUNK, 1)
        handles += found
        if not part:
            return last_word(report), handles
        report += part


def _require(program: str, last: Ready) -> None:
    if last.start:
        raise EvaluatorError(
            f"{program} cannot be started for a job: {last.failed}. It must lie in the system, in "
            "an environment of its own, or with Python."
        )
    if last.failed:
        raise ConfinementUnavailable(f"a job cannot be confined here: {last.failed}")
