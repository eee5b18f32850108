"""The order of equally short trajectories: what people use, then what is simple."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leanlab.trajectory.library import FunctionLibrary
    from leanlab.trajectory.search import Name


def ranked(
    trajectories: Iterable[tuple[Name, ...]], library: FunctionLibrary
) -> tuple[tuple[Name, ...], ...]:
    """Sort by usage, most likely first; then by characters of code; then in the library's order.

    Usage is the product of each function's share of all usage_count, with one added to each
    count, so that a function never used is unlikely and not impossible.
    """
    total = sum(one.usage_count + 1 for one in library)
    rarity = {one.name: math.log(total / (one.usage_count + 1)) for one in library}
    size = {one.name: len(one.code) for one in library}
    place = {one.name: i for i, one in enumerate(library)}

    def key(names: tuple[Name, ...]) -> tuple[float, int, list[int]]:
        # The same functions in another order are equally likely: no last digit may tell.
        return (
            math.fsum(rarity[name] for name in names),
            sum(size[name] for name in names),
            [place[name] for name in names],
        )

    return tuple(sorted(trajectories, key=key))
