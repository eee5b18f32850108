"""Way: what of a library can lie between values of one type and a goal's type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leanlab.trajectory.batch import Row, careful
from leanlab.trajectory.values import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from leanlab.trajectory.batch import Batch, Body
    from leanlab.trajectory.library import FunctionDef
    from leanlab.trajectory.search import Name


class Way:
    """What of a library can lie between values of one type and a goal's type."""

    def __init__(
        self,
        batches: Iterable[Batch],
        functions: Iterable[FunctionDef],
        bodies: Mapping[str, Body],
        start: str,
        goal: str,
    ) -> None:
        self.goal = goal
        batches = list(batches)
        self.first = _distances([(one.input_type, one.output_type) for one in batches], start)
        """The least number of functions from the start's type to a type."""
        batches = [one for one in batches if one.input_type in self.first]
        self.far = _distances([(one.output_type, one.input_type) for one in batches], goal)
        """The least number of functions from a type to the goal's; a type is missing where there
        is no way."""
        self.span = max(self.far.values())
        useful = [one for one in batches if one.output_type in self.far]
        self.into = {kind: [one for one in useful if one.output_type == kind] for kind in self.far}
        """Batches by the type they return."""
        types = {(one.input_type, one.output_type) for one in useful}
        functions = [one for one in functions if (one.input_type, one.output_type) in types]
        self.rows = {
            kind: Row([one for one in functions if one.input_type == kind], bodies, goal)
            for kind in self.far
        }
        """Functions by the type they take, in the order of the library."""
        self._start = start
        self.steps = {
            kind: [
                (careful(one, bodies[one.name]), KINDS[one.output_type], one.output_type)
                for one in row.functions
            ]
            for kind, row in self.rows.items()
        }

    def names(self, places: Iterable[int]) -> tuple[Name, ...]:
        """Name the functions at those places, each among those that take what is there by then."""
        found, kind = [], self._start
        for place in places:
            function = self.rows[kind].functions[place]
            found.append(function.name)
            kind = function.output_type
        return tuple(found)


def _distances(steps: Sequence[tuple[str, str]], start: str) -> dict[str, int]:
    found = {start: 0}
    while ahead := {b for a, b in steps if a in found and b not in found}:
        found |= dict.fromkeys(ahead, max(found.values()) + 1)
    return found
