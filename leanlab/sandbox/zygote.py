"""The zygote: a fresh interpreter that holds no secrets, confined, from which workers are forked.

It is exec'd before anything else, imports what the lab allows, tries every layer of confinement in
a throw-away child, and then enters them for good. Only the standard library is imported here.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from leanlab.sandbox import (
    kernel,
    landlock,
    namespaces,
    preload,
    readable,
    seccomp,
    supervisor,
    syscalls,
    wire,
    worker,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from leanlab.sandbox.readable import Readable


class RefusedError(Exception):
    """The zygote cannot start."""

    def __init__(self, blame: str, text: str) -> None:
        super().__init__(text)
        self.blame = blame
        """import, hidden, confinement or fault: the evaluator raises another error for each."""


class Found(NamedTuple):
    """What the probes found. Empty or zero is absence; missing says why, by layer."""

    namespaces: str
    """How they are entered: "root", "user", or not at all."""
    landlock: int
    seccomp: bool
    missing: dict[str, str]
    arrays: bool
    """Whether numpy came with the imports."""
    files: dict[str, str]
    """What candidates may read, as path and real path: jobs get the imports from there."""


def main() -> None:
    """Serve the evaluator at the other end of the socket that argv names, until it hangs up."""
    control = socket.socket(fileno=int(sys.argv[-1]))
    config = json.loads(wire.receive_json(control) or b"null")
    if config is None:
        return
    try:
        found, plan = _prepare(**config)
    except RefusedError as refusal:
        wire.send_json(control, {"kind": "refused", "blame": refusal.blame, "text": str(refusal)})
        return
    except Exception:  # noqa: BLE001 - reported whole: the evaluator raises it
        wire.send_json(
            control, {"kind": "refused", "blame": "fault", "text": traceback.format_exc()}
        )
        return
    del config
    supervisor.prepare()
    report = {"kind": "found", **found._asdict()}
    gc.freeze()
    wire.send_json(control, report)
    _serve(control, plan)
    supervisor.end_workers()
    os._exit(0)  # at once, whatever its threads do


def _prepare(
    imports: Sequence[str],
    hidden: Sequence[str],
    layers: Sequence[str],
    parent: int,
) -> tuple[Found, worker.Plan]:
    if parent and sys.platform == "linux":
        kernel.die_with_parent()
        if os.getppid() != parent:
            os._exit(0)
    statm = _own_statm()
    probes = _start_probes(layers)
    packages = _import_all(imports)
    try:
        files = readable.find(packages, [Path(path) for path in hidden])
    except readable.HiddenRuntimeError as error:
        raise RefusedError(
            "hidden", f"{error}, which candidates must not read. Move it out."
        ) from error
    with _in_earnest():
        found = _collect(probes, files.files)
    guarded = bool(layers) and sys.platform == "linux"
    root = guarded and os.geteuid() == 0 and found.namespaces != "user"
    # Where nothing else decides which files can be read, none can.
    reading = bool(found.namespaces or found.landlock) or not found.seccomp
    if not reading:
        preload.load()
    with _in_earnest():
        if found.namespaces:
            namespaces.enter(files.files, user=found.namespaces == "user")
        nobody = root and not _Attempt(lambda: _become_nobody(files, reading)).failure()
        if found.landlock:
            kernel.forbid_new_privileges()
            landlock.restrict(files.files, files.listable)
            landlock.verify()
        if guarded:
            kernel.forbid_inspection()
    worker.forget_all_but(packages)
    if not reading:
        preload.close()
    plan = worker.Plan(
        statm=statm,
        pid_namespace=bool(found.namespaces),
        filtered=found.seccomp,
        reading=reading,
        unprivileged=guarded,
        nobody=nobody,
    )
    return found, plan


def _own_statm() -> int:
    """Open what tells this process' address space, before the files of others go out of sight."""
    try:
        return os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


@contextmanager
def _in_earnest() -> Iterator[None]:
    """The probe passed, so a process that fails here is half inside. It must not fork a worker."""
    try:
        yield
    except OSError as error:
        raise RefusedError(
            "confinement",
            f"confinement was entered by half: what had worked in a trial failed then "
            f"({_reason(error)}). Nothing of a candidate has run. Start again; if it says so "
            "again, this machine's limits and security settings are in the way.",
        ) from error


def _import_all(names: Sequence[str]) -> set[str]:
    """Import names; return every top-level module beyond the standard library that came along."""
    before = set(sys.modules)
    for name in names:
        _import(name)
    if "numpy" in sys.modules:
        importlib.import_module("numpy.random")
    loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
    loaded |= {name.partition(".")[0] for name in names}
    return loaded - sys.stdlib_module_names - {"leanlab", "__main__"}


