"""Features of many lists at once: rows of one matrix, filled up with PAD on the right.

Each function agrees with the template of grammar.py that it is filed under; a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

PAD = -(2**30)
Ints = NDArray[np.signedinteger[Any]]
Bools = NDArray[np.bool_]


class Rows:
    """Lists of integers as the rows of a matrix."""

    def __init__(self, lists: Sequence[Sequence[int]]) -> None:
        self.lengths: Ints = np.array([len(s) for s in lists], dtype=np.int64)
        width = max(1, int(self.lengths.max(initial=0)))
        self.items: Ints = np.full((len(lists), width), PAD, dtype=np.int32)
        inside = np.arange(width) < self.lengths[:, None]
        self.items[inside] = [c for s in lists for c in s]
        self.inside: Bools = inside
        self.filled: Ints = np.where(inside, self.items, 0)

    def some(self, chosen: Ints) -> Rows:
        """Return a few of the rows."""
        fewer = Rows.__new__(Rows)
        fewer.lengths, fewer.items = self.lengths[chosen], self.items[chosen]
        fewer.inside, fewer.filled = self.inside[chosen], self.filled[chosen]
        return fewer

    def pairs(self) -> tuple[Ints, Ints, Bools]:
        """Return each item, its right neighbour, and whether there is one."""
        return self.items[:, :-1], self.items[:, 1:], self.inside[:, 1:]


def _signs(rows: Rows) -> Ints:
    return np.where(np.arange(rows.items.shape[1]) % 2, -1, 1)


def _places(rows: Rows) -> Ints:
    return np.arange(1, rows.items.shape[1] + 1)


def _longest(marks: Bools) -> Ints:
    """Return the longest stretch of marks in each row."""
    place = np.arange(1, marks.shape[1] + 1)
    last_gap = np.maximum.accumulate(np.where(marks, 0, place), axis=1)
    longest: Ints = np.where(marks, place - last_gap, 0).max(axis=1, initial=0)
    return longest


def _neighbours(rows: Rows, holds: Callable[[Ints, Ints], Bools]) -> Ints:
    a, b, there = rows.pairs()
    counted: Ints = (holds(a, b) & there).sum(axis=1)
    return counted


def _distinct(rows: Rows) -> Ints:
    ordered = np.sort(rows.items, axis=1)
    fresh = (ordered[:, 1:] != ordered[:, :-1]) & (ordered[:, 1:] != PAD)
    counted: Ints = fresh.sum(axis=1) + (ordered[:, 0] != PAD)
    return counted


def _peaks(rows: Rows) -> Ints:
    a, b, c = rows.items[:, :-2], rows.items[:, 1:-1], rows.items[:, 2:]
    counted: Ints = ((a < b) & (b > c) & rows.inside[:, 2:]).sum(axis=1)
    return counted


def _tail(rows: Rows) -> Ints:
    last = np.maximum(rows.lengths - 1, 0)
    tails: Ints = np.where(rows.lengths > 0, rows.items[np.arange(len(last)), last], -1)
    return tails


def _last(hits: Bools) -> Ints:
    """Return the last place that is marked in each row, -1 where none is."""
    back: Ints = np.where(hits.any(axis=1), hits.shape[1] - 1 - hits[:, ::-1].argmax(axis=1), -1)
    return back


def _smallest(rows: Rows) -> Bools:
    lifted = np.where(rows.inside, rows.items, -PAD)
    smallest: Bools = lifted == lifted.min(axis=1, keepdims=True)
    return smallest


def _largest(rows: Rows) -> Bools:
    largest: Bools = rows.items == rows.items.max(axis=1, keepdims=True)
    return largest


ARRAYS: dict[str, Callable[[Rows], Any]] = {
    "sum({0})": lambda rows: rows.filled.sum(axis=1),
    "len({0})": lambda rows: rows.lengths,
    "max({0}, default=0)": lambda rows: np.where(rows.lengths > 0, rows.items.max(axis=1), 0),
    "min({0}, default=0)": lambda rows: np.where(
        rows.lengths > 0, np.where(rows.inside, rows.items, -PAD).min(axis=1), 0
    ),
    "len(set({0}))": _distinct,
    "runs({0})": lambda rows: _neighbours(rows, lambda a, b: a != b) + (rows.lengths > 0),
    "longest_run({0})": lambda rows: (
        _longest((rows.items[:, :-1] == rows.items[:, 1:]) & rows.inside[:, 1:])
        + (rows.lengths > 0)
    ),
    "rises({0})": lambda rows: _neighbours(rows, lambda a, b: a < b),
    "falls({0})": lambda rows: _neighbours(rows, lambda a, b: a > b),
    "repeats({0})": lambda rows: _neighbours(rows, lambda a, b: a == b),
    "alternating_sum({0})": lambda rows: (rows.filled * _signs(rows)).sum(axis=1),
    "weighted_sum({0})": lambda rows: (rows.filled * _places(rows)).sum(axis=1),
    "head({0})": lambda rows: np.where(rows.lengths > 0, rows.items[:, 0], -1),
    "tail({0})": _tail,
    "first_largest({0})": lambda rows: _largest(rows).argmax(axis=1),
    "last_largest({0})": lambda rows: np.where(rows.lengths > 0, _last(_largest(rows)), 0),
    "first_smallest({0})": lambda rows: _smallest(rows).argmax(axis=1),
    "last_smallest({0})": lambda rows: np.where(rows.lengths > 0, _last(_smallest(rows)), 0),
    "peaks({0})": _peaks,
    "xor_of({0})": lambda rows: np.bitwise_xor.reduce(rows.filled, axis=1),
}


VALUE_ARRAYS: dict[str, Callable[[Rows, int], Any]] = {
    "{0}.count({v})": lambda rows, v: (rows.items == v).sum(axis=1),
    "longest_run_of({0}, {v})": lambda rows, v: _longest(rows.items == v),
    "first_place({0}, {v})": lambda rows, v: np.where(
        (rows.items == v).any(axis=1), (rows.items == v).argmax(axis=1), rows.lengths
    ),
    "last_place({0}, {v})": lambda rows, v: _last(rows.items == v),
    "sum(c >= {v} for c in {0})": lambda rows, v: (rows.items >= v).sum(axis=1),
}

TWO_VALUE_ARRAYS: dict[str, Callable[[Rows, int, int], Any]] = {
    "neighbours({0}, {v}, {w})": lambda rows, v, w: _neighbours(
        rows, lambda a, b: (a == v) & (b == w)
    ),
}
