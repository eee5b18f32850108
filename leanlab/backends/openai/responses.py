"""The Responses API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import openai

from leanlab.backends import Failure
from leanlab.backends.openai.faults import by_code
from leanlab.backends.openai.wire import Call, CutOff, Reply, stopped
from leanlab.backends.prices import Usage

if TYPE_CHECKING:
    from leanlab.config import RoleChoice
    from leanlab.labkit.tool import Tool

_ENDS = ("response.completed", "response.incomplete", "response.failed")
_ENCRYPTED = "reasoning.encrypted_content"
_FEWEST_TOKENS = 16
"""The API refuses a smaller max_output_tokens."""


class Responses:
    """Keeps the history itself: compatible servers ignore previous_response_id."""

    form = "responses"

    def __init__(
        self, client: openai.AsyncOpenAI, model: str, settings: RoleChoice, *, web: bool = False
    ) -> None:
        self._client = client
        self._model = model
        self._settings = settings
        self._web = web
        # Thoughts come back readable by the provider alone; other servers do not know of it.
        self._include = [] if settings.base_url else [_ENCRYPTED]

    def prompt(self, text: str) -> Any:
        return {"role": "user", "content": text}

    def answer(self, call: Call, text: str) -> Any:
        return {"type": "function_call_output", "call_id": call.id, "output": text}

    async def ask(
        self,
        items: Sequence[Any],
        tools: Sequence[Tool],
        max_tokens: int | None,
        say: Callable[[str], None],
    ) -> Reply:
        try:
            return await self._ask(items, tools, max_tokens, say)
        except openai.BadRequestError as error:
            if not self._include or "ncrypted" not in str(error):
                raise
        # A model that does not think.
        self._include = []
        return await self._ask(items, tools, max_tokens, say)

    async def _ask(
        self,
        items: Sequence[Any],
        tools: Sequence[Tool],
        max_tokens: int | None,
        say: Callable[[str], None],
    ) -> Reply:
        end: Any = None
        # Not responses.stream(), which raises on arguments that are not whole JSON.
        stream: Any = await self._client.responses.create(
            model=self._model,
            input=list(items),
            stream=True,
            store=False,
            **self._options(tools, max_tokens),
        )
        async with stream:
            async for event in stream:
                if event.type == "response.output_text.delta":
                    say(event.delta)
                elif event.type in _ENDS:
                    end = event.response
                elif event.type == "error":
                    return Reply(failure=by_code(event.code, event.message))
        if end is None:
            raise CutOff("the answer was cut off")
        return _reply(end)

    def _options(self, tools: Sequence[Tool], max_tokens: int | None) -> dict[str, Any]:
        settings = self._settings
        functions: list[dict[str, Any]] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.schema,
                "strict": False,
            }
            for tool in tools
        ]
        if settings.code_interpreter:
            functions.append({"type": "code_interpreter", "container": {"type": "auto"}})
        if self._web:
            functions.append({"type": "web_search"})
        options: dict[str, Any] = {"tools": functions} if functions else {}
        if self._include:
            options["include"] = self._include
        if settings.effort:
            options["reasoning"] = {"effort": settings.effort}
        if settings.verbosity:
            options["text"] = {"verbosity": settings.verbosity}
        if max_tokens is not None:
            options["max_output_tokens"] = max(_FEWEST_TOKENS, max_tokens)
        return options


def _reply(response: Any) -> Reply:
    output = response.output or []
    items = [item.model_dump(exclude_none=True, mode="json", warnings=False) for item in output]
    return Reply(
        text=response.output_text,
        calls=tuple(
            Call(id=item.call_id, name=item.name, arguments=item.arguments)
            for item in output
            if item.type == "function_call"
        ),
        # A thought that only the server remembers cannot be referred to: nothing is stored.
        items=tuple(
            item for item in items if item["type"] != "reasoning" or "encrypted_content" in item
        ),
        usage=_usage(response.usage),
        failure=_failure(response),
    )


def _failure(response: Any) -> Failure | None:
    if response.status == "incomplete":
        return stopped(response.incomplete_details and response.incomplete_details.reason)
    if response.status != "completed":
        error = response.error
        return by_code(error.code if error else None, error.message if error else "it failed")
    for item in response.output or []:
        for part in item.content if item.type == "message" else []:
            if part.type == "refusal":
                return Failure(kind="refusal", message=f"the model refused: {part.refusal}")
    return None


def _usage(usage: Any) -> Usage | None:
    if usage is None:
        return None
    details = usage.input_tokens_details
    return Usage(
        input=usage.input_tokens,
        cached=(details and details.cached_tokens) or 0,
        output=usage.output_tokens,
        cost_usd=getattr(usage, "cost", None),
    )
