"""Conversations with a model, kept under .leanlab/ so that a fix goes on where a turn ended."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"[a-z]+-[0-9a-f]{16}")


class Session(msgspec.Struct, kw_only=True):
    """One conversation. It grows as it goes, and is saved after every answer of the model."""

    id: str
    form: str
    """Whose words the items are in."""
    items: list[Any] = []
    """Everything said so far, in the words of its API: servers are not trusted to remember."""
    asked: str = ""
    """The prompt that is still without an answer."""


class Sessions:
    """The sessions of a lab, each in a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def new(self, form: str) -> Session:
        return Session(id=f"{form}-{secrets.token_hex(8)}", form=form)

    def load(self, name: str, form: str) -> Session | None:
        """Return a session; None when it is gone, or another API's."""
        if not _NAME.fullmatch(name):
            return None
        try:
            raw = (self._folder / f"{name}.json").read_bytes()
            found = msgspec.json.decode(raw, type=Session)
        except (OSError, msgspec.DecodeError):
            return None
        return found if found.form == form else None

    def save(self, session: Session) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"{session.id}.json"
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(msgspec.json.encode(session))
        unfinished.replace(path)
