"""Rules on bit strings: what each says, its code, and the length of its description.

A description names one of KINDS kinds, at log2(KINDS) bits, and then spells its parameters out,
for strings of n characters:

| kind | parameters | bits |
|---|---|---|
| constant | value | 1 |
| position | which, negated | log2(n) + 1 |
| count | at least or exactly, negated, how many | 2 + log2(n + 1) |
| range | both ends, negated | log2(n(n + 1) / 2) + 1 |
| pair | which two, one of the 10 functions that depend on both | log2(n(n - 1) / 2) + log2(10) |
| triple | which three, negated | log2(C(n, 3)) + 1 |
| listing | how many (k, Elias's gamma code), which, negated | 2 floor(log2 k) + 2 + log2(C(n, k)) |

The code is free of prefixes, so Kraft's inequality holds, and evidence.py rests on that.
"""

from __future__ import annotations

import hashlib
import math
import textwrap
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = 7
FAMILIES = ("constant", "position", "count", "pair", "parity")
"""What a Director may name; ranges, triples and listings are parities."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule with its fit to the training strings."""

    family: str
    slug: str
    description: str
    """A sentence, which is the docstring of the code, too."""
    code: str
    """A module that defines f(x: str) and needs nothing else."""
    bits: float
    """Length of the description."""
    train_errors: int

    @property
    def sha256(self) -> str:
        """The hash that the ledger keeps of an experiment with this code."""
        return hashlib.sha256(self.code.encode()).hexdigest()


def _rule(family: str, slug: str, says: str, body: str, *, bits: float, errors: int) -> Rule:
    description = says if says.endswith(".") else f"1 exactly when {says}."
    code = f'def f(x: str) -> int:\n    """{description}"""\n{textwrap.indent(body, "    ")}\n'
    return Rule(
        family=family,
        slug=slug,
        description=description,
        code=code,
        bits=math.log2(KINDS) + bits,
        train_errors=errors,
    )


def constant(value: int, *, errors: int) -> Rule:
    """Say the same of every string."""
    says = f"{value} for every string."
    return _rule("constant", f"always_{value}", says, f"return {value}", bits=1, errors=errors)


def position(index: int, value: int, length: int, *, errors: int) -> Rule:
    """Look at one character."""
    return _rule(
        "position",
        "one_position",
        f"character {index} is {value}",
        f'return int(x[{index}] == "{value}")',
        bits=math.log2(length) + 1,
        errors=errors,
    )


COMPARISONS = {">=": "at least", "<": "fewer than", "==": "exactly", "!=": "other than"}


def count(comparison: str, ones: int, length: int, *, errors: int) -> Rule:
    """Compare the number of ones with a constant; comparison is a key of COMPARISONS."""
    return _rule(
        "count",
        "exact_count" if comparison in ("==", "!=") else "count_threshold",
        f"the number of ones is {COMPARISONS[comparison]} {ones}",
        f'return int(x.count("1") {comparison} {ones})',
        bits=2 + math.log2(length + 1),
        errors=errors,
    )


def both(
    first: int, second: int, values: tuple[int, int], negated: bool, length: int, *, errors: int
) -> Rule:
    """Ask two characters to have the given values, or not to have both."""
    a, b = values
    test = f'x[{first}] == "{a}" and x[{second}] == "{b}"'
    says = f"character {first} is {a} and character {second} is {b}"
    return _rule(
        "pair",
        "two_positions",
        f"it is not so that {says}" if negated else says,
        f"return int(not ({test}))" if negated else f"return int({test})",
        bits=_pair_bits(length),
        errors=errors,
    )


def differ(first: int, second: int, negated: bool, length: int, *, errors: int) -> Rule:
    """Ask two characters to differ, or to be equal."""
    return _rule(
        "pair",
        "two_equal" if negated else "two_differ",
        f"characters {first} and {second} {'are equal' if negated else 'differ'}",
        f"return int(x[{first}] {'==' if negated else '!='} x[{second}])",
        bits=_pair_bits(length),
        errors=errors,
    )


def _pair_bits(length: int) -> float:
    return math.log2(math.comb(length, 2)) + math.log2(10)


def parity(positions: Sequence[int], negated: bool, length: int, *, errors: int) -> Rule:
    """Add characters up modulo 2: a range, three of them, or a longer listing; positions ascend."""
    first, last, k = positions[0], positions[-1], len(positions)
    ones = 'sum(x[i] == "1" for i in positions)'
    setup = ""
    if last - first + 1 == k:
        bits = math.log2(length * (length + 1) / 2)
        whole = k == length
        slug = "parity_of_all" if whole else "parity_of_range"
        where = "the characters" if whole else f"the characters {first} to {last}"
        ones = 'x.count("1")' if whole else f'x[{first}:{last + 1}].count("1")'
    else:
        bits = math.log2(math.comb(length, 3)) if k == 3 else listing_bits(k, length)
        slug = f"parity_of_{k}"
        where = f"{k} listed characters"
        setup = _assignment(positions)
    return _rule(
        "parity",
        f"{slug}_negated" if negated else slug,
        f"{'an even' if negated else 'an odd'} number of {where} are 1",
        setup + (f"return 1 - {ones} % 2" if negated else f"return {ones} % 2"),
        bits=bits + 1,
        errors=errors,
    )


def listing_bits(k: int, length: int) -> float:
    """Return the bits that name k positions and their number; 0 for none."""
    return 2 * math.floor(math.log2(k)) + 1 + math.log2(math.comb(length, k)) if k else 0.0


def _assignment(positions: Sequence[int]) -> str:
    listed = ", ".join(map(str, positions))
    line = f"positions = ({listed})\n"
    if len(line) <= 88:
        return line
    return f"positions = (\n{textwrap.indent(textwrap.fill(listed + ',', 84), '    ')}\n)\n"
