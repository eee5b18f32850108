"""Backends that fail, and researchers of a lab's own: what the ledger and the user see."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from leanlab import events, run
from leanlab.backends import Failure
from leanlab.backends.scripted import ScriptedBackend, Step
from leanlab.errors import BackendUnavailable, ConfigError
from leanlab.ledger import Ledger
from leanlab.records import RoleTurn, Trial

from .conftest import GOOD, WEAK, MakeLab

RESEARCHER = '''
import os
import sys

from leanlab.labkit import NothingToPropose, Proposal


class Mine:
    """Proposes constants one after the other."""

    def propose(self, brief):
        print("a word to nobody")
        {before}
        code = f"def f(x):\\n    return {{len(brief.history)}}\\n"
        return Proposal(code=code, slug="constant", notes="try it")

    def criticise(self, brief):
        return f"{{len(brief.history)}} tried"

    def direct(self, brief):
        raise ValueError("no direction")
'''


def own(lab: Path, before: str = "pass") -> Path:
    (lab / "researcher.py").write_text(RESEARCHER.format(before=before))
    return lab


def trials(lab: Path) -> list[Trial]:
    return [r for r in Ledger(lab / "results.jsonl").read() if isinstance(r, Trial)]


def test_a_lab_can_bring_its_own_researcher(make_lab: MakeLab) -> None:
    lab = own(make_lab(researcher="researcher:Mine", critic_every=1, director_every=2))
    seen: list[str] = []
    run(lab, trials=2, on_event=lambda event: seen.append(getattr(event, "text", "")))
    assert [record.notes for record in trials(lab)] == ["try it", "try it"]
    assert trials(lab)[1].metrics["accuracy"] == 1 / 3
    notes = [r.text for r in Ledger(lab / "results.jsonl").read() if isinstance(r, RoleTurn)]
    assert notes == ["1 tried", "2 tried"]
    assert any("the director gave no note: the researcher raised ValueError" in t for t in seen)


@pytest.mark.parametrize(
    ("before", "says"),
    [
        ("raise RuntimeError('out of ideas')", "raised RuntimeError: out of ideas"),
        ("os._exit(7)", "it exited with status 7"),
        ("sys.exit('bye')", "it exited with status 1"),
        ("os.kill(os.getpid(), 9)", "it was ended by SIGKILL"),
        ("return 3", "raised AttributeError"),
    ],
)
def test_a_researcher_that_fails_costs_a_trial_and_no_more(
    make_lab: MakeLab, before: str, says: str
) -> None:
    lab = own(make_lab(researcher="researcher:Mine"), f"if brief.trial == 1: {before}")
    run(lab, trials=2)
    first, second = trials(lab)
    assert first.status == "rejected"
    assert first.error is not None
    assert says in first.error.text
    assert second.status == "scored"


def test_a_researcher_that_is_killed_once_is_asked_again(make_lab: MakeLab) -> None:
    lab = make_lab(researcher="researcher:Mine")
    once = f"""if not os.path.exists({str(lab / "seen")!r}):
            open({str(lab / "seen")!r}, "w").close()
            os.kill(os.getpid(), 9)"""
    run(own(lab, once), trials=1)
    assert [record.status for record in trials(lab)] == ["scored"]
    assert (lab / "seen").exists()


@pytest.mark.parametrize("name", ["researcher:Other", "no.such.module:Mine", "researcher"])
def test_a_researcher_that_cannot_be_loaded_stops_the_run(make_lab: MakeLab, name: str) -> None:
    lab = own(make_lab(researcher=name))
    with pytest.raises(BackendUnavailable, match="names the researcher"):
        run(lab, trials=1)
    assert not (lab / "results.jsonl").exists()


def test_a_hanging_researcher_is_ended_with_the_run(make_lab: MakeLab) -> None:
    lab = own(make_lab(researcher="researcher:Mine"), "import time; time.sleep(600)")

    async def work() -> float:
        from leanlab.lab import open_lab
        from leanlab.running import Options, run_lab

        loop = asyncio.get_running_loop()
        task = asyncio.create_task(run_lab(open_lab(lab), Options(), lambda _: None))
        await asyncio.sleep(1.0)
        start = loop.time()
        task.cancel()
        await asyncio.wait([task])
        return loop.time() - start

    assert asyncio.run(work()) < 3.0
    assert [record.status for record in trials(lab)] == ["abandoned"]


@pytest.mark.parametrize("kind", ["auth", "billing", "config"])
def test_a_fault_that_waiting_does_not_mend_stops_the_run(lab: Path, kind: str) -> None:
    refused = Step(failure=Failure(kind=kind, message="no such key"))  # type: ignore[arg-type]
    with pytest.raises(BackendUnavailable, match="no such key"):
        run(lab, backend=ScriptedBackend([WEAK, refused]), trials=3)
    assert [record.status for record in trials(lab)] == ["scored"]
    run(lab, backend=ScriptedBackend([WEAK]), trials=1)
    assert [record.trial for record in trials(lab)] == [1, 2]


def test_a_refusal_is_a_recorded_trial(lab: Path) -> None:
    refuses = Step(failure=Failure(kind="refusal", message="I would rather not."))
    run(lab, backend=ScriptedBackend([refuses, Step(code=GOOD)]), trials=2)
    assert [record.status for record in trials(lab)] == ["rejected", "scored"]


def test_a_critic_without_a_note_leaves_the_old_one(make_lab: MakeLab) -> None:
    lab = make_lab(critic_every=1)
    said = Step(role="critic", text="Look again.")
    silent = Step(role="critic", data={"texts": 3})
    seen: list[events.AnyEvent] = []
    run(lab, backend=ScriptedBackend([WEAK, said, silent]), trials=2, on_event=seen.append)
    assert (lab / "Critic_Feedback.md").read_text() == "Look again.\n"
    told = [event.text for event in seen if isinstance(event, events.Notice)]
    assert any("the critic gave no note" in text for text in told)


def test_a_role_can_have_a_backend_of_its_own(make_lab: MakeLab, tmp_path: Path) -> None:
    steps = tmp_path / "steps.json"
    steps.write_text('[{"role": "critic", "text": "Mine."}]')
    lab = make_lab(critic_every=1, roles={"critic": {"backend": f"scripted:{steps}"}})
    run(lab, trials=1)
    assert trials(lab)[0].backend == "offline"
    assert (lab / "Critic_Feedback.md").read_text() == "Mine.\n"


@pytest.mark.parametrize("text", ["[", '{"code": "x"}', '[{"kode": "x"}]', "[3]"])
def test_a_script_that_is_none_is_named(lab: Path, tmp_path: Path, text: str) -> None:
    steps = tmp_path / "steps.json"
    steps.write_text(text)
    with pytest.raises(ConfigError, match="steps.json is no list of steps"):
        run(lab, backend=f"scripted:{steps}")
