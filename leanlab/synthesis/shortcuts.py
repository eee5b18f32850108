"""Cheap features of strings: what might tell the labels apart without the rule."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, pairwise
from math import gcd

from leanlab.synthesis.targets.digits import small_primes
from leanlab.synthesis.targets.graphs import TOKEN, edges_of

Value = int | str
Feature = Callable[[str], Value]
"""A value of one string; of numbers, thresholds are tried too."""
Named = Iterator[tuple[str, Feature]]
Family = Callable[[Sequence[str], Sequence[str]], Named]
"""From the strings to fit on, and from all, which it must be able to read, to named features."""

CHARACTERS = 300
"""Positions looked at, from either end."""
GRAMS = 300
"""The most frequent k-grams that are counted, for each k."""
MODULI = range(2, 1001)
DIGITS = 4000
"""Longer numbers are not computed with: Python refuses to read them."""
SYMBOLS = 16
"""Alphabets up to this size are compared in pairs."""
EDGES = re.compile(r"(?:u\d\dv\d\d)+")


def characters(fit: Sequence[str], _: Sequence[str]) -> Named:
    """Single characters, counted from both ends."""
    lengths = {len(x) for x in fit}
    for i in range(min(max(lengths), CHARACTERS)):
        yield f"character {i}", _slice(i, i + 1)
        if len(lengths) > 1 or i >= max(lengths) - CHARACTERS:
            yield f"character -{i + 1}", _slice(-i - 1, -i or None)


def ends(_fit: Sequence[str], _: Sequence[str]) -> Named:
    """Prefixes and suffixes; the leading digits of a number are prefixes."""
    for k in range(1, 9):
        yield f"first {k}", _slice(0, k)
        yield f"last {k}", _slice(-k, None)


def lengths(_fit: Sequence[str], _: Sequence[str]) -> Named:
    """The length and its parity."""
    yield "length", len
    yield "length mod 2", lambda x: len(x) % 2


def counts(fit: Sequence[str], _: Sequence[str]) -> Named:
    """How often each character comes, as it is and mod 2 and 3, and how often neighbours differ."""
    for c in sorted(set().union(*fit))[:64]:
        yield f"count of {c!r}", _count(c)
        for m in (2, 3):
            yield f"count of {c!r} mod {m}", _count(c, m)
    yield "changes", _changes
    yield "changes mod 2", lambda x: _changes(x) % 2


def grams(fit: Sequence[str], _: Sequence[str]) -> Named:
    """How often k characters come in a row, as it is and mod 2."""
    for k in range(2, 9):
        seen = Counter(x[i : i + k] for x in fit for i in range(len(x) - k + 1))
        for gram, _times in sorted(seen.items(), key=lambda item: (-item[1], item[0]))[:GRAMS]:
            yield f"count of {gram!r}", _count(gram)
            yield f"count of {gram!r} mod 2", _count(gram, 2)


def balance(fit: Sequence[str], _: Sequence[str]) -> Named:
    """How many more of one character, or pair of characters, than of another."""
    for width in (1, 2):
        tokens = sorted({token for x in fit for token in _tokens(x, width)})
        if not 2 <= len(tokens) <= SYMBOLS:
            continue
        for a, b in combinations(tokens, 2):
            yield f"{a!r} less {b!r}", _lead(a, b, width)
        if len(tokens) == 4:
            a, rest = tokens[0], tokens[1:]
            for b in rest:
                c, d = (each for each in rest if each != b)
                name = f"as many {a!r} as {b!r}, and {c!r} as {d!r}"
                yield name, _both_even(_lead(a, b, width), _lead(c, d, width))


def symmetry(fit: Sequence[str], _: Sequence[str]) -> Named:
    """One half against the other: counts, and a character with its mirror image."""
    for c in sorted(set().union(*fit))[:SYMBOLS]:
        yield f"{c!r} in the first half less the second", _lead_of_half(c)
    for i in range(min(min(map(len, fit)) // 2, CHARACTERS)):
        yield f"characters {i} and -{i + 1} equal", _mirrored(i)


def residues(_fit: Sequence[str], every: Sequence[str]) -> Named:
    """The number that the string is, mod m: decimal, or binary where all are 0 and 1."""
    base = _base(every)
    for m in MODULI if base else ():
        yield f"n mod {m}", _residue(base, m)


def factors(_fit: Sequence[str], every: Sequence[str]) -> Named:
    """Trial division of decimal numbers, and the sum of their digits."""
    if _base(every) == 10:
        for bound in (10, 100, 1000):
            yield f"a prime factor below {bound}", _shares_factor(small_primes(bound))
        yield "sum of the digits", lambda x: sum(map(int, x))


def degrees(_fit: Sequence[str], every: Sequence[str]) -> Named:
    """What can be counted in edge tokens without following an edge."""
    if all(EDGES.fullmatch(x) for x in every):
        yield "vertices", lambda x: len(_degrees(x))
        yield "leaves", lambda x: _degrees(x).count(1)
        yield "largest degree", lambda x: max(_degrees(x))
        yield "edges less vertices", lambda x: len(x) // TOKEN - len(_degrees(x))


FAMILIES: dict[str, Family] = {
    "character": characters,
    "prefix or suffix": ends,
    "length": lengths,
    "count": counts,
    "k-gram": grams,
    "balance": balance,
    "symmetry": symmetry,
    "n mod m": residues,
    "division": factors,
    "degree": degrees,
}


def _slice(start: int, end: int | None) -> Feature:
    return lambda x: x[start:end]


def _count(part: str, modulus: int = 0) -> Feature:
    return (lambda x: x.count(part) % modulus) if modulus else (lambda x: x.count(part))


def _changes(x: str) -> int:
    return sum(a != b for a, b in pairwise(x))


def _tokens(x: str, width: int) -> list[str]:
    return [x[i : i + width] for i in range(0, len(x), width)]


def _lead(a: str, b: str, width: int) -> Callable[[str], int]:
    return lambda x: (tokens := _tokens(x, width)).count(a) - tokens.count(b)


def _both_even(first: Callable[[str], int], second: Callable[[str], int]) -> Feature:
    return lambda x: int(first(x) == 0 == second(x))


def _lead_of_half(c: str) -> Feature:
    return lambda x: x[: len(x) // 2].count(c) - x[(len(x) + 1) // 2 :].count(c)


def _mirrored(i: int) -> Feature:
    return lambda x: int(x[i : i + 1] == x[-i - 1 : -i or None])


def _residue(base: int, m: int) -> Feature:
    return lambda x: int(x, base) % m


def _shares_factor(product: int) -> Feature:
    return lambda x: int(gcd(int(x), product) > 1)


def _base(strings: Sequence[str]) -> int:
    """Return the base that all strings are numbers in; 0 where they are none, or too long."""
    figures = set().union(*strings)
    if not figures <= set("0123456789") or max(map(len, strings)) > DIGITS:
        return 0
    return 2 if figures <= {"0", "1"} else 10


def _degrees(x: str) -> list[int]:
    return list(Counter(vertex for edge in edges_of(x) for vertex in edge).values())
