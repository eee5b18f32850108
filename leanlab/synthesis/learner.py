"""Fit every kind of rule to training strings of 0 and 1, shortest description first."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from leanlab.labkit import ConfigError
from leanlab.synthesis import rules
from leanlab.synthesis.learning import gf2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from leanlab.synthesis.rules import Rule
    from leanlab.synthesis.splits import Split

    Numbers = NDArray[np.floating[Any]]

TRIPLES = 200
"""The longest strings of which all triples are tried: 1.3 million of them."""
SUBSETS = 128


class Sample:
    """Training strings as arrays; parities are products of signs, where a 1 is -1."""

    def __init__(self, train: Split) -> None:
        self.size = len(train)
        self.length = len(train.strings[0])
        for number, x in enumerate(train.strings, start=1):
            if len(x) != self.length or set(x) - {"0", "1"}:
                raise ConfigError(
                    f"training string {number}: {x[:40]!r} is not {self.length} characters of 0 "
                    f"and 1; this learner reads nothing else."
                )
        ones = [[c == "1" for c in x] for x in train.strings]
        self.bits: Numbers = np.array(ones, dtype=np.float32)
        self.labels: Numbers = np.array(train.labels, dtype=np.float32)
        self.signs = 1 - 2 * self.bits
        self.label_signs = 1 - 2 * self.labels
        # Unknown i is position i, unknown `length` the negation, and the bit above is the label.
        self.equations = [
            int(x[::-1], 2) | 1 << self.length | y << (self.length + 1)
            for x, y in zip(train.strings, train.labels, strict=True)
        ]

    def system(self) -> gf2.System:
        """Return the equations that an exact parity would have to solve."""
        return gf2.eliminate(self.equations, self.length + 1)


def best_of_kinds(train: Split) -> list[Rule]:
    """Return the first round of learn()."""
    sample = Sample(train)
    heads = [next(kind(sample), None) for kind in KINDS]
    return sorted((rule for rule in heads if rule is not None), key=lambda rule: rule.bits)


def learn(train: Split) -> Iterator[Rule]:
    """Yield rules in rounds: the best of every kind, then the second best, and so on.

    Within a round the shorter description comes first. The best of a kind has the fewest training
    errors; the first in the order of positions on a tie. No rule comes twice; the stream is finite.
    """
    sample = Sample(train)
    streams = [kind(sample) for kind in KINDS]
    while streams:
        heads = [(stream, next(stream, None)) for stream in streams]
        streams = [stream for stream, rule in heads if rule is not None]
        yield from sorted(
            (rule for _, rule in heads if rule is not None), key=lambda rule: rule.bits
        )


def _ranked(errors: Numbers) -> Iterator[tuple[int, ...]]:
    """Yield indices with their value appended, fewest errors first, ties in order."""
    for flat in np.argsort(errors, axis=None, kind="stable"):
        index = np.unravel_index(int(flat), errors.shape)
        yield (*map(int, index), int(errors[index]))


def _either(sample: Sample, agreement: Numbers) -> Numbers:
    """Turn sums of sign products into errors of the rules and, in row 1, of their negations."""
    return np.stack([sample.size - agreement, sample.size + agreement]) / 2


def constants(sample: Sample) -> Iterator[Rule]:
    """Fit the two constants."""
    positive = int(sample.labels.sum())
    for value, errors in sorted(enumerate((positive, sample.size - positive)), key=lambda p: p[1]):
        yield rules.constant(value, errors=errors)


def positions(sample: Sample) -> Iterator[Rule]:
    """Fit single characters."""
    for negated, i, errors in _ranked(_either(sample, sample.label_signs @ sample.signs)):
        yield rules.position(i, 1 - negated, sample.length, errors=errors)


def counts(sample: Sample) -> Iterator[Rule]:
    """Fit thresholds on the number of ones, and exact numbers."""
    ones = sample.bits.sum(axis=1)[:, None]
    numbers = np.arange(sample.length + 1)
    told = np.stack([ones >= numbers, ones < numbers, ones == numbers, ones != numbers])
    errors = (told != sample.labels[:, None]).sum(axis=1).astype(np.float32)
    for which, number, wrong in _ranked(errors):
        comparison = tuple(rules.COMPARISONS)[which]
        if comparison in ("==", "!=") or number > 0:
            yield rules.count(comparison, number, sample.length, errors=wrong)


def pairs(sample: Sample) -> Iterator[Rule]:
    """Fit the ten functions of two characters that depend on both."""
    first, second = np.triu_indices(sample.length, 1)
    # Positive less negative strings: in all, by one character, by two.
    weights = -sample.label_signs
    total, single = weights.sum(), weights @ sample.bits
    one, two = single[first], single[second]
    cells = {(1, 1): ((sample.bits.T * weights) @ sample.bits)[first, second]}
    cells[1, 0] = one - cells[1, 1]
    cells[0, 1] = two - cells[1, 1]
    cells[0, 0] = total - one - two + cells[1, 1]
    gains = [*cells.values(), cells[1, 0] + cells[0, 1]]
    errors = sample.labels.sum() - np.stack(gains)
    values = tuple(cells)
    for negated, which, pair, wrong in _ranked(np.stack([errors, sample.size - errors])):
        i, j = int(first[pair]), int(second[pair])
        if which < len(values):
            yield rules.both(i, j, values[which], bool(negated), sample.length, errors=wrong)
        else:
            yield rules.differ(i, j, bool(negated), sample.length, errors=wrong)


def ranges(sample: Sample) -> Iterator[Rule]:
    """Fit parities of three or more neighbours; shorter ranges are positions and pairs."""
    ahead = np.ones((sample.size, 1), dtype=np.float32)
    prefix = np.cumprod(np.hstack([ahead, sample.signs]), axis=1)
    start, end = np.triu_indices(sample.length + 1, 3)
    agreement = ((prefix.T * sample.label_signs) @ prefix)[start, end]
    for negated, which, errors in _ranked(_either(sample, agreement)):
        spanned = range(int(start[which]), int(end[which]))
        yield rules.parity(spanned, bool(negated), sample.length, errors=errors)


def triples(sample: Sample) -> Iterator[Rule]:
    """Fit parities of three characters that are no range; none for strings beyond TRIPLES."""
    if sample.length > TRIPLES:
        return
    signs, best = sample.signs, []
    for i in range(sample.length - 2):
        j, k = np.triu_indices(sample.length - i - 1, 1)
        rest = signs[:, i + 1 :]
        agreement = ((rest.T * (signs[:, i] * sample.label_signs)) @ rest)[j, k]
        errors = _either(sample, agreement)
        cut = min(gf2.KEPT, errors.size) - 1
        worst = np.partition(errors, cut, axis=None)[cut]
        best += [
            (int(errors[n, at]), (i, i + 1 + int(j[at]), i + 1 + int(k[at])), bool(n))
            for n, at in zip(*np.nonzero(errors <= worst), strict=True)
        ]
    for wrong, (a, b, c), negated in sorted(best):
        if c - a > 2:
            yield rules.parity((a, b, c), negated, sample.length, errors=wrong)


def listings(sample: Sample) -> Iterator[Rule]:
    """Fit parities of four or more characters that are no range: exact ones, else near ones."""
    masks = _affine(tuple(sample.equations), sample.length)
    fitted = [rule for mask in masks if (rule := _listing(mask, sample))]
    yield from sorted(fitted, key=lambda rule: (rule.train_errors, rule.bits, rule.code))


@lru_cache(maxsize=4)
def _affine(equations: tuple[int, ...], n: int) -> list[int]:
    """Return positions and negation as masks; kept, as a run asks for the same in every trial."""
    weighed = (1 << n) - 1
    cost = [rules.listing_bits(k, n) for k in range(n + 1)]
    found = gf2.solutions(equations, n + 1, weighed)
    exact = sorted(found, key=lambda x: (cost[(x & weighed).bit_count()], x))
    return exact[: gf2.KEPT] or sorted(set(gf2.near_solutions(equations, n + 1, SUBSETS)))


def _listing(mask: int, sample: Sample) -> Rule | None:
    n = sample.length
    chosen = [i for i in range(n) if mask >> i & 1]
    if len(chosen) <= 3 or chosen[-1] - chosen[0] + 1 == len(chosen):
        return None
    unknowns = mask | 1 << (n + 1)
    errors = sum((row & unknowns).bit_count() % 2 for row in sample.equations)
    return rules.parity(chosen, bool(mask >> n & 1), n, errors=errors)


KINDS: tuple[Callable[[Sample], Iterator[Rule]], ...] = (
    constants,
    positions,
    counts,
    ranges,
    pairs,
    triples,
    listings,
)
assert len(KINDS) == rules.KINDS
