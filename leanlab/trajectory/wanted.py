"""Wanted: values that are to be made, and what they can be made of."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

from leanlab.trajectory.batch import equals_itself
from leanlab.trajectory.preimages import is_askable
from leanlab.trajectory.spans import EVERYWHERE, anywhere, around, inside
from leanlab.trajectory.values import KINDS, PLAIN_KEYS, fresh, identity, same

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from leanlab.trajectory.batch import Batch, Single
    from leanlab.trajectory.locating import Locate, Spans
    from leanlab.trajectory.search import Spent
    from leanlab.trajectory.way import Way

Keyed = dict["Hashable", Any]
"""Values of one type by their identity."""

_NARROWED = 60
"""Values that functions are run on in the time that it takes to tell where they should be."""
_ODD_FLOATS = ("nan", "0.0", "-0.0")
"""Keys of the floats that are no keys themselves."""


def keyed(values: Sequence[Any]) -> Keyed:
    if values and type(values[0]) in PLAIN_KEYS:
        return dict(zip(values, values, strict=True))
    return {identity(one): one for one in values}


class Attempt:
    """Functions of which preimages do not tell all."""

    def __init__(self, batch: Batch, wanted: Wanted, locate: Locate = anywhere) -> None:
        self.batch = batch
        self._wanted = wanted
        self._locate = locate

    def worth(self, values: list[Any]) -> list[Any]:
        """Leave out values, of which the functions make nothing wanted, where it saves time."""
        if self._locate is anywhere or len(values) < _NARROWED:
            return values
        return inside(values, self.spans)

    def hits(self, values: Sequence[Any]) -> list[Any]:
        """Return those of the values of which a function makes something wanted."""
        return self._wanted.hits(self.batch, values)

    @cached_property
    def spans(self) -> Spans:
        """Where everything is that the functions can make something wanted of."""
        values = self._wanted.values.values()
        if self._locate is anywhere or any(one != one for one in values):
            return EVERYWHERE
        return around(self._locate, values)


class Wanted:
    """Some values of one type."""

    def __init__(self, way: Way, kind: str, values: Keyed, spent: Spent) -> None:
        self.kind = kind
        self.values = values
        self._way = way
        self._spent = spent
        kind_itself = KINDS[kind]
        self.are_keys = kind_itself in PLAIN_KEYS or (
            kind_itself is float and not any(map(values.__contains__, _ODD_FLOATS))
        )

    def hits(self, batch: Batch, values: Sequence[Any]) -> list[Any]:
        """Return those of the values of which a function makes something wanted."""
        if self.are_keys:
            return batch.among(values, self.values)
        return batch.accepted(values, self._is_wanted)

    def _is_wanted(self, value: Any) -> bool:
        return identity(value) in self.values

    @cached_property
    def _asked(self) -> tuple[list[tuple[Hashable, Any]], Keyed]:
        """The values that preimages can be asked for, and the others."""
        rest = {key: one for key, one in self.values.items() if not is_askable(one)}
        return [each for each in self.values.items() if each[0] not in rest], rest

    def told(self, batch: Batch) -> tuple[list[tuple[Single, list[Any]]], list[Attempt]]:
        """Return what each function may make wanted values of, and what is to be tried beside."""
        found: list[tuple[Single, list[Any]]] = []
        attempts = [Attempt(one, self, locate) for locate, one in batch.others]
        for single in batch.telling:
            candidates, left = self._undone(single)
            if candidates:
                found.append((single, candidates))
            if left:
                attempts.append(Attempt(single, left, single.locate))
        return found, attempts

    def _undone(self, single: Single) -> tuple[list[Any], Wanted | None]:
        """Return what the function may make wanted values of, and those of which nobody knows."""
        asked, rest = self._asked
        found: list[Any] = []
        left: Keyed = {}
        for key, target in asked:
            candidates = single.preimage(target)
            if candidates is None:
                left[key] = target
            else:
                found += candidates
        return found, self.part(left | rest) if left or rest else None

    @cached_property
    def _opened(self) -> tuple[list[Wanted], list[Attempt]]:
        before: dict[str, Keyed] = defaultdict(dict)
        after: list[Attempt] = []
        for batch in self._way.into[self.kind]:
            found, attempts = self.told(batch)
            for single, candidates in found:
                self._spent.take(len(candidates))
                before[batch.input_type] |= keyed(self.hits(single, candidates))
            after += attempts
        told = [
            Wanted(self._way, kind, values, self._spent)
            for kind, values in before.items()
            if values
        ]
        return told, after

    @property
    def before(self) -> list[Wanted]:
        """What one function makes a wanted value of, as far as preimages tell."""
        return self._opened[0]

    @property
    def after(self) -> list[Attempt]:
        """What preimages do not tell."""
        return self._opened[1]

    @cached_property
    def after_by_kind(self) -> dict[str, list[Attempt]]:
        """The same, by the type that the functions take."""
        found: dict[str, list[Attempt]] = defaultdict(list)
        for attempt in self.after:
            found[attempt.batch.input_type].append(attempt)
        return found

    def part(self, values: Keyed) -> Wanted:
        """Return so much of what is wanted."""
        return Wanted(self._way, self.kind, values, self._spent)


class Goal(Wanted):
    """All that is right as an answer: values that are graded alike are all wanted."""

    def __init__(self, way: Way, value: Any, spent: Spent) -> None:
        value = fresh(value)
        super().__init__(way, way.goal, {identity(value): value}, spent)
        self.value = value
        self.is_plain = equals_itself(value)

    def part(self, values: Keyed) -> Wanted:  # noqa: ARG002 - it is one value
        return self

    def hits(self, batch: Batch, values: Sequence[Any]) -> list[Any]:
        if self.is_plain:
            return batch.equal(values, self.value)
        return batch.accepted(values, self._is_wanted)

    def _is_wanted(self, value: Any) -> bool:
        return same(value, self.value)
