"""A server on loopback that plays a model: both of OpenAI's APIs, streamed, answers written down.

Every request takes the next step; the last is repeated for ever. What was asked is kept.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Says:
    """One answer of the model, or a fault in place of it."""

    text: str = ""
    calls: tuple[tuple[str, Any], ...] = ()
    """Tools to call, with their arguments: JSON values, or a string that is sent as it is."""
    refusal: str = ""
    stopped: str = ""
    """Why the answer ends early: length, or content_filter."""
    status: int = 200
    error: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    """The connection ends in the middle of the answer, without a word."""
    garbage: bool = False
    """The stream holds something that is no JSON."""
    hang: float = 0.0
    """Seconds before the answer."""
    usage: tuple[int, int, int] | None = (1000, 400, 300)
    """Tokens read, of these cached, and written."""


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def said(self) -> list[str]:
        """The user's words so far."""
        items = self.body.get("input") or self.body.get("messages") or []
        return [item["content"] for item in items if item.get("role") == "user"]

    @property
    def tools(self) -> list[str]:
        tools = self.body.get("tools", [])
        return [tool.get("name") or tool.get("function", {}).get("name", "") for tool in tools]

    @property
    def tool_answers(self) -> list[str]:
        items = self.body.get("input") or self.body.get("messages") or []
        outputs = [item["output"] for item in items if item.get("type") == "function_call_output"]
        return outputs + [item["content"] for item in items if item.get("role") == "tool"]


class FakeOpenAI:
    """Use it as a context manager; url is the base URL."""

    def __init__(self, *steps: Says | Callable[[Asked], Says]) -> None:
        self.steps = list(steps)
        self.asked: list[Asked] = []
        self.before_answer: Callable[[int], None] = lambda _: None
        """Called with the number of the request, from 0."""
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> FakeOpenAI:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def take(self, asked: Asked) -> Says:
        with self._lock:
            number = len(self.asked)
            self.asked.append(asked)
        step = self.steps[min(number, len(self.steps) - 1)]
        self.before_answer(number)
        whole = step if isinstance(step, Says) else step(asked)
        self._ended.wait(whole.hang)
        return whole

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None: ...

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                step = fake.take(Asked(self.path, body, dict(self.headers)))
                try:
                    self.answer(step, body)
                except (BrokenPipeError, ConnectionResetError):
                    return

            def answer(self, step: Says, body: dict[str, Any]) -> None:
                if step.status != 200:
                    error = {"message": "scripted", "type": "x", "code": None} | step.error
                    return self.whole(step.status, {"error": error}, step.headers)
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                chat = self.path.endswith("/chat/completions")
                number = len(fake.asked)
                lines = list((_chat if chat else _responses)(step, body, number))
                shown = lines[: len(lines) // 2] if step.cut or step.garbage else lines
                for name, data in shown:
                    event = f"event: {name}\n" if name else ""
                    self.wfile.write(f"{event}data: {json.dumps(data)}\n\n".encode())
                if step.garbage:
                    self.wfile.write(b"data: {no json\n\n")
                elif chat and not step.cut:
                    self.wfile.write(b"data: [DONE]\n\n")
                return None

            def whole(self, status: int, body: Any, headers: dict[str, str]) -> None:
                raw = json.dumps(body).encode()
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

        return Handler


def _pieces(text: str) -> list[str]:
    return [text[start : start + 12] for start in range(0, len(text), 12)]


def _arguments(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _chat(step: Says, body: dict[str, Any], number: int) -> Iterator[tuple[str, Any]]:
    base = {"id": f"c{number}", "created": 0, "model": body["model"]}
    base["object"] = "chat.completion.chunk"

    def chunk(delta: dict[str, Any], end: str | None = None) -> tuple[str, Any]:
        return "", base | {"choices": [{"index": 0, "delta": delta, "finish_reason": end}]}

    yield chunk({"role": "assistant", "content": ""})
    for piece in _pieces(step.text):
        yield chunk({"content": piece})
    if step.refusal:
        yield chunk({"refusal": step.refusal})
    for index, (name, value) in enumerate(step.calls):
        arguments = _arguments(value)
        call = {"index": index, "id": f"call_{number}_{index}", "type": "function"}
        half = len(arguments) // 2
        yield chunk(
            {"tool_calls": [call | {"function": {"name": name, "arguments": arguments[:half]}}]}
        )
        yield chunk({"tool_calls": [{"index": index, "function": {"arguments": arguments[half:]}}]})
    yield chunk({}, step.stopped or ("tool_calls" if step.calls else "stop"))
    if step.usage and body.get("stream_options", {}).get("include_usage"):
        read, cached, written = step.usage
        usage = {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        }
        usage |= {"prompt_tokens_details": {"cached_tokens": cached}}
        yield "", base | {"choices": [], "usage": usage}


def _responses(step: Says, body: dict[str, Any], number: int) -> Iterator[tuple[str, Any]]:
    items = _items(step, number)
    count = iter(range(10_000))

    def event(kind: str, **data: Any) -> tuple[str, Any]:
        return kind, {"type": kind, "sequence_number": next(count)} | data

    base = _response(body, number)
    yield event("response.created", response=base | {"status": "in_progress"})
    for index, item in enumerate(items):
        place = {"output_index": index, "item_id": item["id"]}
        yield event("response.output_item.added", output_index=index, item=item)
        if item["type"] == "message" and step.text:
            for piece in _pieces(step.text):
                more = {"content_index": 0, "delta": piece, "logprobs": []}
                yield event("response.output_text.delta", **place, **more)
        yield event("response.output_item.done", output_index=index, item=item)
    status = "incomplete" if step.stopped else "completed"
    why = {"length": "max_output_tokens"}.get(step.stopped, step.stopped)
    end = {"status": status, "output": items, "usage": _usage(step)}
    end["incomplete_details"] = {"reason": why} if step.stopped else None
    yield event(f"response.{status}", response=base | end)


def _items(step: Says, number: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = [
        {"id": f"rs_{number}", "type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
    ]
    for index, (name, value) in enumerate(step.calls):
        item = {"id": f"fc_{number}_{index}", "call_id": f"call_{number}_{index}", "name": name}
        item |= {"type": "function_call", "arguments": _arguments(value), "status": "completed"}
        items.append(item)
    if step.text or step.refusal:
        said: dict[str, Any] = {"type": "output_text", "text": step.text, "annotations": []}
        part = {"type": "refusal", "refusal": step.refusal} if step.refusal else said
        message = {"id": f"msg_{number}", "type": "message", "role": "assistant"}
        items.append(message | {"status": "completed", "content": [part]})
    return items


def _response(body: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        "id": f"resp_{number}", "object": "response", "created_at": 0, "model": body["model"],
        "output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "error": None, "incomplete_details": None, "instructions": None, "metadata": {},
        "temperature": 1.0, "top_p": 1.0, "usage": None,
    }  # fmt: skip


def _usage(step: Says) -> dict[str, Any] | None:
    if step.usage is None:
        return None
    read, cached, written = step.usage
    return {
        "input_tokens": read, "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": written, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }  # fmt: skip
