"""A run whose Critic is Claude, by leanlab or by the SDK alone: prints what it cost, as JSON.

Run as a module: tests.benchmarks.turn_process leanlab|sdk LAB TRIALS URL, of a server that plays
the model.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    ResultMessage,
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
STARTS = 20


class Claude:
    """Asks Claude for the Critic, by leanlab's backend or else by the SDK alone.

    Both ways there are the same tools, and none is called.
    """

    name = "measured"
    model = MODEL
    unfenced = False

    def __init__(self, lab: Lab, url: str, folder: Path, *, trials: int, by_leanlab: bool) -> None:
        self.began: list[float] = []
        """CPU time of this process, all its threads, as each of the Critic's turns began."""
        self.starts: list[tuple[float, float]] = []
        """What the fence adds to the start of a program: here, and in the process started."""
        self._lab = lab
        self._folder = folder
        self._trials = trials
        self._by_leanlab = by_leanlab
        self._environment = {
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
        self.began.append(time.process_time())
        if len(self.began) == self._trials:
            # While the loop is as large as it gets, and when nothing is measured any more.
            self.starts = [self._start(request) for _ in range(STARTS)]
        if not self._by_leanlab:
            return await self._ask_plainly(request)
        result = await self._claude.ask(request)
        assert result.error is None
        return result

    async def _ask_plainly(self, request: Request) -> Result:
        form = {"type": "json_schema", "schema": schema_of(request.answer)}
        hands = [name for each in request.tools for name in HANDS.get(each.name, ())]
        served = [idle(each) for each in request.tools if each.name not in HANDS]
        options = ClaudeAgentOptions(
            model=MODEL, tools=hands, output_format=form, cwd=request.cwd,
            mcp_servers={"plain": create_sdk_mcp_server("plain", tools=served)},
            env=self._environment, include_partial_messages=True, setting_sources=[],
        )  # fmt: skip
        answer = None
        async with ClaudeSDKClient(options) as client:
            await client.query(request.prompt)
            async for message in client.receive_response():
                if isinstance(message, ResultMessage):
                    answer = message.structured_output
        return Result(data=answer)

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


def main(by: str, lab: str, trials: int, url: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        opened = open_lab(lab)
        claude = Claude(opened, url, Path(folder), trials=trials, by_leanlab=by == "leanlab")
        run(opened, backend=claude, trials=trials)
    trial_cpu = [end - start for start, end in pairwise(claude.began)]
    print(json.dumps({"trials": trial_cpu, "starts": claude.starts, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
