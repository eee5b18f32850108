"""The three splits of a target: balanced, disjoint, and the same bytes on every machine.

Of each label, distinct strings are drawn as the target says, and dealt to validation, test and
training in this order. The sizes are no part of the key, so a larger training split leaves the
other two as they are and keeps the strings of a smaller one (unless so many are wanted that the
domain is listed instead). Every split is then shuffled.
"""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.labkit import ConfigError
from leanlab.synthesis import domain, own, splits, targets
from leanlab.synthesis.splits import Split
from leanlab.synthesis.stream import Stream

if TYPE_CHECKING:
    from pathlib import Path

    from leanlab.synthesis.targets import Target

NAMES = own.NAMES
_FILES = tuple(f"{name}.txt" for name in NAMES)


class Params(msgspec.Struct, frozen=True, kw_only=True):
    """What identifies a data set."""

    target: str = ""
    length: int = 0
    """Characters in each string."""
    train: int = 100
    val: int = 100
    test: int = 10_000
    """Becomes smaller where the domain runs out of strings; the others never do."""
    seed: int = 42
    test_length: int = 0
    """Characters in each test string where it is another number; 0 where it is not."""
    data: str = ""
    """A file or folder of labelled strings, in place of a target and a length."""


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """Three splits and the facts about them that meta.json keeps."""

    train: Split
    val: Split
    test: Split
    meta: dict[str, Any]
    statement: str
    """What a solver may know of the strings; domain.txt keeps it."""

    def write(self, folder: Path) -> None:
        """Write train.txt, val.txt, test.txt, domain.txt and meta.json."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            splits.write(folder / f"{name}.txt", getattr(self, name))
        (folder / "domain.txt").write_bytes(self.statement.encode())
        text = json.dumps(self.meta, indent=2, sort_keys=True) + "\n"
        (folder / "meta.json").write_bytes(text.encode())


def generate(raw: dict[str, Any], *, folder: Path | None = None) -> Dataset:
    """Draw the splits that a lab's params ask for; `data` is looked up in the folder too."""
    params = _checked(raw)
    if params.data:
        return _of_user(params, folder)
    target = targets.find(params.target)
    target.check_length(params.length, "params.length")
    if params.test_length:
        _check_test_length(target, params)
    drawn = _splits(target, params)
    sizes = {name: len(split) for name, split in drawn.items()}
    meta = {key: value for key, value in msgspec.to_builtins(params).items() if key != "data"}
    if not params.test_length:
        del meta["test_length"]
    meta |= {**sizes, "target": target.name}
    if target.id:
        meta["id"] = target.id
    if sizes["test"] < params.test:
        meta["note"] = (
            f"The domain has too few strings: test holds {sizes['test']}; "
            f"{params.test} were asked for."
        )
    any_length = params.test_length not in (0, params.length)
    statement = domain.of_target(target.domain, params.length, any_length=any_length)
    return Dataset(**drawn, meta=meta, statement=statement)


def is_made(folder: Path) -> bool:
    """Tell whether a folder is empty or holds what Dataset.write wrote, and nothing else."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {"no folder"}
    return not names or "meta.json" in names <= {"meta.json", "domain.txt", *_FILES}


def _checked(raw: dict[str, Any]) -> Params:
    for key in raw:
        if key not in Params.__struct_fields__:
            near = difflib.get_close_matches(key, Params.__struct_fields__, n=1, cutoff=0.0)[0]
            raise ConfigError(f"params: there is no {key!r}; the nearest is {near!r}.")
    try:
        params = msgspec.convert(raw, Params)
    except msgspec.ValidationError as error:
        raise ConfigError(f"params: {error}; correct it in lab.json or --set.") from None
    for name in NAMES:
        size = getattr(params, name)
        if size < 2 or (size % 2 and not params.data):
            raise ConfigError(
                f"params.{name}: {size} strings cannot be half positive; use an even number from 2."
            )
    missing = [key for key in ("target", "length") if key not in raw and not params.data]
    if missing:
        raise ConfigError(f"params: there is no {missing[0]!r}; give target and length, or data.")
    return params


def _check_test_length(target: Target, params: Params) -> None:
    target.check_length(params.test_length, "params.test_length")
    reach = target.reach(params.length) if target.reach else 0
    if params.test_length < reach:
        raise ConfigError(
            f"params.test_length: {target.name} of length {params.length} looks at {reach} "
            f"characters, not {params.test_length}; use {reach} or more."
        )


def _splits(target: Target, params: Params) -> dict[str, Split]:
    """Deal the strings of each label out; a test of another length has strings of its own."""
    apart = params.test_length not in (0, params.length)
    test = 0 if apart else params.test
    pools = _pools(target, params, params.length, params.train + params.val + test)
    test_pools = _pools(target, params, params.test_length, params.test) if apart else pools
    left = min(map(len, pools)) - (params.train + params.val) // 2
    test = min(params.test, 2 * (min(map(len, test_pools)) if apart else left))
    if left < 0 or test < 2:
        few, length = (
            (test_pools, params.test_length) if apart and left >= 0 else (pools, params.length)
        )
        raise ConfigError(
            f"params: {target.name} at length {length} has {min(map(len, few))} strings "
            f"of a label, too few for train {params.train}, val {params.val} and a test; "
            f"use longer strings or smaller splits."
        )
    val, train = params.val // 2, params.train // 2
    dealt = {
        "val": (pools, 0, val),
        "test": (test_pools, 0 if apart else val, test // 2),
        "train": (pools, val if apart else val + test // 2, train),
    }
    made = {}
    for name, (strings, start, size) in dealt.items():
        pairs = [(x, y) for y in (0, 1) for x in strings[y][start : start + size]]
        Stream("order", target.name, params.length, name, params.seed).shuffle(pairs)
        made[name] = Split(strings=tuple(x for x, _ in pairs), labels=tuple(y for _, y in pairs))
    return made


def _pools(target: Target, params: Params, length: int, size: int) -> list[list[str]]:
    """Return up to half as many strings of each label, drawn at that length by params' rule."""
    label = target.rule(params.length)
    return [
        target.draw(
            label,
            length,
            value,
            size // 2,
            Stream("strings", target.name, length, value, params.seed),
        )
        for value in (0, 1)
    ]


def _of_user(params: Params, folder: Path | None) -> Dataset:
    """Take the splits of a user's folder as they are, or deal out the strings of a file."""
    if params.test_length:
        raise ConfigError(
            "params.test_length: strings from `data` have lengths of their own; leave it at 0."
        )
    path = own.find(params.data, folder)
    if path.is_dir():
        dealt = own.read_folder(path)
    else:
        dealt = own.deal(
            path, train=params.train, val=params.val, test=params.test, seed=params.seed
        )
    meta: dict[str, Any] = {name: len(split) for name, split in dealt.items()}
    meta |= {
        "data": path.name,
        "seed": params.seed,
        "classes": list(dealt["train"].classes),
        "positive": {name: sum(split.labels) for name, split in dealt.items()},
        "repeated": sum(split.repeated for split in dealt.values()),
        "notes": domain.remarks(dealt["train"]),
    }
    # A candidate answers 0 or 1, so that is what its examples say; meta.json has the names.
    plain = {
        name: msgspec.structs.replace(split, classes=splits.BITS) for name, split in dealt.items()
    }
    return Dataset(**plain, meta=meta, statement=domain.of_user(plain["train"]))
