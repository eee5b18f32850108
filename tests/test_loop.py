"""The loop's own rules, seen from the ledger and from what the roles were asked."""

from __future__ import annotations

from pathlib import Path

from leanlab import events, run
from leanlab.backends import Failure
from leanlab.backends.scripted import ScriptedBackend, Step
from leanlab.lab import open_lab
from leanlab.ledger import Ledger
from leanlab.records import AnyRecord, Reveal, RoleTurn, Trial
from leanlab.roles import PAUSES

from .conftest import CRASHES, GOOD, WEAK, MakeLab


def records(lab: Path) -> list[AnyRecord]:
    return list(Ledger(lab / "results.jsonl").read())


def trials(lab: Path) -> list[Trial]:
    return [record for record in records(lab) if isinstance(record, Trial)]


def test_a_crash_is_recorded_and_the_loop_goes_on(make_lab: MakeLab) -> None:
    lab = make_lab(max_fix_calls=0)
    summary = run(lab, backend=ScriptedBackend([CRASHES, GOOD]), trials=2)
    assert [record.status for record in trials(lab)] == ["crashed", "scored"]
    assert summary.end.kind == "target"
    assert summary.best is not None
    assert summary.best.metrics["accuracy"] == 1.0


def test_five_trials_are_the_default_and_a_target_ends_them_early(make_lab: MakeLab) -> None:
    lab = make_lab()
    assert run(lab, backend=ScriptedBackend([WEAK])).trials == (1, 2, 3, 4, 5)
    assert run(lab, backend=ScriptedBackend([WEAK, GOOD, WEAK])).trials == (6, 7)


def test_a_failure_goes_back_to_the_same_session_a_few_times_at_most(make_lab: MakeLab) -> None:
    lab = make_lab(max_fix_calls=2)
    backend = ScriptedBackend([CRASHES, CRASHES, WEAK, CRASHES])
    run(lab, backend=backend, trials=2)
    first, second = trials(lab)
    assert (first.status, first.fixes) == ("scored", 2)
    assert (second.status, second.fixes) == ("crashed", 2)
    asked = [request.session for request in backend.requests]
    assert asked[0] == ""
    assert asked[1] == asked[2] != ""
    assert "ValueError" in backend.requests[1].prompt


def test_the_public_traceback_goes_back_whole_and_a_hidden_one_as_a_category(
    make_lab: MakeLab,
) -> None:
    fails_when_hidden = "def f(x):\n    assert len(x) < 2, 'saw ' + x\n    return len(x)\n"
    lab = make_lab(max_fix_calls=1)
    backend = ScriptedBackend([CRASHES, WEAK, fails_when_hidden])
    run(lab, backend=backend, trials=2)
    public, hidden = backend.requests[1].prompt, backend.requests[3].prompt
    assert "no idea about" in public
    assert "raise ValueError" in public
    assert "AssertionError" in hidden
    assert "saw" not in hidden


def test_critic_and_director_come_at_their_cadence_and_the_next_worker_reads_them(
    make_lab: MakeLab,
) -> None:
    lab = make_lab(critic_every=2, director_every=3, max_fix_calls=0)
    backend = ScriptedBackend(
        [
            WEAK,
            Step(role="critic", text="Try harder."),
            Step(role="director", text="Count characters."),
        ]
    )
    run(lab, backend=backend, trials=4)
    turns = [(r.role, r.after_trial) for r in records(lab) if isinstance(r, RoleTurn)]
    assert turns == [("critic", 2), ("director", 3), ("critic", 4)]
    assert (lab / "Director_Notes.md").read_text() == "Count characters.\n"
    prompts = {r.brief.trial: r.prompt for r in backend.requests if r.role == "worker"}
    assert "Try harder." not in prompts[2]
    assert "Try harder." in prompts[3]
    assert "Count characters." in prompts[4]


def test_the_critic_has_nothing_to_say_of_a_trial_without_a_score(make_lab: MakeLab) -> None:
    lab = make_lab(critic_every=1, director_every=1, max_fix_calls=0)
    run(lab, backend=ScriptedBackend([CRASHES]), trials=1)
    assert [r.role for r in records(lab) if isinstance(r, RoleTurn)] == ["director"]


def test_a_hidden_metric_reaches_no_prompt_and_no_workspace_file(make_lab: MakeLab) -> None:
    lab = make_lab(critic_every=1, director_every=1)
    seen: list[str] = []

    class Watching(ScriptedBackend):
        async def ask(self, request):  # type: ignore[no-untyped-def]
            seen.append(request.prompt)
            files = (p for p in request.cwd.rglob("*") if p.is_file())
            seen.extend(f"{p}\n{p.read_text()}" for p in files)
            return await super().ask(request)

    run(lab, backend=Watching([WEAK]), trials=3)
    everything = "\n".join(seen)
    assert "accuracy" in everything
    assert "secret" not in everything
    assert "evaluation.py" not in everything
    assert lab.name not in everything


def test_the_workspace_has_what_memory_names(make_lab: MakeLab) -> None:
    lab = make_lab(memory={"top": 1}, max_fix_calls=0)
    laid: list[list[str]] = []

    class Watching(ScriptedBackend):
        async def ask(self, request):  # type: ignore[no-untyped-def]
            files = sorted(request.cwd.rglob("*"))
            laid.append([p.relative_to(request.cwd).as_posix() for p in files])
            return await super().ask(request)

    run(lab, backend=Watching([WEAK, CRASHES, WEAK]), trials=3)
    assert laid[0] == ["experiments", "history.jsonl", "sample.py", "task.md", "validate.py"]
    assert laid[2] == [
        "experiments", "history.jsonl", "memory", "memory/0001_scripted.py",
        "memory/0002_scripted.py", "sample.py", "task.md", "validate.py",
    ]  # fmt: skip


