"""A run written down, every request with its answer, and played again without model, key or net."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from leanlab.backends import Result
from leanlab.backends.calling import call
from leanlab.errors import BackendUnavailable, ConfigError
from leanlab.events import PackageRequested, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from leanlab.backends import Backend, Request
    from leanlab.events import AnyEvent, Sink

_MAX_FILE = 2 << 20


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """One turn: a line of the file. No key is in it, as none is in a request."""

    role: Role
    trial: int
    backend: str
    model: str
    unfenced: bool
    session: str
    prompt: str
    prompt_sha256: str
    result: Result
    files: dict[str, bytes] = {}
    """What experiments/ held after a Worker's turn."""
    installed: tuple[PackageRequested, ...] = ()
    """What was installed in the middle of the turn."""


class Recorder:
    """Stands before a backend and writes down what is asked and answered."""

    def __init__(self, backend: Backend, file: Path) -> None:
        self.name = backend.name
        self.model = backend.model
        self.unfenced = backend.unfenced
        self._backend = backend
        self._file = file
        self._installed: list[PackageRequested] = []

    def hear(self, event: AnyEvent) -> None:
        """Keep what a tool tells the run alone."""
        if isinstance(event, PackageRequested) and event.installed:
            self._installed.append(event)

    async def ask(self, request: Request) -> Result:
        self._installed.clear()
        result = await self._backend.ask(request)
        take = Take(
            role=request.role,
            trial=request.brief.trial,
            backend=self.name,
            model=self.model,
            unfenced=self.unfenced,
            session=request.session,
            prompt=request.prompt,
            prompt_sha256=_digest(request.prompt),
            result=result,
            files=_experiments(request.cwd) if request.role == "worker" else {},
            installed=tuple(self._installed),
        )
        with self._file.open("ab") as file:
            file.write(msgspec.json.encode(take) + b"\n")
        return result

    async def close(self) -> None:
        await self._backend.close()


class Replay:
    """Plays one role's turns of a recorded run, in order. Every prompt must be as it was then.

    A fault of the provider that a run waited for is left out: what came after it is the answer.
    """

    def __init__(self, role: Role, takes: list[Take], file: Path) -> None:
        mine = [take for take in takes if take.role == role]
        self.name = mine[0].backend if mine else "replay"
        self.model = mine[0].model if mine else ""
        self.unfenced = mine[0].unfenced if mine else False
        self.installed = [event.package for take in mine for event in take.installed]
        """Modules that were installed in the middle of the run."""
        self._file = file
        self._takes = _answers(mine)

    async def ask(self, request: Request) -> Result:
        take = next(self._takes, None)
        what = f"the {request.role.capitalize()}'s turn in trial {request.brief.trial}"
        if take is None:
            raise BackendUnavailable(
                f"{self._file} ends before {what}: the recorded run had no further turn. Ask for "
                "as many trials as it had, or fewer."
            )
        if take.prompt_sha256 != _digest(request.prompt):
            raise BackendUnavailable(
                f"{self._file} does not fit: {what} has another prompt than was recorded. Replay "
                "it from the same ledger, with the same lab, options and version of leanlab."
            )
        if request.role == "worker":
            _restore(request.cwd, take.files)
        for event in take.installed:
            asked = {"package": event.package, "reason": event.reason}
            await call(request.tools, "request_package", msgspec.json.encode(asked), request)
        return take.result

    async def close(self) -> None:
        """Nothing was started."""


def listeners(backends: Iterable[Backend]) -> list[Sink]:
    """What wants to be told of a run's events, to write them down."""
    return [backend.hear for backend in backends if isinstance(backend, Recorder)]


def installed_in(backends: Iterable[Backend]) -> set[str]:
    """Modules that a run which is replayed did not have at its start."""
    replays = (backend for backend in backends if isinstance(backend, Replay))
    return {module for replay in replays for module in replay.installed}


def begin(file: Path) -> Path:
    """Make the file that a run is recorded to; an earlier recording is never written over."""
    try:
        file.touch(exist_ok=False)
    except FileExistsError as error:
        raise ConfigError(f"{file} is there already. Record to another file.") from error
    return file


def load(file: Path) -> list[Take]:
    """Read a recording; a last line that was cut off is left out."""
    try:
        lines = file.read_bytes().split(b"\n")
        return [msgspec.json.decode(line, type=Take) for line in lines[:-1]]
    except OSError as error:
        raise ConfigError(f"the recording {file} cannot be read: {error.strerror}.") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{file} is no recording of a run: {error}.") from error


def _digest(prompt: str) -> str:
    return hashlib.sha256(prompt.encode()).hexdigest()


def _answers(takes: Iterable[Take]) -> Iterator[Take]:
    """Leave faults out that were waited for, but not what was installed before them."""
    installed: tuple[PackageRequested, ...] = ()
    for take in takes:
        installed += take.installed
        if not _waited_for(take.result):
            yield msgspec.structs.replace(take, installed=installed)
            installed = ()


def _waited_for(result: Result) -> bool:
    return result.error is not None and result.error.retryable


def _experiments(workspace: Path) -> dict[str, bytes]:
    """The plain files of experiments/; anything else breaks a rule, and is left out."""
    found: dict[str, bytes] = {}
    folder = workspace / "experiments"
    if folder.is_symlink() or not folder.is_dir():
        return found
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 - names alone
        status = (folder / name).lstat()
        if stat.S_ISREG(status.st_mode) and status.st_size <= _MAX_FILE:
            found[name] = (folder / name).read_bytes()
    return found


def _restore(workspace: Path, files: dict[str, bytes]) -> None:
    folder = workspace / "experiments"
    for path in folder.iterdir():
        if path.name not in files:
            path.unlink()
    for name, content in files.items():
        (folder / Path(name).name).write_bytes(content)
