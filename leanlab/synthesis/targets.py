"""The hidden rules, by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from leanlab.labkit import ConfigError
from leanlab.synthesis.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable

Label = Callable[[str], int]
"""Labels one string with 0 or 1."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A family of rules on strings of 0 and 1, one for each length."""

    id: str
    """The name in the published tables."""
    name: str
    shortest: int
    """The least length at which the rule is what its name says."""
    rule: Callable[[int], Label]
    """Length to label function."""


def _parity(positions: Iterable[int], length: int) -> Label:
    mask = sum(1 << (length - 1 - i) for i in positions)
    return lambda x: (int(x, 2) & mask).bit_count() % 2


def random_positions(length: int, count: int) -> list[int]:
    """Return the positions of parity_rand_<count>, zero-based, in the order drawn.

    They are the first `count` of Stream("positions", length).sample: they hang on the length alone,
    never on the seed of the data, and those of a smaller count are among those of a larger one.
    """
    return Stream("positions", length).sample(length, count)


TARGETS = (
    Target(
        id="fn_a",
        name="parity_all",
        shortest=1,
        rule=lambda length: _parity(range(length), length),
    ),
    Target(
        id="fn_b",
        name="parity_first_half",
        shortest=2,
        rule=lambda length: _parity(range(length // 2), length),
    ),
    Target(
        id="fn_e",
        name="parity_rand_3",
        shortest=3,
        rule=lambda length: _parity(random_positions(length, 3), length),
    ),
    Target(
        id="fn_f",
        name="parity_rand_10",
        shortest=10,
        rule=lambda length: _parity(random_positions(length, 10), length),
    ),
)


def find(name: str) -> Target:
    """Return the target of that name or id."""
    known = {key: target for target in TARGETS for key in (target.name, target.id)}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
    names = ", ".join(target.name for target in TARGETS)
    raise ConfigError(
        f"params.target: there is no target {name!r}; the nearest is {near!r}. Use one of: {names}."
    )
