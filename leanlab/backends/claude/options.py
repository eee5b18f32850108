"""How the SDK is set up for a turn: what there is, what is allowed, what is denied."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab import events
from leanlab.backends.calling import call
from leanlab.backends.claude.guard import PREFIX, SERVER, Guard
from leanlab.backends.claude.login import KEYS
from leanlab.labkit.tool import schema_of

if TYPE_CHECKING:
    from claude_agent_sdk import ClaudeAgentOptions, McpSdkServerConfig

    from leanlab.backends import Request
    from leanlab.config import RoleChoice
    from leanlab.labkit.tool import Tool

HANDS = {"read": ("Read",), "search": ("Glob", "Grep"), "write": ("Write",), "edit": ("Edit",)}
"""Tools that Claude has itself: it knows them better than ours, and they are fenced alike."""
_VERBS = ("Read", "Edit")
"""Of the rules: Grep and Glob go by the first, Write by the second."""
_BUFFER = 64 << 20
_RETRIES = "1"
"""Of the CLI's own, which nobody sees counted down; the loop pauses longer, and says so."""


def build(
    request: Request,
    settings: RoleChoice,
    *,
    model: str,
    web: bool,
    hidden: Sequence[Path],
    fault: Callable[[Exception], None],
) -> ClaudeAgentOptions:
    """Options for one turn; program, session and environment are still to be filled in.

    fault is told of what a tool raised that no tool may raise.
    """
    from claude_agent_sdk import ClaudeAgentOptions, HookMatcher

    hands = [name for tool in request.tools for name in HANDS.get(tool.name, ())]
    hands += ["WebSearch"] if web else []
    served = [tool for tool in request.tools if tool.name not in HANDS]
    names = [f"{PREFIX}{tool.name}" for tool in served]
    here = _rule(request.cwd)
    reading, writing = f"Read({here}/**)", f"Edit({here}/experiments/**)"
    guard: Any = Guard(request.cwd, [*hands, *names])
    allowed = {"Read": reading, "Glob": reading, "Grep": reading, "Write": writing, "Edit": writing}
    return ClaudeAgentOptions(
        model=model,
        effort=settings.effort,
        cwd=request.cwd,
        tools=hands,
        allowed_tools=[*dict.fromkeys(allowed.get(name, name) for name in hands), *names],
        disallowed_tools=[
            f"{verb}({_rule(path)}{within})"
            for path in hidden
            for within in ("", "/**")
            for verb in _VERBS
        ],
        permission_mode="dontAsk",
        hooks={"PreToolUse": [HookMatcher(hooks=[guard], on_failure="block")]},
        mcp_servers={SERVER: _server(served, request, fault)} if served else {},
        strict_mcp_config=True,
        setting_sources=[],
        skills=[],
        # Nothing of the user's words is to be expanded, nor run as a command.
        verbatim_prompts=True,
        output_format={"type": "json_schema", "schema": schema_of(request.answer)},
        max_turns=settings.max_turns,
        max_budget_usd=request.allowance.usd,
        include_partial_messages=True,
        max_buffer_size=_BUFFER,
    )


def limits(request: Request, settings: RoleChoice) -> dict[str, str]:
    """The environment that bounds a turn."""
    bounds = [settings.max_output_tokens, request.allowance.tokens]
    most = min((bound for bound in bounds if bound is not None), default=None)
    return {
        "CLAUDE_CODE_MAX_RETRIES": _RETRIES,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "API_TIMEOUT_MS": f"{settings.timeout * 1000:.0f}",
    } | ({} if most is None else {"CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(max(1, most))})


def sandbox(workspace: Path, hidden: Sequence[Path], *, writing: bool) -> Any:
    """Claude's own sandbox for commands, or None where what it needs is missing.

    There is no shell; it is there in case some version of Claude brings one back. It fails
    rather than go without, has no network, and hides the key.
    """
    if not (found("bwrap") and found("socat")):
        return None
    # Unasked it lets a command write anywhere in the workspace; permission rules do not bind it.
    kept = [path for path in workspace.iterdir() if not (writing and path.name == "experiments")]
    return {
        "enabled": True,
        "failIfUnavailable": True,
        "allowUnsandboxedCommands": False,
        "filesystem": {
            "denyRead": [str(path.resolve()) for path in hidden],
            "denyWrite": [str(path.resolve()) for path in kept],
        },
        "credentials": {"envVars": [{"name": name, "mode": "deny"} for name in KEYS]},
    }


def found(program: str) -> bool:
    return shutil.which(program) is not None


def _rule(path: Path) -> str:
    """A path as permission rules write it."""
    return "/" + str(path.resolve())


def _server(
    tools: Sequence[Tool], request: Request, fault: Callable[[Exception], None]
) -> McpSdkServerConfig:
    from claude_agent_sdk import create_sdk_mcp_server

    # What is called and answered is seen in the stream, for Claude's own tools and these alike.
    silent = msgspec.structs.replace(request, emit=events.ignore)
    one_at_a_time = asyncio.Lock()

    def handler(name: str) -> Callable[[Any], Awaitable[dict[str, Any]]]:
        async def handle(arguments: Any) -> dict[str, Any]:
            try:
                async with one_at_a_time:
                    called = await call(tools, name, msgspec.json.encode(arguments), silent)
            except Exception as error:
                fault(error)
                raise
            text = {"type": "text", "text": called.text}
            return {"content": [text], "is_error": called.refused}

        return handle

    from claude_agent_sdk import tool as served

    return create_sdk_mcp_server(
        SERVER,
        tools=[
            served(tool.name, tool.description, tool.schema)(handler(tool.name)) for tool in tools
        ],
    )
