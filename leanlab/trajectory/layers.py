"""Layers: what can be made of one example's input, by the number of functions it takes.

One example alone is a necessary condition: a trajectory that solves the task leads from its input
to its output too. So where no layer has the goal within a bound, no trajectory of that length
exists. Values are kept without the ways to them, by type, and whole layers go through a function
at once. Layers are made when asked for, and only of types that can still lead to the goal's.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, Any

from leanlab.trajectory.spans import EVERYWHERE, anywhere, are_bounded, inside, joined, through
from leanlab.trajectory.values import (
    KINDS,
    MAX_SIZE,
    PLAIN_KEYS,
    all_fresh,
    fresh,
    identity,
    within_caps,
)
from leanlab.trajectory.wanted import Goal, Trial, Wanted, keyed

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
_MADE = 5_000
"""Values that were made and are not yet compared with those that were seen, about."""
_ENTRY_BYTES = 120
"""What a value takes in a layer and in the set of those seen, beside itself; measured."""


class Layers:
    """The layers of one example."""

    def __init__(self, way: Way, start: Any, name: str, goal: Any, spent: Spent) -> None:
        self._way = way
        self._goal = Goal(way, goal, spent)
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

        Whatever is not there lies on no way of at most `bound` functions. The goal is not there.
        """
        self.reach(bound)
        found: dict[str, dict[Hashable, int]] = {kind: {} for kind in self._way.far}
        level: dict[str, Keyed] = defaultdict(dict)
        if bound > _TRIED:
            level |= {one.kind: dict(one.values) for one in self._goal.before}
        for before in self._last[:bound]:
            for kind, values in before.items():
                level[kind] |= keyed(values)
        for steps in range(1, bound + 1):
            for kind, keys in level.items():
                found[kind] |= dict.fromkeys(keys, steps)
            if steps < bound:
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
            for batch in self._way.into[kind]:
                given = batch.input_type
                if self._way.first[given] < depths.stop:
                    ahead[given] |= self._made_from(batch, wanted, depths, found[given].keys())
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
            return keyed(self._hits(Trial(batch, wanted), layers))
        seen = self._seen[given]
        found, trials = wanted.told(batch)
        hits: list[Any] = []
        for single, candidates in found:
            keys = keyed(candidates)
            new = [keys[key] for key in keys if key in seen and key not in known]
            if new:
                hits += self._hits(Trial(single, wanted), [new])
        for trial in trials:
            hits += self._hits(trial, layers)
        return keyed(hits)

    def _hits(self, trial: Trial, layers: Iterable[list[Any]]) -> list[Any]:
        found: list[Any] = []
        for layer in layers:
            for chunk in self._chunks(trial.worth(layer), trial.batch):
                found += trial.hits(chunk)
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
        for kind, trials in self._goal.after_by_kind.items():
            for values in self._to_try(depth, kind, trials):
                for trial in trials:
                    hits = self._hits(trial, [values])
                    if hits:
                        found[kind] += filter(within_caps, hits)
        return {kind: hits for kind, hits in found.items() if hits}

    def _to_try(self, depth: int, kind: str, trials: list[Trial]) -> Iterable[list[Any]]:
        """Return the values of a layer that the functions may make the goal of, and maybe more."""
        if depth >= _PASSED and len(self._layers[kind]) <= depth:
            spans = joined(chain.from_iterable(one.spans for one in trials))
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
        if depth < self._way.first[name]:
            return layer
        kind = KINDS[name]
        made: list[Any] = []
        sure = self._way.sure[name]
        for batch in self._way.into[name]:
            for chunk in self._chunks(self._layer(depth - 1, batch.input_type), batch):
                made += batch.made(chunk)
                if len(made) > _MADE:
                    layer += self._new(made, kind, self._seen[name], sure=sure)
                    made = []
        layer += self._new(made, kind, self._seen[name], sure=sure)
        return layer

    def _new(self, made: list[Any], kind: type, seen: set[Hashable], *, sure: bool) -> list[Any]:
        """Return those of the values of a kind that were not seen, once each; mark them seen.

        sure says that they are all of that kind.
        """
        if not (sure or {kind}.issuperset(map(type, made))):
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
        if (kind in (str, bytes) and content >= MAX_SIZE and max(map(len, bare)) >= MAX_SIZE) or (
            kind is int and bare and not _all_small(bare)
        ):
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
