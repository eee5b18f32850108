"""The three splits of a target: balanced, disjoint, and the same bytes on every machine.

Of each label, distinct strings are drawn uniformly among all that have it, and dealt to
validation, test and training in this order. The sizes are no part of the key, so a larger training
split leaves the other two as they are and keeps the strings of a smaller one (unless so many are
wanted that the domain is listed instead). Every split is then shuffled.
"""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

import msgspec

from leanlab.labkit import ConfigError
from leanlab.synthesis import splits, targets
from leanlab.synthesis.splits import Split
from leanlab.synthesis.stream import Stream

if TYPE_CHECKING:
    from pathlib import Path

    from leanlab.synthesis.targets import Label

NAMES = ("train", "val", "test")


class Params(msgspec.Struct, frozen=True, kw_only=True):
    """What identifies a data set."""

    target: str
    length: int
    """Characters in each string."""
    train: int = 100
    val: int = 100
    test: int = 10_000
    """Becomes smaller where the domain runs out of strings; the others never do."""
    seed: int = 42


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """Three splits and the facts about them that meta.json keeps."""

    train: Split
    val: Split
    test: Split
    meta: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Write train.txt, val.txt, test.txt and meta.json."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            splits.write(folder / f"{name}.txt", getattr(self, name))
        text = json.dumps(self.meta, indent=2, sort_keys=True) + "\n"
        (folder / "meta.json").write_bytes(text.encode())


def generate(raw: dict[str, Any]) -> Dataset:
    """Draw the splits that the lab's params ask for."""
    params = _checked(raw)
    target = targets.find(params.target)
    if params.length < target.shortest:
        raise ConfigError(
            f"params.length: {target.name} needs strings of at least {target.shortest} characters, "
            f"not {params.length}."
        )
    wanted = (params.train + params.val + params.test) // 2
    label = target.rule(params.length)
    pools = [
        _draw(
            label,
            value,
            params.length,
            wanted,
            Stream("strings", target.name, params.length, value, params.seed),
        )
        for value in (0, 1)
    ]
    test = min(params.test, 2 * min(map(len, pools)) - params.train - params.val)
    if test < 2:
        raise ConfigError(
            f"params: {target.name} at length {params.length} has {min(map(len, pools))} strings "
            f"of a label, too few for train {params.train}, val {params.val} and a test; "
            f"use longer strings or smaller splits."
        )
    sizes = {"val": params.val, "test": test, "train": params.train}
    made = {}
    start = 0
    for name, size in sizes.items():
        pairs = [(x, y) for y in (0, 1) for x in pools[y][start : start + size // 2]]
        Stream("order", target.name, params.length, name, params.seed).shuffle(pairs)
        made[name] = Split(strings=tuple(x for x, _ in pairs), labels=tuple(y for _, y in pairs))
        start += size // 2
    meta = {**msgspec.to_builtins(params), **sizes, "target": target.name, "id": target.id}
    if test < params.test:
        meta["note"] = (
            f"The domain has too few strings: test holds {test}; {params.test} were asked for."
        )
    return Dataset(**made, meta=meta)


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
        if size < 2 or size % 2:
            raise ConfigError(
                f"params.{name}: {size} strings cannot be half positive; use an even number from 2."
            )
    return params


def _draw(label: Label, value: int, length: int, count: int, stream: Stream) -> list[str]:
    """Return `count` distinct strings of that label, or all there are, in random order."""
    if 2**length <= 16 * count:
        every = [x for i in range(2**length) if label(x := f"{i:0{length}b}") == value]
        return [every[i] for i in stream.sample(len(every), min(count, len(every)))]
    drawn: dict[str, None] = {}
    while len(drawn) < count:
        x = f"{stream.bits(length):0{length}b}"
        if label(x) == value:
            drawn[x] = None
    return list(drawn)
