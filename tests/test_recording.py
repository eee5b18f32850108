"""A run that was recorded is replayed bit for bit, without its backend."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from leanlab import run
from leanlab.backends import Failure
from leanlab.backends.recording import load
from leanlab.backends.scripted import ScriptedBackend, Step
from leanlab.errors import BackendUnavailable, ConfigError
from leanlab.ledger import Ledger
from leanlab.records import RoleTurn, Trial

from . import test_claude, test_openai
from .conftest import CRASHES, GOOD, WEAK, MakeLab
from .fake_anthropic import FakeAnthropic
from .fake_openai import FakeOpenAI, Says
from .test_openai import RIGHT, WRONG


def story(lab: Path) -> list[object]:
    """All that a ledger says, but for what hangs on the clock: times, run and chain."""
    told: list[object] = []
    for record in Ledger(lab / "results.jsonl").read():
        row = msgspec.to_builtins(record)
        for name in ("run", "ts", "prev", "seconds"):
            row.pop(name, None)
        told.append(row)
    files = sorted((lab / "experiments").iterdir()) + sorted(lab.glob("*.md"))
    return told + [(path.name, path.read_bytes()) for path in files]


def test_a_run_is_replayed_bit_for_bit(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab(critic_every=1, director_every=2)
    copy = Path(shutil.copytree(lab, tmp_path / "copy"))
    busy = Failure(kind="overloaded", message="busy", retryable=True)
    steps = [
        Step(code=CRASHES, notes="no idea", cost_usd=0.5),
        Step(failure=busy),
        Step(code=WEAK, file="experiments/other.py", cost_usd=None, tokens=7),
        Step(failure=Failure(kind="refusal", message="No.")),
        Step(role="critic", text="Poor."),
        Step(role="director", text="Count."),
        GOOD,
    ]
    run(lab, backend=ScriptedBackend(steps), trials=3, record=tmp_path / "takes")
    assert [take.role for take in load(tmp_path / "takes")].count("worker") == 5
    run(copy, trials=3, replay=tmp_path / "takes")
    assert story(copy) == story(lab)
    assert [r.status for r in Ledger(copy / "results.jsonl").read() if isinstance(r, Trial)] == [
        "scored", "rejected", "scored",
    ]  # fmt: skip


@pytest.mark.parametrize("its", [test_openai, test_claude], ids=["openai", "claude"])
def test_a_models_run_is_replayed_without_key_or_server(
    parity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, its: Any
) -> None:
    monkeypatch.setenv(its.KEY, "sk-secret")
    server, note = {
        test_openai: (FakeOpenAI, Says(text='{"text": "Count."}')),
        test_claude: (FakeAnthropic, test_claude.answers(text="Count.")),
    }[its]
    steps = (its.writes(WRONG), its.submits("one"), its.writes(WRONG), its.submits("two"))
    with server(*steps, note, note, its.writes(RIGHT), its.submits("parity")) as fake:
        lab = its.configure(parity, fake)
        copy = Path(shutil.copytree(lab, tmp_path / "copy"))
        run(lab, trials=5, record=tmp_path / "takes")
    monkeypatch.delenv(its.KEY)
    summary = run(copy, trials=5, replay=tmp_path / "takes")
    assert summary.end.kind == "target"
    assert story(copy) == story(lab)
    (first, *_) = (r for r in Ledger(copy / "results.jsonl").read() if isinstance(r, Trial))
    assert (first.backend, first.model) == (its.__name__.rpartition("_")[2], its.MODEL)
    assert first.cost_usd is not None
    assert any(isinstance(r, RoleTurn) for r in Ledger(copy / "results.jsonl").read())
    assert b"sk-secret" not in (tmp_path / "takes").read_bytes()


def test_what_does_not_fit_is_said(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab()
    other = make_lab("other", task="Something else.\n")
    fresh = Path(shutil.copytree(lab, tmp_path / "fresh"))
    file = tmp_path / "takes"
    run(lab, backend=ScriptedBackend([WEAK]), trials=1, record=file)
    with pytest.raises(BackendUnavailable, match="turn in trial 1 has another prompt"):
        run(other, trials=1, replay=file)
    with pytest.raises(BackendUnavailable, match="ends before the Worker's turn in trial 2"):
        run(fresh, trials=2, replay=file)
    with pytest.raises(ConfigError, match="is there already"):
        run(lab, backend=ScriptedBackend([WEAK]), trials=1, record=file)
    with pytest.raises(ConfigError, match="cannot be read"):
        run(lab, trials=1, replay=tmp_path / "nowhere")
    file.write_text("{}\n")
    with pytest.raises(ConfigError, match="is no recording of a run"):
        run(lab, trials=1, replay=file)
