"""Commands: the evaluator's handle on the second profile, for an open lab's own commands."""

from __future__ import annotations

import asyncio
import os
import shutil
import site
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from leanlab.child import minimal_environment
from leanlab.errors import ConfinementUnavailable, EvaluatorError
from leanlab.sandbox import surroundings
from leanlab.sandbox.confinement import Found, tier_of
from leanlab.sandbox.helper import Ready, last_word, starting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.config import Limits
    from leanlab.sandbox.openprofile import Plan

HOME = ".home"
"""A folder of the lab: its commands have it as home, so what they cache is the lab's."""

_MARKS = ("pyproject.toml", ".git", "requirements.txt")
_SETUP_SECONDS = 120.0


class Commands:
    """Runs commands of one lab, each in a fresh copy of it, without network, home or keys.

    folder is the lab. left_out are paths in it that the copy does not have; experiments is the
    folder of the numbered experiments, of which it has the one at hand.
    """

    def __init__(
        self, folder: Path, limits: Limits, *, left_out: Sequence[str], experiments: str
    ) -> None:
        self._folder = folder
        self._limits = limits
        self._left_out = [*left_out, ".git", ".env"]
        self._experiments = experiments
        self._project = project_of(folder)
        self._ways = ("root", "user") if os.geteuid() == 0 else ("user",)
        self._ready = Ready()

    async def probe(self, experiment: Path) -> tuple[str, str]:
        """Run nothing much, confined; return the tier and the line that names it.

        Raises ConfinementUnavailable where that does not work.
        """
        failures = ""
        for way in self._ways:
            self._ways = (way,)
            try:
                process = await self.start([sys.executable, "-S", "-c", ""], experiment)
            except ConfinementUnavailable as error:
                failures = str(error)
                continue
            try:
                code = await process.wait()
            finally:
                await self._drop(process)
            if code:
                failures = f"a confined {sys.executable} ended with status {code}"
                continue
            return self._named(way)
        raise ConfinementUnavailable(
            f"{failures}. An open lab needs namespaces and seccomp: allow user namespaces, or run "
            "as root; `leanlab check` says more. Or run without confinement, every record marked "
            "untrusted: --allow-unsandboxed"
        )

    def _named(self, way: str) -> tuple[str, str]:
        have = self._ready.landlock
        found = Found(
            namespaces="root" if way == "root" else "user", landlock=have, seccomp=True, missing={}
        )
        confinement = tier_of(found)
        words = f"{confinement.summary}; an open lab, whose experiments can forge scores"
        return confinement.tier, words

    async def start(self, command: list[str], experiment: Path) -> asyncio.subprocess.Process:
        """Start a command, confined; use `end` on what comes back, whatever happens.

        SIGTERM to what comes back ends the command as well, and what comes back ends when all that
        it started is gone.
        """
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *starting("openprofile"), str(os.getpid()), str(writing),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=[writing],
                env=minimal_environment(),
                cwd="/",
                start_new_session=True,
            )  # fmt: skip
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        try:
            async with asyncio.timeout(_SETUP_SECONDS):
                report = await self._introduce(process, reading, self._plan(command, experiment))
            self._require(command, last_word(report))
        except TimeoutError as error:
            await self._drop(process)
            raise EvaluatorError(
                f"a fresh copy of {self._folder} took over {_SETUP_SECONDS:g} s. Make it smaller."
            ) from error
        except BaseException:
            await self._drop(process)
            raise
        return process

    async def _drop(self, process: asyncio.subprocess.Process) -> None:
        end(process)
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]

    async def _introduce(
        self, process: asyncio.subprocess.Process, reading: int, plan: Plan
    ) -> bytes:
        """Send the plan; return the report, which ends when the command begins."""
        report = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(report), os.fdopen(reading, "rb")
        )
        assert process.stdin is not None
        try:
            process.stdin.write(msgspec.json.encode(plan))
            process.stdin.close()
            return await report.read()
        finally:
            transport.close()

    def _require(self, command: list[str], last: Ready) -> None:
        if last.start:
            raise EvaluatorError(
                f"{command[0]} cannot be started in confinement: {last.failed}. It must lie in the "
                "system, in the lab, in its project, or with Python."
            )
        if last.failed:
            raise ConfinementUnavailable(
                f"{self._folder} is an open lab, and its commands cannot be confined here: "
                f"{last.failed}"
            )
        self._ready = last

    def _plan(self, command: list[str], experiment: Path) -> Plan:
        program = shutil.which(command[0]) or command[0]
        project = self._project
        further = [str(project)] if project != self._folder else []
        readable, links = surroundings.find(program, further, inside=str(self._folder))
        if project != self._folder:
            keys = [path for path in project.glob(".env*") if path.is_file()]
            readable |= {str(path): os.devnull for path in keys if not path.is_symlink()}
        masked = [str(project / ".git")] if (project / ".git").is_dir() else []
        return {
            "command": [program, *command[1:]],
            "environment": command_environment(self._folder) | {"TMPDIR": "/tmp"},  # noqa: S108
            "folder": str(self._folder),
            "left_out": self._left_out,
            "experiments": self._experiments,
            "experiment": str(experiment),
            "readable": readable,
            "links": links,
            "masked": masked if project != self._folder else [],
            "user": self._ways[0] == "user",
            "megabytes": self._limits.memory_mb,
            "cpu_seconds": int(self._limits.cpu_seconds) + 1,
        }


def command_environment(folder: Path) -> dict[str, str]:
    """What a lab's commands find in their environment: `python` is the Python of leanlab."""
    kept = minimal_environment()
    path = f"{Path(sys.executable).parent}:{kept.get('PATH', '/usr/bin:/bin')}"
    users = {"PYTHONUSERBASE": site.getuserbase()} if site.ENABLE_USER_SITE else {}
    return kept | users | {"HOME": str(folder / HOME), "PATH": path}


def end(process: asyncio.subprocess.Process) -> None:
    """Kill the helper, if it lives, and so everything that its command started."""
    if process.returncode is None:
        process.kill()
    if process.stdin is not None:
        process.stdin.close()


def project_of(folder: Path) -> Path:
    """Return the nearest folder above that looks like a project, else the lab itself.

    Never a home folder or one that holds it: what lies there is nobody's business.
    """
    home = Path.home().resolve()
    for parent in folder.parents:
        if parent == Path(parent.anchor) or parent == home or parent in home.parents:
            break
        if any((parent / mark).exists() for mark in _MARKS):
            return parent
    return folder
