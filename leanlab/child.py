"""A helper process that answers JSON lines: both ends of the wire."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

_MAX_LINE = 64 << 20
_KEPT_BYTES = 64 << 10


def minimal_environment() -> dict[str, str]:
    """Enough to start Python and no more: no key of the user's reaches a lab's code."""
    kept = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL")
    return {key: os.environ[key] for key in kept if key in os.environ}


class ChildDied(Exception):
    """The process ended before it answered; the message says how."""

    def __init__(self, ending: str, last_words: str) -> None:
        super().__init__(ending)
        self.last_words = last_words
        """The last part of what it wrote to standard error."""


class Child:
    """The parent's end: starts main() of a module, sends lines, reads one answer to each.

    Whatever goes wrong in `ask`, the process and all that it started are gone when it raises.
    Start it from the main thread: the process ends when its starting thread does.
    """

    def __init__(self, module: str, *, environment: dict[str, str], log: Path | None) -> None:
        self._module = module
        self._environment = environment
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._drain: asyncio.Task[None] | None = None
        self._words = bytearray()

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        await self.kill()
        self._words.clear()
        start = f"from {self._module} import main; main()"
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-c", start, str(os.getpid()),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_MAX_LINE,
            env=self._environment | {"PYTHONHASHSEED": "0"},
        )  # fmt: skip
        self._drain = asyncio.create_task(self._keep_words())

    async def ask(
        self,
        message: msgspec.Struct,
        seconds: float | None = None,
        is_interim: Callable[[bytes], bool] = lambda _: False,
    ) -> bytes:
        """Send one line and return the answer's line, the first that is_interim is false for.

        Raises TimeoutError after so many seconds, ChildDied when the process ends first.
        """
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                process.stdin.write(msgspec.json.encode(message, enc_hook=str) + b"\n")
                line = await process.stdout.readline()
                while line.endswith(b"\n") and is_interim(line):
                    line = await process.stdout.readline()
                if line.endswith(b"\n"):
                    return line
                code = await process.wait()
        except (ConnectionError, ValueError) as error:
            words = await self._last_words()
            raise ChildDied(f"its answer could not be read ({error})", words) from error
        except BaseException:
            await self.kill()
            raise
        raise ChildDied(_ending(code), await self._last_words())

    async def _last_words(self) -> str:
        await self.kill()
        return self._words.decode("utf-8", "replace").strip()

    async def _keep_words(self) -> None:
        """Read all of standard error, so that the child never blocks; log the first part."""
        assert self._process is not None
        assert self._process.stderr is not None
        left = _KEPT_BYTES
        header = f"--- {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode()
        while chunk := await self._process.stderr.read(1 << 16):
            self._words += chunk
            del self._words[:-_KEPT_BYTES]
            if self._log is not None and left > 0 and self._log.parent.is_dir():
                with self._log.open("ab") as file:
                    file.write(header + chunk[:left])
                header = b""
                left -= len(chunk)

    async def kill(self) -> None:
        """End the process at once; harmless when there is none."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await self._reap(process)

    async def hang_up(self) -> None:
        """Close the child's input, so that it ends by itself; kill it when it does not."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(2.0):
                await process.wait()
        except TimeoutError:
            process.kill()
        await self._reap(process)

    async def _reap(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        if self._drain is not None:
            await asyncio.wait([self._drain], timeout=1.0)
            self._drain.cancel()
        # Closing the transport now keeps its pipes from outliving the event loop.
        process._transport.close()  # type: ignore[attr-defined]


def _ending(code: int) -> str:
    if code < 0:
        return f"it was ended by {signal.Signals(-code).name}"
    return f"it exited with status {code}"


def wire() -> tuple[Iterator[bytes], Callable[[msgspec.Struct], None]]:
    """The child's end: lines that come in, and a function that answers one.

    The child ends when its parent does, however that ends, and leaves Ctrl-C to it. What code
    in it prints goes to standard error.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != int(sys.argv[1]):
        sys.exit(0)
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def answer(message: msgspec.Struct) -> None:
        output.write(msgspec.json.encode(message) + b"\n")
        output.flush()

    return iter(sys.stdin.buffer), answer
