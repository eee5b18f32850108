"""Rules on decimal numbers of an exact number of digits, and numbers that are hard to tell apart.

gmpy2 is imported where it is used: most commands need no number.
"""

from __future__ import annotations

from functools import cache
from math import gcd
from typing import TYPE_CHECKING

from leanlab.synthesis.targets.target import Target, distinct

if TYPE_CHECKING:
    from leanlab.synthesis.stream import Stream
    from leanlab.synthesis.targets.target import Draw, Label

LONGEST = 300
ROUGH = 1000
"""Factors of fair composites have no prime factor below it, nor below a power of ten of theirs."""
COMMON = range(20, 52)
"""The greatest common divisors that gcd_range labels 1."""
UNCOMMON = (*range(1, 20), *range(52, 71))
"""Those of its negatives: as many below as above, to be as even, as divisible by 3, and so on."""


def is_prime(n: int) -> bool:
    """Tell by the BPSW test and further rounds, which no composite is known to pass."""
    import gmpy2

    return n > 1 and bool(gmpy2.is_prime(n))


def _halves(x: str) -> tuple[int, int]:
    half = len(x) // 2
    return int(x[:half]), int(x[half:])


def _both_or_neither(x: str) -> int:
    first, second = map(is_prime, _halves(x))
    return int(first == second)


def _exact(length: int, stream: Stream) -> int:
    """Draw a number of that many digits."""
    least: int = 10 ** (length - 1)
    return least + stream.below(9 * least)


def prime(length: int, stream: Stream, plus: int = 0) -> int | None:
    """Draw n of exact length such that n - plus is the next prime of a uniform number."""
    import gmpy2

    found = int(gmpy2.next_prime(_exact(length, stream) - plus - 1)) + plus
    return found if found < 10**length else None


def composite(length: int, stream: Stream, plus: int = 0, *, fair: bool = True) -> int | None:
    """Draw n of exact length such that n - plus is a product of two factors, each half as long.

    n is near a uniform number, so its leading digits say nothing. The factors of a fair one are
    free of small primes: its last digit and its residues are those of primes.
    """
    half = length // 2
    near = _exact(length, stream) - plus
    least = max(-(-near // 10 ** (length - half)), 10 ** (half - 1), 2)
    if least >= 10**half:
        return None
    small = small_primes(min(ROUGH, 10 ** (half - 1))) if fair else 1
    first = _rough(least + stream.below(10**half - least), small)
    second = _rough(near // first, small)
    found = first * second + plus
    lengths = [len(str(n)) for n in (first, second, found)]
    if lengths != [half, length - half, length] or second == 1:
        return None
    return found if not fair or (found - plus) % 10 in (1, 3, 7, 9) else None


@cache
def small_primes(bound: int) -> int:
    """Return the product of the primes below the bound."""
    import gmpy2

    return int(gmpy2.primorial(bound - 1)) if bound > 2 else 1


def _rough(n: int, small: int) -> int:
    """Return the first number from n on that has no factor in common with small."""
    while gcd(n, small) != 1:
        n += 1
    return n


def _near_primes(plus: int, *, fair: bool = True) -> Draw:
    def draw(_: Label, length: int, value: int, count: int, stream: Stream) -> list[str]:
        def make() -> str | None:
            if value:
                return _text(prime(length, stream, plus))
            return _text(composite(length, stream, plus, fair=fair))

        return distinct(make, count)

    return draw


def _text(n: int | None) -> str | None:
    return None if n is None else str(n)


def _two_primes(_: Label, length: int, value: int, count: int, stream: Stream) -> list[str]:
    """Let a fair coin make the first half prime; the label says whether the second is alike."""

    def make() -> str | None:
        first = stream.below(2)
        second = first if value else 1 - first
        halves = [(prime if each else composite)(length // 2, stream) for each in (first, second)]
        return None if None in halves else "".join(map(str, halves))

    return distinct(make, count)


def _common_divisors(_: Label, length: int, value: int, count: int, stream: Stream) -> list[str]:
    """Multiply two coprime numbers by a divisor from within the range, or from just outside it."""
    divisors = COMMON if value else UNCOMMON

    def make() -> str | None:
        divisor = divisors[stream.below(len(divisors))]
        first, second = (_exact(length // 2, stream) // divisor for _ in range(2))
        x = f"{first * divisor}{second * divisor}"
        return x if gcd(first, second) == 1 and len(x) == length else None

    return distinct(make, count)


def _prime_target(name: str, summary: str, plus: int, number: str | None, *, fair: bool) -> Target:
    return Target(
        id=number,
        name=name,
        domain="digits",
        summary=summary,
        shortest=3,
        longest=LONGEST,
        rule=lambda _: lambda x: int(is_prime(int(x) - plus)),
        draw=_near_primes(plus, fair=fair),
    )


DIGITS = (
    _prime_target("prime_decimal", "the number is prime", 0, "fn_i", fair=False),
    _prime_target(
        "prime_decimal_tf_check",
        "the number is prime; negatives end in 1, 3, 7 or 9",
        0,
        "fn_k",
        fair=True,
    ),
    _prime_target(
        "prime_plus_47",
        "the number less 47 is prime; less 47, negatives end in 1, 3, 7 or 9",
        47,
        "fn_v",
        fair=True,
    ),
    _prime_target(
        "prime_minus_5",
        "the number less 5 is prime; less 5, negatives end in 1, 3, 7 or 9",
        5,
        None,
        fair=True,
    ),
    Target(
        name="two_primes",
        domain="digits",
        summary="both halves are prime, or neither",
        shortest=6,
        longest=LONGEST,
        step=2,
        rule=lambda _: _both_or_neither,
        draw=_two_primes,
    ),
    Target(
        name="gcd_range",
        domain="digits",
        summary="the greatest common divisor of the two halves is from 20 to 51",
        shortest=6,
        longest=LONGEST,
        step=2,
        rule=lambda _: lambda x: int(gcd(*_halves(x)) in COMMON),
        draw=_common_divisors,
    ),
)
