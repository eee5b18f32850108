"""What a turn of Claude's costs beyond the SDK and Claude: in this process, and for the fence."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient

from leanlab.backends.claude.launch import Launcher, fenced
from leanlab.backends.claude.login import Login
from leanlab.labkit.tool import schema_of
from leanlab.roles import NoteReply

from ..fake_anthropic import FakeAnthropic
from ..test_claude_turns import DONE, MODEL, Parity
from .figures import Figure, milliseconds


def children_cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of what work starts and waits for: a wait for a free core is not in it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cpu_seconds_in_pairs(folder: Path, *, pairs: int) -> list[tuple[float, float]]:
    """This process' CPU time for a turn by the SDK alone, and right after that by leanlab.

    The server that plays the model is in this process both times.
    """
    with FakeAnthropic(DONE) as fake:
        return asyncio.run(_turns(Parity(folder, fake, key=None), fake.url, folder, pairs))


async def _turns(parity: Parity, url: str, folder: Path, pairs: int) -> list[tuple[float, float]]:
    backend, request = parity.backend(), parity.request()
    environment = {"ANTHROPIC_BASE_URL": url, "CLAUDE_CONFIG_DIR": str(folder / "plain")}
    environment["ANTHROPIC_API_KEY"] = "none"
    form = {"type": "json_schema", "schema": schema_of(NoteReply)}
    options = ClaudeAgentOptions(
        model=MODEL, tools=[], env=environment, output_format=form, cwd=request.cwd,
        include_partial_messages=True, setting_sources=[],
    )  # fmt: skip
    measured = []
    for _ in range(pairs):
        start = time.process_time()
        async with ClaudeSDKClient(options) as client:
            await client.query("Go on.")
            async for _message in client.receive_response():
                pass
        between = time.process_time()
        assert (await backend.ask(request)).error is None
        measured.append((between - start, time.process_time() - between))
    return measured


def fence_cpu_seconds(folder: Path, *, runs: int) -> list[float]:
    """CPU time of Claude's launcher with a program in it that does nothing."""
    with FakeAnthropic(DONE) as fake:
        parity = Parity(folder, fake, key=None)
    nothing, login = Path("/bin/true"), Login(words="", environment={})
    cwd = parity.request("worker").cwd
    launcher = Launcher(folder, "launcher")
    launcher.write(fenced(nothing, parity.lab, cwd, folder, login, writing=True))

    def run(program: Path) -> float:
        return children_cpu_seconds(lambda: subprocess.run([program], check=True))

    return [run(launcher.path) - run(nothing) for _ in range(runs)]


def figures(folder: Path, *, pairs: int) -> list[Figure]:
    fence = fence_cpu_seconds(folder, runs=pairs)
    turns = cpu_seconds_in_pairs(folder, pairs=pairs)
    added = [ours - plain + of_fence for (plain, ours), of_fence in zip(turns, fence, strict=True)]
    return [
        Figure(name="starting Claude behind the fence, CPU", unit="ms", values=milliseconds(fence)),
        Figure(
            name="a turn of Claude's, CPU beyond the SDK",
            unit="ms",
            values=milliseconds(added),
            at_most=10,
        ),
    ]
