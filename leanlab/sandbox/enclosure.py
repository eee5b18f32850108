"""A world of its own for one command: its file system, its processes, and no way out.

    helper           a fresh interpreter, exec'd for this command; enters namespaces, builds a root
    └ init           process 1 of a pid namespace: gives up every privilege, waits for the command
      └ command      limits, seccomp; and whatever it starts

When the command ends, so does init, and the kernel then ends everything else in the namespace; the
same when the helper, or the process that started it, is killed. Only the standard library is
imported here, and nothing of the lab is run before all is in place.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypedDict

from leanlab.sandbox import denials, kernel, landlock, syscalls
from leanlab.sandbox.namespaces import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable

PROCESSES = 512
"""Of one command, threads included."""

_SPACES = kernel.NEW_MOUNT | kernel.NEW_NET | kernel.NEW_IPC | kernel.NEW_UTS | kernel.NEW_PID
_STAGES = ("/mnt", "/tmp", "/var", "/usr")  # noqa: S108 - a mount point; nothing is written there
_DEVICES = ("null", "zero", "full", "random", "urandom")
_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
READ_ONLY = kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV
PLAIN = kernel.MS_NOSUID | kernel.MS_NODEV
_OWN_PID_MAX = (6, 14)
"""Since this Linux every pid namespace has a highest pid of its own; before, all share one."""


class Plan(TypedDict):
    """What the evaluator tells the helper, as JSON."""

    command: list[str]
    environment: dict[str, str]
    folder: str
    """The command's working folder: a file system in memory that it may write to."""
    readable: dict[str, str]
    """Path in the new root: real path. A path below another is hidden by nothing above it."""
    links: dict[str, str]
    masked: list[str]
    """Folders in what is readable, to be shown empty but for what is readable below them."""
    user: bool
    """Whether to make a user namespace: an ordinary user needs one."""
    megabytes: int
    cpu_seconds: int


def run(plan: Plan, report: int, begin: Callable[[], Callable[[str], None]]) -> NoReturn:
    """Run the plan's command and end as it does; report closes when the command begins.

    begin is called while the old world can still be named, and returns what fills the working
    folder, given where the new root is being built.
    """
    os.set_inheritable(report, False)
    try:
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        os.dup2(nothing, 0)
        stage = _leave_the_world(plan, begin)
        alive, dead = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(dead)
            _be_init(plan, stage, alive, report)
        init = os.pidfd_open(child)
        # Asked to end, it ends all and waits: when it has gone, nothing is left to be taken down.
        signal.signal(signal.SIGTERM, lambda *_: signal.pidfd_send_signal(init, signal.SIGKILL))
    except Exception as error:  # noqa: BLE001 - reported: nothing of the lab has been run
        tell(report, error)
    os.close(report)
    for stream in (1, 2):
        os.dup2(nothing, stream)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        # Nothing inside can end init: it was done from outside, and is told apart by a signal.
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(_code(status))


def follow_parent(parent: int) -> None:
    """End with the process that started this one; at once, where it is gone already."""
    kernel.die_with_parent()
    if os.getppid() != parent:
        os._exit(1)


def tell(report: int, error: Exception) -> NoReturn:
    words = error.strerror if type(error) is OSError and error.strerror else str(error)
    os.write(report, json.dumps({"failed": f"{words or type(error).__name__}"}).encode())
    os._exit(1)


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _leave_the_world(plan: Plan, begin: Callable[[], Callable[[str], None]]) -> str:
    """Enter the namespaces and build the new root; return where it is."""
    if plan["user"]:
        uid, gid = os.geteuid(), os.getegid()
        kernel.unshare(kernel.NEW_USER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid or NOBODY} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid or NOBODY} {gid} 1")
    kernel.unshare(_SPACES)
    kernel.mount(None, "/", kernel.MS_REC | kernel.MS_PRIVATE)
    return _build(plan, begin())


def _build(plan: Plan, furnish: Callable[[str], None]) -> str:
    trees = {target: kernel.clone_tree(source) for target, source in plan["readable"].items()}
    devices = {name: kernel.clone_tree(f"/dev/{name}") for name in _DEVICES}
    os.umask(0o022)
    stage = next(path for path in _STAGES if Path(path).is_dir())
    kernel.mount("tmpfs", stage, PLAIN, "size=1m,mode=755")
    size = f"size={plan['megabytes']}m,nr_inodes=200k"
    steps: dict[str, Callable[[str], None]] = {
        path: _tmpfs("size=4k,mode=755") for path in plan["masked"]
    }
    steps |= {target: _placing(tree, READ_ONLY) for target, tree in trees.items()}
    steps["/tmp"] = steps["/dev/shm"] = _tmpfs(f"{size},mode=1777")  # noqa: S108
    steps["/dev"] = _tmpfs("size=64k,mode=755")
    steps |= {f"/dev/{name}": _placing(tree, kernel.MS_NOSUID) for name, tree in devices.items()}
    steps[plan["folder"]] = _tmpfs(f"{size},mode=755")
    for target in sorted(steps, key=lambda path: path.split("/")):
        steps[target](stage + target)
    for path in plan["masked"]:
        kernel.mount(None, stage + path, kernel.MS_REMOUNT | READ_ONLY)
    for name, end in _LINKS.items():
        Path(f"{stage}/dev/{name}").symlink_to(end)
    for link, end in plan["links"].items():
        Path(stage + link).symlink_to(end)
    Path(f"{stage}/proc").mkdir()
    furnish(stage)
    return stage


