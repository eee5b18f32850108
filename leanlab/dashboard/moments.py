"""Events in words: what the live view says of each, known or not."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Literal

import msgspec

from leanlab.console import in_words
from leanlab.memory import printable

Tone = Literal["plain", "good", "bad", "role"]
_SCORES = ("record", "best", "metrics", "cases", "repeats", "standard_error")
"""Where an event may hold hidden metrics, at whatever depth."""
SAYS = "says"
"""The kind of what comes in pieces: those that follow one another are one text."""
MOST = 2_000
"""Characters of one moment; the whole of it is on disk."""


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, as the page says it."""

    kind: str
    who: str = ""
    """The role at work; empty for the loop's own doing."""
    text: str
    tone: Tone = "plain"
    trial: int | None = None


def moment(line: bytes, revealed: Collection[str]) -> Moment | None:
    """Read a line of events.jsonl; None when it is none. Metrics outside `revealed` stay out."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(kind := event.get("event"), str):
        return None
    if kind in _KNOWN:
        try:
            return _clipped(_KNOWN[kind](event, revealed))
        except (KeyError, TypeError, ValueError, AttributeError):
            pass  # Written by another version: shown as any unknown event.
    return _clipped(_unknown(kind, event))


def merged(moments: Iterable[Moment]) -> tuple[Moment, ...]:
    """Moments with the pieces of a text put together; the page's script does the same."""
    whole: list[Moment] = []
    for one in moments:
        last = whole[-1] if whole else None
        if last and last.kind == one.kind == SAYS and last.who == one.who:
            whole[-1] = msgspec.structs.replace(last, text=last.text + one.text)
        else:
            whole.append(one)
    return tuple(whole)


def _clipped(one: Moment) -> Moment:
    text = printable(one.text) if one.kind == SAYS else printable(one.text).strip()
    text = text if len(text) <= MOST else f"{text[:MOST]} …"
    who, kind = printable(one.who)[:40], printable(one.kind)[:40]
    return msgspec.structs.replace(one, text=text, who=who, kind=kind)


def _unknown(kind: str, event: Mapping[str, Any]) -> Moment:
    """Say what a newer leanlab's event holds, but for records: their metrics may be hidden."""
    role = event.get("role", event.get("who", ""))
    trial = event.get("trial")
    told = ("event", "role", "who", "trial", "ts")
    rest = {
        key: _without_scores(value)
        for key, value in event.items()
        if key not in (*told, *_SCORES) and value not in ("", None)
    }
    main = next((rest.pop(key) for key in ("text", "message", "reason") if key in rest), "")
    others = ", ".join(f"{key} {_brief(value)}" for key, value in rest.items())
    return Moment(
        kind=kind.replace("_", " "),
        who=role if isinstance(role, str) else "",
        text="\n".join(filter(None, (main if isinstance(main, str) else _brief(main), others))),
        trial=trial if type(trial) is int else None,
    )


def _without_scores(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_scores(each) for key, each in value.items() if key not in _SCORES}
    return [_without_scores(each) for each in value] if isinstance(value, list) else value


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 300 else f"{text[:300]}…"


def _recorded(event: Mapping[str, Any], revealed: Collection[str]) -> Moment:
    record = event["record"]
    shown = {key: value for key, value in record["metrics"].items() if key in revealed}
    status = record["status"].replace("_", " ")
    scored = status == "scored"
    why = (record.get("error") or {}).get("text", "")
    text = in_words(shown) if scored else f"{status}: {why}"
    return Moment(
        kind="new best" if event["is_best"] else "recorded",
        text=text,
        tone="good" if event["is_best"] else "plain" if scored else "bad",
        trial=record["trial"],
    )


def _package(event: Mapping[str, Any], _: Collection[str]) -> Moment:
    outcome = "asked for" if event["allowed"] else "wished for"
    if event.get("installed"):
        outcome = f"version {event['installed']} installed"
    elif event.get("fault"):
        outcome = f"could not be installed: {event['fault']}"
    return Moment(
        kind="package",
        who="worker",
        text=f"{event['package']} {outcome}\n{event['reason']}",
        tone="bad" if event.get("fault") else "plain",
        trial=event["trial"],
    )


def _spent(event: Mapping[str, Any]) -> str:
    tokens, usd = event["tokens"], event["cost_usd"]
    counted = "tokens not known" if tokens is None else f"{tokens:,} tokens"
    return counted if usd is None else f"{counted}, ${usd:.4f}"


_KNOWN: dict[str, Callable[[Mapping[str, Any], Collection[str]], Moment]] = {
    "run_started": lambda event, _: Moment(
        kind="run started",
        text=f"{event['trials']} trials, policy {event['policy']}, backend {event['backend']}\n"
        f"{event['confinement']}",
    ),
    "trial_started": lambda event, _: Moment(
        kind="started",
        text="on disk since an earlier run; evaluating it first" if event.get("resumed") else "",
        trial=event["trial"],
    ),
    "turn_started": lambda event, _: Moment(
        kind="at work", who=event["role"], text="", tone="role", trial=event["trial"]
    ),
    "said": lambda event, _: Moment(
        kind=SAYS, who=event["role"], text=event["text"], tone="role", trial=event["trial"]
    ),
    "tool_called": lambda event, _: Moment(
        kind=event["tool"], who=event["role"], text=event["arguments"], trial=event["trial"]
    ),
    "tool_answered": lambda event, _: Moment(
        kind=f"{event['tool']} {'refused' if event.get('refused') else 'answered'}",
        who=event["role"],
        text=event["text"],
        tone="bad" if event.get("refused") else "plain",
        trial=event["trial"],
    ),
    "used": lambda event, _: Moment(
        kind="used", who=event["role"], text=_spent(event), trial=event["trial"]
    ),
    "retrying": lambda event, _: Moment(
        kind="asks again",
        who=event["role"],
        text=event["reason"],
        tone="bad",
        trial=event["trial"],
    ),
    "package_requested": _package,
    "progressed": lambda event, _: Moment(
        kind="evaluating", text=f"{event['fraction']:.0%} {event['text']}"
    ),
    "evaluating": lambda event, _: Moment(
        kind="evaluating", text=event["file"], trial=event["trial"]
    ),
    "sent_back": lambda event, _: Moment(
        kind="sent back",
        text=f"{event['status'].replace('_', ' ')}: {event['message']}",
        tone="bad",
        trial=event["trial"],
    ),
    "recorded": _recorded,
    "noted": lambda event, _: Moment(
        kind="note", who=event["record"]["role"], text=event["record"]["text"], tone="role"
    ),
    "paused": lambda event, _: Moment(
        kind="waiting", text=f"{event['seconds']:g} s: {event['reason']}", tone="bad"
    ),
    "notice": lambda event, _: Moment(kind="notice", text=event["text"]),
    "run_ended": lambda event, _: Moment(
        kind="run ended",
        text=event["end"],
        tone="good" if event["target_reached"] else "plain",
    ),
}
