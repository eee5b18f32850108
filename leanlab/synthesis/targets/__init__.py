"""The hidden rules, by name, and how their strings are drawn."""

from __future__ import annotations

import difflib

from leanlab.labkit import ConfigError
from leanlab.synthesis.targets.bits import BITS, random_positions
from leanlab.synthesis.targets.digits import DIGITS
from leanlab.synthesis.targets.graphs import GRAPHS
from leanlab.synthesis.targets.target import Domain, Label, Target

__all__ = ["TARGETS", "Domain", "Label", "Target", "find", "random_positions"]


def _rank(target: Target) -> tuple[bool, int, str]:
    return target.id is None, len(target.id or ""), target.id or target.name


TARGETS = tuple(sorted((*BITS, *DIGITS, *GRAPHS), key=_rank))
"""In the order of the published tables, then those that are not in them."""


def find(name: str) -> Target:
    """Return the target of that name or id."""
    known = {key: target for target in TARGETS for key in (target.name, target.id) if key}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
    names = ", ".join(target.name for target in TARGETS)
    raise ConfigError(
        f"params.target: there is no target {name!r}; the nearest is {near!r}. Use one of: {names}."
    )
