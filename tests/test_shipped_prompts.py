"""Each role's prompt in each lab that ships, and the first of each skeleton, as golden files.

`python -m tests.test_shipped_prompts` writes them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from leanlab.lab import open_lab
from leanlab.scaffold.sources import from_skeleton, skeletons

from .conftest import shipped
from .test_leaks import LABS
from .test_prompts import GOLDEN, first_prompt, rendered

ROLES = ("worker", "critic", "director")
WRITES = "python -m tests.test_shipped_prompts writes it"


def prompts(name: str, folder: Path) -> dict[str, str]:
    """Of the roles, after some trials."""
    texts = rendered(open_lab(shipped(name, folder)))
    return {role: texts[role] for role in ROLES}


def first_of_skeleton(name: str, folder: Path) -> str:
    """What the first Worker is told before the lab has its data."""
    from_skeleton(name, "mine")(folder / "mine")
    return first_prompt(folder / "mine")


@pytest.mark.parametrize("name", LABS)
def test_the_prompts_of_a_shipped_lab_are_as_the_golden_files_have_them(
    name: str, tmp_path: Path
) -> None:
    for role, text in prompts(name, tmp_path).items():
        assert text == (GOLDEN / "labs" / f"{name}_{role}.md").read_text(), WRITES


@pytest.mark.parametrize("name", sorted(skeletons()))
def test_the_first_prompt_of_a_skeleton_is_as_the_golden_file_has_it(
    name: str, tmp_path: Path
) -> None:
    text = first_of_skeleton(name, tmp_path)
    assert text == (GOLDEN / "skeletons" / f"{name}_worker.md").read_text(), WRITES


def test_no_golden_file_is_left_over() -> None:
    labs = {f"{name}_{role}.md" for name in LABS for role in ROLES}
    assert {path.name for path in (GOLDEN / "labs").iterdir()} == labs
    kept = {path.name for path in (GOLDEN / "skeletons").iterdir()}
    assert kept == {f"{name}_worker.md" for name in skeletons()}


def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in LABS:
            for role, text in prompts(name, Path(folder)).items():
                _keep(GOLDEN / "labs" / f"{name}_{role}.md", text)
    for name in skeletons():
        with tempfile.TemporaryDirectory() as folder:
            _keep(GOLDEN / "skeletons" / f"{name}_worker.md", first_of_skeleton(name, Path(folder)))


def _keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    _write()
