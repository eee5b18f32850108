"""Graph: values by number, and what each function makes of each of them.

Every value is kept once; a function is run on a value once, whatever path leads there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from leanlab.trajectory.batch import equals_itself
from leanlab.trajectory.values import PLAIN_KEYS, fresh, identity, same, within_caps

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from leanlab.trajectory.search import Spent

NOTHING = -1
"""What a function makes that raises, or returns another type than declared, or too much."""
_VALUE_BYTES = 800
"""What a value takes with its row, about."""
_SMALL = frozenset({bool, float, complex})
"""Types whose values are never too large."""

Step = tuple[Callable[[Any], Any], type, str]
"""A function that leaves its argument as it is, and the type that it must return, with its name."""

Grader = Callable[[Any], bool]


def grader(goal: Any) -> Grader:
    """Return what tells whether a value is right where the goal was asked for."""
    kind = type(goal)
    if kind in PLAIN_KEYS:
        return lambda made: made == goal and type(made) is kind
    if equals_itself(goal):
        return lambda made: made == goal and same(made, goal)
    return lambda made: same(made, goal)


class Graph:
    """The values of one task, as far as they were asked for."""

    def __init__(self, steps: Mapping[str, Sequence[Step]], spent: Spent) -> None:
        self._steps = steps
        self.spent = spent
        self._numbers: defaultdict[str, dict[Hashable, int]] = defaultdict(dict)
        self.values: list[Any] = []
        """By number."""
        self.rows: list[dict[int, int]] = []
        """Of each value, what functions make of it, by their places: as far as asked (see cell)."""
        self.types: list[str] = []
        """Of each value, the name of its type."""

    def number(self, value: Any, name: str) -> int:
        """Return the number of a value of the type of that name, NOTHING if it is too large."""
        table = self._numbers[name]
        kind = type(value)
        key = value if kind in PLAIN_KEYS else identity(value)
        found = table.get(key)
        if found is None:
            found = NOTHING
            if kind in _SMALL or within_caps(value):
                found = len(self.values)
                self.values.append(value if kind in PLAIN_KEYS else fresh(value))
                self.rows.append({})
                self.types.append(name)
                self.spent.keep(_VALUE_BYTES)
            table[key] = found
        return found

    def solves(self, value: Any, name: str, places: Sequence[int], is_goal: Grader) -> bool:
        """Tell whether the functions at those places, one after the other, make the goal.

        Nothing of it is kept.
        """
        value = fresh(value)
        for place in places[:-1]:
            self.spent.take(1)
            body, kind, name = self._steps[name][place]
            try:
                value = body(value)
            except Exception:  # noqa: BLE001 - a body may raise anything: there is no edge
                return False
            if type(value) is not kind or not within_caps(value):
                return False
            value = fresh(value)
        return self._makes(value, name, places[-1], is_goal)

    def leads(self, number: int, place: int, is_goal: Grader) -> bool:
        """Tell whether the function at that place, which is of the goal's type, makes the goal."""
        return self._makes(self.values[number], self.types[number], place, is_goal)

    def _makes(self, value: Any, name: str, place: int, is_goal: Grader) -> bool:
        self.spent.take(1)
        body, _, _ = self._steps[name][place]
        try:
            return is_goal(body(value))
        except Exception:  # noqa: BLE001 - a body may raise anything: there is no edge
            return False

    def cell(self, number: int, place: int) -> int:
        """Return what the function at that place of its type's steps makes of a value."""
        row = self.rows[number]
        found = row.get(place)
        if found is None:
            self.spent.take(1)
            body, kind, name = self._steps[self.types[number]][place]
            try:
                made = body(self.values[number])
            except Exception:  # noqa: BLE001 - a body may raise anything: there is no edge
                found = NOTHING
            else:
                found = self.number(made, name) if type(made) is kind else NOTHING
            row[place] = found
        return found
