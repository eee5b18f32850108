"""What is known of a conversation with Claude beyond its transcript: its cost, and what is open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from leanlab.backends.prices import Prices, Usage

if TYPE_CHECKING:
    from pathlib import Path

TOKENS = (
    "input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens",
)  # fmt: skip
"""The API's kinds of tokens."""
_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Account(msgspec.Struct, kw_only=True):
    """One conversation's."""

    usd: float = 0.0
    """What it had cost when it was last told: Claude reports totals, resumed or not."""
    asked: str = ""
    """The prompt that is still without an answer."""
    turns: int = 0
    """How many came to an end."""


class Accounts:
    """The accounts of a lab, each in a file: a restart charges nothing twice."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, session: str) -> Account | None:
        """Return an account; None when there is no such conversation."""
        if not _NAME.fullmatch(session):
            return None
        try:
            raw = (self._folder / f"claude-{session}.json").read_bytes()
            return msgspec.json.decode(raw, type=Account)
        except (OSError, msgspec.DecodeError):
            return None

    def save(self, session: str, account: Account) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f"claude-{session}.json"
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(msgspec.json.encode(account))
        unfinished.replace(path)


class ListPrices:
    """What answers cost by the price list: to know it while a turn goes on.

    Claude tells its own total at the end of a turn, and none where the process is killed.
    """

    def __init__(self, provider: str | None) -> None:
        self._provider = provider or "anthropic"
        self._models: dict[str, Prices] = {}

    def cost(self, model: str, counts: dict[str, int]) -> float | None:
        """Return dollars for tokens by the API's kinds; None without a price."""
        prices = self._models.setdefault(model, Prices(model, "", self._provider))
        fresh, cached, stored, written = (counts.get(name, 0) for name in TOKENS)
        whole = fresh + cached + stored
        return prices.cost(Usage(input=whole, cached=cached, stored=stored, output=written))
