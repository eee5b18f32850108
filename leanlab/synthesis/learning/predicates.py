"""The best yes-or-no questions about integers, for many features in one pass."""

# ruff: noqa: B023 - offer_all calls what it is handed before the loop goes on
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from leanlab.synthesis.learning.code import PIECES, Term, integer, natural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from leanlab.synthesis.learning.board import Board

    Ints = NDArray[np.signedinteger[Any]]

WEIGHTS = {
    ">=": 4.0, "<": 3.0, "==": 3.0, "!=": 1.0, "in": 1.0, "out": 0.5, "residue": 3.0,
    "no residue": 1.0, "residues": 1.0, "prime": 0.1, "no prime": 0.05, "square": 0.1, "power": 0.1,
    "table": 0.5,
}  # fmt: skip
COST = {name: math.log2(sum(WEIGHTS.values()) / weight) for name, weight in WEIGHTS.items()}
MODULI = tuple(range(2, 14))
BATCH = 2048
SETS = {
    "prime": ("is_prime({0})", "{0} is prime", PIECES["is_prime"]),
    "square": ("is_square({0})", "{0} is a square", PIECES["is_square"]),
    "power": ("is_power_of_two({0})", "{0} is a power of two", PIECES["is_power_of_two"]),
}
MEMBERS = 4096
WIDEST = 20
"""Features with so many values in a row at most are asked for any set of them."""
_integer_bits = np.vectorize(integer, otypes=[float])
INTEGER = _integer_bits(np.arange(-MEMBERS, MEMBERS + 1))


def constants(values: Ints) -> NDArray[np.float64]:
    """Return integer() of every value."""
    near = np.clip(values, -MEMBERS, MEMBERS)
    beyond = 1.5 * np.log2(np.maximum(np.abs(values) / MEMBERS, 1.0))
    bits: NDArray[np.float64] = INTEGER[near + MEMBERS] + beyond
    return bits


def fit(
    features: Ints, terms: Sequence[Term], board: Board, moduli: Sequence[int] = MODULI
) -> None:
    """Offer every question about every feature; features has a row for each term."""
    for start in range(0, len(terms), BATCH):
        rows = features[start : start + BATCH]
        some = terms[start : start + BATCH]
        bits = np.array([term.bits for term in some])
        orders(rows, some, bits, board)
        for m in moduli:
            residues(rows, some, bits, m, board)
        members(rows, some, bits, board)
        sets(rows, some, bits, board)


def orders(rows: Ints, terms: Sequence[Term], bits: NDArray[np.float64], board: Board) -> None:
    """Offer thresholds, single values and intervals.

    With the strings in the order of the feature, `lead` is positives less negatives before a cut.
    """
    order = np.argsort(rows, axis=1, kind="stable")
    values = np.take_along_axis(rows, order, axis=1)
    signs = np.where(board.labels, 1, -1)[order]
    lead = np.zeros((len(rows), board.n + 1), dtype=np.int64)
    np.cumsum(signs, axis=1, out=lead[:, 1:])
    positive = int(board.labels.sum())
    negative = board.n - positive
    cut = np.zeros(lead.shape, dtype=bool)
    cut[:, 1:-1] = values[:, 1:] != values[:, :-1]
    below = np.concatenate([values[:, :1], values], axis=1)
    above = np.concatenate([values, values[:, -1:]], axis=1)
    fewest = np.minimum(
        np.where(cut, negative + lead, board.n), np.where(cut, positive - lead, board.n)
    )
    some = _worth_while(bits, fewest, board)
    if len(some):
        split = (lead[some], cut[some], below[some], above[some])
        some_terms = [terms[k] for k in some]
        _thresholds(some_terms, bits[some], split, (positive, negative), board)

    ends = cut.copy()
    ends[:, -1] = True
    starts = cut.copy()
    starts[:, 0] = True
    place = np.where(starts, np.arange(board.n + 1), 0)
    began = np.maximum.accumulate(place[:, :-1], axis=1)
    gained = lead[:, 1:] - np.take_along_axis(lead, began, axis=1)
    for name, errors in (("==", positive - gained), ("!=", negative + gained)):
        wrong = np.where(ends[:, 1:], errors, board.n)
        some = _worth_while(bits, wrong, board)
        if not len(some):
            continue
        level, wrong = values[some], wrong[some]
        cost = bits[some, None] + COST[name] + constants(level)

        def equal(index: tuple[int, ...], sign: str = name) -> Term | None:
            i = int(some[index[0]])
            v = int(level[index])
            says = "is" if sign == "==" else "is not"
            return _about(terms[i], f"{{0}} {sign} {v}", f"{{0}} {says} {v}", float(cost[index]))

        board.offer_all(cost, wrong, equal)
    _intervals(terms, bits, (lead, cut, values), (positive, negative), board)


