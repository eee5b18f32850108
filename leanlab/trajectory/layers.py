"""Layers: what can be made of one example's input, by the number of functions it takes.

One example alone is a necessary condition: a trajectory that solves the task leads from its input
to its output too. So where no layer has the goal within a bound, no trajectory of that length
exists. Values are kept without the ways to them, by type, and whole layers go through a function
at once. Layers are made when asked for, and only of types that can still lead to the goal's.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from leanlab.trajectory.batch import Row, equals_itself
from leanlab.trajectory.values import (
    KINDS,
    MAX_SIZE,
    PLAIN_KEYS,
    fresh,
    identity,
    same,
    within_caps,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

    from leanlab.trajectory.batch import Batch
    from leanlab.trajectory.library import FunctionLibrary
    from leanlab.trajectory.search import Name, Spent

_CHUNK = 500
"""Values between two looks at the clock."""
_MADE = 5_000
"""Values that were made and are not yet compared with those that were seen, about."""
_ENTRY_BYTES = 120
"""What a value takes in a layer and in the set of those seen, beside itself; measured."""


def _is_among(keys: set[Hashable]) -> Callable[[Any], bool]:
    return lambda value: identity(value) in keys


class Way:
    """What of a library can lie between values of one type and a goal's type."""

    def __init__(
        self, batches: Iterable[Batch], library: FunctionLibrary, start: str, goal: str
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
        functions = [one for one in library if (one.input_type, one.output_type) in types]
        self.rows = {
            kind: Row([one for one in functions if one.input_type == kind], library.bodies, goal)
            for kind in self.far
        }
        """Functions by the type they take, in the order of the library."""
        self._start = start
        self.steps = {
            kind: [
                (library.bodies[one.name], KINDS[one.output_type], one.output_type)
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


class Layers:
    """The layers of one example."""

    def __init__(self, way: Way, start: Any, name: str, goal: Any, spent: Spent) -> None:
        self._way = way
        self._goal = goal
        self._spent = spent
        start = fresh(start)
        self._layers: dict[str, list[list[Any]]] = {kind: [] for kind in way.far}
        self._layers[name].append([start])
        self._seen: dict[str, set[Hashable]] = defaultdict(set)
        self._seen[name].add(identity(start))
        self.size = 0
        """Calls made for the layers so far."""
        self._last: list[dict[str, list[Any]]] = []
        self._within: int | None = None
        """The least bound within which the goal was reached."""
        self._by_equality = equals_itself(goal)

    def reach(self, bound: int) -> bool:
        """Tell whether at most `bound` functions can lead to the goal."""
        while len(self._last) < bound:
            self._last.append(self._before_goal(len(self._last)))
            if self._within is None and self._last[-1]:
                self._within = len(self._last)
        return self._within is not None and self._within <= bound

    def width(self, bound: int) -> int:
        """Return how many values there are that less than `bound` functions made."""
        return sum(len(layer) for layers in self._layers.values() for layer in layers[:bound])

    def is_closed(self, bound: int) -> bool:
        """Tell whether everything that can be made at all was looked at within the bound."""
        depth = bound - 1 - self._way.span
        return depth >= 0 and not any(self._layer(depth, kind) for kind in self._way.far)

    def distances(self, bound: int) -> dict[str, dict[Hashable, int]]:
        """Return, by type and key, how many functions lie between a value and the goal, at least.

        Whatever is not there lies on no way of at most `bound` functions. The goal is not there.
        """
        self.reach(bound)
        found: dict[str, dict[Hashable, int]] = {kind: {} for kind in self._way.far}
        level: dict[str, set[Hashable]] = defaultdict(set)
        for before in self._last[:bound]:
            for kind, values in before.items():
                level[kind].update(map(identity, values))
        for steps in range(1, bound + 1):
            for kind, keys in level.items():
                found[kind] |= dict.fromkeys(keys, steps)
            if steps < bound:
                level = self._before(level, found, bound - steps - 1)
        return found

    def _before(
        self,
        level: dict[str, set[Hashable]],
        found: dict[str, dict[Hashable, int]],
        deepest: int,
    ) -> dict[str, set[Hashable]]:
        """Return the keys, not yet found, of which one function makes something of the level."""
        ahead: dict[str, set[Hashable]] = defaultdict(set)
        for kind, keys in level.items():
            bare = KINDS[kind] in PLAIN_KEYS or (
                KINDS[kind] is float and not keys & {"nan", "0.0", "-0.0"}
            )
            among = None if bare else _is_among(keys)
            for batch in self._way.into[kind]:
                given = batch.input_type
                for depth in range(self._way.first[given], deepest + 1):
                    for chunk in self._chunks(self._layer(depth, given), batch):
                        hits = batch.accepted(chunk, among) if among else batch.among(chunk, keys)
                        if hits:
                            ahead[given].update(map(identity, hits))
        new = {kind: keys - found[kind].keys() for kind, keys in ahead.items()}
        return {kind: keys for kind, keys in new.items() if keys}

    def _before_goal(self, depth: int) -> dict[str, list[Any]]:
        """Return the values of a layer of which one function makes the goal, by type."""
        found: dict[str, list[Any]] = defaultdict(list)
        for batch in self._way.into[self._way.goal]:
            for chunk in self._chunks(self._layer(depth, batch.input_type), batch):
                if self._by_equality:
                    hits = batch.equal(chunk, self._goal)
                else:
                    hits = batch.accepted(chunk, self._is_goal)
                if hits:
                    found[batch.input_type] += hits
        return found

    def _is_goal(self, value: Any) -> bool:
        return same(value, self._goal)

    def _layer(self, depth: int, name: str) -> list[Any]:
        """Return the values of a type that take `depth` functions and no fewer."""
        layers = self._layers[name]
        # Those that are nearer must be known, to be left out.
        while len(layers) <= depth:
            layers.append(self._made(len(layers), name))
        return layers[depth]

    def _made(self, depth: int, name: str) -> list[Any]:
        layer: list[Any] = []
        if depth < self._way.first[name]:
            return layer
        kind = KINDS[name]
        made: list[Any] = []
        for batch in self._way.into[name]:
            for chunk in self._chunks(self._layer(depth - 1, batch.input_type), batch):
                made += batch.made(chunk)
                if len(made) > _MADE:
                    layer += self._new(made, kind, self._seen[name])
                    made = []
        layer += self._new(made, kind, self._seen[name])
        return layer

    def _new(self, made: list[Any], kind: type, seen: set[Hashable]) -> list[Any]:
        """Return those of the values of a kind that were not seen, once each; mark them seen."""
        if not {kind}.issuperset(map(type, made)):
            made = [one for one in made if type(one) is kind]
        if kind not in PLAIN_KEYS and kind is not float:
            keyed = {identity(one): one for one in made}
            new = [keyed[key] for key in keyed if key not in seen]
            self._spent.keep(sum(_ENTRY_BYTES + 3 * len(str(key)) for key in keyed))
            seen.update(keyed)
            return [fresh(one) for one in new if within_caps(one)]
        bare = set(made)
        odd = _odd_floats(bare, made) if kind is float else {}
        # Not -=, which walks through all of seen where that is not much larger.
        bare = bare - seen
        more = [fresh(one) for key, one in odd.items() if key not in seen]
        seen |= bare
        seen.update(odd)
        content = sum(map(len, bare)) if kind in (str, bytes) else 32 * len(bare)
        self._spent.keep(content + _ENTRY_BYTES * len(bare))
        if content >= MAX_SIZE or (kind is int and bare and not _all_small(bare)):
            return list(filter(within_caps, bare))
        return [*bare, *more]

    def _chunks(self, values: list[Any], batch: Batch) -> Iterable[list[Any]]:
        """Cut values into parts, and count the batch's calls for each part that is taken."""
        if not values:
            return ()
        if len(values) <= _CHUNK:
            calls = len(values) * batch.size
            self._spent.take(calls)
            self.size += calls
            return (values,)
        return self._parts(values, batch)

    def _parts(self, values: list[Any], batch: Batch) -> Iterator[list[Any]]:
        for start in range(0, len(values), _CHUNK):
            yield from self._chunks(values[start : start + _CHUNK], batch)


def _all_small(numbers: set[int]) -> bool:
    return within_caps(min(numbers)) and within_caps(max(numbers))


def _odd_floats(bare: set[float], made: list[float]) -> dict[Hashable, float]:
    """Take out of a set what == does not tell apart as identity does: zeros, NaNs; keyed."""
    odd: dict[Hashable, float] = {}
    if 0.0 in bare:
        bare.discard(0.0)
        odd = {identity(one): one for one in made if not one}
    total = sum(bare)
    if total != total:  # it may also be made of inf and -inf
        odd |= {identity(one): one for one in bare if one != one}
        bare -= {one for one in bare if one != one}
    return odd
