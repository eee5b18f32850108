"""The hook that every call of a tool goes through first. What it cannot read is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

_PATHS = ("file_path", "path", "notebook_path")
_WRITING = ("Write", "Edit")
_UNPATHED = ("WebSearch",)
ANSWER = "StructuredOutput"
"""Claude's own tool for the answer."""
SERVER = "leanlab"
PREFIX = f"mcp__{SERVER}__"


class Guard:
    """Lets the role's tools through, inside the workspace, writing in experiments/ alone."""

    def __init__(self, workspace: Path, tools: Collection[str]) -> None:
        self._workspace = workspace.resolve()
        self._tools = {*tools, ANSWER}

    async def __call__(self, call: Any, _id: str | None, _context: Any) -> dict[str, Any]:
        """Answer as a PreToolUse hook. Whatever it raises refuses the call."""
        why = self.refusal(call["tool_name"], call["tool_input"])
        if not why:
            return {}
        return {
            "hookSpecificOutput": {
                "hookEventName": "PreToolUse",
                "permissionDecision": "deny",
                "permissionDecisionReason": why,
            }
        }

    def refusal(self, name: str, arguments: dict[str, Any]) -> str:
        """Say why a call is refused; empty when it is not."""
        if name not in self._tools:
            return f"there is no tool {name!r} here."
        if name.startswith(PREFIX) or name in (ANSWER, *_UNPATHED):
            return ""
        for key in _PATHS:
            if key in arguments and (why := self._outside(name, str(arguments[key]))):
                return why
        if name == "Glob":
            return self._outside(name, str(arguments["pattern"]))
        return ""

    def _outside(self, name: str, named: str) -> str:
        path = self._workspace / named
        if ".." in Path(named).parts or not path.resolve().is_relative_to(self._workspace):
            return f"{named[:200]!r} is outside your folder. Name a path inside it."
        if name in _WRITING and path.resolve().parent != self._workspace / "experiments":
            return f"{named[:200]!r} is not in experiments/. Only there you can write."
        return ""
