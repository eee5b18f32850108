"""A researcher that has nothing more to propose: the run ends, or a model goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from leanlab import events, run
from leanlab.backends import Failure
from leanlab.backends.scripted import ScriptedBackend, Step
from leanlab.cli import app
from leanlab.ledger import Ledger
from leanlab.records import RoleTurn, Trial

from .conftest import GOOD, WEAK, MakeLab

RESEARCHER = """
from leanlab.labkit import NothingToPropose, Proposal


class Mine:
    def propose(self, brief):
        if brief.trial > 2:
            raise NothingToPropose("two is all.")
        code = f"def f(x):\\n    return {brief.trial}\\n"
        return Proposal(code=code, slug="constant")

    def criticise(self, brief):
        return "said offline"

    def direct(self, brief):
        return "said offline"
"""
MODEL = [Step(code=WEAK, cost_usd=0.5), Step(role="critic", text="said by the model")]


@pytest.fixture
def lab(make_lab: MakeLab) -> Path:
    folder = make_lab(researcher="researcher:Mine", critic_every=1, director_every=0)
    (folder / "researcher.py").write_text(RESEARCHER)
    return folder


def proposers(lab: Path) -> list[tuple[str, str]]:
    records = Ledger(lab / "results.jsonl").read()
    return [(r.backend, r.model) for r in records if isinstance(r, Trial)]


OFFLINE, SCRIPTED = ("offline", "researcher:Mine"), ("scripted", "")


def test_a_model_is_asked_once_the_researcher_has_nothing_more_to_propose(lab: Path) -> None:
    model = ScriptedBackend(MODEL)
    seen: list[str] = []
    summary = run(
        lab,
        backend=model,
        policy="escalate",
        trials=4,
        on_event=lambda event: seen.append(getattr(event, "text", "")),
    )
    assert summary.trials == (1, 2, 3, 4)
    assert proposers(lab) == [OFFLINE, OFFLINE, SCRIPTED, SCRIPTED]
    assert any("nothing more to propose: two is all. From now on scripted" in t for t in seen)
    notes = [r for r in Ledger(lab / "results.jsonl").read() if isinstance(r, RoleTurn)]
    assert [(r.text, r.backend) for r in notes] == [
        ("said offline", "offline"),
        ("said offline", "offline"),
        ("said by the model", "scripted"),
        ("said by the model", "scripted"),
    ]
    assert "memory/0001_constant.py" in model.requests[0].prompt


def test_a_run_that_goes_on_does_not_fall_back_to_the_researcher(lab: Path) -> None:
    run(lab, backend=ScriptedBackend(MODEL), policy="escalate", trials=3)
    (lab / "researcher.py").write_text(RESEARCHER.replace("> 2", "> 99"))
    run(lab, backend=ScriptedBackend(MODEL), policy="escalate", trials=1)
    assert proposers(lab) == [OFFLINE, OFFLINE, SCRIPTED, SCRIPTED]


def test_a_model_under_another_policy_does_not_take_the_researchers_turn(lab: Path) -> None:
    run(lab, backend=ScriptedBackend(MODEL), trials=1)
    run(lab, backend=ScriptedBackend(MODEL), policy="escalate", trials=2)
    assert proposers(lab) == [SCRIPTED, OFFLINE, SCRIPTED]


def test_the_researchers_success_costs_nothing(lab: Path) -> None:
    good = RESEARCHER.replace("return {brief.trial}", "return len(x)")
    (lab / "researcher.py").write_text(good)
    model = ScriptedBackend(MODEL)
    summary = run(lab, backend=model, policy="escalate", trials=4)
    assert (summary.end.kind, summary.trials, model.requests) == ("target", (1,), [])


@pytest.mark.parametrize("policy", ["greedy", "erm", "escalate"])
def test_offline_alone_ends_with_the_reason_and_uses_up_no_trial(lab: Path, policy: str) -> None:
    done = CliRunner().invoke(app, ["run", str(lab), "-n", "9", "--policy", policy])
    assert done.exit_code == 0, done.output
    assert done.output.count("the researcher has nothing more to propose: two is all.") == 1
    assert proposers(lab) == [OFFLINE, OFFLINE]
    again = run(lab, policy=policy, trials=1)
    assert (again.end.kind, again.trials) == ("done", ())


def test_a_researcher_that_abstains_from_mending_leaves_a_failed_trial(make_lab: MakeLab) -> None:
    lab = make_lab()
    gives_up = Step(failure=Failure(kind="abstained", message="no better idea"))
    broken = Step(code="def g(x):\n    return 1\n")
    summary = run(lab, backend=ScriptedBackend([broken, gives_up, Step(code=GOOD)]), trials=2)
    records = [r for r in Ledger(lab / "results.jsonl").read() if isinstance(r, Trial)]
    assert [r.status for r in records] == ["invalid", "scored"]
    assert summary.end.kind == "target"


def test_a_budget_holds_across_the_change(lab: Path) -> None:
    seen: list[events.AnyEvent] = []
    summary = run(
        lab,
        backend=ScriptedBackend(MODEL),
        policy="escalate",
        trials=9,
        max_usd=1.0,
        on_event=seen.append,
    )
    assert (summary.end.kind, summary.trials) == ("budget", (1, 2, 3, 4))


def test_a_dry_run_says_who_comes_first(lab: Path) -> None:
    script = lab.parent / "steps.json"
    script.write_text('["def f(x):\\n    return 1\\n"]')
    words = ["run", str(lab), "--dry-run", "--policy", "escalate", "--backend"]
    assert "offline, until" in CliRunner().invoke(app, [*words, f"scripted:{script}"]).output
    assert "offline, until" not in CliRunner().invoke(app, [*words, "offline"]).output
