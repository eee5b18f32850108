"""An open lab that every attack has a target in: what the table of docs/trust.md is measured on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from leanlab.attacks import in_process


def make_open_lab(folder: Path) -> Path:
    """Write it into a new folder; its evaluator is in_process.py."""
    (folder / "experiments").mkdir(parents=True)
    shutil.copy(in_process.__file__, folder / "evaluation.py")
    (folder / "validate.py").write_text("print('VALID')\n")
    (folder / "task.md").write_text("Return the parity of four bits.\n")
    (folder / "experiments" / "sample.py").write_text(in_process.SAMPLE)
    config = {"name": "four-bits", "objective": {"metric": "accuracy", "target": 1.0}}
    (folder / "lab.json").write_text(json.dumps(config))
    return folder
