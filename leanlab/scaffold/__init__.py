"""Makes a lab: from a skeleton, from another lab, or from files that were approved."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import shutil
from typing import TYPE_CHECKING, Any

from leanlab.config import load
from leanlab.errors import ConfigError, ConfinementUnavailable, LabError
from leanlab.evaluator import Evaluator
from leanlab.lab import Lab, open_lab
from leanlab.packages import usual_name
from leanlab.seal import write_seal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)


def make(
    target: Path,
    fill: Callable[[Path], None],
    sets: Mapping[str, str] | None = None,
    *,
    finished: bool = True,
) -> Lab:
    """Make a lab in a new folder that fill() writes to; finished, it has its data and its seal.

    The folder appears whole or not at all.
    """
    check_name(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir()
        fill(part)
        _change(part / "lab.json", {"name": target.name})
        if sets:
            _change(part / "lab.json", {"params": open_lab(part, sets).config.params})
        if finished:
            finish(open_lab(part))
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return open_lab(target)


def check_name(target: Path) -> None:
    """Raise a LabError when no lab can be made there."""
    if not NAME.fullmatch(target.name):
        raise LabError(
            f"{target.name or target} is no name for a lab. "
            "Use letters, digits, '.', '_' and '-', and begin with a letter or a digit."
        )
    if target.exists() or target.is_symlink():
        raise LabError(f"{target} exists already. Choose another name, or move it away.")


def _change(path: Path, changes: Mapping[str, Any]) -> None:
    """Change keys of lab.json; where nothing changes, its bytes stay as they are."""
    load(path)
    whole = json.loads(path.read_bytes())
    if whole | dict(changes) != whole:
        text = json.dumps(whole | dict(changes), indent=2, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")


def finish(lab: Lab) -> None:
    """Make the data and the seal, unless the lab has to be prepared before its first run."""
    for module in lab.config.imports:
        top = module.partition(".")[0]
        if importlib.util.find_spec(top) is None:
            raise ConfigError(
                f"experiments of this lab may import {module}, which is not installed here. "
                f"Install it: pip install {usual_name(top)}"
            )
    if lab.config.prepare_cmd is None:
        asyncio.run(_seal(lab))


async def _seal(lab: Lab) -> None:
    """Make the data, where the lab can, and seal the frozen files."""
    if not lab.is_native:
        write_seal(lab)
        return
    try:
        async with Evaluator(lab):
            pass
    except ConfinementUnavailable:
        # Rules can be written where nothing can be run; `leanlab run` says what is missing.
        write_seal(lab)
