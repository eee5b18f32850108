"""The grid: what is varied, the points that makes, and where each has its home."""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING

import msgspec

from leanlab.config import Level
from leanlab.errors import ConfigError
from leanlab.lab import Lab, open_lab

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SEED = "seed"
"""The parameter whose values are repetitions: summaries average over it."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep does; kept as sweep.json, so that --resume needs no more."""

    lab: str
    """The lab's folder, absolute."""
    axes: dict[str, tuple[str, ...]]
    """The values of every parameter that was set, as they were written."""
    attempts: int
    """At most, for each point."""
    backend: str = "auto"
    model: str | None = None
    effort: Level | None = None
    policy: str = "erm"
    seed: int = 0

    def points(self) -> list[Point]:
        """Every combination of values; the last axis changes fastest."""
        combinations = itertools.product(*self.axes.values())
        return [Point(sets=dict(zip(self.axes, values, strict=True))) for values in combinations]


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One combination of parameters."""

    sets: dict[str, str]

    @property
    def name(self) -> str:
        return ",".join(f"{key}={value}" for key, value in self.sets.items())

    @property
    def folder(self) -> str:
        """The name as a file system takes it."""
        if len(self.name) <= 200 and self.name.isprintable() and not set("/\\") & set(self.name):
            return self.name
        return hashlib.sha256(self.name.encode()).hexdigest()[:16]


def axes_of(lab: Lab, sets: Sequence[str], seeds: str | None) -> dict[str, tuple[str, ...]]:
    """Read --set key=value,value… and --seeds; a ConfigError names what cannot be used."""
    written = [*sets, *([f"{SEED}={seeds}"] if seeds is not None else [])]
    axes: dict[str, tuple[str, ...]] = {}
    for text in written:
        key, sign, listed = text.partition("=")
        values = tuple(value.strip() for value in listed.split(","))
        if not sign or not key:
            raise ConfigError(f"--set {text}: write it as key=value,value.")
        if "" in values:
            raise ConfigError(f"--set {text}: a value is missing. Write key=value,value.")
        if key in axes:
            raise ConfigError(f"--set {key} is given twice. Write --set {key}=value,value.")
        _check_values(lab, key, values)
        axes[key] = values
    if not axes:
        raise ConfigError("which grid? Name at least one parameter: --set length=50,30")
    return axes


def _check_values(lab: Lab, key: str, values: tuple[str, ...]) -> None:
    """Raise on a parameter that the lab has not, a wrong type, and a value that comes twice."""
    seen: list[object] = []
    for value in values:
        typed = open_lab(lab.folder, {key: value}).config.params[key]
        if typed in seen:
            raise ConfigError(f"--set {key}={','.join(values)}: {value} is given twice.")
        seen.append(typed)


def lab_at(plan: Plan, point: Point, folder: Path) -> Lab:
    """Open the lab under the point's parameters, with a home inside the sweep's folder.

    A home of its own, so that neither another sweep's attempts nor those of `leanlab run` count.
    """
    variant = open_lab(plan.lab, point.sets)
    home = folder / "points" / point.folder
    return Lab(variant.folder, home, variant.config, variant.changed)
