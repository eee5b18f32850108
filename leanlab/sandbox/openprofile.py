"""The second profile: one command of an open lab, with all that it starts, in a world of its own.

See enclosure.py. The command has a fresh copy of the lab at the lab's own path. Only the standard
library is imported here.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from leanlab.sandbox import enclosure, kernel, scratch

if TYPE_CHECKING:
    from collections.abc import Callable


class Plan(enclosure.Plan):
    """What the evaluator tells the helper, as JSON. folder is the lab's, and where its copy is."""

    left_out: list[str]
    """Paths in the lab that the copy does not have."""
    experiments: str
    experiment: str


def main() -> None:
    """Read a plan from standard input, run its command, end as it does.

    argv ends in the parent's process id and the descriptor to report on.
    """
    parent, report = int(sys.argv[-2]), int(sys.argv[-1])
    enclosure.follow_parent(parent)
    plan: Plan = json.loads(sys.stdin.buffer.read())
    enclosure.run(plan, report, lambda: _copying(plan))


def _copying(plan: Plan) -> Callable[[str], None]:
    # By descriptors, because the new root may be mounted over the folder that they lie in.
    lab = os.open(plan["folder"], os.O_PATH | os.O_CLOEXEC)
    experiment = os.open(plan["experiment"], os.O_RDONLY | os.O_CLOEXEC)
    return lambda stage: _copy_lab(plan, stage, lab, experiment)


def _copy_lab(plan: Plan, stage: str, lab: int, experiment: int) -> None:
    source, target = f"/proc/self/fd/{lab}", stage + plan["folder"]
    try:
        shown = scratch.fill(source, target, plan["left_out"], plan["experiments"])
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        size = f"limits.memory_mb, {plan['megabytes']}"
        raise OSError(error.errno, f"a copy of the lab does not fit into {size}") from error
    for path, place in shown:
        kernel.attach(kernel.clone_tree(path), place, enclosure.READ_ONLY)
        plan["readable"][place.removeprefix(stage)] = path
    Path(stage + plan["experiment"]).parent.mkdir(parents=True, exist_ok=True)
    scratch.copy(f"/proc/self/fd/{experiment}", stage + plan["experiment"])
    Path(target, plan["environment"]["HOME"].rpartition("/")[2]).mkdir(exist_ok=True)
    os.close(lab)
    os.close(experiment)