def _import(name: str) -> None:
    if name.partition(".")[0] == "leanlab":
        raise RefusedError("import", "leanlab is not for candidates. Take it out of lab.json.")
    remedy = "Install it, or take it out of lab.json."
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        why = f"no module named {error.name} is installed"
        if error.name != name.partition(".")[0]:
            why = f"{name} needs {error.name}, which is missing"
        raise RefusedError("import", f"{why}. {remedy}") from error
    except Exception as error:
        raise RefusedError("import", f"{name} does not import: {error!r}. {remedy}") from error
    tasks = Path("/proc/self/task")
    if tasks.is_dir() and len(list(tasks.iterdir())) > 1:
        raise RefusedError(
            "import",
            f"importing {name} starts a thread and leaves it running, which no process forked for "
            "a candidate would have. Take it out of lab.json, or import what starts no thread.",
        )


def _start_probes(layers: Sequence[str]) -> dict[str, _Attempt]:
    """Start trying every layer: a step can succeed and the next one fail."""
    if sys.platform != "linux":
        return {}
    steps: dict[str, Callable[[], None]] = {}
    if "namespaces" in layers:
        user = os.geteuid() != 0
        steps["user" if user else "root"] = lambda: _try_namespaces(user=user)
    if "landlock" in layers:
        steps["landlock"] = _try_landlock
    if "seccomp" in layers:
        steps["seccomp"] = _try_seccomp
    return {name: _Attempt(step) for name, step in steps.items()}


def _collect(probes: dict[str, _Attempt], files: dict[str, str]) -> Found:
    failures = {name: probe.failure() for name, probe in probes.items()}
    if failures.get("root"):
        # In a container, root may lack the right to mount, and still have a user namespace.
        failures["user"] = _Attempt(lambda: _try_namespaces(user=True)).failure()
    works = [name for name, why in failures.items() if not why]
    how = next((name for name in ("root", "user") if name in works), "")
    none = "switched off" if sys.platform == "linux" else f"{sys.platform} has none"
    missing = {
        "namespaces": "" if how else failures.get("user", none),
        "landlock": failures.get("landlock", none),
        "seccomp": failures.get("seccomp", none),
    }
    return Found(
        namespaces=how,
        landlock=landlock.version() if "landlock" in works else 0,
        seccomp="seccomp" in works,
        missing={layer: why for layer, why in missing.items() if why},
        arrays="numpy" in sys.modules,
        files=files,
    )


class _Attempt:
    """A step that is taken in a forked child, and thrown away with it."""

    def __init__(self, step: Callable[[], Any]) -> None:
        self._reading, writing = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            try:
                step()
            except BaseException as error:  # noqa: BLE001 - the child ends here, whatever it was
                why = _reason(error)
                os.write(writing, why[:500].encode())
                os._exit(1)
            os._exit(0)
        os.close(writing)

    def failure(self) -> str:
        """Wait for the end; return why it failed, empty when it did not."""
        with os.fdopen(self._reading, "rb") as pipe:
            text = pipe.read().decode(errors="replace")
        _, status = os.waitpid(self._child, 0)
        return text or (f"ended with status {status}" if status else "")


def _reason(error: BaseException) -> str:
    """Say what went wrong: of an OSError its words, without the number."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error) if isinstance(error, OSError) else repr(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


def _try_namespaces(*, user: bool) -> None:
    folder = str(readable.standard_library()[0])
    namespaces.enter({folder: folder}, user=user)
    supervisor.try_pid_namespace()


def _try_landlock() -> None:
    kernel.forbid_new_privileges()
    landlock.restrict([str(readable.standard_library()[0])], ())
    landlock.verify()


def _try_seccomp() -> None:
    table = syscalls.architecture()
    if table is None:
        raise OSError(f"no system-call numbers for {os.uname().machine}")
    kernel.forbid_new_privileges()
    seccomp.install(seccomp.program(table, os.getpid()))


def _become_nobody(files: Readable, reading: bool) -> None:
    """Tell (OSError) that an unprivileged user cannot read this interpreter, as under /root."""
    worker.become_nobody()
    for path in files.files if reading else ():
        if not os.access(path, os.R_OK):
            raise PermissionError(path)


def _serve(control: socket.socket, plan: worker.Plan) -> None:
    standby = supervisor.Standby(plan)
    while True:
        job, descriptors, _, _ = socket.recv_fds(control, wire.JOB.size, 4)
        if not job:
            return
        try:
            standby.start(job, descriptors)
        except OSError:
            supervisor.Standby(plan).start(job, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        standby = supervisor.Standby(plan)