def _worth_while(bits: NDArray[np.float64], errors: Ints, board: Board) -> NDArray[np.int64]:
    """Return the rows whose fewest errors leave room for a constant."""
    return np.nonzero(bits + board.exceptions[errors.min(axis=1)] < board.ceiling)[0]


def _thresholds(
    terms: Sequence[Term],
    bits: NDArray[np.float64],
    sorted_: tuple[Ints, NDArray[np.bool_], Ints, Ints],
    classes: tuple[int, int],
    board: Board,
) -> None:
    lead, cut, below, above = sorted_
    positive, negative = classes
    # Of the thresholds that tell the same training strings apart, some are offered: other strings
    # may fall between them.
    width = above - below
    for which in range(5):
        if which == 0:
            level, there = above, cut
        elif which == 4:
            level, there = below + (width + 1) // 2, cut & (width > 4)
        else:
            level, there = below + which, cut & (width > which)
        cost = bits[:, None] + constants(level)
        for name, errors in ((">=", negative + lead), ("<", positive - lead)):
            wrong = np.where(there, errors, board.n)

            def threshold(index: tuple[int, ...], sign: str = name) -> Term | None:
                k, i = index
                t = int(level[k, i])
                says = f"{{0}} is at least {t}" if sign == ">=" else f"{{0}} is less than {t}"
                return _about(terms[k], f"{{0}} {sign} {t}", says, float(cost[k, i] + COST[sign]))

            board.offer_all(cost + COST[name], wrong, threshold)


def _intervals(
    terms: Sequence[Term],
    bits: NDArray[np.float64],
    sorted_: tuple[Ints, NDArray[np.bool_], Ints],
    classes: tuple[int, int],
    board: Board,
) -> None:
    """Offer the best interval of each feature, and the best gap."""
    lead, cut, values = sorted_
    positive, negative = classes
    far = 4 * board.n
    rows = np.arange(len(terms))
    for name, sign in (("in", 1), ("out", -1)):
        height = np.where(cut, sign * lead, far)
        lowest = np.minimum.accumulate(height, axis=1)
        climb = np.where(cut, sign * lead - lowest, -far)
        end = climb.argmax(axis=1)
        # The first place at which the running minimum takes its final value before the end.
        start = (lowest == lowest[rows, end][:, None]).argmax(axis=1)
        best = climb[rows, end]
        good = (best > 0) & (start < end)
        low = values[rows, np.minimum(start, board.n - 1)]
        high = values[rows, np.maximum(end - 1, 0)]
        errors = np.where(good, (positive if name == "in" else negative) - best, board.n)
        cost = bits + COST[name] + constants(low) + constants(high - low)

        def between(index: tuple[int, ...], inside: bool = name == "in") -> Term | None:
            (k,) = index
            a, b = int(low[k]), int(high[k])
            code, says = f"{a} <= {{0}} <= {b}", f"{{0}} is from {a} to {b}"
            if not inside:
                code, says = f"not {code}", f"{{0}} is not from {a} to {b}"
            return _about(terms[k], code, says, float(cost[k]))

        board.offer_all(cost, errors, between)


