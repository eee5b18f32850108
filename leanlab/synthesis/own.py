"""Labelled strings that a user brings: a folder of splits, or one file that is dealt out."""

from __future__ import annotations

from pathlib import Path

from leanlab.labkit import ConfigError
from leanlab.synthesis import splits
from leanlab.synthesis.splits import Split
from leanlab.synthesis.stream import Stream

NAMES = ("train", "val", "test")
SUFFIXES = ("txt", "csv", "tsv")


def find(given: str, folder: Path | None) -> Path:
    """Return the path as given from the working folder, or else from the lab's."""
    paths = [Path(given).expanduser()]
    if folder is not None:
        paths.append(folder / given)
    for path in paths:
        if path.exists():
            return path
    raise ConfigError(f"params.data: there is no file or folder {given!r}; give its whole path.")


def files_of(folder: Path) -> dict[str, Path]:
    """Return the files of the splits that a folder has, such as val.csv."""
    found = {}
    for name in NAMES:
        paths = [path for end in SUFFIXES if (path := folder / f"{name}.{end}").is_file()]
        if len(paths) > 1:
            raise ConfigError(
                f"{folder} holds {paths[0].name} and {paths[1].name}; remove one of them."
            )
        if paths:
            found[name] = paths[0]
    return found


def read_folder(folder: Path) -> dict[str, Split]:
    """Read all three splits; none may share a string with another."""
    files = files_of(folder)
    if missing := [name for name in NAMES if name not in files]:
        raise ConfigError(
            f"{folder} holds no {missing[0]}.txt, {missing[0]}.csv or {missing[0]}.tsv; add it, or "
            f"name one file, to be dealt out."
        )
    train = splits.read(files["train"])
    read = {"train": train} | {name: splits.read(files[name], train.classes) for name in NAMES[1:]}
    for i, name in enumerate(NAMES):
        for other in NAMES[i + 1 :]:
            if shared := set(read[name].strings) & set(read[other].strings):
                raise ConfigError(
                    f"{files[other]}: {len(shared)} of its strings are in {files[name].name} too; "
                    f"remove them from one of the two."
                )
    return read


def deal(path: Path, *, train: int, val: int, test: int, seed: int) -> dict[str, Split]:
    """Deal a file's strings out at random, each split with the file's share of either label.

    Training and validation have the sizes asked for, the test what is left of them at most. The
    order of the lines is no part of it.
    """
    whole = splits.read(path)
    by_label = [
        sorted(x for x, y in zip(whole.strings, whole.labels, strict=True) if y == label)
        for label in (0, 1)
    ]
    for label, strings in enumerate(by_label):
        Stream("deal", label, seed).shuffle(strings)
    sizes = {"val": val, "test": min(test, len(whole) - train - val), "train": train}
    share = len(by_label[1]) / len(whole)
    if sizes["test"] < 2 or round(train * min(share, 1 - share)) < 1:
        raise ConfigError(
            f"{path} has {len(whole)} strings, {len(by_label[1])} of them of class "
            f"{whole.classes[1]!r}: too few for train {train}, val {val} and a test; add some, or "
            f"set train and val smaller."
        )
    dealt = {}
    start = positives = 0
    for name, size in sizes.items():
        start += size
        # The share of all strings so far is rounded, so that no label runs out before the other.
        positive = round(start * share) - positives
        positives += positive
        pairs = [(by_label[y].pop(), y) for y in [0] * (size - positive) + [1] * positive]
        Stream("order of the dealt", name, seed).shuffle(pairs)
        dealt[name] = Split(
            strings=tuple(x for x, _ in pairs),
            labels=tuple(y for _, y in pairs),
            classes=whole.classes,
            repeated=whole.repeated if name == "train" else 0,
        )
    return dealt
