"""Orders: what an evaluation asks for in a job, checked and turned into a plan."""

from __future__ import annotations

import math
import os
import shutil
import site
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from leanlab.errors import EvaluatorError
from leanlab.sandbox import readable, surroundings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leanlab.config import Limits
    from leanlab.sandbox.jobprofile import Plan

FOLDER = "/job"
"""Where a job finds itself. The same everywhere, so that it tells nothing of the lab."""
FILE = "{file}"
"""Stands for the experiment in a command."""

_PATH = "/usr/local/bin:/usr/bin:/bin"
_LEANLAB = Path(__file__).parents[1]
_PYTHONS = ("python", "python3")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One job."""

    command: Sequence[str]
    source: bytes
    name: str
    """Of the experiment, which lies beside the job's folders."""
    inputs: Mapping[str, bytes | Path]
    output_kb: int

    @property
    def contents(self) -> list[bytes | Path]:
        """In the order of the plan: the experiment, then the inputs."""
        return [self.source, *self.inputs.values()]


def plan_of(
    order: Order,
    limits: Limits,
    *,
    packages: Mapping[str, str],
    hidden: Sequence[Path],
    user: bool,
) -> Plan:
    """Say where everything goes.

    packages are the files that candidates may read, as path and real path. Raises EvaluatorError
    when the order cannot be carried out as it is.
    """
    program = _program(order.command)
    trees, links = surroundings.find(program, _environment_of(program))
    stores = _stores()
    trees = {path: real for path, real in trees.items() if not _lies_in(real, stores)}
    masked = _masks(trees, stores, [*hidden, _LEANLAB])
    loose = {path: real for path, real in packages.items() if not _lies_in(path, trees)}
    back = {path: real for path, real in packages.items() if _lies_in(path, masked)}
    return {
        "command": [program, *(word.replace(FILE, order.name) for word in order.command[1:])],
        "environment": _variables(loose),
        "folder": FOLDER,
        "readable": trees | loose | back,
        "links": links,
        "masked": masked,
        "user": user,
        "megabytes": limits.memory_mb,
        "cpu_seconds": max(1, math.ceil(limits.cpu_seconds)),
        "experiment": order.name,
        "size": len(order.source),
        "inputs": [(check_name(name), _size(what)) for name, what in order.inputs.items()],
        "output_kb": order.output_kb,
    }


def check_name(name: str) -> str:
    """Return the name of an input or output; EvaluatorError unless it is a plain relative path."""
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or str(path) != name:
        raise EvaluatorError(
            f"a job's file is named {name!r}. Name a path below inputs/ or output/, such as "
            "'train.csv'."
        )
    if "\0" in name:
        raise EvaluatorError(f"a job's file is named {name!r}, which no file can be.")
    return name


def _size(content: bytes | Path) -> int:
    if isinstance(content, bytes):
        return len(content)
    try:
        return content.stat().st_size
    except OSError as error:
        raise EvaluatorError(
            f"{content} cannot be handed to a job: {error.strerror}. Mend evaluation.py or the "
            "lab's data."
        ) from error


def _program(command: Sequence[str]) -> str:
    if not command:
        raise EvaluatorError("a job's command is empty. Name a program, such as 'python'.")
    name = command[0]
    if name in _PYTHONS:
        return sys.executable
    found = shutil.which(name)
    if found is None or not Path(found).is_absolute():
        raise EvaluatorError(
            f"a job's program {name!r} is not installed here. Install it, or name another, by its "
            "absolute path or as the PATH finds it."
        )
    return found


def _environment_of(program: str) -> list[str]:
    """The environment that a program lies in (Python's or conda's), and what that was made from."""
    prefix = Path(program).parent.parent
    settings = prefix / "pyvenv.cfg"
    if settings.is_file():
        pairs = [line.partition("=") for line in settings.read_text().splitlines()]
        homes = [value.strip() for key, _, value in pairs if key.strip() == "home"]
        bases = [Path(home).parent for home in homes]
        return [str(path) for base in bases for path in (prefix, base, base.resolve())]
    return [str(prefix)] if (prefix / "conda-meta").is_dir() else []


def _stores() -> list[str]:
    """Where the packages of this Python lie, of which a job gets those in imports."""
    found = {Path(entry) for entry in [*sys.path, site.getusersitepackages()]}
    found |= {path / name for path in readable.standard_library() for name in readable.PACKAGES}
    return sorted({str(path.resolve()) for path in found if path.name in readable.PACKAGES})


def _masks(trees: Mapping[str, str], stores: Sequence[str], hidden: Sequence[Path]) -> list[str]:
    """Where, in what is shown, there is something to hide: the lab, leanlab, what is no import."""
    secrets = [str(path.resolve()) for path in hidden]
    for tree, real in trees.items():
        if _lies_in(real, secrets):
            raise EvaluatorError(f"a job would need {tree}, which is hidden from it. Move it out.")
    return sorted(
        tree + path[len(real) :]
        for tree, real in trees.items()
        for path in {*stores, *secrets}
        if _lies_in(path, [real]) and os.path.isdir(path)  # noqa: PTH112
    )


def _lies_in(path: str, folders: Iterable[str]) -> bool:
    return any(f"{path}/".startswith(f"{folder}/") for folder in folders)


def _variables(loose: Mapping[str, str]) -> dict[str, str]:
    """All that a job finds in its environment: nothing of the user's."""
    # A package that lies in no store was found by a path of its own, as in an editable install.
    parents = {os.path.dirname(path) for path in loose}  # noqa: PTH120 - hundreds of paths
    paths = [entry for entry in dict.fromkeys(sys.path) if entry in parents]
    return {
        "HOME": FOLDER,
        "LANG": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}:{_PATH}",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": "/tmp",  # noqa: S108 - its own
    } | ({"PYTHONPATH": ":".join(paths)} if paths else {})
