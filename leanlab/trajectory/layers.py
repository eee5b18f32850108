"""Layers: what can be made of one example's input, by the number of functions it takes.

One example alone is a necessary condition: a trajectory that solves the task leads from its input
to its output too. So where no layer has the goal within a bound, no trajectory of that length
exists. Values are kept without the ways to them, by type, and whole layers go through a function
at once. Layers are made when asked for, and only of types that can still lead to the goal's.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain, compress, count
from typing import TYPE_CHECKING, Any, NamedTuple

from leanlab.trajectory.spans import EVERYWHERE, anywhere, are_bounded, inside, joined, through
from leanlab.trajectory.values import (
    KINDS,
    PLAIN_KEYS,
    all_fresh,
    fresh,
    identity,
    within_caps,
)
from leanlab.trajectory.wanted import Attempt, Goal, Wanted, keyed

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Iterable, Iterator

    from leanlab.trajectory.batch import Batch
    from leanlab.trajectory.locating import Spans
    from leanlab.trajectory.search import Spent
    from leanlab.trajectory.wanted import Keyed
    from leanlab.trajectory.way import Way

_CHUNK = 500
"""Values between two looks at the clock."""
_TRIED = 3
"""Layers that are so small that preimages of the goal cost more than trying every function."""
_DEAR = 4
"""Values that a function is run on in the time that one preimage takes, about."""
_PASSED = 4
"""The layer from which on it pays to make some of the last one twice, if it is not the last."""
_KEPT = PLAIN_KEYS | {float}
"""Types whose values are told apart in less time than functions are run on them."""
_ENTRY_BYTES = 120
"""What a value takes in a layer and in the set of those seen, beside itself; measured."""
_EDGE_BYTES = 40
"""What was made takes, beside its content, where it is not new."""
_SMALL = frozenset({bool, int, float})
"""Types whose content is not worth counting."""


class Edges(NamedTuple):
    """What the functions from one type to another make of a layer's values."""

    kind: str
    """The type of the values."""
    values: list[Any]
    keys: list[Hashable]
    """Of what is made of each value, `size` of them side by side; None for nothing."""
    size: int

    def into(self, wanted: Wanted) -> list[Any]:
        """Return the values of which something wanted is made."""
        keys = self.keys if wanted.are_keys else map(identity, self.keys)
        places = compress(count(), map(wanted.values.__contains__, keys))
        return [self.values[i] for i in dict.fromkeys(place // self.size for place in places)]


class Layers:
    """The layers of one example."""

    def __init__(self, way: Way, start: Any, name: str, goal: Any, spent: Spent) -> None:
        self._way = way
        self._goal = Goal(way, goal, spent)
        self._spent = spent
        start = fresh(start)
        self._layers: dict[str, list[list[Any]]] = {kind: [] for kind in way.far}
        self._layers[name].append([start])
        self._edges: dict[str, list[list[Edges]]] = {kind: [] for kind in way.far}
        """By type and layer, how what is in the layer was made, and what was there before."""
        self._edges[name].append([])
        self._seen: dict[str, set[Hashable]] = defaultdict(set)
        self._seen[name].add(identity(start))
        self.size = 0
        """Calls made for the layers so far."""
        self._last: list[dict[str, list[Any]]] = []
        self._within: int | None = None
        """The least bound within which the goal was reached."""

    def reach(self, bound: int) -> bool:
        """Tell whether at most `bound` functions can lead to the goal."""
        while len(self._last) < bound:
            depth = len(self._last)
            self._last.append(self._before_goal(depth))
            if self._within is None and (self._last[-1] or self._comes_to(depth)):
                self._within = depth + 1
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

        Whatever is not there lies on no way of at most `bound` functions, or at its beginning or
        end alone.
        """
        self.reach(bound)
        found: dict[str, dict[Hashable, int]] = {kind: {} for kind in self._way.far}
        level: dict[str, Keyed] = defaultdict(dict)
        if bound > _TRIED:
            level |= {one.kind: dict(one.values) for one in self._goal.before}
        for before in self._last[:bound]:
            for kind, values in before.items():
                level[kind] |= keyed(values)
        for steps in range(1, bound):
            for kind, keys in level.items():
                found[kind] |= dict.fromkeys(keys, steps)
            if steps < bound - 1:
                # The goal is no nearer: what is so near to it is no nearer to the start.
                nearest = (self._within or 0) - steps - 1
                level = self._before(level, found, range(nearest, bound - steps))
        return found

    def _before(
        self, level: dict[str, Keyed], found: dict[str, dict[Hashable, int]], depths: range
    ) -> dict[str, Keyed]:
        """Return what was not yet found, of which one function makes something of the level."""
        ahead: dict[str, Keyed] = defaultdict(dict)
        for kind, values in level.items():
            wanted = Wanted(self._way, kind, values, self._spent)
            made = self._edges[kind][max(0, depths.start) + 1 : depths.stop + 1]
            for edges in chain.from_iterable(made):
                hits = edges.into(wanted)
                if hits:
                    ahead[edges.kind] |= keyed(hits)
            # Nothing of this type was made of the last layers yet.
            left = range(max(depths.start, len(self._edges[kind]) - 1), depths.stop)
            for batch in self._way.into[kind] if left else ():
                given = batch.input_type
                if self._way.first[given] < depths.stop:
                    ahead[given] |= self._made_from(batch, wanted, left, found[given].keys())
        new = {
            kind: {key: one for key, one in each.items() if key not in found[kind]}
            for kind, each in ahead.items()
        }
        return {kind: each for kind, each in new.items() if each}

    def _made_from(
        self, batch: Batch, wanted: Wanted, depths: range, known: Collection[Hashable]
    ) -> Keyed:
        """Return what of the layers of those depths is made something wanted by one function.

        There may be more, of other layers. What is known may be left out.
        """
        given = batch.input_type
        self._layer(depths.stop - 1, given)
        layers = self._layers[given][max(0, depths.start) : depths.stop]
        if _DEAR * len(wanted.values) > sum(map(len, layers)):
            return keyed(self._hits(Attempt(batch, wanted), layers))
        seen = self._seen[given]
        found, attempts = wanted.told(batch)
        hits: list[Any] = []
        for single, candidates in found:
            keys = keyed(candidates)
            new = [keys[key] for key in keys if key in seen and key not in known]
            if new:
                hits += self._hits(Attempt(single, wanted), [new])
        for attempt in attempts:
            hits += self._hits(attempt, layers)
        return keyed(hits)

    def _hits(self, attempt: Attempt, layers: Iterable[list[Any]]) -> list[Any]:
        found: list[Any] = []
        for layer in layers:
            for chunk in self._chunks(attempt.worth(layer), attempt.batch):
                found += attempt.hits(chunk)
        return found

    def _before_goal(self, depth: int) -> dict[str, list[Any]]:
        """Return the values of a layer of which one function makes the goal, by type.

        From the layer on that is worth it, those are left out that a preimage of the goal tells.
        """
        found: dict[str, list[Any]] = defaultdict(list)
        if depth < _TRIED:
            for batch in self._way.into[self._way.goal]:
                for chunk in self._chunks(self._layer(depth, batch.input_type), batch):
                    hits = self._goal.hits(batch, chunk)
                    if hits:
                        found[batch.input_type] += hits
            return found
        for kind, attempts in self._goal.after_by_kind.items():
            for values in self._to_try(depth, kind, attempts):
                for attempt in attempts:
                    hits = self._hits(attempt, [values])
                    if hits:
                        found[kind] += filter(within_caps, hits)
        return {kind: hits for kind, hits in found.items() if hits}

    def _to_try(self, depth: int, kind: str, attempts: list[Attempt]) -> Iterable[list[Any]]:
        """Return the values of a layer that the functions may make the goal of, and maybe more."""
        if depth >= _PASSED and len(self._layers[kind]) <= depth:
            spans = joined(chain.from_iterable(one.spans for one in attempts))
            if KINDS[kind] not in _KEPT or are_bounded(spans):
                return self._passing(depth, kind, spans)
        return (self._layer(depth, kind),)

    def _passing(self, depth: int, kind: str, spans: Spans) -> Iterator[list[Any]]:
        """Yield what may be in a layer, without making the layer."""
        for batch in self._way.into[kind]:
            layer = self._layer(depth - 1, batch.input_type)
            for locate, part in batch.located if spans != EVERYWHERE else [(anywhere, batch)]:
                for chunk in self._chunks(inside(layer, through(locate, spans)), part):
                    yield all_fresh(part.typed(chunk))

    def _comes_to(self, depth: int) -> bool:
        """Tell whether so many functions make one of the goal's preimages, where fewer do not."""
        return depth >= _TRIED and any(self._makes(one, depth) for one in self._goal.before)

    def _makes(self, wanted: Wanted, depth: int, further: int = 1) -> bool:
        if not self._seen[wanted.kind].isdisjoint(wanted.values):
            return True
        if len(self._layers[wanted.kind]) > depth or depth < self._way.first[wanted.kind]:
            return False
        if not further:
            self._layer(depth, wanted.kind)
            return not self._seen[wanted.kind].isdisjoint(wanted.values)
        # The layer is not needed yet, and may be large: the one before it will do.
        return any(
            self._hits(one, [self._layer(depth - 1, one.batch.input_type)]) for one in wanted.after
        ) or any(self._makes(one, depth - 1, further - 1) for one in wanted.before)

    def _layer(self, depth: int, name: str) -> list[Any]:
        """Return the values of a type that take `depth` functions and no fewer."""
        layers = self._layers[name]
        # Those that are nearer must be known, to be left out.
        while len(layers) <= depth:
            layers.append(self._made(len(layers), name))
        return layers[depth]

    def _made(self, depth: int, name: str) -> list[Any]:
        layer: list[Any] = []
        edges: list[Edges] = []
        if depth >= self._way.first[name]:
            seen = self._seen[name]
            for batch in self._way.into[name]:
                values = self._layer(depth - 1, batch.input_type)
                if values:
                    keys: list[Hashable] = []
                    for chunk in self._chunks(values, batch):
                        before = len(layer), len(keys)
                        batch.make(chunk, seen, layer, keys)
                        self._keep(batch.kind, len(layer) - before[0], keys[before[1] :])
                    edges.append(Edges(batch.input_type, values, keys, batch.size))
        self._edges[name].append(edges)
        return layer

    def _keep(self, kind: type, new: int, keys: list[Hashable]) -> None:
        """Count the bytes of so many new values of a kind, and of what leads to them."""
        size = _ENTRY_BYTES * new + _EDGE_BYTES * len(keys)
        if kind not in _SMALL:
            content = sum(map(len, filter(None, keys)))  # type: ignore[arg-type]
            size += content if kind in PLAIN_KEYS else 3 * content
        self._spent.keep(size)

    def _chunks(self, values: list[Any], batch: Batch) -> Iterable[list[Any]]:
        """Cut values into parts, and count the batch's calls for each part that is taken."""
        if not values:
            return ()
        if len(values) <= _CHUNK:
            self._count(len(values) * batch.size)
            return (values,)
        return self._parts(values, batch)

    def _parts(self, values: list[Any], batch: Batch) -> Iterator[list[Any]]:
        for start in range(0, len(values), _CHUNK):
            yield from self._chunks(values[start : start + _CHUNK], batch)

    def _count(self, calls: int) -> None:
        self._spent.take(calls)
        self.size += calls