def _placing(tree: int, how: int) -> Callable[[str], None]:
    def place(target: str) -> None:
        path = Path(target)
        if Path(f"/proc/self/fd/{tree}").is_dir():
            path.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        kernel.attach(tree, target, how)
        os.close(tree)

    return place


def _tmpfs(options: str, more: int = 0) -> Callable[[str], None]:
    def place(target: str) -> None:
        Path(target).mkdir(parents=True, exist_ok=True)
        kernel.mount("tmpfs", target, PLAIN | more, options)

    return place


def _be_init(plan: Plan, stage: str, alive: int, report: int) -> NoReturn:
    """Be process 1: when it ends, all end."""
    try:
        kernel.die_with_parent()
        if select.select([alive], [], [], 0)[0]:
            os._exit(1)
        _mount_proc(f"{stage}/proc", bounded=_is_bounded(plan))
        _swap_root(stage)
        have = _give_up_privileges(plan)
        os.chdir(plan["folder"])
        child = os.fork()
    except Exception as error:  # noqa: BLE001 - reported: nothing of the lab has been run
        tell(report, error)
    if child == 0:
        _become(plan, report, have)
    os.close(report)
    for stream in (1, 2):
        os.dup2(0, stream)
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(_code(status))


def _is_bounded(plan: Plan) -> bool:
    """Tell whether the namespace itself can bound the number of processes: only root may say so.

    A limit of the user's would count those of all other commands too, and never bind for root.
    """
    release = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2]))
    return not plan["user"] and release >= _OWN_PID_MAX


def _mount_proc(target: str, *, bounded: bool) -> None:
    kernel.mount("proc", target, kernel.MS_NOEXEC | PLAIN)
    if bounded:
        Path(f"{target}/sys/kernel/pid_max").write_text(f"{PROCESSES}")
    kernel.mount(None, target, kernel.MS_REMOUNT | kernel.MS_NOEXEC | READ_ONLY)


def _swap_root(stage: str) -> None:
    table = syscalls.architecture()
    if table is None:
        raise OSError(f"no system-call numbers for {os.uname().machine}")
    old = f"{stage}/old"
    Path(old).mkdir()
    kernel.pivot_root(syscalls.PIVOT_ROOT[table.column], stage, old)
    os.chdir("/")
    kernel.detach("/old")
    Path("/old").rmdir()
    kernel.mount(None, "/", kernel.MS_REMOUNT | READ_ONLY)


def _give_up_privileges(plan: Plan) -> int:
    """Change to an unprivileged user where that is possible, and drop every capability.

    Returns the version of Landlock that confines from here on; 0 without.
    """
    kernel.drop_bounding_set()
    if os.geteuid() == 0 and _nobody_can_work(plan):
        _hand_over(plan["folder"])
        _become_nobody()
    kernel.die_with_parent()
    kernel.forbid_new_privileges()
    kernel.forbid_inspection()
    kernel.drop_capabilities()
    try:
        landlock.restrict_writing([plan["folder"], "/tmp", "/dev"])  # noqa: S108
        return landlock.version()
    except OSError:
        return 0


def _become_nobody() -> None:
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def _nobody_can_work(plan: Plan) -> bool:
    """Tell whether an unprivileged user can read what is there: it may be closed to others."""
    child = os.fork()
    if child == 0:
        _become_nobody()
        programs = [plan["command"][0], sys.executable]
        able = all(os.access(path, os.X_OK) for path in programs if path.startswith("/"))
        able = able and all(os.access(path, os.R_OK) for path in [os.__file__, *plan["readable"]])
        os._exit(0 if able else 1)
    return os.waitpid(child, 0)[1] == 0


def _hand_over(folder: str) -> None:
    for place, _, files in os.walk(folder):
        for path in (place, *(f"{place}/{name}" for name in files)):
            try:
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
            except OSError:
                # Shown as it is, read-only.
                continue


def _become(plan: Plan, report: int, have: int) -> NoReturn:
    """Take the last step and run the command."""
    try:
        limits = {"CPU": plan["cpu_seconds"], "DATA": plan["megabytes"] << 20, "CORE": 0}
        if not _is_bounded(plan):
            limits["NPROC"] = PROCESSES
        for name, value in limits.items():
            kind = getattr(resource, f"RLIMIT_{name}")
            hard = resource.getrlimit(kind)[1]
            bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (bound, bound))
        table = syscalls.architecture()
        assert table is not None
        kernel.install_filter(denials.program(table))
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.write(report, json.dumps({"landlock": have}).encode() + b"\n")
        os.execvpe(plan["command"][0], plan["command"], plan["environment"])  # noqa: S606
    except OSError as error:
        os.write(report, json.dumps({"failed": f"{error.strerror}", "start": True}).encode())
        os._exit(127)
