"""The worker: the process that becomes the candidate's. Its last trusted act is to lock itself in.

Descriptors: 0 requests, 1 and 2 log, 3 replies; nothing else is open.
"""

from __future__ import annotations

import fcntl
import io
import math
import os
import random
import resource
import socket
import sys
import types
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder
from typing import TYPE_CHECKING, Any, NamedTuple

from leanlab.sandbox import kernel, namespaces, readable, seccomp, serving, syscalls, wire

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import NoReturn

_OPEN_FILES = 64
_HIGHEST_DESCRIPTOR = 1 << 16


class Plan(NamedTuple):
    """How every worker of a zygote is confined, beyond what the zygote already is."""

    statm: int
    """A descriptor of the zygote's own statm; -1 where the system has none."""
    pid_namespace: bool
    filtered: bool
    reading: bool
    """Whether files can be opened; without namespaces and Landlock, none can."""
    unprivileged: bool
    """Whether to drop every capability."""
    nobody: bool
    """Whether to change to an unprivileged user."""


def address_space(statm: int) -> int:
    """Return the bytes of address space of the zygote; 0 where the system does not say."""
    if statm < 0:
        return 0
    pages = os.pread(statm, 100, 0).split()[0]
    return int(pages) * resource.getpagesize()


def forget_all_but(packages: Collection[str]) -> None:
    """Leave importable the standard library, and of the rest what is loaded of these packages."""
    standard = [str(path) for path in readable.standard_library()]
    sys.path[:] = [entry for entry in sys.path if entry in standard]
    kept = {*packages, *sys.stdlib_module_names}
    for name in [name for name in sys.modules if name.partition(".")[0] not in kept]:
        del sys.modules[name]
    for entry in [entry for entry in sys.path_importer_cache if entry not in standard]:
        del sys.path_importer_cache[entry]
    finders = (BuiltinImporter, FrozenImporter, PathFinder)
    sys.meta_path[:] = [
        finder
        for finder in sys.meta_path
        if finder in finders or getattr(finder, "__module__", "").partition(".")[0] in packages
    ]
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv[:] = [""]
    sys.orig_argv[:] = [""]


def become_nobody() -> None:
    """Change to an unprivileged user and group, with no other groups."""
    os.setgroups([])
    os.setresgid(*[namespaces.NOBODY] * 3)
    os.setresuid(*[namespaces.NOBODY] * 3)


def run(task: socket.socket, plan: Plan, base: int, trouble: str) -> NoReturn:
    """Wait for a job, confine this process, and serve the evaluator until it hangs up.

    base is what address space it starts with, in bytes: its limit comes on top. trouble is why the
    supervisor could not confine it so far; then it only says so, and ends.
    What no job decides is done before the job is there: an evaluation need not wait for it.
    """
    try:
        if sys.platform == "linux":
            kernel.die_with_parent()
        trouble, program = _give_up(plan, trouble)
        serving.rehearse()
        message, descriptors, _, _ = socket.recv_fds(task, wire.JOB.size, 3)
        if not message:
            os._exit(0)
        _, cpu, memory, seed = wire.JOB.unpack(message)
        _take(descriptors)
        _confine(cpu, base + memory, trouble, program)
        _greet(seed)
    except BaseException as error:  # noqa: BLE001 - not confined: nothing of the candidate may run
        os.write(2, f"{type(error).__name__}: {error}".encode())
        os._exit(1)
    try:
        serving.serve()
    finally:
        os._exit(0)


def keep_only(task: socket.socket) -> None:
    """Close all descriptors but the standard ones and this: they are the zygote's and of others."""
    os.closerange(3, task.fileno())
    os.closerange(task.fileno() + 1, _HIGHEST_DESCRIPTOR)


def _give_up(plan: Plan, trouble: str) -> tuple[str, bytes]:
    """Give up every privilege; return what went wrong, and the filter of system calls to install.

    What went wrong waits for a job, as nobody listens before.
    """
    try:
        if plan.unprivileged:
            kernel.drop_bounding_set()
        if plan.nobody:
            become_nobody()
        if sys.platform == "linux":
            kernel.die_with_parent()
        if plan.unprivileged:
            kernel.forbid_new_privileges()
            kernel.forbid_inspection()
            kernel.drop_capabilities()
        table = syscalls.architecture()
        program = b""
        if plan.filtered and table is not None:
            program = seccomp.program(table, os.getpid(), reading=plan.reading)
    except OSError as error:
        return trouble or str(error), b""
    return trouble, program


def _take(descriptors: Sequence[int]) -> None:
    """Move requests, replies and log to their places, and close everything else."""
    requests, replies, log = (fcntl.fcntl(one, fcntl.F_DUPFD, 16) for one in descriptors)
    for target, source in enumerate((requests, log, log, replies)):
        os.dup2(source, target)
    os.closerange(4, _HIGHEST_DESCRIPTOR)
    os.setsid()


def _confine(cpu: float, address_space: int, trouble: str, program: bytes) -> None:
    if trouble:
        raise OSError(trouble)
    # Soft and hard alike: the first process of a namespace ignores the signal of the soft limit.
    # In whole seconds: the supervisor is exact, and this holds where it gets no time itself.
    _limit("CPU", max(1, math.ceil(cpu)))
    _limit("AS", address_space)
    _limit("NOFILE", _OPEN_FILES)
    for name in ("FSIZE", "CORE", "MEMLOCK", "MSGQUEUE"):
        _limit(name, 0)
    if program:
        seccomp.install(program)


def _limit(name: str, value: int) -> None:
    kind = getattr(resource, f"RLIMIT_{name}", None)
    if kind is not None and sys.platform == "linux":
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))


def _greet(seed: int) -> None:
    """Say that the worker is confined; make an experiment that draws at random repeatable."""
    random.seed(seed)
    numbers: Any = sys.modules.get("numpy.random")
    if numbers is not None:
        numbers.seed(seed % (1 << 32))
    sys.stdin = io.StringIO()
    # Of its own making: the zygote's streams were opened on files of another kind.
    sys.stdout = sys.__stdout__ = _text(1)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(2)  # type: ignore[misc]
    os.write(serving.REPLIES, wire.HELLO)


def _text(descriptor: int) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )
