"""Channel: the pipes of one worker, as seen by the evaluator. Bytes only; nothing is believed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import time
from typing import TYPE_CHECKING

import msgspec

from leanlab.errors import Disturbed
from leanlab.sandbox import wire

if TYPE_CHECKING:
    from leanlab.config import Limits

GRACE = 1.0
"""Seconds beyond the wall-clock limit in which the supervisor must have acted."""

_F_SETPIPE_SZ = 1031
_BIG_PIPE, _CHUNK = 1 << 20, 1 << 16


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker used, as the kernel counted it."""

    seconds: float
    cpu_seconds: float
    max_rss_mb: float
    """Resident at most, with what it shares with the zygote."""
    reason: str
    """ended (by itself, or by the kernel), closed (by the evaluator), or one of the two limits."""
    exit_code: int
    """Negative for a signal."""


class Channel:
    """Sends and receives bytes, while it keeps draining what the candidate prints."""

    def __init__(self, control: socket.socket, limits: Limits, seed: int) -> None:
        self.log = bytearray()
        self.usage: Usage | None = None
        self._log_cap = limits.output_kb << 10
        self._deadline = time.monotonic() + limits.seconds + GRACE
        self._unsent = memoryview(b"")
        self._log_open = True
        self._closed = False
        requests, self._requests = os.pipe()
        self._replies, replies = os.pipe()
        self._output, output = os.pipe()
        self._supervisor, supervisor = socket.socketpair()
        memory = limits.memory_mb << 20
        job = wire.JOB.pack(limits.seconds, limits.cpu_seconds, memory, seed % (1 << 64))
        theirs = [requests, replies, output, supervisor.fileno()]
        try:
            socket.send_fds(control, [job], theirs)
        except OSError as error:
            self._release()
            raise Disturbed(
                "the process that candidates are forked from is gone. Start the evaluation again."
            ) from error
        finally:
            for descriptor in theirs[:3]:
                os.close(descriptor)
            supervisor.close()
        for descriptor in (self._requests, self._replies, self._output):
            os.set_blocking(descriptor, False)

    def send(self, message: bytes) -> None:
        """Send as much as fits after what is still unsent; receive() sends the rest."""
        if len(message) > _CHUNK:
            with contextlib.suppress(OSError):  # more than the user's share: the small pipe serves
                fcntl.fcntl(self._requests, _F_SETPIPE_SZ, _BIG_PIPE)
        self._unsent = memoryview(bytes(self._unsent) + message if self._unsent else message)
        self._flush()

    def receive(self, size: int) -> bytes:
        """Read exactly size bytes. EOFError when there will be no more, TimeoutError when late."""
        data = bytearray()
        while len(data) < size:
            try:
                part = os.read(self._replies, min(size - len(data), _BIG_PIPE))
            except BlockingIOError:
                self._wait()
                continue
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def unsolicited(self) -> bool:
        """Tell whether there is something to read that nobody has asked for."""
        try:
            return bool(os.read(self._replies, 1))
        except BlockingIOError:
            return False

    def drain(self) -> None:
        """Read what has been printed so far: into log, and past its cap to nowhere."""
        while self._log_open:
            try:
                part = os.read(self._output, _CHUNK)
            except BlockingIOError:
                return
            self._log_open = bool(part)
            self.log += part[: max(0, self._log_cap - len(self.log))]
            if len(part) < _CHUNK:
                return

    def listen(self, seconds: float) -> bool:
        """Wait for the supervisor's last word; tell whether it came. It sets usage."""
        if self.usage is None and select.select([self._supervisor], [], [], seconds)[0]:
            data = self._supervisor.recv(wire.END.size)
            if len(data) == wire.END.size:
                reason, code, wall, cpu, resident = wire.END.unpack(data)
                self.usage = Usage(
                    seconds=wall,
                    cpu_seconds=cpu,
                    max_rss_mb=resident,
                    reason=wire.ENDS[reason],
                    exit_code=code,
                )
        return self.usage is not None

    def close(self) -> None:
        """Kill the worker if it is still there, and set usage. Twice is once."""
        if self._closed:
            return
        with contextlib.suppress(OSError):  # it has ended by itself
            self._supervisor.shutdown(socket.SHUT_WR)
        self.listen(GRACE)
        self.drain()
        self._release()

    def _release(self) -> None:
        self._closed = True
        for descriptor in (self._requests, self._replies, self._output):
            os.close(descriptor)
        self._supervisor.close()

    def _wait(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        poll = select.poll()
        poll.register(self._replies, select.POLLIN)
        if self._log_open:
            poll.register(self._output, select.POLLIN)
        if self._unsent:
            poll.register(self._requests, select.POLLOUT)
        ready = dict(poll.poll(left * 1000))
        if self._requests in ready:
            self._flush()
        if self._output in ready:
            self.drain()

    def _flush(self) -> None:
        try:
            while self._unsent:
                self._unsent = self._unsent[os.write(self._requests, self._unsent) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._unsent = memoryview(b"")  # nobody reads: what remains to be read will tell
