"""prepare_cmd: run once, before the seal, and only when somebody agrees."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from leanlab import run
from leanlab.backends.scripted import ScriptedBackend
from leanlab.checks import check
from leanlab.errors import EvaluatorError, LabError
from leanlab.records import Trial

from .conftest import GOOD, MakeLab

PREPARES = """
import os, pathlib
pathlib.Path("data").mkdir(exist_ok=True)
pathlib.Path("data/values.txt").write_text("0.75")
cache = pathlib.Path.home() / "cache"
cache.write_text("0.25")
with open("count", "a") as file:
    file.write("x")
assert "OPENAI_API_KEY" not in os.environ
"""
READS = """
import json, pathlib
value = float(open("data/values.txt").read()) + float((pathlib.Path.home() / "cache").read_text())
print(json.dumps({"accuracy": value}))
"""


@pytest.fixture
def lab(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    monkeypatch.delenv("LEANLAB_PREPARE", raising=False)
    command = "python prepare.py"
    lab = make_lab(evaluation=READS, validate="print('VALID')\n", prepare_cmd=command)
    (lab / "prepare.py").write_text(PREPARES)
    return lab


def best(lab: Path, **options: bool) -> Trial | None:
    return run(lab, backend=ScriptedBackend([GOOD]), trials=1, **options).best


def test_without_consent_nothing_is_run_and_it_says_how(lab: Path) -> None:
    with pytest.raises(LabError, match=r"by: python prepare.py. To agree: .*--prepare, or LEANLAB"):
        best(lab)
    assert not (lab / "count").exists()
    assert not (lab / "lab.lock").exists()
    (sample,) = [finding for finding in check(str(lab)) if finding.what == "sample"]
    assert (sample.mark, "--prepare" in sample.text) == ("⚠", True)


def test_it_is_run_once_before_the_seal_and_its_cache_is_found(lab: Path) -> None:
    for options in ({"prepare": True}, {}, {"prepare": True}):
        found = best(lab, **options)
        assert found is not None
        assert found.metrics == {"accuracy": 1.0}
    assert (lab / "count").read_text() == "x"
    assert "data/values.txt" in json.loads((lab / "lab.lock").read_text())["files"]
    assert not [finding for finding in check(str(lab)) if finding.mark == "✗"]


def test_another_command_is_asked_for_again(lab: Path) -> None:
    best(lab, prepare=True)
    whole = json.loads((lab / "lab.json").read_text())
    (lab / "lab.json").write_text(json.dumps(whole | {"prepare_cmd": "python prepare.py again"}))
    with pytest.raises(LabError, match="prepare.py again"):
        best(lab)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("python -c 'exit(\"no network\")'", "status 1.*no network"),
        ("nosuchprogram", "cannot be started: No such file"),
    ],
)
def test_a_preparation_that_fails_stops_the_run(make_lab: MakeLab, command: str, says: str) -> None:
    lab = make_lab(prepare_cmd=command)
    for _ in range(2):
        with pytest.raises(EvaluatorError, match=says):
            best(lab, prepare=True)
    assert not (lab / "results.jsonl").exists()


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_terminal_is_asked(lab: Path, answer: str) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "leanlab", "run", str(lab), "-n", "0"]
    os.write(ours, f"{answer}\n".encode())
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        status = process.wait(timeout=30)
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "python prepare.py" in shown
    assert status == (0 if answer == "y" else 2), shown
    assert (lab / "count").exists() == (answer == "y")


def test_a_variable_says_yes_elsewhere(lab: Path) -> None:
    command = [sys.executable, "-m", "leanlab", "run", str(lab), "-n", "0"]
    for value, status in ((None, 2), ("1", 0)):
        told = {} if value is None else {"LEANLAB_PREPARE": value}
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=os.environ | told
        )
        assert done.returncode == status, done.stderr
    dry = subprocess.run([*command, "--dry-run"], capture_output=True, text=True)
    assert "prepare    python prepare.py" in dry.stdout