def test_erm_asks_without_memory_and_chooses_by_validation(make_lab: MakeLab) -> None:
    lab = make_lab(policy="erm", critic_every=1, director_every=1)
    backend = ScriptedBackend([WEAK, GOOD])
    summary = run(lab, backend=backend, trials=5)
    assert summary.trials == (1, 2)
    first, second = (request.prompt for request in backend.requests)
    assert first.replace("trial 1", "trial 2") == second
    assert not any(isinstance(record, RoleTurn) for record in records(lab))


def test_a_providers_fault_pauses_and_never_uses_up_a_trial(make_lab: MakeLab) -> None:
    lab = make_lab()
    busy = Step(failure=Failure(kind="overloaded", message="try later", retryable=True))
    seen: list[events.AnyEvent] = []
    summary = run(
        lab, backend=ScriptedBackend([busy, Step(code=GOOD)]), trials=1, on_event=seen.append
    )
    assert summary.trials == (1,)
    assert [e.seconds for e in seen if isinstance(e, events.Paused)] == [PAUSES[0]]


def test_a_worker_whose_session_is_lost_reads_everything_anew(lab: Path) -> None:
    lost = Step(failure=Failure(kind="session_lost", message="gone"))
    backend = ScriptedBackend([CRASHES, lost, GOOD])
    run(lab, backend=backend, trials=1)
    first, fix, anew = backend.requests
    assert (fix.session, anew.session) == ("scripted-1", "")
    assert anew.prompt == f"{first.prompt}\n{fix.prompt}"
    assert [(trial.status, trial.fixes) for trial in trials(lab)] == [("scored", 1)]


def test_running_again_goes_on_from_the_ledger(make_lab: MakeLab) -> None:
    lab = make_lab()
    run(lab, backend=ScriptedBackend([WEAK]), trials=2)
    backend = ScriptedBackend([WEAK])
    run(lab, backend=backend, trials=1)
    assert [record.trial for record in trials(lab)] == [1, 2, 3]
    assert "memory/0001_scripted.py" in backend.requests[0].prompt


def test_an_experiment_on_disk_is_evaluated_and_recorded_first(make_lab: MakeLab) -> None:
    lab = make_lab()
    run(lab, backend=ScriptedBackend([WEAK]), trials=1)
    (lab / "experiments" / "0002_left.py").write_text(GOOD)
    summary = run(lab, backend=ScriptedBackend([WEAK]), trials=5)
    assert summary.trials == (2,)
    assert trials(lab)[1].experiment_file == "experiments/0002_left.py"
    assert trials(lab)[1].metrics["accuracy"] == 1.0


def test_a_budget_ends_the_run_and_says_so(make_lab: MakeLab) -> None:
    lab = make_lab()
    costly = Step(code=WEAK, cost_usd=0.4, tokens=10)
    summary = run(lab, backend=ScriptedBackend([costly]), trials=9, max_usd=1.0)
    assert (summary.end.kind, summary.trials) == ("budget", (1, 2, 3))
    again = run(lab, backend=ScriptedBackend([costly]), trials=9, max_tokens=5)
    assert (again.end.kind, again.trials) == ("budget", (4,))


def test_a_changed_rule_makes_old_scores_history(make_lab: MakeLab) -> None:
    lab = make_lab(params={"scale": 1})
    run(lab, backend=ScriptedBackend([GOOD]), trials=1)
    (lab / "lab.json").write_text(
        (lab / "lab.json").read_text().replace('"scale": 1', '"scale": 2')
    )
    backend = ScriptedBackend([WEAK])
    summary = run(lab, backend=backend, trials=1)
    assert summary.trials == (2,)
    assert summary.best is not None
    assert summary.best.trial == 2
    assert "memory/0001" not in backend.requests[0].prompt


def test_what_a_person_is_shown_is_noted_once(make_lab: MakeLab) -> None:
    lab = make_lab()
    run(lab, backend=ScriptedBackend([WEAK]), trials=2)
    run(lab, backend=ScriptedBackend([WEAK]), trials=1)
    reveals = [record for record in records(lab) if isinstance(record, Reveal)]
    assert [(r.trial, r.metrics, r.command) for r in reveals] == [(1, ("secret",), "run")]


def test_repeats_are_all_kept_with_their_standard_error(make_lab: MakeLab) -> None:
    noisy = "def evaluate(candidate, lab):\n    return {'accuracy': [0.0, 0.3, 0.6][lab.seed]}\n"
    lab = make_lab(repeats=3, evaluation=noisy)
    run(lab, backend=ScriptedBackend([WEAK]), trials=1)
    (record,) = trials(lab)
    assert record.repeats == {"accuracy": (0.0, 0.3, 0.6)}
    assert record.metrics["accuracy"] == 0.3
    assert record.standard_error is not None
    assert abs(record.standard_error["accuracy"] - 0.3 / 3**0.5) < 1e-12


def test_a_variant_has_everything_of_its_own(make_lab: MakeLab) -> None:
    lab = make_lab(params={"scale": 1, "word": "x"})
    run(lab, backend=ScriptedBackend([WEAK]), trials=1)
    run(lab, backend=ScriptedBackend([WEAK]), trials=2, sets={"scale": "3"})
    home = lab / "variants" / "scale=3"
    assert len(trials(lab)) == 1
    assert [record.trial for record in trials(home)] == [1, 2]
    assert trials(home)[0].evaluator != trials(lab)[0].evaluator
    assert open_lab(lab, {"scale": "1"}).home == lab
    (variant,) = open_lab(lab).variants()
    assert variant.config.params == {"scale": 3, "word": "x"}
