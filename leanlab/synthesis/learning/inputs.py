"""Inputs drawn like the given strings, for telling rules apart off the sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leanlab.synthesis.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Sequence


def alike(strings: Sequence[str], count: int) -> list[str]:
    """Return inputs drawn like these: the strings, crossings of two, and slight changes of one.

    A third each (there are fewer of the first kind if the strings run out), the same ones for the
    same strings. Crossed are two strings at one place counted from the start, so lengths are those
    of the second.
    """
    stream = Stream("alike", *sorted(strings)[:8], len(strings), count)
    made = list(strings[: count // 3])
    while len(made) < count:
        x = strings[stream.below(len(strings))]
        if len(made) % 2:
            y = strings[stream.below(len(strings))]
            cut = stream.below(min(len(x), len(y)) + 1)
            made.append(x[:cut] + y[cut:])
        else:
            for _ in range(1 + stream.below(2)):
                i = stream.below(len(x))
                donor = strings[stream.below(len(strings))]
                x = x[:i] + donor[min(i, len(donor) - 1)] + x[i + 1 :]
            made.append(x)
    return made
