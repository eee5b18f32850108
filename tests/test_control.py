"""What a person asks of a run that goes on: to wait, to go on, to end."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from leanlab import control, events, run
from leanlab.backends.scripted import ScriptedBackend
from leanlab.errors import LabError
from leanlab.lab import open_lab
from tests.conftest import WEAK, MakeLab


def recorded(lab: Path) -> int:
    return (lab / "results.jsonl").read_bytes().count(b'"kind":"trial"')


def test_a_paused_run_waits_after_its_trial_and_goes_on_when_told(make_lab: MakeLab) -> None:
    lab = make_lab(critic_every=0, director_every=0)
    seen: list[str] = []
    while_paused: list[int] = []

    def let_go_on() -> None:
        time.sleep(1.0)
        while_paused.append(recorded(lab))
        control.resume(open_lab(lab))

    def watch(event: events.AnyEvent) -> None:
        if isinstance(event, events.Recorded) and event.record.trial == 1:
            control.pause(open_lab(lab))
        if isinstance(event, events.Notice):
            seen.append(event.text)
            if event.text.startswith("paused"):
                threading.Thread(target=let_go_on).start()

    summary = run(lab, backend=ScriptedBackend([WEAK]), trials=3, on_event=watch)
    assert while_paused == [1]
    assert summary.trials == (1, 2, 3)
    assert "leanlab resume" in seen[-2]
    assert seen[-1] == "going on"


def test_a_paused_run_can_be_stopped(make_lab: MakeLab) -> None:
    lab = make_lab(critic_every=0, director_every=0)

    def watch(event: events.AnyEvent) -> None:
        if isinstance(event, events.Recorded):
            control.pause(open_lab(lab))
        if isinstance(event, events.Notice) and event.text.startswith("paused"):
            threading.Timer(0.3, control.stop, [open_lab(lab)]).start()

    summary = run(lab, backend=ScriptedBackend([WEAK]), trials=3, on_event=watch)
    assert (summary.end.kind, summary.trials) == ("stopped", (1,))


def test_what_was_asked_of_an_earlier_run_is_forgotten(make_lab: MakeLab) -> None:
    lab = make_lab()
    state = lab / ".leanlab"
    state.mkdir()
    (state / "pause").touch()
    (state / "stop").touch()
    assert run(lab, backend=ScriptedBackend([WEAK]), trials=1).end.kind == "done"


@pytest.mark.parametrize("ask", [control.pause, control.resume, control.stop])
def test_without_a_run_there_is_nobody_to_ask(lab: Path, ask: object) -> None:
    with pytest.raises(LabError, match="no run is going on"):
        ask(open_lab(lab))  # type: ignore[operator]
    assert not (lab / ".leanlab").exists()
