"""A Worker's conversation from the events of its trial: all that some backends leave with us."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from leanlab.memory import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MOST = 1 << 20
"""Characters; the whole is in events.jsonl."""


def conversation(lines: Iterable[bytes]) -> str:
    """What the Worker said, called and was answered; empty where it said nothing.

    Claude keeps its own transcript in its own folder, which is no file of the lab's: this is told
    from what was shown while it worked, with arguments and answers cut as they were then.
    """
    parts: list[str] = []
    speaks = False
    for line in lines:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(event, dict):
            continue
        now_speaks = event.get("event") == "said" and event.get("role") == "worker"
        part = _part(event)
        if part and parts and not (speaks and now_speaks):
            parts.append("\n\n")
        if part:
            parts.append(part)
            speaks = now_speaks
    text = printable("".join(parts)).strip()
    return text if len(text) <= _MOST else f"{text[:_MOST]}\n[the rest is left out]"


def _part(event: Mapping[str, Any]) -> str:
    if event.get("event") == "sent_back":
        return f"[sent back, {event.get('status')}] {event.get('message')}"
    if event.get("role") != "worker":
        return ""
    match event.get("event"):
        case "said":
            return str(event.get("text", ""))
        case "tool_called":
            return f"[{event.get('tool')}] {event.get('arguments')}"
        case "tool_answered":
            how = "refused" if event.get("refused") else "answered"
            return f"[{event.get('tool')} {how}] {event.get('text')}"
        case "retrying":
            return f"[asked again] {event.get('reason')}"
    return ""
