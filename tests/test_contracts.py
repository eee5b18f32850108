"""The contracts that users can subclass, held by everything that ships."""

from __future__ import annotations

from pathlib import Path

from leanlab.backends.offline import OfflineBackend
from leanlab.backends.scripted import ScriptedBackend
from leanlab.lab import Lab, open_lab
from leanlab.resources import SHIPPED_LABS
from leanlab.synthesis.researcher import SynthesisResearcher
from leanlab.testing import BackendContract, LabContract, ResearcherContract
from leanlab.tuning import LiteralTuner

from .conftest import GOOD


class TestParity(LabContract):
    folder = SHIPPED_LABS / "parity"


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


class TestLiteralTuner(ResearcherContract):
    def make(self) -> LiteralTuner:
        return LiteralTuner()

    def fill(self, workspace: Path) -> None:
        (workspace / "sample.py").write_text("RATE = 0.5\nDEPTH = 3\n")
