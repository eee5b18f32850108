"""Shows what a model writes as it comes, in lines rather than in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leanlab import events

if TYPE_CHECKING:
    from leanlab.backends import Request

_LONG = 200


class Speech:
    """What a model has said in one turn and is not shown yet."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._unsaid = ""

    def say(self, text: str) -> None:
        self._unsaid += text
        if "\n" in text or len(self._unsaid) > _LONG:
            self.flush()

    def flush(self) -> None:
        """Show the rest: the answer is complete."""
        text, self._unsaid = self._unsaid, ""
        if text:
            role, trial = self._request.role, self._request.brief.trial
            self._request.emit(events.Said(role=role, trial=trial, text=text))
