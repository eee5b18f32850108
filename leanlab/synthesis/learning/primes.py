"""Rules that a multiple of a number plus a constant is prime, or that a sum is a square."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from leanlab.synthesis.learning.code import PIECES, Term, integer, natural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from leanlab.synthesis.learning.board import Board
    from leanlab.synthesis.learning.numbers import Number

is_prime = PIECES["is_prime"]
is_square = PIECES["is_square"]

FACTORS = range(1, 65)
OFFSETS = (2_000, 1_000_000)
"""How far constants reach; the farther one of the number itself only."""
SIEVED = 2_000
"""Divisors up to that are looked for in numbers that ought to be prime."""
TABLE = 1 << 21
"""Of smaller numbers a table says which are prime, and every constant near 0 is tried."""
NEAR = 60
SURVIVORS = 16


def primes(number: Number, board: Board, *, whole: bool) -> None:
    """Offer: a multiple of the number plus a constant is prime, possibly negated."""
    sides = (("", board.labels), ("not ", ~board.labels))
    for says_not, wanted in sides[: 2 if whole else 1]:
        chosen = [v for v, y in zip(number.values, wanted.tolist(), strict=True) if y]
        if not chosen or min(chosen) < 0:
            continue
        for factor, offset in _forms(number.values, chosen, wanted, whole=whole):
            told = [is_prime(factor * v + offset) for v in number.values]
            errors = sum(t != y for t, y in zip(told, wanted.tolist(), strict=True))
            term = linear(number.term, factor, offset)
            says = f"{term.says} is {says_not}prime"
            board.offer(Term(f"{says_not}is_prime({term.code})", says, term.bits + 5.0), errors)


def squares(number: Number, board: Board, reach: int) -> None:
    """Offer: the number plus a constant is a square."""
    for c in range(-reach, reach + 1):
        told = np.array([is_square(v + c) for v in number.values])
        term = linear(number.term, 1, c)
        rule = Term(f"is_square({term.code})", f"{term.says} is a square", term.bits + 5.0)
        board.offer(rule, int((told != board.labels).sum()))


def linear(term: Term, factor: int, offset: int) -> Term:
    """Return a multiple of a number plus a constant."""
    code, says, bits = term.code, term.says, term.bits + 1.0 + integer(offset)
    if factor > 1:
        code, says = f"{factor} * {code}", f"{factor} times {says}"
        bits += natural(factor - 2)
    if offset:
        sign, word = ("+", "plus") if offset > 0 else ("-", "minus")
        code, says = f"{code} {sign} {abs(offset)}", f"{says} {word} {abs(offset)}"
    return Term(code, says, bits)


def _forms(
    values: Sequence[int], chosen: Sequence[int], wanted: NDArray[np.bool_], *, whole: bool
) -> Iterator[tuple[int, int]]:
    """Yield factors and constants that make the chosen values prime, or nearly all of them."""
    rests: dict[int, list[int]] = {}
    for factor in FACTORS:
        left: list[int] = []
        for reach in OFFSETS[: 2 if whole and factor == 1 else 1]:
            # Small primes among the sums would be taken for composite numbers.
            if not left and factor * min(chosen) > SIEVED + reach:
                left = _sieve(chosen, rests, factor, reach)
        if not left and factor * max(values) + NEAR < TABLE:
            left = _nearest(values, wanted, factor)
        if not left and factor == 1 and whole:
            # Where some labels are wrong, constants are tried on a few strings.
            few = chosen[:30]
            order = sorted(
                range(-30, 31), key=lambda c: (-sum(is_prime(v + c) for v in few), abs(c), c)
            )
            left = order[:3]
        yield from ((factor, c) for c in left)


def _sieve(
    chosen: Sequence[int], rests: dict[int, list[int]], factor: int, reach: int
) -> list[int]:
    """Return the constants, small ones first, with which no chosen value has a small divisor."""
    possible = np.ones(2 * reach + 1, dtype=bool)
    for p in range(2, SIEVED):
        if is_prime(p):
            if p not in rests:
                rests[p] = sorted({v % p for v in chosen})
            for rest in {factor * r % p for r in rests[p]}:
                possible[(reach - rest) % p :: p] = False
            if not possible.any():
                return []
    left = [int(c) - reach for c in np.nonzero(possible)[0]]
    return sorted(left, key=lambda c: (abs(c), c))[:SURVIVORS]


def _nearest(values: Sequence[int], wanted: NDArray[np.bool_], factor: int) -> list[int]:
    """Return the constants near 0 that fit best, of numbers that the table holds."""
    offsets = np.arange(-NEAR, NEAR + 1)
    sums = factor * np.array(values)[None, :] + offsets[:, None]
    wrong = (_table()[np.maximum(sums, 0)] != wanted).sum(axis=1)
    order = np.lexsort((np.abs(offsets), wrong))[:2]
    return [int(offsets[i]) for i in order]


@cache
def _table() -> NDArray[np.bool_]:
    prime = np.ones(TABLE, dtype=bool)
    prime[:2] = False
    for p in range(2, int(TABLE**0.5) + 1):
        if prime[p]:
            prime[p * p :: p] = False
    return prime
