"""A server on loopback that plays Claude's model: the Messages API, streamed and whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from .fake_openai import Asked, FakeOpenAI, Says

PREFIX = "mcp__leanlab__"


@dataclass(frozen=True)
class Heard(Asked):
    """A request as it came in."""

    @property
    def _blocks(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for message in self.body["messages"]:
            content = message["content"]
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
            yield from ((message["role"], block) for block in blocks)

    @property
    def said(self) -> list[str]:
        """The user's words so far, without the reminders that the CLI adds."""
        texts = [b["text"] for role, b in self._blocks if role == "user" and b["type"] == "text"]
        return [text for text in texts if not text.startswith("<system-reminder>")]

    @property
    def tools(self) -> list[str]:
        return [tool["name"].removeprefix(PREFIX) for tool in self.body.get("tools", [])]

    @property
    def tool_answers(self) -> list[str]:
        """In the order of the calls: several run at once, and answer as they end."""
        found = [block for _, block in self._blocks if block["type"] == "tool_result"]
        said = {block["tool_use_id"]: _text(block.get("content", "")) for block in found}
        calls = [block["id"] for _, block in self._blocks if block["type"] == "tool_use"]
        return [said[call] for call in calls if call in said]


class FakeAnthropic(FakeOpenAI):
    """Use it as a context manager; url is the base URL."""

    def __init__(self, *steps: Any) -> None:
        super().__init__(*steps)
        self.url = self.url.removesuffix("/v1")
        self.others: list[str] = []
        """Requests for anything but an answer of the model."""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None: ...

            def do_HEAD(self) -> None:
                fake.others.append(f"HEAD {self.path}")
                self.whole(200, {}, {})

            def do_GET(self) -> None:
                fake.others.append(f"GET {self.path}")
                self.whole(404, {"type": "error"}, {})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if not self.path.startswith("/v1/messages?"):
                    fake.others.append(f"POST {self.path}")
                    return self.whole(404, {"type": "error"}, {})
                step = fake.take(Heard(self.path, body, dict(self.headers)))
                try:
                    return self.answer(step, body)
                except (BrokenPipeError, ConnectionResetError):
                    return None

            def answer(self, step: Says, body: dict[str, Any]) -> None:
                if step.status != 200:
                    error = {"type": "api_error", "message": "scripted"} | step.error
                    return self.whole(step.status, {"type": "error", "error": error}, step.headers)
                number = len(fake.asked)
                message = _message(step, body, number)
                if not body.get("stream"):
                    # The CLI asks so after a broken stream; a cut is a cut there too.
                    return None if step.cut or step.garbage else self.whole(200, message, {})
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.end_headers()
                events = list(_events(message))
                shown = events[: len(events) // 2] if step.cut or step.garbage else events
                for name, data in shown:
                    line = json.dumps({"type": name} | data)
                    self.wfile.write(f"event: {name}\ndata: {line}\n\n".encode())
                if step.garbage:
                    self.wfile.write(b"event: content_block_delta\ndata: {no json\n\n")
                return None

            def whole(self, status: int, body: Any, headers: dict[str, str]) -> None:
                raw = json.dumps(body).encode()
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(raw)

        return Handler


def _message(step: Says, body: dict[str, Any], number: int) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": step.text}] if step.text else []
    content += [
        {"type": "tool_use", "id": f"toolu_{number}_{index}", "name": name, "input": arguments}
        for index, (name, arguments) in enumerate(step.calls)
    ]
    read, cached, written = step.usage or (0, 0, 0)
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content or [{"type": "text", "text": step.refusal}],
        "stop_reason": step.stopped
        or ("refusal" if step.refusal else "tool_use" if step.calls else "end_turn"),
        "stop_sequence": None,
        "usage": {
            "input_tokens": read - cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": cached,
            "output_tokens": written,
        },
    }


def _events(message: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    usage = message["usage"]
    start = message | {"content": [], "stop_reason": None, "usage": usage | {"output_tokens": 1}}
    yield "message_start", {"message": start}
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            empty, whole = block | {"text": ""}, block["text"]
            kind, key = "text_delta", "text"
        else:
            empty, whole = block | {"input": {}}, json.dumps(block["input"])
            kind, key = "input_json_delta", "partial_json"
        yield "content_block_start", {"index": index, "content_block": empty}
        size = max(40, len(whole) // 20)
        for at in range(0, len(whole), size):
            delta = {"type": kind, key: whole[at : at + size]}
            yield "content_block_delta", {"index": index, "delta": delta}
        yield "content_block_stop", {"index": index}
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield "message_delta", {"delta": delta, "usage": {"output_tokens": usage["output_tokens"]}}
    yield "message_stop", {}


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content)
