"""Faults of a provider, as values of the right kind."""

from __future__ import annotations

import email.utils
import time
from typing import TYPE_CHECKING, Any

import httpx2
import openai

from leanlab.backends import Failure
from leanlab.backends.openai.wire import CutOff
from leanlab.memory import clipped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leanlab.backends import FailureKind

FAULTS = (openai.OpenAIError, httpx2.HTTPError, CutOff, ValueError)
"""What asking a model may raise; ValueError is a stream that is no JSON."""

_RETRYABLE = ("rate_limit", "overloaded", "server", "network", "timeout")
_CODES: dict[str, FailureKind] = {
    "insufficient_quota": "billing",
    "billing_hard_limit_reached": "billing",
    "context_length_exceeded": "context",
    "rate_limit_exceeded": "rate_limit",
    "server_error": "server",
    "invalid_prompt": "refusal",
    "content_policy_violation": "refusal",
    "content_filter": "refusal",
}
_STATUSES: dict[int, FailureKind] = {
    401: "auth", 402: "billing", 403: "auth", 408: "timeout", 409: "server", 413: "context",
    429: "rate_limit", 503: "overloaded", 529: "overloaded",
}  # fmt: skip
_CONTEXT = ("context length", "context window", "context size", "maximum context")


def failure_of(error: Exception) -> Failure:
    """Say what an exception of FAULTS means."""
    text = clipped(str(error)) or type(error).__name__
    if isinstance(error, openai.APIStatusError):
        return _failure(_kind(error), text, _wait(error.response.headers))
    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
        return _failure("timeout", f"the provider gave no answer in time: {text}")
    if isinstance(error, openai.APIConnectionError | httpx2.HTTPError | CutOff):
        cause = f" ({error.__cause__})" if error.__cause__ else ""
        return _failure("network", f"{text}{cause}")
    if isinstance(error, openai.APIError):
        return by_code(error.code, text)
    if isinstance(error, openai.OpenAIError):
        return _failure("config", text)
    return _failure("server", f"the provider's answer cannot be read: {text}")


def by_code(code: Any, message: str) -> Failure:
    """What a provider reports within a stream."""
    return _failure(_CODES.get(str(code), "server"), clipped(message) or "it says nothing more")


def _failure(kind: FailureKind, message: str, retry_after: float | None = None) -> Failure:
    return Failure(
        kind=kind, message=message, retryable=kind in _RETRYABLE, retry_after=retry_after
    )


def _kind(error: openai.APIStatusError) -> FailureKind:
    for name in (error.code, error.type):
        if name in _CODES:
            return _CODES[name]
    if error.status_code in _STATUSES:
        return _STATUSES[error.status_code]
    if error.status_code >= 500:
        return "server"
    # llama.cpp, vLLM and others have no code for it.
    if any(words in str(error).lower() for words in _CONTEXT):
        return "context"
    return "config"


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that the provider asks to wait, as a number or as a date."""
    if milliseconds := _number(headers.get("retry-after-ms")):
        return milliseconds / 1000
    said = headers.get("retry-after")
    seconds = _number(said)
    if seconds is None and said:
        date = email.utils.parsedate_tz(said)
        seconds = email.utils.mktime_tz(date) - time.time() if date else None
    return None if seconds is None else max(0.0, seconds)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < 1e6 else None
