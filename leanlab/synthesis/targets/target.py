"""What a hidden rule is made of, and how distinct strings are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from leanlab.labkit import ConfigError
from leanlab.synthesis.stream import Stream

Label = Callable[[str], int]
"""Labels one string with 0 or 1."""
Draw = Callable[[Label, int, int, int, Stream], list[str]]
"""Label function, length, label, count, stream: up to `count` distinct strings of that label.

A larger count adds to the end; fewer come where no more can be found.
"""
Domain = Literal["bits", "digits", "edges"]

LONGEST = 10_000


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A family of rules on strings, one for each length."""

    id: str | None = None
    """The name in the published tables, where it has one."""
    name: str
    domain: Domain
    summary: str
    """The rule, for people who may know it."""
    shortest: int
    """The least length at which the rule is what its name says."""
    longest: int = LONGEST
    step: int = 1
    """Lengths are multiples of it."""
    rule: Callable[[int], Label]
    """Length to label function; it labels longer strings too, by the same rule."""
    reach: Callable[[int], int] | None = None
    """How many characters the rule of a length looks at, where shorter strings lack some."""
    draw: Draw

    @property
    def lengths(self) -> str:
        """The allowed lengths in words."""
        every = f", multiples of {self.step}" if self.step > 1 else ""
        return f"{self.shortest} to {self.longest} characters{every}"

    def check_length(self, length: int, key: str) -> None:
        """Raise a ConfigError that names the nearest lengths when there is none such."""
        around = (length // self.step * self.step, -(-length // self.step) * self.step)
        near = {min(max(each, self.shortest), self.longest) for each in around}
        if length not in near:
            raise ConfigError(
                f"{key}: {self.name} needs strings of {self.lengths}, not {length}; "
                f"use {' or '.join(map(str, sorted(near)))}."
            )


def distinct(make: Callable[[], str | None], count: int) -> list[str]:
    """Collect different strings from a random maker; None is a failed try.

    Stops early when a domain seems used up: of n strings equally likely, one is still missing with
    probability about exp(-8).
    """
    found: dict[str, None] = {}
    tries_in_vain = 0
    while len(found) < count and tries_in_vain < 200 + 8 * len(found):
        x = make()
        if x is None or x in found:
            tries_in_vain += 1
        else:
            tries_in_vain = 0
            found[x] = None
    return list(found)
