"""prepare_cmd: what a lab needs from the network, fetched once, and only when the user agrees."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from leanlab.errors import EvaluatorError, LabError
from leanlab.evaluator.command import arguments_of, finish, unconfined
from leanlab.sandbox.commands import HOME, command_environment

if TYPE_CHECKING:
    from leanlab.lab import Lab


def _marker(lab: Lab) -> Path:
    """In the lab's own folder: variants share what was prepared."""
    return lab.folder / ".leanlab" / "prepared"


def due(lab: Lab) -> str | None:
    """Return the command that has not been run as it stands; None when there is nothing to do."""
    command = lab.config.prepare_cmd
    if command is None:
        return None
    try:
        done = _marker(lab).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        done = ""
    return None if done == _name(command) else command


def _name(command: str) -> str:
    return hashlib.sha256(command.encode()).hexdigest()


async def prepare(lab: Lab, *, agreed: bool) -> bool:
    """Run what is due, with the user's rights and network; tell whether anything was.

    Raises LabError when the user has not agreed, and EvaluatorError when the command fails.
    """
    command = due(lab)
    if command is None:
        return False
    if not agreed:
        raise LabError(
            f"{lab.folder} has to be prepared first, with the network and your rights, by: "
            f"{command}. To agree: leanlab run {lab.named} --prepare, or LEANLAB_PREPARE=1"
        )
    environment = command_environment(lab.folder)
    if lab.is_native:
        environment.pop("HOME")
    else:
        (lab.folder / HOME).mkdir(exist_ok=True)
    # There is no experiment: {file} stays as it is.
    arguments = arguments_of(command, Path("{file}"))
    try:
        done = await finish(unconfined(arguments, lab.folder, environment), None)
    except OSError as error:
        raise EvaluatorError(
            f"prepare_cmd of {lab.folder} cannot be started: {error.strerror}. Mend lab.json."
        ) from error
    if done.code != 0:
        words = (done.errors.strip() or done.output.strip())[-2000:]
        raise EvaluatorError(
            f"prepare_cmd of {lab.folder} ended with status {done.code}. Mend it and run again; "
            f"its last words: {words}"
        )
    marker = _marker(lab)
    marker.parent.mkdir(exist_ok=True)
    marker.write_text(f"{_name(command)}\n", encoding="utf-8")
    return True
