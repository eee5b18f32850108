"""Rules on strings of 0 and 1."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from leanlab.synthesis.stream import Stream
from leanlab.synthesis.targets import dyck
from leanlab.synthesis.targets.target import Target, distinct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.synthesis.targets.target import Draw, Label


ROOMY = 10
"""Halves of palindromes from which on patterns are matched too."""


def random_positions(length: int, count: int) -> list[int]:
    """Return the positions of parity_rand_<count>, zero-based, in the order drawn.

    They are the first `count` of Stream("positions", length).sample: they hang on the length alone,
    never on the seed of the data, and those of a smaller count are among those of a larger one.
    """
    return Stream("positions", length).sample(length, count)


def random_monomials(length: int) -> list[tuple[int, ...]]:
    """Return the three monomials of poly_f2_deg3, as positions: of degree 3, then of 2 or 3.

    They hang on the length alone, differ, and have at least five positions between them. A monomial
    of one bit would leave that bit right on more than 75% of a balanced set.
    """
    stream = Stream("monomials", length)
    while True:
        degrees = [3, 2 + stream.below(2), 2 + stream.below(2)]
        drawn = [tuple(sorted(stream.sample(length, degree))) for degree in degrees]
        if len(set(drawn)) == 3 and len(set().union(*drawn)) >= 5:
            return drawn


def _parity(positions: Sequence[int]) -> Label:
    return lambda x: sum(x[i] == "1" for i in positions) % 2


def _polynomial(monomials: Sequence[Sequence[int]]) -> Label:
    return lambda x: sum(all(x[i] == "1" for i in each) for each in monomials) % 2


def _rule_30_parity(x: str) -> int:
    """Add the cells up mod 2 after one step: left xor (cell or right), zeros beyond the ends."""
    cells = int(x, 2)
    after = (cells >> 1) ^ (cells | (cells << 1))
    # The cell beyond the left end steps too, but is none of the string's.
    return (after & ((1 << len(x)) - 1)).bit_count() % 2


def _sha256_parity(x: str) -> int:
    return int.from_bytes(hashlib.sha256(x.encode()).digest(), "big").bit_count() % 2


def uniform(label: Label, length: int, value: int, count: int, stream: Stream) -> list[str]:
    """Draw uniformly among all strings with that label, or list them all where they are few."""
    if 2**length <= 16 * count:
        every = [x for i in range(2**length) if label(x := f"{i:0{length}b}") == value]
        return [every[i] for i in stream.sample(len(every), min(count, len(every)))]
    drawn: dict[str, None] = {}
    while len(drawn) < count:
        x = _random(length, stream)
        if label(x) == value:
            drawn[x] = None
    return list(drawn)


def _random(length: int, stream: Stream) -> str:
    return f"{stream.bits(length):0{length}b}" if length else ""


def _with_pattern(pattern: str) -> Draw:
    """Overwrite at a uniform offset for label 1; for label 0 break every occurrence by one bit.

    Half of the negatives are overwritten first, so that they come near.
    """

    def draw(_: Label, length: int, value: int, count: int, stream: Stream) -> list[str]:
        def positive() -> str:
            x, at = _random(length, stream), stream.below(length - len(pattern) + 1)
            return x[:at] + pattern + x[at + len(pattern) :]

        def negative() -> str:
            x = positive() if stream.below(2) else _random(length, stream)
            while (at := x.find(pattern)) >= 0:
                at += stream.below(len(pattern))
                x = x[:at] + "10"[int(x[at])] + x[at + 1 :]
            return x

        return distinct(positive if value else negative, count)

    return draw


def _palindromes(_: Label, length: int, value: int, count: int, stream: Stream) -> list[str]:
    """Mirror a half; for label 0 exchange a 0 and a 1 in one of the halves first.

    The places of the two have the same parity. So a negative has as many ones in either half, on
    even places and in all as its palindrome has. A palindrome of even length has every pattern such
    as 010 an even number of times, so the two halves of a negative agree in that too, where they
    are long enough to leave a choice.
    """

    def make() -> str | None:
        half, middle = _random(length // 2, stream), _random(length % 2, stream)
        if value:
            return half + middle + half[::-1]
        i = stream.below(len(half))
        others = [j for j in range(i % 2, len(half), 2) if half[j] != half[i]]
        if not others:
            return None
        changed = list(half)
        j = others[stream.below(len(others))]
        changed[i], changed[j] = half[j], half[i]
        ends = half, "".join(changed)
        if len(half) >= ROOMY and _mirrored_triples(ends[0]) != _mirrored_triples(ends[1]):
            return None
        which = stream.below(2)
        return ends[which] + middle + ends[1 - which][::-1]

    return distinct(make, count)


def _mirrored_triples(x: str) -> list[int]:
    """Count 000, 010, 101 and 111 in x, mod 2."""
    triples = [x[i : i + 3] for i in range(len(x) - 2)]
    return [triples.count(each) % 2 for each in ("000", "010", "101", "111")]


BITS = (
    Target(
        id="fn_a",
        name="parity_all",
        domain="bits",
        summary="sum of all bits mod 2",
        shortest=1,
        rule=lambda _: lambda x: x.count("1") % 2,
        draw=uniform,
    ),
    Target(
        id="fn_b",
        name="parity_first_half",
        domain="bits",
        summary="sum of the first half of the bits mod 2, rounded down",
        shortest=2,
        rule=lambda _: lambda x: x[: len(x) // 2].count("1") % 2,
        draw=uniform,
    ),
    Target(
        id="fn_c",
        name="patternmatch1",
        domain="bits",
        summary="contains 10101010",
        shortest=8,
        rule=lambda _: lambda x: int("10101010" in x),
        draw=_with_pattern("10101010"),
    ),
    Target(
        id="fn_d",
        name="patternmatch2",
        domain="bits",
        summary="contains 00111111",
        shortest=8,
        rule=lambda _: lambda x: int("00111111" in x),
        draw=_with_pattern("00111111"),
    ),
    Target(
        id="fn_e",
        name="parity_rand_3",
        domain="bits",
        summary="parity of 3 random positions, fixed for each length",
        shortest=3,
        rule=lambda length: _parity(random_positions(length, 3)),
        reach=lambda length: max(random_positions(length, 3)) + 1,
        draw=uniform,
    ),
    Target(
        id="fn_f",
        name="parity_rand_10",
        domain="bits",
        summary="parity of 10 random positions, those of parity_rand_3 among them",
        shortest=10,
        rule=lambda length: _parity(random_positions(length, 10)),
        reach=lambda length: max(random_positions(length, 10)) + 1,
        draw=uniform,
    ),
    Target(
        id="fn_g",
        name="palindrome",
        domain="bits",
        summary="equals its reverse",
        shortest=6,
        rule=lambda _: lambda x: int(x == x[::-1]),
        draw=_palindromes,
    ),
    Target(
        id="fn_h",
        name="dyck2",
        domain="bits",
        summary="the pairs 00 ( 01 ) 10 [ 11 ] form a balanced word",
        shortest=4,
        step=4,
        rule=lambda _: dyck.is_balanced,
        draw=dyck.draw,
    ),
    Target(
        id="fn_j",
        name="automata_parity",
        domain="bits",
        summary="one step of rule 30 with zeros beyond the ends, then the sum of all bits mod 2",
        shortest=2,
        rule=lambda _: _rule_30_parity,
        draw=uniform,
    ),
    Target(
        id="fn_l",
        name="sha256_parity",
        domain="bits",
        summary="parity of the SHA-256 of the string: a control that nobody can learn",
        shortest=8,
        rule=lambda _: _sha256_parity,
        draw=uniform,
    ),
    Target(
        name="poly_f2_deg3",
        domain="bits",
        summary="sum mod 2 of 3 random monomials of degree 2 or 3, fixed for each length",
        shortest=9,
        rule=lambda length: _polynomial(random_monomials(length)),
        reach=lambda length: max(map(max, random_monomials(length))) + 1,
        draw=uniform,
    ),
)
