"""Which made-up inputs are unlike the strings they were made from, as integers of both tell."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def unlike(seen: Sequence[int], made: Sequence[int]) -> list[bool]:
    """Tell of each value whether a source that gave those seen will hardly ever give it.

    After Good and Turing (Good, Biometrika 40, 1953), values not seen so far have together about
    the probability that is the share of values seen once. Where none was seen once, an input with
    a value not seen is none that the source makes. Else nothing is said of any.

    One character changed in a near miss of a palindrome is such an input, where all near misses
    differ in two: rules that part there alone are one and the same for strings like the given ones.
    """
    counted = Counter(seen)
    if 1 in counted.values():
        return [False] * len(made)
    return [value not in counted for value in made]
