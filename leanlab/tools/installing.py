"""Has pip install what lab.json lists, beside what is installed, which stays as it is."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from leanlab.child import minimal_environment
from leanlab.evaluator.command import finish, unconfined
from leanlab.packages import version_here

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_SECONDS = 600.0
_LOOK = 0.2
"""Seconds between looks whether another run has done with pip."""
_VARIABLES = re.compile(
    r"(PIP|XDG)_\w+|(https?|all|no)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE",
    re.IGNORECASE,
)
"""Of a person's settings, those that say how pip reaches an index and where it keeps things."""
_REASONS = (
    ("No module named pip", "this Python has no pip"),
    ("externally-managed-environment", "this Python is the system's, and not for pip to change"),
    ("ResolutionImpossible", "it does not go together with what is installed"),
    ("after connection broken by", "no package index can be reached"),
    ("Failed building|Failed to build|subprocess-exited|metadata-generation", "its build failed"),
    ("No matching distribution found", "pip finds no version of it that fits"),
    ("Permission denied", "this Python's packages cannot be written"),
    ("No space left", "the disk is full"),
)
"""By what pip says. Its own words may hold anything; these reach the model."""


class InstallFailed(Exception):
    """Nothing usable was installed; the message, fit for a model, says why."""


async def install(module: str, requirement: str, log: Path) -> str:
    """Install a checked requirement into this Python; return its version.

    Nothing that is installed is changed, so that no process at work loses what it may still have
    to load. pip's words are added to the log. Raises InstallFailed.
    """
    with tempfile.TemporaryDirectory(prefix="leanlab-pip-") as folder:
        async with _alone():
            # Another run may have installed it while this one waited.
            if version := version_here(module, requirement):
                return version
            await _run_pip(requirement, Path(folder), log)
    version = version_here(module, requirement)
    if version is None:
        raise InstallFailed(f"{requirement} brings no module {module}")
    return version


async def _run_pip(requirement: str, folder: Path, log: Path) -> None:
    constraints = folder / "installed.txt"
    constraints.write_text("".join(f"{line}\n" for line in _installed()), encoding="utf-8")
    # -P, and a folder of its own: nothing there passes for a module, or for the requirement.
    command = [
        sys.executable, "-P", "-m", "pip", "install", "--no-input", "--disable-pip-version-check",
        "--quiet", "--no-user", "--constraint", str(constraints), "--", requirement,
    ]  # fmt: skip
    try:
        done = await finish(unconfined(command, folder, _environment()), _SECONDS)
    except TimeoutError:
        raise InstallFailed(f"it took over {_SECONDS:.0f} s, and was ended") from None
    words = f"{done.output}\n{done.errors}".strip()
    _log(log, f"pip install {requirement}: status {done.code}\n{words}\n")
    if done.code != 0:
        found = (reason for pattern, reason in _REASONS if re.search(pattern, words))
        raise InstallFailed(next(found, f"pip ended with status {done.code}"))


def _installed() -> Iterator[str]:
    """Yield every installed package as a constraint."""
    from importlib.metadata import distributions

    from packaging.utils import canonicalize_name, is_normalized_name
    from packaging.version import InvalidVersion, Version

    seen: set[str] = set()
    for each in distributions():
        name = canonicalize_name(each.name or "")
        try:
            version = Version(each.version or "")
        except InvalidVersion:
            continue
        # The first on the path is the one that is imported.
        if is_normalized_name(name) and name not in seen:
            seen.add(name)
            yield f"{name}=={version}"


def _environment() -> dict[str, str]:
    """No key of the user's: what is built may run code of its own."""
    kept = {key: value for key, value in os.environ.items() if _VARIABLES.fullmatch(key)}
    return minimal_environment() | kept


@asynccontextmanager
async def _alone() -> AsyncIterator[None]:
    """Wait until no other run has pip at work in this Python: pip keeps no lock of its own."""
    folder = os.open(sys.prefix, os.O_RDONLY)
    try:
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_LOOK)
        yield
    finally:
        os.close(folder)


def _log(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} {text}")
