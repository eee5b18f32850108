"""One turn of a role: what Claude says as it comes, and what the turn came to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab import events
from leanlab.backends import Failure, Result
from leanlab.backends.claude.accounts import TOKENS
from leanlab.backends.claude.faults import failure, failure_of, fault_of, of_status
from leanlab.backends.claude.guard import ANSWER, PREFIX
from leanlab.backends.speech import Speech
from leanlab.memory import clipped

if TYPE_CHECKING:
    from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, ResultMessage

    from leanlab.backends import Request
    from leanlab.backends.claude.accounts import ListPrices
    from leanlab.backends.claude.launch import Launcher

# What goes wrong in the SDK comes back as an exception; it would be printed besides.
logging.getLogger("claude_agent_sdk").addHandler(logging.NullHandler())
_SHOWN = 500
_LAST_WORDS = 2000
_LONGEST_OWN_PAUSE = 2.0
_LAST_SECONDS = 3.0
"""To end a turn that is interrupted: Claude tells what it has cost."""


class Turn:
    """Follows one process of Claude's from its start to its end."""

    def __init__(
        self, request: Request, launcher: Launcher, prices: ListPrices, silence: float
    ) -> None:
        self._request = request
        self._launcher = launcher
        self._prices = prices
        self._silence = silence
        self._end: ResultMessage | None = None
        self._stop: asyncio.Future[Failure] = asyncio.get_running_loop().create_future()
        self._broken: Exception | None = None
        self._heard = 0.0
        self._calls: dict[str, str] = {}
        self._speech = Speech(request)
        self._words = ""
        self._model = ""
        self._answer: dict[str, int] = {}
        self._tokens = 0
        self._usd: float | None = None

    def break_off(self, error: Exception) -> None:
        """A tool raised what no tool may raise: the run ends with it."""
        self._broken = error
        self._stop_for(failure("crash", str(error)))

    async def run(self, options: ClaudeAgentOptions, prompt: str) -> Result:
        """Ask; return the result. Cancelled, it leaves no process behind."""
        from claude_agent_sdk import ClaudeSDKClient, ClaudeSDKError

        options.stderr = self._note_error
        client = ClaudeSDKClient(options)
        error: Failure | None
        try:
            async with asyncio.timeout(self._request.allowance.seconds):
                with self._launcher.routed():
                    await client.connect()
                await client.query(prompt)
            error = await self._follow(client)
        except TimeoutError:
            error = _out_of_time()
        except ClaudeSDKError as fault:
            error = fault_of(fault, self._words)
        finally:
            if self._end is None:
                self._launcher.kill()
            await client.disconnect()
        if self._broken is not None:
            raise self._broken
        return self._result(error)

    @property
    def total_usd(self) -> float | None:
        """What the whole conversation has cost, as Claude has it; None when it did not say."""
        return None if self._end is None else self._end.total_cost_usd

    async def _follow(self, client: ClaudeSDKClient) -> Failure | None:
        """Read until the end, or until there is a reason to stop; return what was wrong."""
        loop = asyncio.get_running_loop()
        self._heard = start = loop.time()
        allowed = self._request.allowance.seconds
        reading = asyncio.create_task(self._read(client))
        try:
            while not reading.done() and not self._stop.done():
                now = loop.time()
                silent = self._heard + self._silence - now if not self._calls else self._silence
                left = None if allowed is None else start + allowed - now
                if silent <= 0:
                    words = f"the provider gave no answer in {self._silence:g} s"
                    self._stop_for(failure("timeout", words))
                elif left is not None and left <= 0:
                    self._stop_for(_out_of_time())
                else:
                    patience = silent if left is None else min(silent, left)
                    waiting: set[asyncio.Future[Any]] = {reading, self._stop}
                    await asyncio.wait(
                        waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED
                    )
            if not reading.done():
                await self._interrupt(client, reading)
            if reading.done():
                await reading
        finally:
            reading.cancel()
        if self._stop.done():
            return self._stop.result()
        if self._end is None:
            return failure("crash", f"Claude ended without a result. {self._words}")
        return failure_of(self._end)

    async def _interrupt(self, client: ClaudeSDKClient, reading: asyncio.Task[None]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await client.interrupt()
                await asyncio.wait({reading})

    def _stop_for(self, why: Failure) -> None:
        if not self._stop.done():
            self._stop.set_result(why)

    async def _read(self, client: ClaudeSDKClient) -> None:
        from claude_agent_sdk import (
            AssistantMessage,
            ResultMessage,
            StreamEvent,
            SystemMessage,
            UserMessage,
        )

        loop = asyncio.get_running_loop()
        async for message in client.receive_response():
            self._heard = loop.time()
            if isinstance(message, StreamEvent):
                self._stream(message.event)
            elif isinstance(message, AssistantMessage):
                self._called(message.content)
            elif isinstance(message, UserMessage) and isinstance(message.content, list):
                self._answered(message.content)
            elif isinstance(message, SystemMessage) and message.subtype == "api_retry":
                self._retried(message.data)
            elif isinstance(message, ResultMessage):
                self._end = message
                self._count_the_rest(message.usage or {})

    def _stream(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "message_start":
            self._model = event["message"].get("model", "")
            self._answer = _counts(event["message"].get("usage") or {})
        elif kind == "content_block_delta" and event["delta"].get("type") == "text_delta":
            self._speech.say(event["delta"]["text"])
        elif kind == "message_delta":
            self._answer |= _counts(event.get("usage") or {})
        elif kind == "message_stop":
            self._speech.flush()
            self._use(self._answer)
            self._answer = {}

    def _use(self, counts: dict[str, int]) -> None:
        """Tell what an answer took; its price is the list's until Claude tells its own."""
        tokens = sum(counts.values())
        if tokens <= 0:
            return
        usd = self._prices.cost(self._model, counts)
        self._tokens += tokens
        if usd is not None:
            self._usd = (self._usd or 0.0) + usd
        self._request.emit(
            events.Used(role=self._role, trial=self._trial, tokens=tokens, cost_usd=usd)
        )
        if over := self._request.allowance.exceeded(self._usd, self._tokens):
            self._stop_for(failure("budget", f"{over}."))

    def _count_the_rest(self, usage: dict[str, Any]) -> None:
        """What no stream told of: answers that came whole, and Claude's own helpers."""
        rest = sum(_counts(usage).values()) - self._tokens
        if rest > 0:
            self._tokens += rest
            self._request.emit(
                events.Used(role=self._role, trial=self._trial, tokens=rest, cost_usd=None)
            )

    def _called(self, content: list[Any]) -> None:
        from claude_agent_sdk import ToolUseBlock

        for block in content:
            if isinstance(block, ToolUseBlock) and block.name != ANSWER:
                name = self._calls[block.id] = block.name.removeprefix(PREFIX)[:100]
                shown = clipped(msgspec.json.encode(block.input).decode())[:_SHOWN]
                self._request.emit(
                    events.ToolCalled(
                        role=self._role, trial=self._trial, tool=name, arguments=shown
                    )
                )

    def _answered(self, content: list[Any]) -> None:
        from claude_agent_sdk import ToolResultBlock

        for block in content:
            if isinstance(block, ToolResultBlock) and block.tool_use_id in self._calls:
                self._request.emit(
                    events.ToolAnswered(
                        role=self._role,
                        trial=self._trial,
                        tool=self._calls.pop(block.tool_use_id),
                        text=clipped(_text(block.content))[:_SHOWN],
                        refused=bool(block.is_error),
                    )
                )

    def _retried(self, data: dict[str, Any]) -> None:
        """Claude asks again by itself; a long pause is for the loop to make, where it is seen."""
        status, seconds = data.get("error_status"), (data.get("retry_delay_ms") or 0) / 1000
        reason = str(data.get("error") or "the connection failed")
        reason += f" ({status})" if status else ""
        self._request.emit(events.Retrying(role=self._role, trial=self._trial, reason=reason))
        if status is not None and seconds > _LONGEST_OWN_PAUSE:
            self._stop_for(failure(of_status(status), reason, seconds))

    def _note_error(self, line: str) -> None:
        self._words = f"{self._words}\n{line}"[-_LAST_WORDS:].strip()

    def _result(self, error: Failure | None) -> Result:
        end = self._end
        return Result(
            data=None if end is None else end.structured_output,
            text="" if end is None else end.result or "",
            tokens=self._tokens or None,
            error=error,
        )

    @property
    def _role(self) -> events.Role:
        return self._request.role

    @property
    def _trial(self) -> int:
        return self._request.brief.trial


def _out_of_time() -> Failure:
    return failure("budget", "the time of the run is used up")


def _counts(usage: dict[str, Any]) -> dict[str, int]:
    """Tokens by kind: all that was read, cached or not, and what was written."""
    return {name: int(usage[name]) for name in TOKENS if usage.get(name) is not None}


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content or [] if isinstance(part, dict))
