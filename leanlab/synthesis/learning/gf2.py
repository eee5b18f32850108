"""Linear equations over GF(2), with a row or a vector of unknowns as the bits of one integer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab.synthesis.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ENUMERATED = 16
"""Up to this dimension every solution is looked at; beyond it, light ones are searched for."""
TRIES = 200
KEPT = 64


class System(msgspec.Struct, frozen=True, kw_only=True):
    """Equations in reduced row echelon form.

    Bit c of a row is the coefficient of unknown c; bit `width` is the right-hand side.
    """

    width: int
    pivots: dict[int, int]
    """Pivot column to its row."""
    consistent: bool

    @property
    def rank(self) -> int:
        """The number of independent left-hand sides."""
        return len(self.pivots)

    @property
    def free(self) -> list[int]:
        """The columns without a pivot; each may be set at will."""
        return [column for column in range(self.width) if column not in self.pivots]

    def solution(self) -> int:
        """Return the solution with every free unknown 0."""
        return sum(1 << column for column, row in self.pivots.items() if row >> self.width)

    def kernel(self) -> list[int]:
        """Return a basis of the solutions of the homogeneous system, one for each free column."""
        return [
            1 << free | sum(1 << column for column, row in self.pivots.items() if row >> free & 1)
            for free in self.free
        ]


def eliminate(rows: Iterable[int], width: int, order: Iterable[int] | None = None) -> System:
    """Bring the equations to echelon form; columns earlier in `order` become pivots first."""
    pending = [row for row in rows if row]
    pivots: dict[int, int] = {}
    for column in range(width) if order is None else order:
        bit = 1 << column
        pivot = next((row for row in pending if row & bit), 0)
        if not pivot:
            continue
        pending = [left for row in pending if (left := row ^ pivot if row & bit else row)]
        pivots = {c: row ^ pivot if row & bit else row for c, row in pivots.items()}
        pivots[column] = pivot
    return System(width=width, pivots=pivots, consistent=not pending)


def solutions(rows: Sequence[int], width: int, weighed: int) -> Iterator[int]:
    """Yield solutions: all of them up to dimension ENUMERATED, else the lightest found.

    Weight is the number of ones among the bits of the mask `weighed`; an unknown outside it is free
    of charge. No solution where the system is inconsistent.
    """
    system = eliminate(rows, width)
    if not system.consistent:
        return
    if len(system.free) > ENUMERATED:
        yield from _light(rows, width, weighed)
        return
    x = system.solution()
    yield x
    kernel = system.kernel()
    for i in range(1, 1 << len(kernel)):
        # Gray code: successive subsets of the kernel's basis differ by one vector.
        x ^= kernel[(i & -i).bit_length() - 1]
        yield x


def _light(rows: Sequence[int], width: int, weighed: int) -> list[int]:
    """Search light solutions by information-set decoding (Lee and Brickell, EUROCRYPT 1988).

    A random choice of pivots, then every way to set at most two free unknowns; TRIES choices, and
    the KEPT lightest of all, lightest first.
    """
    stream = Stream("information sets", width, len(rows))
    found: dict[int, int] = {}
    for _ in range(TRIES):
        order = stream.sample(width, width)
        # What weighs nothing costs nothing as a pivot.
        order.sort(key=lambda column: weighed >> column & 1)
        system = eliminate(rows, width, order)
        kernel = system.kernel()
        heads = [system.solution()]
        heads += [heads[0] ^ vector for vector in kernel]
        bound = max(found.values()) if len(found) >= KEPT else width
        for i, head in enumerate(heads):
            # Head i has vector i - 1 already; with one after it, every pair comes once.
            near = [head, *(head ^ vector for vector in kernel[i:])] if i else [head]
            found |= {x: w for x in near if (w := (x & weighed).bit_count()) < bound}
        lightest = sorted(found, key=lambda x: (found[x], x))[:KEPT]
        found = {x: found[x] for x in lightest}
    return list(found)


def near_solutions(rows: Sequence[int], width: int, tries: int) -> Iterator[int]:
    """Yield solutions of random full-rank subsets of the equations.

    Of equations of which a few are wrong, a subset without a wrong one gives the true unknowns; at
    a share e of wrong ones a try succeeds with probability (1 - e) ** width. None where all the
    equations together leave unknowns open.
    """
    if eliminate(rows, width).free:
        return
    stream = Stream("subsets", width, len(rows))
    left = (1 << width) - 1
    for _ in range(tries):
        basis: dict[int, int] = {}
        for i in stream.sample(len(rows), len(rows)):
            row = rows[i]
            while (top := (row & left).bit_length()) and top in basis:
                row ^= basis[top]
            if top:
                basis[top] = row
            if len(basis) == width:
                break
        yield eliminate(basis.values(), width).solution()
