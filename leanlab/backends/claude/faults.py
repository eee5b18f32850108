"""How a turn of Claude's ended, as a Failure of the right kind."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from leanlab.backends import Failure
from leanlab.memory import clipped

if TYPE_CHECKING:
    from claude_agent_sdk import ClaudeSDKError, ResultMessage

    from leanlab.backends import FailureKind

_RETRYABLE = ("rate_limit", "overloaded", "server", "network", "timeout")
_SUBTYPES: dict[str, FailureKind] = {
    "error_max_turns": "max_turns",
    "error_max_budget_usd": "budget",
    "error_max_structured_output_retries": "no_output",
}
_STATUSES: dict[int, FailureKind] = {
    400: "config", 401: "auth", 402: "billing", 403: "auth", 404: "config", 408: "timeout",
    413: "context", 429: "rate_limit", 503: "overloaded", 529: "overloaded",
}  # fmt: skip
_WORDS: tuple[tuple[str, FailureKind], ...] = (
    ("No conversation found", "session_lost"),
    ("the fence cannot be put up", "config"),
    ("Claude's program", "config"),
    ("only-behind-the-fence", "config"),
    ("Sandbox required but unavailable", "config"),
    ("Not logged in", "auth"),
    ("Invalid API key", "auth"),
    ("OAuth token", "auth"),
    ("redit balance", "billing"),
    ("prompt is too long", "context"),
    ("Prompt is too long", "context"),
    ("usage limit", "rate_limit"),
    ("violate our Usage Policy", "refusal"),
)
"""Of messages that come with no status, or with one that says less."""
_NO_HELP = "\nError output: Check stderr output for details"


def failure(kind: FailureKind, message: str, retry_after: float | None = None) -> Failure:
    text = clipped(message).strip() or "it says no more"
    return Failure(kind=kind, message=text, retryable=kind in _RETRYABLE, retry_after=retry_after)


def failure_of(end: ResultMessage) -> Failure | None:
    """Say what is wrong with the end of a turn; None when nothing is."""
    if end.stop_reason == "refusal":
        return failure("refusal", f"the model refused: {end.result}")
    if not end.is_error:
        return None
    text = "; ".join(end.errors or []) or end.result or end.subtype
    return failure(_kind(end, text), text)


def fault_of(fault: ClaudeSDKError, words: str) -> Failure:
    """Say why Claude's process is gone; words are the last that it wrote to standard error."""
    code = getattr(fault, "exit_code", None)
    if code is not None and code < 0:
        # From outside, as by a kernel short of memory: the conversation goes on in a new process.
        message = f"Claude was ended by {signal.Signals(-code).name}. {words}"
        return Failure(kind="crash", message=clipped(message).strip(), retryable=True)
    text = f"{fault} {words}".replace(_NO_HELP, "")
    return failure(_by_words(text) or "crash", text)


def _by_words(text: str) -> FailureKind | None:
    return next((kind for words, kind in _WORDS if words in text), None)


def _kind(end: ResultMessage, text: str) -> FailureKind:
    if end.subtype in _SUBTYPES:
        return _SUBTYPES[end.subtype]
    if end.terminal_reason == "prompt_too_long":
        return "context"
    if found := _by_words(text):
        return found
    status = end.api_error_status
    if status is None:
        # The connection could not be made, or broke.
        return "network" if end.terminal_reason == "api_error" else "crash"
    return of_status(status)


def of_status(status: int) -> FailureKind:
    return _STATUSES.get(status, "server" if status >= 500 else "config")
