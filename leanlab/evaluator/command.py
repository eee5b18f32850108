"""An open lab's rules: its own commands, which import the experiment themselves.

Each command runs confined, with a fresh copy of the lab; but nothing keeps experiment and labels
apart in there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.child import minimal_environment
from leanlab.errors import ConfigError
from leanlab.records import Verdict, clean_metrics
from leanlab.sandbox.commands import Commands, end

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from leanlab.lab import Lab

_KEPT_BYTES = 1 << 20
_TEARDOWN_SECONDS = 10.0
"""How long the kernel may take to end a confined command: it may have filled a tmpfs."""


class OpenRules:
    """eval_cmd and validate_cmd of the lab, with every fault turned into a verdict."""

    def __init__(self, lab: Lab, *, allow_unsandboxed: bool) -> None:
        self._lab = lab
        self._seconds = lab.config.limits.seconds
        self._commands = None if allow_unsandboxed else commands_of(lab)

    async def open(self) -> tuple[str, str]:
        """Return the tier and the line that names it."""
        if self._commands is None:
            return "none", "confinement: none, as allowed; every record is stamped untrusted"
        return await self._commands.probe(self._lab.folder / "evaluation.py")

    async def renew(self, imports: tuple[str, ...]) -> None:
        """Every command finds by itself what is installed when it starts."""

    async def make_data(self) -> None:
        """An open lab makes its own data."""

    async def validate(self, experiment: Path) -> Verdict | None:
        """Return why the experiment breaks the contract, or None."""
        command = self._lab.config.validate_cmd
        try:
            done = await self._run(command, experiment)
        except TimeoutError:
            return self._timed_out("validate_cmd")
        lines = done.output.strip().splitlines()
        last = lines[-1] if lines else ""
        if last.startswith("VALID"):
            return None
        reason = last.removeprefix("INVALID:").strip() or done.errors.strip()[-500:]
        text = f"validate.py says: {reason or 'nothing; it must print VALID'}"
        return Verdict.failed("invalid", "validate", text)

    async def evaluate(self, experiment: Path, seed: int) -> Verdict:  # noqa: ARG002
        """The command takes no seed: repeats of an open lab draw their own randomness."""
        config = self._lab.config
        try:
            done = await self._run(config.eval_cmd, experiment)
        except TimeoutError:
            return self._timed_out("eval_cmd")
        return score_of(done, config.objective.metric)

    async def _run(self, command: str, experiment: Path) -> Finished:
        arguments = arguments_of(command, experiment)
        if self._commands is None:
            plain = unconfined(arguments, self._lab.folder, minimal_environment())
            return await finish(plain, self._seconds)
        starting = self._commands.start(arguments, experiment)
        return await finish(starting, self._seconds, patience=_TEARDOWN_SECONDS)

    def _timed_out(self, what: str) -> Verdict:
        text = f"{what} took over {self._seconds:g} s and was ended."
        return Verdict.failed("timed_out", "timed out", text)

    async def close(self) -> None:
        """Every command has ended by now."""

    async def kill(self) -> None:
        """Every command has ended by now."""


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """How a command ended."""

    code: int
    output: str
    """The last part of standard output."""
    errors: str
    """The last part of standard error."""


def commands_of(lab: Lab) -> Commands:
    """What runs the lab's commands, confined, in a copy without what runs leave behind."""
    config = lab.config
    notes = [lab.note_file(role).name for role in ("critic", "director")]
    ledgers = [config.results_file, f"{config.results_file}.torn"]
    return Commands(
        lab.folder,
        config.limits,
        left_out=[*ledgers, *notes, ".leanlab", "variants", "archive", "lab.lock"],
        experiments=config.experiments_dir.rstrip("/"),
    )


def unconfined(
    arguments: list[str], folder: Path, environment: dict[str, str]
) -> Awaitable[asyncio.subprocess.Process]:
    """Start a command with the user's rights, in a session of its own."""
    return asyncio.create_subprocess_exec(
        *arguments,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


async def finish(
    starting: Awaitable[asyncio.subprocess.Process],
    seconds: float | None,
    *,
    patience: float = 0.0,
) -> Finished:
    """Wait for a command's end; raise TimeoutError, having killed all that it started.

    patience is how long a process that was asked to end may take to end what it started.
    """
    process = await starting
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(seconds):
            output, errors = await asyncio.gather(_tail(process.stdout), _tail(process.stderr))
            code = await process.wait()
    finally:
        try:
            await _ask_to_end(process, patience)
        finally:
            end(process)
            _kill_group(process.pid)
            await _exited(process)
            process._transport.close()  # type: ignore[attr-defined]
    return Finished(code=code, output=output, errors=errors)


async def _ask_to_end(process: asyncio.subprocess.Process, patience: float) -> None:
    if process.returncode is not None or not patience:
        return
    process.terminate()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            await _exited(process)


async def _exited(process: asyncio.subprocess.Process) -> None:
    # Not wait(): that waits for the end of pipes too, which nobody reads any more.
    while process.returncode is None:
        await asyncio.sleep(0.005)


def arguments_of(command: str, file: Path) -> list[str]:
    """Split a command of lab.json; `python` means the Python that runs leanlab."""
    try:
        parts = [part.replace("{file}", str(file)) for part in shlex.split(command)]
    except ValueError as error:
        raise ConfigError(f"lab.json: {command!r} is no command: {error}.") from error
    if not parts:
        raise ConfigError("lab.json: eval_cmd and validate_cmd must not be empty.")
    if parts[0] in ("python", "python3"):
        parts[0] = sys.executable
    return parts


def score_of(finished: Finished, metric: str) -> Verdict:
    """Read the verdict of an open evaluator: the last line that is a JSON object counts."""
    if finished.code != 0:
        return Verdict.failed(
            "crashed",
            "evaluation",
            f"eval_cmd ended with status {finished.code}.\n{finished.errors[-4000:]}".strip(),
        )
    found = last_object(finished.output)
    if found is None:
        return Verdict.failed(
            "crashed",
            "evaluation",
            f'eval_cmd printed no JSON object. Print one line such as {{"{metric}": 0.5}} last.',
        )
    try:
        numbers = {k: v for k, v in found.items() if k == metric or _is_number(v)}
        return Verdict(metrics=clean_metrics(numbers, metric))
    except ValueError as problem:
        return Verdict.failed("crashed", "evaluation", str(problem))


def last_object(output: str) -> dict[str, Any] | None:
    """Return the last line that is a JSON object, strictly read (no NaN); None without one."""
    for line in reversed(output.splitlines()):
        text = line.strip()
        if text.startswith("{") and text.endswith("}"):
            try:
                return msgspec.json.decode(text, type=dict[str, Any])
            except (msgspec.DecodeError, RecursionError):
                continue
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


async def _tail(stream: asyncio.StreamReader) -> str:
    """Read to the end, keeping the last part, so that no amount of output fills the memory."""
    kept = bytearray()
    while chunk := await stream.read(1 << 16):
        kept += chunk
        del kept[:-_KEPT_BYTES]
    return kept.decode("utf-8", "replace")


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return
