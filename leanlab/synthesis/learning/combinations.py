"""Rules made of two or three questions: and, or, exclusive or, and if-then-else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from leanlab.synthesis.learning.code import Term

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leanlab.synthesis.learning.atoms import Atoms
    from leanlab.synthesis.learning.board import Board

    Floats = NDArray[np.floating[Any]]

JOINED = 5.0
"""Bits that say: two questions, and how they are joined (one of six ways)."""
CHOSEN = 5.0
"""Bits that say: if, then and else."""
CHUNK = 512


def pairs(atoms: Atoms, board: Board) -> None:
    """Offer every way to join two atoms, errors allowed.

    With w = 1 on positives and -1 on negatives, a rule r has (positives - r.w) errors, and all the
    joints of a and b are linear in a, b and ab.
    """
    labels = board.labels
    positive = int(labels.sum())
    signs = np.where(labels, 1, -1).astype(np.float32)
    plain = atoms.rows.astype(np.float32)
    alone = plain @ signs
    for start in range(0, len(atoms), CHUNK):
        both = (plain[start : start + CHUNK] * signs) @ plain.T
        one, other = alone[start : start + CHUNK, None], alone[None, :]
        cost = atoms.bits[start : start + CHUNK, None] + atoms.bits[None, :] + JOINED
        gains = {
            "and": both,
            "or": one + other - both,
            "!=": one + other - 2 * both,
        }
        for name, gain in gains.items():
            errors = (positive - gain).astype(np.int64)
            _offer(atoms, start, cost, errors, name, board)
            if name == "!=":
                _offer(atoms, start, cost, board.n - errors, "==", board)


_WORDS = {"and": "and", "or": "or", "!=": "or else", "==": "exactly when"}


def join(a: Term, b: Term, name: str, bits: float) -> Term:
    """Return the code and the words of two questions joined."""
    says = f"{a.says}, {_WORDS[name]} {b.says}"
    if name == "!=":
        says = f"either {a.says}, or {b.says}, but not both"
    return Term(f"({a.code}) {name} ({b.code})", says, bits)


def _offer(
    atoms: Atoms,
    start: int,
    cost: Floats,
    errors: NDArray[np.int64],
    name: str,
    board: Board,
) -> None:
    def describe(index: tuple[int, ...]) -> Term | None:
        i, j = index[0] + start, index[1]
        if i >= j:
            return None
        return join(atoms.terms[i], atoms.terms[j], name, float(cost[index]))

    board.offer_all(cost, errors, describe)


def exact_pairs(atoms: Atoms, board: Board) -> None:
    """Offer the joints of two that fit every label, of more atoms than pairs() can take."""
    labels = board.labels
    packed = np.packbits(atoms.rows, axis=1)
    where = {row.tobytes(): i for i, row in reversed(list(enumerate(packed)))}
    for name, wanted in (("!=", labels), ("==", ~labels)):
        rest = packed ^ np.packbits(wanted)
        for i, row in enumerate(rest):
            j = where.get(row.tobytes(), -1)
            if j > i:
                bits = float(atoms.bits[i] + atoms.bits[j]) + JOINED
                board.offer(join(atoms.terms[i], atoms.terms[j], name, bits), 0)
    for name, side, miss in (
        ("and", (atoms.rows | ~labels).all(axis=1), atoms.rows & ~labels),
        ("or", (~atoms.rows | labels).all(axis=1), ~atoms.rows & labels),
    ):
        chosen = np.nonzero(side)[0][:2000]
        faults = miss[chosen].astype(np.float32)
        clash = faults @ faults.T
        for i, j in zip(*np.nonzero(clash == 0), strict=True):
            if i < j:
                a, b = int(chosen[i]), int(chosen[j])
                bits = float(atoms.bits[a] + atoms.bits[b]) + JOINED
                if bits < board.ceiling:
                    board.offer(join(atoms.terms[a], atoms.terms[b], name, bits), 0)
        _triples(atoms, chosen[:160], miss, name, board)


def _triples(
    atoms: Atoms, chosen: NDArray[np.int64], miss: NDArray[np.bool_], name: str, board: Board
) -> None:
    faults = miss[chosen]
    first, second = np.triu_indices(len(chosen), 1)
    both = (faults[first] & faults[second]).astype(np.float32)
    clash = both @ faults.astype(np.float32).T
    bits = atoms.bits[chosen]
    cost = (bits[first] + bits[second])[:, None] + bits[None, :] + 2 * JOINED
    word = "and" if name == "and" else "or"
    for k, c in zip(*np.nonzero((clash == 0) & (cost < board.ceiling)), strict=True):
        if c > second[k]:
            terms = [atoms.terms[int(chosen[i])] for i in (first[k], second[k], c)]
            code = f" {word} ".join(f"({term.code})" for term in terms)
            says = f", {word} ".join(term.says for term in terms)
            board.offer(Term(code, says, float(cost[k, c])), 0)


PER_ERROR = 6.0


def choices(conditions: Atoms, branches: Atoms, board: Board) -> None:
    """Offer if-then-else: for every condition, the branch of each side that fits best."""
    labels = board.labels
    wrong = (branches.rows != labels).astype(np.float32)
    for start in range(0, len(conditions), CHUNK):
        tests = conditions.rows[start : start + CHUNK].astype(np.float32)
        on = wrong @ tests.T
        off = wrong.sum(axis=1)[:, None] - on
        value_on = branches.bits[:, None] + PER_ERROR * on
        value_off = branches.bits[:, None] + PER_ERROR * off
        yes, no = value_on.argmin(axis=0), value_off.argmin(axis=0)
        for k, (a, b) in enumerate(zip(yes.tolist(), no.tolist(), strict=True)):
            test = conditions.terms[start + k]
            then, other = branches.terms[a], branches.terms[b]
            if a == b:
                continue
            bits = test.bits + then.bits + other.bits + CHOSEN
            errors = int(on[a, k] + off[b, k])
            code = f"({then.code}) if ({test.code}) else ({other.code})"
            says = f"if {test.says} then {then.says}, else {other.says}"
            board.offer(Term(code, says, bits), errors)
