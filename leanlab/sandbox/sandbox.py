"""Sandbox: the evaluator's handle on a zygote."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.errors import ConfinementUnavailable, Disturbed, EvaluatorError
from leanlab.sandbox import wire
from leanlab.sandbox.confinement import Confinement, Found, tier_of
from leanlab.sandbox.jobs import Job
from leanlab.sandbox.orders import plan_of
from leanlab.sandbox.process import Process

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from leanlab.config import Limits
    from leanlab.sandbox.orders import Order

LAYERS = ("namespaces", "landlock", "seccomp")
"""What confines, beside limits and a process of its own."""

# What is not said here is not in a candidate's environment. One thread each, as no more can be
# started; a fixed hash seed, so that an experiment does the same every time (which is why Python is
# not started with -I: it would not look at the seed).
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "LOKY_MAX_CPU_COUNT": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}
# Not `-m`: this leanlab need not be the installed one, nor its folder on the path, where what lies
# beside it could stand in for another module.
_START = """
import sys, types
package = sys.modules["leanlab"] = types.ModuleType("leanlab")
package.__path__ = [sys.argv[1]]
from leanlab.sandbox.zygote import main
main()
"""


class _Refused(msgspec.Struct, frozen=True, tag_field="kind", tag="refused"):
    blame: str
    text: str


class Sandbox:
    """A place to run candidates: started once for a lab, before it has read anything hidden.

    imports are the modules that candidates may use beyond the standard library; hidden are paths
    that they must never read, whatever else lies there. Raises EvaluatorError when a module cannot
    be imported, and ConfinementUnavailable when this machine gives no tier at all, unless
    allow_unsandboxed. layers names which of LAYERS to use: less than all is for tests, and
    for looking at what a lower tier does.
    """

    def __init__(
        self,
        imports: Sequence[str] = (),
        hidden: Sequence[Path] = (),
        *,
        allow_unsandboxed: bool = False,
        layers: Collection[str] = LAYERS,
    ) -> None:
        ours, theirs = socket.socketpair()
        self._control = ours
        self._hidden = [Path(path).absolute() for path in hidden]
        self._files: dict[str, str] = {}
        # The kernel tells a child of its parent's death when the thread that started it ends.
        main = threading.current_thread() is threading.main_thread()
        config = {
            "imports": list(imports),
            "hidden": [str(path) for path in self._hidden],
            "layers": list(layers),
            "parent": os.getpid() if main else 0,
        }
        with theirs:
            root = str(Path(__file__).resolve().parents[1])
            self._zygote = subprocess.Popen(
                [sys.executable, "-P", "-s", "-c", _START, root, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=_ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        try:
            self.confinement = self._introduce(config)
            if not allow_unsandboxed:
                _require(self.confinement)
        except BaseException:
            self.close()
            raise

    def process(self, limits: Limits, *, seed: int = 0) -> Process:
        """Fork one confined worker. It starts at once; its wall clock runs from here."""
        return Process(self._control, limits, seed, arrays=self._arrays)

    def job(self, order: Order, limits: Limits) -> Job:
        """Run a command on an experiment, confined; its wall clock runs from here.

        Raises EvaluatorError when the order cannot be carried out, and ConfinementUnavailable
        without namespaces and seccomp, whatever else is allowed.
        """
        if self.confinement.tier not in ("A", "C"):
            raise ConfinementUnavailable(
                "this lab runs jobs, which need namespaces and seccomp, and here there is only "
                f"{self.confinement.summary.removeprefix('confinement: ')}"
            )
        user = "user" in self.confinement.layers
        plan = plan_of(order, limits, packages=self._files, hidden=self._hidden, user=user)
        return Job(plan, order.contents, limits)

    def close(self) -> None:
        """Hang up: the zygote ends. Processes still open are killed."""
        self._control.close()
        self._zygote.wait()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _introduce(self, config: dict[str, Any]) -> Confinement:
        try:
            wire.send_json(self._control, config)
        except BrokenPipeError:
            pass
        else:
            text = wire.receive_json(self._control)
            if text:
                report = msgspec.json.decode(text, type=_Refused | Found)
                if isinstance(report, Found):
                    self._arrays = report.arrays
                    self._files = report.files
                    return tier_of(report)
                raise _refusal(report)
        self._control.close()
        code = self._zygote.wait()
        if code == -signal.SIGKILL:
            raise Disturbed(
                "the process that candidates are forked from was ended from outside at its start. "
                "Start the evaluation again."
            )
        raise EvaluatorError(
            f"the process that candidates are forked from ended at its start (status {code}): "
            f"{sys.executable} cannot run leanlab.sandbox, or a module in imports crashes."
        )


def probe() -> Confinement:
    """Find out what this machine offers."""
    with Sandbox(allow_unsandboxed=True) as sandbox:
        return sandbox.confinement


def _refusal(report: _Refused) -> Exception:
    if report.blame == "import":
        return EvaluatorError(f"lab.json lets experiments import what they cannot: {report.text}")
    if report.blame == "hidden":
        return EvaluatorError(report.text)
    if report.blame == "confinement":
        return ConfinementUnavailable(report.text)
    return EvaluatorError(f"candidates cannot be confined: {report.text}")


def _require(confinement: Confinement) -> None:
    if confinement.tier != "none":
        return
    raise ConfinementUnavailable(
        f"this machine cannot confine a candidate: {'; '.join(confinement.missing)}. "
        f"To confine: {confinement.remedy} "
        "Or run without confinement, every record marked untrusted: --allow-unsandboxed."
    )
