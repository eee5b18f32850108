"""A stream of random numbers that has the same bytes on every machine.

The key is the SHA-256 of the parts as compact JSON; block i is the SHA-256 of the key followed by
i as eight big-endian bytes. Numbers are cut from the blocks in order, in whole bytes.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import MutableSequence

T = TypeVar("T")


class Stream:
    """Uniform numbers drawn from named parts; the same parts give the same numbers."""

    def __init__(self, *parts: str | int) -> None:
        text = json.dumps(parts, separators=(",", ":"))
        self._key = hashlib.sha256(text.encode()).digest()
        self._blocks = 0
        self._left = b""

    def bits(self, count: int) -> int:
        """Return an integer of `count` random bits; 0 for a count of 0."""
        size = (count + 7) // 8
        while len(self._left) < size:
            self._left += hashlib.sha256(self._key + self._blocks.to_bytes(8, "big")).digest()
            self._blocks += 1
        taken, self._left = self._left[:size], self._left[size:]
        return int.from_bytes(taken, "big") >> (8 * size - count)

    def below(self, n: int) -> int:
        """Return an integer from 0 to n - 1; a draw beyond is drawn again, so none is favoured."""
        if n < 1:
            raise ValueError(f"below({n}): there is no integer to draw; n must be at least 1.")
        width = (n - 1).bit_length()
        while (drawn := self.bits(width)) >= n:
            pass
        return drawn

    def sample(self, n: int, k: int) -> list[int]:
        """Return k different integers below n in the order drawn; a larger k adds to the end."""
        if k > n:
            raise ValueError(f"sample({n}, {k}): only {n} integers are there to draw.")
        pool = list(range(n))
        for i in range(k):
            j = i + self.below(n - i)
            pool[i], pool[j] = pool[j], pool[i]
        return pool[:k]

    def shuffle(self, items: MutableSequence[T]) -> None:
        """Put items in a uniformly random order, in place (Fisher and Yates)."""
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]
