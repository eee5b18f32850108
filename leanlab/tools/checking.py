"""validate: the lab's own check of the contract, run by the evaluator, outside the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab.evaluator.intake import Rejected, look
from leanlab.labkit.tool import Tool, ToolRefused
from leanlab.tools.files import Experiment

if TYPE_CHECKING:
    from pathlib import Path

    from leanlab.evaluator import Evaluator
    from leanlab.lab import Lab
    from leanlab.records import Verdict


class _Validate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file: Experiment


def validate_tool(workspace: Path, lab: Lab, evaluator: Evaluator) -> Tool:
    async def run(asked: _Validate) -> str:
        try:
            path, content = look(asked.file, workspace)
        except Rejected as reason:
            raise ToolRefused(str(reason)) from reason
        verdict = await check(path.name, content, lab, evaluator)
        if verdict is None:
            return "VALID"
        return f"INVALID: {verdict.error.text if verdict.error else verdict.status}"

    return Tool(
        name="validate",
        description="Check a file against the contract of the task, before you answer. No score.",
        arguments=_Validate,
        run=run,
    )


async def check(name: str, content: bytes, lab: Lab, evaluator: Evaluator) -> Verdict | None:
    """Return why an experiment that is not the lab's yet breaks the contract, or None."""
    # A copy: what the evaluator reads cannot change under it, nor lead elsewhere.
    copy = lab.state / "validating" / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(content)
    try:
        return await evaluator.validate(copy)
    finally:
        copy.unlink(missing_ok=True)
