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
Family = Callable[[Sequence[str]], Iterator[tuple[str, Feature]]]
"""From the strings to fit on, features with their names."""

CHARACTERS = 300
"""Positions looked at, from either end."""
GRAMS = 300
"""The most frequent k-grams that are counted, for each k."""
MODULI = range(2, 1001)
DIGITS = 4000
"""Longer numbers are not computed with: Python refuses to read them."""
SYMBOLS = 16
"""Alphabets up to this size are compared in pairs."""


def characters(strings: Sequence[str]) -> Iterator[tuple[str, Feature]]:
    """Single characters, counted from both ends."""
    lengths = {len(x) for x in strings}
    for i in range(min(max(lengths), CHARACTERS)):
        yield f"character {i}", lambda x, i=i: x[i : i + 1]  # type: ignore[misc]
        if len(lengths) > 1 or i >= max(lengths) - CHARACTERS:
            yield f"character -{i + 1}", lambda x, i=i: x[len(x) - i - 1 : len(x) - i]  # type: ignore[misc]


def ends(_: Sequence[str]) -> Iterator[tuple[str, Feature]]:
    """Prefixes and suffixes; the leading digits of a number are prefixes."""
    for k in range(1, 9):
        yield f"first {k}", lambda x, k=k: x[:k]  # type: ignore[misc]
        yield f"last {k}", lambda x, k=k: x[-k:]  # type: ignore[misc]


def lengths(_: Sequence[str]) -> Iterator[tuple[str, Feature]]:
    """The length and its parity."""
    yield "length", len
    yield "length mod 2", lambda x: len(x) % 2


def counts(strings: Sequence[str]) -> Iterator[tuple[str, Feature]]:
    """How often each character comes, as it is and mod 2 and 3, and how often neighbours differ."""
    for c in sorted(set().union(*strings))[:64]:
        yield f"count of {c!r}", lambda x, c=c: x.count(c)  # type: ignore[misc]
        for m in (2, 3):
            yield f"count of {c!r} mod {m}", lambda x, c=c, m=m: x.count(c) % m  # type: ignore[misc]
    yield "changes", _changes
    yield "changes mod 2", lambda x: _changes(x) % 2


def grams(strings: Sequence[str]) -> Iterator[tuple[str, Feature]]:
    """How often k characters come in a row, as it is and mod 2."""
    for k in range(2, 9):
        seen = Counter(x[i : i + k] for x in strings for i in range(len(x) - k + 1))
        for gram, _ in sorted(seen.items(), key=lambda item: (-item[1], item[0]))[:GRAMS]:
            yield f"count of {gram!r}", lambda x, g=gram: x.count(g)  # type: ignore[misc]
            yield f"count of {gram!r} mod 2", lambda x, g=gram: x.count(g) % 2  # type: ignore[misc]


def balance(strings: Sequence[str]) -> Iterator[tuple[str, Feature]]:
    """How many more of one character, or pair of characters, than of another."""
    for width in (1, 2):
        if any(len(x) % width for x in strings):
            continue
        tokens = sorted({token for x in strings for token in _tokens(x, width)})
        if not 2 <= len(tokens) <= SYMBOLS:
            continue
        for a, b in combinations(tokens, 2):
            yield f"{a!r} less {b!r}", lambda x, a=a, b=b, w=width: _more(x, a, b, w)  # type: ignore[misc]
        if len(tokens) == 4:
            a, rest = tokens[0], tokens[1:]
            for b in rest:
                c, d = (each for each in rest if each != b)
                name = f"as many {a!r} as {b!r}, and {c!r} as {d!r}"
                yield name, lambda x, t=(a, b, c, d), w=width: _both_even(x, t, w)  # type: ignore[misc]


def symmetry(strings: Sequence[str]) -> Iterator[tuple[str, Feature]]:
    """One half against the other: counts, and a character with its mirror image."""
    for c in sorted(set().union(*strings))[:SYMBOLS]:
        yield f"{c!r} in the first half less the second", lambda x, c=c: _lead(x, c)  # type: ignore[misc]
    for i in range(min(min(map(len, strings)) // 2, CHARACTERS)):
        yield f"characters {i} and -{i + 1} equal", lambda x, i=i: int(x[i] == x[-i - 1])  # type: ignore[misc]


def residues(strings: Sequence[str]) -> Iterator[tuple[str, Feature]]:
    """The number that the string is, mod m: decimal, or binary where all are 0 and 1."""
    base = _base(strings)
    for m in MODULI if base else ():
        yield f"n mod {m}", lambda x, m=m: int(x, base) % m  # type: ignore[misc]


def factors(strings: Sequence[str]) -> Iterator[tuple[str, Feature]]:
    """Trial division of decimal numbers, and the sum of their digits."""
    if _base(strings) != 10:
        return
    for bound in (10, 100, 1000):
        product = small_primes(bound)
        yield f"a prime factor below {bound}", lambda x, p=product: int(gcd(int(x), p) > 1)  # type: ignore[misc]
    yield "sum of the digits", lambda x: sum(map(int, x))


def degrees(strings: Sequence[str]) -> Iterator[tuple[str, Feature]]:
    """What can be counted in edge tokens without following an edge."""
    edge = re.compile(r"(?:u\d\dv\d\d)+")
    if all(edge.fullmatch(x) for x in strings):
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


def _changes(x: str) -> int:
    return sum(a != b for a, b in pairwise(x))


def _tokens(x: str, width: int) -> list[str]:
    return [x[i : i + width] for i in range(0, len(x), width)]


def _more(x: str, a: str, b: str, width: int) -> int:
    tokens = _tokens(x, width)
    return tokens.count(a) - tokens.count(b)


def _both_even(x: str, tokens: tuple[str, str, str, str], width: int) -> int:
    a, b, c, d = tokens
    return int(_more(x, a, b, width) == 0 == _more(x, c, d, width))


def _lead(x: str, c: str) -> int:
    return x[: len(x) // 2].count(c) - x[-(len(x) // 2) :].count(c)


def _base(strings: Sequence[str]) -> int:
    """Return the base that all strings are numbers in; 0 where they are none, or too long."""
    figures = set().union(*strings)
    if not figures <= set("0123456789") or max(map(len, strings)) > DIGITS:
        return 0
    return 2 if figures <= {"0", "1"} else 10


def _degrees(x: str) -> list[int]:
    return list(Counter(vertex for edge in edges_of(x) for vertex in edge).values())
