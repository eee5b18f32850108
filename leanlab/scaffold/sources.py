"""What a new lab is made of: skeletons, and labs that are copied."""

from __future__ import annotations

import difflib
import shutil
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from leanlab.errors import LabError
from leanlab.evaluator.intake import unrecorded
from leanlab.resources import TEMPLATES

if TYPE_CHECKING:
    from collections.abc import Callable

    from leanlab.lab import Lab

GROUP = "leanlab.skeletons"
"""Entry points of this group name the pathlib.Path of a folder, as those in templates/labs are."""
_NEVER = (".git", ".env", ".venv", "__pycache__", "*.part")


@cache
def skeletons() -> dict[str, Path]:
    """Every skeleton's folder by its name, leanlab's own and those of installed packages."""
    own = {path.name: path for path in (TEMPLATES / "labs").iterdir() if path.is_dir()}
    brought = {point.name: point.load() for point in entry_points(group=GROUP)}
    return dict(sorted((brought | own).items()))


def from_skeleton(skeleton: str, name: str) -> Callable[[Path], None]:
    """Return what fills a folder with the skeleton; a file NAME.j2 is rendered to NAME."""
    known = skeletons()
    if skeleton not in known:
        near = difflib.get_close_matches(skeleton, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}."
        raise LabError(f"there is no skeleton {skeleton!r}. {hint}")
    source = known[skeleton]

    def fill(folder: Path) -> None:
        shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_NEVER))
        for path in sorted(folder.rglob("*.j2")):
            path.with_suffix("").write_text(_rendered(path, name), encoding="utf-8")
            path.unlink()

    return fill


def _rendered(path: Path, name: str) -> str:
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - files, not pages
        keep_trailing_newline=True,
    )
    return environment.from_string(path.read_text(encoding="utf-8")).render(name=name)


def from_lab(lab: Lab, *, keeps_data: bool) -> Callable[[Path], None]:
    """Return what fills a folder with a lab's files, without anything that runs left there.

    Data that the lab can make are left out unless they are to be kept: other parameters make
    others. Links are followed.
    """
    left = [
        lab.results, lab.results.with_name(f"{lab.results.name}.torn"), lab.state, lab.seal_file,
        lab.folder / "variants", lab.folder / "archive",
        lab.note_file("critic"), lab.note_file("director"),
    ]  # fmt: skip
    if lab.experiments.is_dir():
        left += unrecorded(lab, 0)
    if lab.makes_data and not keeps_data:
        left.append(lab.data)
    never = shutil.ignore_patterns(*_NEVER)

    def skipped(folder: str, names: list[str]) -> set[str]:
        here = {path.name for path in left if path.parent == Path(folder)}
        return {*never(folder, names), *here}

    def fill(folder: Path) -> None:
        shutil.copytree(lab.folder, folder, dirs_exist_ok=True, ignore=skipped)

    return fill
