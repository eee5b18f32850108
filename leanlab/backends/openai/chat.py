"""Chat completions: the API that every compatible server has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from leanlab.backends import Failure
from leanlab.backends.openai.wire import Call, CutOff, Reply, stopped
from leanlab.backends.prices import Usage

if TYPE_CHECKING:
    import openai

    from leanlab.config import RoleChoice
    from leanlab.labkit.tool import Tool


class Chat:
    """The answer is asked for by a tool: Ollama ignores tools where a response_format is given."""

    form = "chat"

    def __init__(self, client: openai.AsyncOpenAI, model: str, settings: RoleChoice) -> None:
        self._client = client
        self._model = model
        self._settings = settings

    def prompt(self, text: str) -> Any:
        return {"role": "user", "content": text}

    def answer(self, call: Call, text: str) -> Any:
        return {"role": "tool", "tool_call_id": call.id, "content": text}

    async def ask(
        self,
        items: Sequence[Any],
        tools: Sequence[Tool],
        max_tokens: int | None,
        say: Callable[[str], None],
    ) -> Reply:
        answer = _Answer()
        stream: Any = await self._client.chat.completions.create(
            model=self._model,
            messages=list(items),
            stream=True,
            stream_options={"include_usage": True},
            **self._options(tools, max_tokens),
        )
        async with stream:
            async for chunk in stream:
                if text := answer.add(chunk):
                    say(text)
        return answer.reply()

    def _options(self, tools: Sequence[Tool], max_tokens: int | None) -> dict[str, Any]:
        settings = self._settings
        options: dict[str, Any] = {}
        if tools:
            options["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.schema,
                    },
                }
                for tool in tools
            ]
        if settings.effort:
            options["reasoning_effort"] = settings.effort
        if settings.verbosity:
            options["verbosity"] = settings.verbosity
        if max_tokens is not None:
            # The old name is all that other servers know, and OpenAI's new models refuse it.
            name = "max_tokens" if settings.base_url else "max_completion_tokens"
            options[name] = max(1, max_tokens)
        return options


class _Answer:
    """An answer as it is put together from its chunks."""

    def __init__(self) -> None:
        self._text = ""
        self._refusal = ""
        self._calls: dict[int, dict[str, str]] = {}
        self._usage: Usage | None = None
        self._end: str | None = None

    def add(self, chunk: Any) -> str:
        """Take a chunk; return the text in it."""
        if chunk.usage:
            details = chunk.usage.prompt_tokens_details
            self._usage = Usage(
                input=chunk.usage.prompt_tokens,
                cached=(details and details.cached_tokens) or 0,
                output=chunk.usage.completion_tokens,
                cost_usd=getattr(chunk.usage, "cost", None),
            )
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        self._end = choice.finish_reason or self._end
        self._refusal += getattr(choice.delta, "refusal", None) or ""
        for piece in choice.delta.tool_calls or []:
            call = self._calls.setdefault(piece.index, {"id": "", "name": "", "arguments": ""})
            call["id"] = piece.id or call["id"]
            if piece.function:
                call["name"] += piece.function.name or ""
                call["arguments"] += piece.function.arguments or ""
        text: str = choice.delta.content or ""
        self._text += text
        return text

    def reply(self) -> Reply:
        if self._end is None:
            raise CutOff("the answer was cut off")
        calls = tuple(
            Call(id=call["id"] or f"call_{index}", name=call["name"], arguments=call["arguments"])
            for index, call in sorted(self._calls.items())
        )
        return Reply(
            text=self._text,
            calls=calls,
            items=(self._item(calls),),
            usage=self._usage,
            failure=self._failure(),
        )

    def _item(self, calls: tuple[Call, ...]) -> dict[str, Any]:
        item: dict[str, Any] = {"role": "assistant", "content": self._text or None}
        if calls:
            item["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in calls
            ]
        return item

    def _failure(self) -> Failure | None:
        if self._refusal:
            return Failure(kind="refusal", message=f"the model refused: {self._refusal}")
        return None if self._end in ("stop", "tool_calls", "function_call") else stopped(self._end)