def residues(
    rows: Ints, terms: Sequence[Term], bits: NDArray[np.float64], m: int, board: Board
) -> None:
    """Offer single residues modulo m, their complements, and the best set of residues."""
    rest = rows % m
    flat = (rest + m * np.arange(len(rows))[:, None]).ravel()
    signs = np.broadcast_to(np.where(board.labels, 1.0, -1.0), rows.shape).ravel()
    gained = np.bincount(flat, weights=signs, minlength=m * len(rows)).astype(np.int64)
    gained = gained.reshape(len(rows), m)
    positive = int(board.labels.sum())
    single = natural(m - 2) + math.log2(m)
    for name, errors in (("residue", positive - gained), ("no residue", gained)):
        if name == "no residue":
            if m == 2:
                continue
            errors = board.n - positive + gained
        cost = np.broadcast_to((bits + COST[name] + single)[:, None], errors.shape)

        def one(index: tuple[int, ...], sign: str = name) -> Term | None:
            k, r = index
            equal, says = ("==", "is") if sign == "residue" else ("!=", "is not")
            text = f"{{0}} modulo {m} {says} {r}"
            return _about(terms[k], f"{{0}} % {m} {equal} {r}", text, float(cost[k, r]))

        board.offer_all(cost, errors, one)
    if m > 3:
        errors = positive - np.maximum(gained, 0).sum(axis=1)
        cost = bits + COST["residues"] + natural(m - 2) + m

        def several(index: tuple[int, ...]) -> Term | None:
            (k,) = index
            chosen = [r for r in range(m) if gained[k, r] > 0]
            says = f"{{0}} modulo {m} is one of {', '.join(map(str, chosen))}"
            return _about(terms[k], f"{{0}} % {m} in {tuple(chosen)}", says, float(cost[k]))

        board.offer_all(cost, errors, several)


def members(rows: Ints, terms: Sequence[Term], bits: NDArray[np.float64], board: Board) -> None:
    """Offer membership in well-known sets of integers, where the values are small."""
    small = (np.abs(rows) < MEMBERS).all(axis=1)
    for name, (code, says, holds) in SETS.items():
        told = _table(name, holds)[np.clip(rows, 0, MEMBERS)] & (rows >= 0)
        sides = (("", told), ("not ", ~told)) if name == "prime" else (("", told),)
        for prefix, answers in sides:
            cost = bits + COST["no prime" if prefix else name]
            errors = np.where(small, (answers != board.labels).sum(axis=1), board.n)

            def member(index: tuple[int, ...], no: str = prefix) -> Term | None:
                (k,) = index
                text = says.replace(" is ", " is not ") if no else says
                return _about(terms[k], no + code, text, float(cost[k]))

            board.offer_all(cost, errors, member)


def sets(rows: Ints, terms: Sequence[Term], bits: NDArray[np.float64], board: Board) -> None:
    """Offer the best set of values of each feature that has few."""
    low, high = rows.min(axis=1), rows.max(axis=1)
    some = np.nonzero((high - low > 1) & (high - low < WIDEST))[0]
    if not len(some):
        return
    lowest, width = low[some], (high - low)[some] + 1
    flat = (rows[some] - lowest[:, None] + WIDEST * np.arange(len(some))[:, None]).ravel()
    signs = np.broadcast_to(np.where(board.labels, 1.0, -1.0), (len(some), board.n)).ravel()
    gained = np.bincount(flat, weights=signs, minlength=WIDEST * len(some))
    gained = gained.reshape(len(some), WIDEST).astype(np.int64)
    errors = int(board.labels.sum()) - np.maximum(gained, 0).sum(axis=1)
    cost = bits[some] + COST["table"] + constants(lowest) + constants(width) + width

    def chosen(index: tuple[int, ...]) -> Term | None:
        (k,) = index
        values = tuple(int(lowest[k]) + i for i in range(WIDEST) if gained[k, i] > 0)
        if not values:
            return None
        says = f"{{0}} is one of {', '.join(map(str, values))}"
        return _about(terms[some[k]], f"{{0}} in {values}", says, float(cost[k]))

    board.offer_all(cost, errors, chosen)


_tables: dict[str, NDArray[np.bool_]] = {}


def _table(name: str, holds: Any) -> NDArray[np.bool_]:
    if name not in _tables:
        _tables[name] = np.array([bool(holds(v)) for v in range(MEMBERS + 1)])
    return _tables[name]


def _about(term: Term, code: str, says: str, bits: float) -> Term:
    # Operators in the code of a feature bind less tightly than a question's.
    inner = (
        term.code
        if term.code.endswith(")") and " " not in term.code.split("(")[0]
        else f"({term.code})"
    )
    return Term(code.format(inner), says.format(term.says), bits, term.code)
