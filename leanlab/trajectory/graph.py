"""Graph: values by number, and what each function makes of each of them.

Every value is kept once; a function is run on a value once, whatever path leads there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leanlab.trajectory.batch import equals_itself
from leanlab.trajectory.values import (
    KINDS,
    PLAIN_KEYS,
    fresh,
    grading,
    identity,
    same,
    within_caps,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from leanlab.trajectory.batch import Row
    from leanlab.trajectory.search import Spent

NOTHING = -1
"""What a function makes that raises, or returns another type than declared, or too much."""
_VALUE_BYTES = 800
"""What a value takes with its row, about."""
_HIT_BYTES = 100
_IMMUTABLE = PLAIN_KEYS | {float, complex, range}
"""Types whose values no function can change."""
_SMALL = frozenset({bool, float, complex})
"""Types whose values are never too large."""

Step = tuple["Callable[[Any], Any]", type, str]
"""A function's body, and the type that it must return, with its name."""


class Graph:
    """The values of one task, as far as they were asked for."""

    def __init__(self, steps: Mapping[str, Sequence[Step]], spent: Spent) -> None:
        self._steps = steps
        self.spent = spent
        self._numbers: dict[str, dict[Hashable, int]] = {name: {} for name in KINDS}
        self._values: list[Any] = []
        self._blank: dict[str, list[int | None]] = {
            name: [None] * len(each) for name, each in steps.items()
        }
        self.rows: list[list[int | None]] = []
        """Of each value, what each function makes of it; None where nobody asked (see cell)."""
        self.types: list[str] = []
        """Of each value, the name of its type."""
        self._goals: dict[Hashable, int] = {}

    def number(self, value: Any, name: str) -> int:
        """Return the number of a value of the type of that name, NOTHING if it is too large."""
        table = self._numbers[name]
        kind = type(value)
        key = value if kind in PLAIN_KEYS else identity(value)
        found = table.get(key)
        if found is None:
            found = NOTHING
            if kind in _SMALL or within_caps(value):
                found = len(self._values)
                self._values.append(value if kind in PLAIN_KEYS else fresh(value))
                self.rows.append(self._blank[name])
                self.types.append(name)
                self.spent.keep(_VALUE_BYTES)
            table[key] = found
        return found

    def goal(self, value: Any) -> int:
        """Return a number for a value as an answer: equally right values have one."""
        return self._goals.setdefault(grading(value), -2 - len(self._goals))

    def leads(self, number: int, place: int, goal: int) -> bool:
        """Tell whether the function at that place, which is of the goal's type, makes the goal."""
        self.spent.take(1)
        body, kind, _ = self._steps[self.types[number]][place]
        value = self._values[number]
        try:
            made = body(value if type(value) in _IMMUTABLE else fresh(value))
        except Exception:  # noqa: BLE001 - a body may raise anything: there is no edge
            return False
        return type(made) is kind and self._goals.get(grading(made)) == goal

    def near(
        self, number: int, row: Row, distances: dict[str, dict[Hashable, int]]
    ) -> list[tuple[int, Any, int]]:
        """Run all functions on a value; return what they make of it that has a distance.

        That is the place of the function in the row, the value made, not numbered, and its
        distance.
        """
        self.spent.take(len(row.functions))
        found: list[tuple[int, Any, int]] = []
        row.near(self._values[number], distances, found.append)
        self.spent.keep(_HIT_BYTES * len(found))
        return found

    def ends(self, number: int, row: Row, goal: Any) -> list[int]:
        """Run all functions of the goal's type on a value; return the places of what makes it."""
        if not equals_itself(goal):
            return [place for place in row.ending if self.leads(number, place, self.goal(goal))]
        self.spent.take(len(row.ending))
        found: list[int] = []
        row.ends(self._values[number], goal, lambda made: same(made, goal), found.append)
        return found

    def cell(self, number: int, place: int) -> int:
        """Return what the function at that place of its type's steps makes of a value."""
        row = self.rows[number]
        found = row[place]
        if found is None:
            self.spent.take(1)
            body, kind, name = self._steps[self.types[number]][place]
            value = self._values[number]
            try:
                made = body(value if type(value) in _IMMUTABLE else fresh(value))
            except Exception:  # noqa: BLE001 - a body may raise anything: there is no edge
                found = NOTHING
            else:
                found = self.number(made, name) if type(made) is kind else NOTHING
            if row is self._blank[self.types[number]]:
                # Of most values nobody asks anything.
                row = self.rows[number] = row.copy()
            row[place] = found
        return found
