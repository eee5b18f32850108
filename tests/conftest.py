"""Labs to try things on, and what an evaluator, a clock or a user would do to them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from leanlab.resources import SHIPPED_LABS

# How long an example takes says more of what else the machine does.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

EVALUATION = """
from leanlab import labkit

INPUTS = ["", "a", "bb", "ccc", "dd", "e"]


def evaluate(candidate, lab):
    public = candidate.call("f", INPUTS[:2], returns=int, public=True)
    hidden = candidate.call("f", INPUTS[2:], returns=int)
    values = public.values + hidden.values
    right = sum(value == len(text) for value, text in zip(values, INPUTS))
    return {"accuracy": right / len(INPUTS), "secret": float(right)}


if __name__ == "__main__":
    labkit.main(evaluate)
"""

VALIDATE = """
import ast

from leanlab import labkit


def validate(source, lab):
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return f"it is not valid Python: {error.msg} in line {error.lineno}."
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return None if "f" in names else "it defines no f."


if __name__ == "__main__":
    labkit.main_validate(validate)
"""

GOOD = "def f(x):\n    return len(x)\n"
WEAK = "def f(x):\n    return 1\n"
CRASHES = "def f(x):\n    raise ValueError('no idea about ' + x)\n"

MakeLab = Callable[..., Path]


@pytest.fixture
def make_lab(tmp_path: Path) -> MakeLab:
    """Write a small native lab: f must return the length of a string."""

    def make(
        name: str = "lengths",
        *,
        evaluation: str = EVALUATION,
        validate: str = VALIDATE,
        task: str = "Return the length of a string.\n",
        sample: str | None = WEAK,
        **config: object,
    ) -> Path:
        folder = tmp_path / name
        (folder / "experiments").mkdir(parents=True)
        objective = {"metric": "accuracy", "direction": "maximize", "target": 1.0}
        whole = {"name": name, "objective": objective, "limits": {"seconds": 5}} | config
        (folder / "lab.json").write_text(json.dumps(whole))
        (folder / "evaluation.py").write_text(evaluation)
        (folder / "validate.py").write_text(validate)
        (folder / "task.md").write_text(task)
        if sample is not None:
            (folder / "experiments" / "sample.py").write_text(sample)
        return folder

    return make


@pytest.fixture
def lab(make_lab: MakeLab) -> Path:
    return make_lab()


def shipped(name: str, folder: Path) -> Path:
    """A copy of a shipped lab in that folder, as git would check it out."""
    left_by_runs = shutil.ignore_patterns(
        "results.jsonl*", "[0-9]*_*.py", ".leanlab", "*.md.part", "variants", "archive",
        "Director_Notes.md", "Critic_Feedback.md",
    )  # fmt: skip
    return Path(shutil.copytree(SHIPPED_LABS / name, folder / name, ignore=left_by_runs))


@pytest.fixture
def parity(tmp_path: Path) -> Path:
    return shipped("parity", tmp_path)


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What auto chooses must not hang on whose machine this is."""
    for provider in ("OPENAI", "ANTHROPIC"):
        for name in ("API_KEY", "BASE_URL", "AUTH_TOKEN"):
            monkeypatch.delenv(f"{provider}_{name}", raising=False)
    monkeypatch.delenv("CLAUDE_CODE_OAUTH_TOKEN", raising=False)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "no_login"))
