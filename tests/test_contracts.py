"""The contracts that users can subclass, held by everything that ships."""

from __future__ import annotations

from pathlib import Path

from leanlab.backends.choosing import BACKENDS
from leanlab.backends.offline import OfflineBackend
from leanlab.backends.scripted import ScriptedBackend
from leanlab.lab import Lab, open_lab
from leanlab.resources import SHIPPED_LABS
from leanlab.synthesis.researcher import SynthesisResearcher
from leanlab.testing import BackendContract, LabContract, ModelContract, ResearcherContract
from leanlab.trajectory.researcher import TrajectoryResearcher
from leanlab.tuning import LiteralTuner

from . import test_claude_turns, test_command, test_openai_faults
from .conftest import GOOD


class TestParity(LabContract):
    folder = SHIPPED_LABS / "parity"


class TestTrajectory(LabContract):
    folder = SHIPPED_LABS / "trajectory"


class TestPrime(LabContract):
    folder = SHIPPED_LABS / "prime"


class TestOffline(BackendContract):
    def lab(self, tmp_path: Path) -> Lab:
        return open_lab(SHIPPED_LABS / "parity")

    def make(self, lab: Lab) -> OfflineBackend:
        return OfflineBackend(lab)


class TestScripted(BackendContract):
    def lab(self, tmp_path: Path) -> Lab:
        return open_lab(SHIPPED_LABS / "parity")

    def make(self, lab: Lab) -> ScriptedBackend:
        return ScriptedBackend([GOOD])


class TestSynthesisResearcher(ResearcherContract):
    metric = "val_accuracy"

    def make(self) -> SynthesisResearcher:
        return SynthesisResearcher()

    def fill(self, workspace: Path) -> None:
        (workspace / "data").mkdir()
        train = SHIPPED_LABS / "parity" / "data" / "train.txt"
        (workspace / "data" / "train.txt").write_bytes(train.read_bytes())


class TestTrajectoryResearcher(ResearcherContract):
    metric = "val_solve_rate"
    trials = 12

    def make(self) -> TrajectoryResearcher:
        return TrajectoryResearcher()

    def fill(self, workspace: Path) -> None:
        (workspace / "data").mkdir()
        train = SHIPPED_LABS / "trajectory" / "data" / "train.jsonl"
        (workspace / "data" / "train.jsonl").write_bytes(train.read_bytes())


class TestLiteralTuner(ResearcherContract):
    def make(self) -> LiteralTuner:
        return LiteralTuner()

    def fill(self, workspace: Path) -> None:
        (workspace / "sample.py").write_text("RATE = 0.5\nDEPTH = 3\n")


def test_every_backend_is_held_to_the_contract() -> None:
    held: dict[str, type[BackendContract]] = {
        "offline": TestOffline,
        "scripted": TestScripted,
        "command": test_command.TestCommand,
        "openai": test_openai_faults.OpenAIContract,
        "claude": test_claude_turns.TestClaude,
    }
    assert {"auto", *held} == set(BACKENDS)
    for name in ("openai", "claude"):
        assert issubclass(held[name], ModelContract)
