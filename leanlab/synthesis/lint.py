"""What is wrong with a set of labelled strings, and how far cheap shortcuts get on it."""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING

import msgspec

from leanlab.labkit import ConfigError
from leanlab.synthesis import domain, own, rows, splits
from leanlab.synthesis.shortcuts import FAMILIES
from leanlab.synthesis.splits import Split
from leanlab.synthesis.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from leanlab.synthesis.shortcuts import Feature, Value

    Predictor = Callable[[Value], int]

FLAGGED = 0.75
UNEVEN = 0.1
"""How far the share of a label may be from one half."""
MOST = 1000
"""Strings that shortcuts are fitted on, and chosen on, at most."""


class Shortcut(msgspec.Struct, frozen=True, kw_only=True):
    """The best of one family of cheap features."""

    family: str
    name: str
    accuracy: float
    """On strings that it was neither fitted nor chosen on."""
    standard_error: float
    flagged: bool


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found."""

    sizes: dict[str, int]
    """Lines of each file."""
    problems: list[str]
    notes: list[str]
    """What may well be meant."""
    fitted_on: int
    chosen_on: int
    measured_on: int
    constant: float
    """The accuracy of the more frequent training label, on the strings that shortcuts are measured
    on."""
    shortcuts: list[Shortcut]

    @property
    def clean(self) -> bool:
        """True when there is no problem and no shortcut is flagged."""
        return not self.problems and not any(each.flagged for each in self.shortcuts)


def lint(path: Path) -> Report:
    """Look over a folder with train and, if there are, val and test; or one file."""
    files = {"train": path} if path.is_file() else own.files_of(path)
    if "train" not in files:
        raise ConfigError(
            f"{path} holds no train.txt, train.csv or train.tsv; name a folder with one, or a file."
        )
    lines = {name: rows.labelled(file) for name, file in files.items()}
    classes = splits.classes_of(files["train"], lines["train"])
    read = {name: splits.read(file, classes, strict=False) for name, file in files.items()}
    named = {name: (file.name, lines[name]) for name, file in files.items()}
    problems = [*_repetitions(named), *_conflicts(named), *_overlaps(named)]
    problems += _uneven({files[name].name: split for name, split in read.items()})
    fit, choose, measure = map(_sampled, _roles(read), (MOST, MOST, None))
    constant = measure.accuracy([_majority(fit.labels)] * len(measure))
    return Report(
        sizes={name: len(found) for name, found in lines.items()},
        problems=problems,
        notes=[
            f"{files[name].name}: {note}" for name in read for note in domain.remarks(read[name])
        ],
        fitted_on=len(fit),
        chosen_on=len(choose),
        measured_on=len(measure),
        constant=constant,
        shortcuts=_shortcuts(fit, choose, measure, constant),
    )


Named = dict[str, tuple[str, list[rows.Labelled]]]
"""File name and lines, by the name of the split."""


def _repetitions(named: Named) -> list[str]:
    found = []
    for file, lines in named.values():
        seen: set[tuple[str, str]] = set()
        again = []
        for number, *pair in lines:
            if tuple(pair) in seen:
                again.append(number)
            seen.add((pair[0], pair[1]))
        if again:
            found.append(f"{file}: {len(again)} lines repeat earlier ones, the first is {again[0]}")
    return found


def _conflicts(named: Named) -> list[str]:
    labels: dict[str, set[str]] = {}
    places: dict[str, str] = {}
    for file, lines in named.values():
        for number, string, label in lines:
            labels.setdefault(string, set()).add(label)
            if len(labels[string]) > 1 and string not in places:
                places[string] = f"{file}, line {number}"
    if not places:
        return []
    first = next(iter(places.values()))
    return [f"{len(places)} strings have both labels, the first at {first}"]


def _overlaps(named: Named) -> list[str]:
    found = []
    for (one, first), (other, second) in combinations(named.values(), 2):
        shared = {x for _, x, _ in first} & {x for _, x, _ in second}
        if shared:
            found.append(f"{other}: {len(shared)} of its strings are in {one} too")
    return found


def _uneven(read: Mapping[str, Split]) -> list[str]:
    return [
        f"{name}: {sum(split.labels)} of {len(split)} strings have the label {split.classes[1]!r}"
        for name, split in read.items()
        if abs(sum(split.labels) / len(split) - 0.5) > UNEVEN
    ]


def _roles(read: Mapping[str, Split]) -> tuple[Split, Split, Split]:
    """Return disjoint strings to fit on, to choose on and to measure on.

    They are train, val and test without the strings of earlier ones; where one is missing or has
    none of its own, the last that has some is cut up.
    """
    present = [read[name] for name in own.NAMES if name in read]
    seen: set[str] = set()
    apart = []
    for split in present:
        if own_places := [i for i, x in enumerate(split.strings) if x not in seen]:
            apart.append(_part(split, own_places))
        seen.update(split.strings)
    pieces = 4 - len(apart)
    last = apart.pop()
    order = Stream("lint", len(last)).sample(len(last), len(last))
    apart += [_part(last, sorted(order[i::pieces])) for i in range(pieces)]
    if not all(map(len, apart)):
        raise ConfigError("there are too few different strings to fit and to measure; add some.")
    fit, choose, measure = apart
    return fit, choose, measure


def _sampled(split: Split, most: int | None) -> Split:
    if most is None or len(split) <= most:
        return split
    return _part(split, sorted(Stream("lint", len(split)).sample(len(split), most)))


def _part(split: Split, chosen: Sequence[int]) -> Split:
    return msgspec.structs.replace(
        split,
        strings=tuple(split.strings[i] for i in chosen),
        labels=tuple(split.labels[i] for i in chosen),
    )


def _shortcuts(fit: Split, choose: Split, measure: Split, constant: float) -> list[Shortcut]:
    """Return the best of each family: fitted, chosen and measured on strings of their own."""
    found = []
    every = fit.strings + choose.strings + measure.strings
    for family, features in FAMILIES.items():
        best: tuple[float, str, Feature, Predictor] | None = None
        for name, feature in features(fit.strings, every):
            seen = [feature(x) for x in fit.strings]
            new = [feature(x) for x in choose.strings]
            for predictor in (_by_value(seen, fit.labels), _by_threshold(seen, fit.labels)):
                accuracy = choose.accuracy([predictor(value) for value in new])
                if best is None or accuracy > best[0]:
                    best = accuracy, name, feature, predictor
        if best is None:
            continue
        _, name, feature, predictor = best
        accuracy = measure.accuracy([predictor(feature(x)) for x in measure.strings])
        error = math.sqrt(accuracy * (1 - accuracy) / len(measure))
        # Where one label prevails, everything is right as often as the constant is.
        flagged = accuracy > FLAGGED and accuracy > constant + 2 * error
        found.append(
            Shortcut(
                family=family,
                name=name,
                accuracy=accuracy,
                standard_error=error,
                flagged=flagged,
            )
        )
    return found


def _by_value(values: Sequence[Value], labels: Sequence[int]) -> Predictor:
    """Answer the more frequent label of each value; of a new one, the more frequent of all."""
    weights: Counter[Value] = Counter()
    for value, label in zip(values, labels, strict=True):
        weights[value] += 2 * label - 1
    usual = _majority(labels)
    answers = {value: int(weight > 0) if weight else usual for value, weight in weights.items()}
    return lambda value: answers.get(value, usual)


def _by_threshold(values: Sequence[Value], labels: Sequence[int]) -> Predictor:
    """Answer one label up to the best cut and the other beyond, in their order."""
    weights: dict[Value, int] = {}
    for value, label in zip(values, labels, strict=True):
        weights[value] = weights.get(value, 0) + 2 * label - 1
    total = sum(weights.values())
    # With no cut every value is beyond it.
    cut: Value | None = None
    best, high, below = abs(total), _majority(labels), 0
    for value in sorted(weights):
        below += weights[value]
        if abs(total - 2 * below) > best:
            best, cut, high = abs(total - 2 * below), value, int(total - below > below)
    if cut is None:
        return lambda _: high
    return lambda value: high if value > cut else 1 - high  # type: ignore[operator]


def _majority(labels: Sequence[int]) -> int:
    return int(2 * sum(labels) > len(labels))
