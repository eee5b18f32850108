"""A run whose Critic is asked twice a trial: prints what that cost this process, as JSON.

Run as a module: tests.benchmarks.turn_process LAB PAIRS URL, of a server that plays the model.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    SdkMcpTool,
    create_sdk_mcp_server,
    tool,
)

from leanlab import run
from leanlab.backends import Request, Result
from leanlab.backends.claude import ClaudeBackend
from leanlab.backends.claude.launch import fenced
from leanlab.backends.claude.login import Login
from leanlab.backends.claude.options import HANDS
from leanlab.backends.scripted import ScriptedBackend, Step
from leanlab.config import RoleChoice
from leanlab.lab import Lab, open_lab
from leanlab.labkit.tool import Tool, schema_of

from .figures import cpu_seconds
from .loop_process import WEAK, peak_mb

MODEL = "claude-sonnet-4-5"
NOTHING = Path("/bin/true")


class AskedTwice:
    """Has each of the Critic's turns taken by the SDK alone, and right after that by leanlab.

    Both have the same tools, and call none of them.
    """

    name = "twice"
    model = MODEL
    unfenced = False

    def __init__(self, lab: Lab, url: str, folder: Path) -> None:
        self.turns: list[tuple[float, float]] = []
        """CPU time of this process, by the SDK and by leanlab."""
        self.starts: list[tuple[float, float]] = []
        """What the fence added to the start of a program: here, and in the process started."""
        self._lab = lab
        self._folder = folder
        self._plain = {
            "ANTHROPIC_BASE_URL": url,
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CONFIG_DIR": str(folder),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }
        self._worker = ScriptedBackend([Step(code=WEAK)])
        settings = RoleChoice(base_url=url, model=MODEL)
        self._claude = ClaudeBackend.of(lab, settings, allow_unfenced=False)

    async def ask(self, request: Request) -> Result:
        if request.role == "worker":
            return await self._worker.ask(request)
        start = time.process_time()
        await self._ask_plainly(request)
        between = time.process_time()
        result = await self._claude.ask(request)
        self.turns.append((between - start, time.process_time() - between))
        assert result.error is None
        self.starts.append(self._start(request))
        return result

    async def _ask_plainly(self, request: Request) -> None:
        form = {"type": "json_schema", "schema": schema_of(request.answer)}
        hands = [name for tool in request.tools for name in HANDS.get(tool.name, ())]
        served = [idle(each) for each in request.tools if each.name not in HANDS]
        options = ClaudeAgentOptions(
            model=MODEL, tools=hands, output_format=form, cwd=request.cwd,
            mcp_servers={"plain": create_sdk_mcp_server("plain", tools=served)},
            env=self._plain, include_partial_messages=True, setting_sources=[],
        )  # fmt: skip
        async with ClaudeSDKClient(options) as client:
            await client.query(request.prompt)
            async for _message in client.receive_response():
                pass

    def _start(self, request: Request) -> tuple[float, float]:
        login = Login(words="", environment={})
        around = fenced(NOTHING, self._lab, request.cwd, self._folder, login, writing=True)

        def behind_the_fence() -> None:
            with around.prepared() as put_up:
                subprocess.run([NOTHING], preexec_fn=put_up, check=True)

        plain = cpu_seconds(lambda: subprocess.run([NOTHING], check=True))
        behind = cpu_seconds(behind_the_fence)
        return behind[0] - plain[0], behind[1] - plain[1]

    async def close(self) -> None:
        await self._claude.close()


def idle(described: Tool) -> SdkMcpTool[Any]:
    """A tool that looks the same to the SDK and to Claude."""

    @tool(described.name, described.description, described.schema)
    async def nothing(_: Any) -> dict[str, Any]:
        return {"content": []}

    return nothing


def main(lab: str, pairs: int, url: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        opened = open_lab(lab)
        backend = AskedTwice(opened, url, Path(folder))
        run(opened, backend=backend, trials=pairs)
    cost = {"turns": backend.turns, "starts": backend.starts, "peak_mb": peak_mb()}
    print(json.dumps(cost))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
