"""Balanced words over two kinds of brackets, two bits a bracket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leanlab.synthesis.targets.target import distinct

if TYPE_CHECKING:
    from leanlab.synthesis.stream import Stream
    from leanlab.synthesis.targets.target import Label

OPENERS = ("00", "10")
CLOSERS = ("01", "11")
TRIES = 20


def is_balanced(x: str) -> int:
    """Label a string of even length: 1 when every bracket has its partner."""
    return int(_is_word([x[i : i + 2] for i in range(0, len(x), 2)]))


def draw(_: Label, length: int, value: int, count: int, stream: Stream) -> list[str]:
    """Draw words uniformly; for label 0 exchange two brackets of each, which flips two bits.

    Every negative has as many of each bracket as a word has. In two of three the two are closing
    ones of different kinds that do not directly follow their partners, so that the depth never
    tells, nor an opening bracket with a wrong one next to it; where there are no such two, and in
    the third, an opening and a closing one of the same kind.
    """

    def make() -> str | None:
        word = _word(length // 4, stream)
        if value:
            return "".join(word)
        crossed = _crossed(word, stream) if stream.below(3) else None
        broken = crossed or _turned(word, stream)
        return "".join(broken) if broken else None

    return distinct(make, count)


def _is_word(brackets: list[str]) -> bool:
    closed_by = dict(zip(OPENERS, CLOSERS, strict=True))
    awaited: list[str] = []
    for each in brackets:
        if each in closed_by:
            awaited.append(closed_by[each])
        elif not awaited or awaited.pop() != each:
            return False
    return not awaited


def _word(pairs: int, stream: Stream) -> list[str]:
    """Draw a word uniformly: of the rotations of n openers and n + 1 closers, one is a word.

    That is the cycle lemma (Dvoretzky and Motzkin, Duke Mathematical Journal 14, 1947).
    """
    steps = [1] * pairs + [-1] * (pairs + 1)
    stream.shuffle(steps)
    depth = lowest = start = 0
    for i, step in enumerate(steps, start=1):
        depth += step
        if depth < lowest:
            lowest, start = depth, i
    word: list[str] = []
    opened: list[int] = []
    for step in (steps[start:] + steps[:start])[:-1]:
        if step > 0:
            opened.append(stream.below(2))
            word.append(OPENERS[opened[-1]])
        else:
            word.append(CLOSERS[opened.pop()])
    return word


def _crossed(word: list[str], stream: Stream) -> list[str] | None:
    after_closers = [i for i in range(1, len(word)) if word[i - 1] in CLOSERS]
    first, second = ([i for i in after_closers if word[i] == kind] for kind in CLOSERS)
    if not first or not second:
        return None
    return _exchanged(word, first[stream.below(len(first))], second[stream.below(len(second))])


def _turned(word: list[str], stream: Stream) -> list[str] | None:
    for _ in range(TRIES):
        i = stream.below(len(word))
        partners = [j for j, each in enumerate(word) if each[0] == word[i][0] and each != word[i]]
        changed = _exchanged(word, i, partners[stream.below(len(partners))])
        if not _is_word(changed):
            return changed
    return None


def _exchanged(word: list[str], i: int, j: int) -> list[str]:
    changed = list(word)
    changed[i], changed[j] = word[j], word[i]
    return changed
