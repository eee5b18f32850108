"""What is said of strings: to a solver in domain.txt, and to people who bring their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.synthesis.splits import Split
    from leanlab.synthesis.targets import Domain

SHOWN = 40
"""Alphabets up to this size are listed."""

_KINDS = {
    "bits": "Every string has {length} characters, each of them 0 or 1.",
    "digits": "Every string is a decimal number of {length} digits, without leading zeros.",
    "edges": (
        "Every string has {length} characters: {tokens} tokens of 6 characters, such as u07v31, "
        "an edge\nbetween the vertices 07 and 31 of an undirected graph."
    ),
}
_HALF = (
    "Half of the examples have the label 1, and so have half of the strings that the\nfunction is "
    "scored on."
)
_ANY_LENGTH = "Those may be longer or shorter than the examples: the rule is the same."


def of_target(kind: Domain, length: int, *, any_length: bool) -> str:
    """State the domain and the length; neither names the rule."""
    sentence = _KINDS[kind].format(length=length, tokens=length // 6)
    return _lines(sentence, _HALF, _ANY_LENGTH if any_length else "")


def of_user(train: Split) -> str:
    """State lengths, characters and labels as the training strings have them."""
    share = f"{sum(train.labels)} of the {len(train)} examples have the label 1."
    return _lines(f"{_extent(train.strings)} {_alphabet(train.strings)}", share)


def remarks(split: Split) -> list[str]:
    """Say what may be a mistake in somebody's strings; empty where nothing is."""
    lengths = {len(x) for x in split.strings}
    found = []
    if len(lengths) > 1:
        found.append(f"lengths differ: {min(lengths)} to {max(lengths)} characters")
    kinds = sorted({_kind(c) for x in split.strings for c in x})
    if len(kinds) > 1:
        found.append(f"alphabets are mixed: {', '.join(kinds)}")
    if split.repeated:
        found.append(f"repeated lines left out: {split.repeated}")
    return found


def _kind(character: str) -> str:
    if character.isdigit():
        return "digits"
    if character.isalpha():
        return "letters"
    return "spaces" if character.isspace() else "signs"


def _extent(strings: Sequence[str]) -> str:
    shortest, longest = min(map(len, strings)), max(map(len, strings))
    if shortest == longest:
        return f"Every string has {shortest} characters."
    return f"The strings have {shortest} to {longest} characters."


def _alphabet(strings: Sequence[str]) -> str:
    characters = sorted(set().union(*strings))
    if len(characters) > SHOWN:
        return f"They are made of {len(characters)} different characters."
    listed = " ".join(repr(c) if c.isspace() else c for c in characters)
    return f"They are made of these characters: {listed}"


def _lines(*sentences: str) -> str:
    return "\n".join(sentence for sentence in sentences if sentence) + "\n"
