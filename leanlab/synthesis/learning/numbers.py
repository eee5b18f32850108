"""Rules about the numbers that digits write: residues, sizes, common divisors, primes."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING

import numpy as np

from leanlab.synthesis.learning import predicates
from leanlab.synthesis.learning.code import PIECES, Term, function, natural
from leanlab.synthesis.learning.primes import primes, squares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.synthesis.learning.board import Board
    from leanlab.synthesis.learning.search import State

is_prime = PIECES["is_prime"]

LONGEST = 400
LARGEST_MODULUS = 128
PARTS = (
    ("{0}", "x", 1.0),
    ("first_half({0})", "the first half of x", 3.0),
    ("second_half({0})", "the second half of x", 3.0),
    ("{0}[::-1]", "x reversed", 3.0),
    ("{0}[::2]", "every second digit of x, from the first,", 4.0),
    ("{0}[1::2]", "every second digit of x, from the second,", 4.0),
    ("{0}[:2]", "the first two digits of x", 5.0),
    ("{0}[:3]", "the first three digits of x", 5.0),
    ("{0}[-2:]", "the last two digits of x", 5.0),
    ("{0}[-3:]", "the last three digits of x", 5.0),
    ("third({0}, 0)", "the first third of x", 5.0),
    ("third({0}, 1)", "the middle third of x", 5.0),
    ("third({0}, 2)", "the last third of x", 5.0),
)


class Number:
    """A number for each string, of any size."""

    def __init__(self, term: Term, values: Sequence[int]) -> None:
        self.term = term
        self.values = list(values)

    def __hash__(self) -> int:
        return hash(tuple(self.values))


def numbers(state: State) -> None:
    """Offer rules about the value of the digits of x, of its parts, and of two parts together."""
    if not state.domain.is_numeric or max(map(len, state.lists)) > LONGEST:
        return
    base = 2 if state.domain.alphabet == "01" else 10
    parts = read(state, base)
    whole = [*parts, *together(parts)]
    for number in whole:
        moduli(number, state)
        small = [v for v in number.values if abs(v) < 2**50]
        if len(small) == len(number.values):
            state.pool.add(number.term, np.array(number.values))
            predicates.fit(np.array([number.values]), [number.term], state.board)
    sizes(parts, state.board)
    if base == 10 or len(state.lists[0]) <= 64:
        for place, number in enumerate([*parts[:4], *whole[len(parts) : len(parts) + 2]]):
            primes(number, state.board, whole=place == 0)
            squares(number, state.board, 0 if place else 20)
        both_prime(parts, state.board)


def read(state: State, base: int) -> list[Number]:
    made: list[Number] = []
    seen: set[tuple[int, ...]] = set()
    for code, says, bits in PARTS:
        take = function(f"number({code}, {base})")
        values = tuple(take(s) for s in state.lists)
        if values not in seen and len(set(values)) > 1:
            seen.add(values)
            text = f"number({code.format('s')}, {base})"
            made.append(Number(Term(text, f"the number {says}", bits + 2.0), values))
    return made


def together(parts: Sequence[Number]) -> list[Number]:
    """Return sums, differences, products and common divisors of halves and the like."""
    made = []
    for a, b in ((1, 2), (4, 5), (0, 3), (0, 1), (10, 12)):
        if b >= len(parts):
            continue
        one, other = parts[a], parts[b]
        cost = one.term.bits + other.term.bits + 2.0
        for sign, says, of in (
            ("+", "plus", operator.add),
            ("-", "minus", operator.sub),
            ("*", "times", operator.mul),
        ):
            values = [of(u, v) for u, v in zip(one.values, other.values, strict=True)]
            code = f"({one.term.code} {sign} {other.term.code})"
            made.append(
                Number(Term(code, f"{one.term.says} {says} {other.term.says}", cost), values)
            )
        shared = [math.gcd(u, v) for u, v in zip(one.values, other.values, strict=True)]
        code = f"gcd({one.term.code}, {other.term.code})"
        says = f"the greatest common divisor of {one.term.says} and {other.term.says}"
        made.append(Number(Term(code, says, cost), shared))
        if all(other.values):
            rest = [u % v for u, v in zip(one.values, other.values, strict=True)]
            code = f"({one.term.code} % ({other.term.code} or 1))"
            made.append(Number(Term(code, f"{one.term.says} modulo {other.term.says}", cost), rest))
    return made


def moduli(number: Number, state: State) -> None:
    """Offer residues of the number, and ranges of residues."""
    board = state.board
    bits = number.term.bits
    told = np.array([[v % m for v in number.values] for m in range(2, LARGEST_MODULUS)])
    terms = [
        Term(
            f"{number.term.code} % {m}",
            f"{number.term.says} modulo {m}",
            bits + 2.0 + natural(m - 2),
        )
        for m in range(2, LARGEST_MODULUS)
    ]
    predicates.orders(told, terms, np.array([term.bits for term in terms]), board)
    for m, rest, term in zip(range(2, 14), told, terms, strict=False):
        state.pool.add(term, rest)
        predicates.residues(rest[None, :], [number.term], np.array([bits]), m, board)


def sizes(parts: Sequence[Number], board: Board) -> None:
    """Offer which of two numbers is larger, and whether one divides the other."""
    for i, a in enumerate(parts):
        for b in parts[i + 1 :]:
            cost = a.term.bits + b.term.bits + 4.0
            for sign, says, holds in (
                ("<", "is less than", operator.lt),
                (">", "is greater than", operator.gt),
                ("==", "equals", operator.eq),
            ):
                told = [holds(u, v) for u, v in zip(a.values, b.values, strict=True)]
                code = f"{a.term.code} {sign} {b.term.code}"
                _offer(Term(code, f"{a.term.says} {says} {b.term.says}", cost), told, board)


def _offer(term: Term, told: Sequence[bool], board: Board) -> None:
    board.offer(term, int((np.array(told, dtype=bool) != board.labels).sum()))


def both_prime(parts: Sequence[Number], board: Board) -> None:
    """Offer joints of two parts' being prime."""
    told = [np.array([is_prime(v) for v in part.values]) for part in parts]
    for i, a in enumerate(parts):
        for j in range(i + 1, len(parts)):
            b = parts[j]
            cost = a.term.bits + b.term.bits + 5.0
            one, other = f"is_prime({a.term.code})", f"is_prime({b.term.code})"
            for word, values in (
                ("and", told[i] & told[j]),
                ("or", told[i] | told[j]),
                ("==", told[i] == told[j]),
                ("!=", told[i] != told[j]),
            ):
                says = f"{a.term.says} is prime {word} {b.term.says} is prime"
                _offer(Term(f"{one} {word} {other}", says, cost), values.tolist(), board)
