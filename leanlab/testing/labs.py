"""What every lab owes its users."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from pathlib import Path

from leanlab.checks import check
from leanlab.dryrun import describe
from leanlab.evaluator import Evaluator
from leanlab.lab import Lab, open_lab
from leanlab.overview import overview
from leanlab.running import Options, run

_LEFT_BY_RUNS = ("results.jsonl*", ".leanlab", "variants", "archive", "*_*.md", "[0-9]*_*.py")


class LabContract:
    """Subclass it and set folder; the lab is copied, never touched."""

    folder: Path

    def copy(self, tmp_path: Path) -> Path:
        ignore = shutil.ignore_patterns(*_LEFT_BY_RUNS)
        return Path(shutil.copytree(self.folder, tmp_path / "copied", ignore=ignore))

    def test_the_check_finds_nothing_wrong(self, tmp_path: Path) -> None:
        findings = list(check(str(self.copy(tmp_path))))
        assert not [f for f in findings if f.mark == "✗"], findings

    def test_it_is_sealed_as_it_is_shipped(self) -> None:
        lab = open_lab(self.folder)
        assert lab.seal_file.is_file(), f"run: leanlab seal {self.folder}"
        assert {f.mark for f in check(str(self.folder)) if f.what == "seal"} == {"✓"}

    def test_a_dry_run_changes_no_file(self, tmp_path: Path) -> None:
        folder = self.copy(tmp_path)
        before = _snapshot(folder)
        assert list(describe(open_lab(folder), Options()))
        assert _snapshot(folder) == before

    def test_the_sample_scores_the_same_every_time(self, tmp_path: Path) -> None:
        lab = open_lab(self.copy(tmp_path))

        async def twice() -> list[dict[str, float]]:
            async with Evaluator(lab) as evaluator:
                outcomes = [await evaluator.score(lab.sample) for _ in range(2)]
            assert {outcome.status for outcome in outcomes} == {"scored"}, outcomes
            return [outcome.verdict.metrics for outcome in outcomes]

        first, second = asyncio.run(twice())
        assert first == second

    def test_no_prompt_tells_what_is_hidden(self, tmp_path: Path) -> None:
        lab = open_lab(self.copy(tmp_path))
        prompts = "\n".join(list(describe(lab, Options()))).partition("=====")[2]
        for secret in _secrets(lab):
            assert secret not in prompts, f"a prompt holds {secret!r}"

    def test_it_moves_without_a_key(self, tmp_path: Path) -> None:
        folder = self.copy(tmp_path)
        summary = run(folder, trials=2, backend="offline")
        assert summary.best is not None
        assert overview(open_lab(folder)).scored >= 1


def _secrets(lab: Lab) -> list[str]:
    """The lab's place, its hidden parameters where they are words, and its hidden files' names."""
    config = lab.config
    hidden = {key: value for key, value in config.params.items() if key not in config.public_params}
    words = [value for value in hidden.values() if isinstance(value, str) and len(value) > 2]
    files = [name for name in lab.frozen_files() if name not in lab.public]
    return [str(lab.folder), *words, *files]


def _snapshot(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
