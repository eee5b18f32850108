"""What an attack came to."""

from __future__ import annotations

from typing import Literal

import msgspec

Verdict = Literal["resisted", "forged", "read", "survived", "stalled"]
_WORST_FIRST: tuple[Verdict, ...] = ("forged", "read", "survived", "stalled", "resisted")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One attack against one lab."""

    number: int
    title: str
    prize: str
    """What it would have won."""
    verdict: Verdict
    evidence: str
    """What was seen, in words; where it was resisted, what became of the attack."""
    validated: bool | None
    """Whether validate.py let it pass; it was evaluated all the same. None for steps around."""
    tier: str
    promised: bool = True
    """Whether the lab promises to resist what was won; an open lab does not promise everything."""
    remedy: str = ""
    """What to do; empty when it was resisted."""
    control: Verdict | None = None
    """What it wins where nothing holds it; None when no control was asked for, or none is safe."""
    control_words: str = ""
    """Where the control was run, or why not."""

    @property
    def won(self) -> bool:
        return self.verdict != "resisted"

    @property
    def failed(self) -> bool:
        """Whether it won against a promise."""
        return self.won and self.promised


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict with its evidence."""

    verdict: Verdict
    evidence: str
    promised: bool = True
    """Whether the lab promises that this does not happen."""


def worst(seen: list[Seen]) -> Seen:
    """The one that won most, against a promise if there is one; the first of them."""

    def rank(one: Seen) -> tuple[bool, bool, int]:
        return one.verdict == "resisted", not one.promised, _WORST_FIRST.index(one.verdict)

    return min(seen, key=rank)
