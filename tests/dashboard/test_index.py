"""The index reads in bulk; what it finds is what a reader of every record would find."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leanlab.dashboard import glances
from leanlab.dashboard.index import STATUSES, Index
from leanlab.errors import LedgerError
from leanlab.history import History
from leanlab.lab import open_lab
from leanlab.ledger import Ledger
from leanlab.records import AnyRecord, Evaluation, Note, Reveal, RoleTurn, Seconds, Trial
from tests.dashboard.filled import fill

HERE, OLD = "present", "old"
values = st.sampled_from([0.0, 0.25, 0.5, 0.5, 1.0])
scores = st.fixed_dictionaries({"accuracy": values}, optional={"secret": values})
drafts = st.builds(
    dict,
    kind=st.sampled_from(["trial"] * 5 + ["rescore", "turn", "reveal", "note"]),
    fails=st.booleans(),
    metrics=scores,
    evaluator=st.sampled_from([HERE, HERE, OLD]),
    cost=st.none() | st.sampled_from([0.0, 0.5]),
    tokens=st.none() | st.integers(0, 9),
    fixes=st.integers(0, 2),
    repeated=st.booleans(),
    other=st.integers(1, 9),
)


def lay_out(draft: dict[str, object], trial: int) -> AnyRecord:
    """A record of the draft's kind; other is an earlier trial where one is due, if there is one."""
    other = min(int(str(draft["other"])), max(1, trial - 1))
    metrics = {} if draft["fails"] else draft["metrics"]
    scored = {
        "run": "r",
        "status": "crashed" if draft["fails"] else "scored",
        "metrics": metrics,
        "evaluator": draft["evaluator"],
        "tier": "A",
        "seconds": Seconds(propose=1.0, evaluate=2.0),
    }
    spent = {"cost_usd": draft["cost"], "tokens": draft["tokens"]}
    if draft["kind"] == "rescore":
        return Evaluation(trial=other, stage="rescore", **(scored | {"evaluator": HERE}))
    if draft["kind"] == "turn":
        return RoleTurn(run="r", role="critic", after_trial=1, text="", evaluator=HERE, **spent)
    if draft["kind"] == "reveal":
        return Reveal(run="r", trial=other, metrics=("secret",), command="show")
    if draft["kind"] == "note":
        return Note(run="r", text="try 3")
    repeats = {name: (value, value) for name, value in metrics.items()} or None
    return Trial(
        trial=trial,
        experiment_file=f"experiments/{trial:04d}_x.py",
        parents=(other,) if other < trial else (),
        fixes=draft["fixes"],
        repeats=repeats if draft["repeated"] else None,
        **scored,
        **spent,
    )


def records_of(laid: list[dict[str, object]]) -> Iterator[AnyRecord]:
    trial = 0
    for draft in laid:
        trial += draft["kind"] == "trial"
        if trial:
            yield lay_out(draft, trial)


@settings(max_examples=60)
@given(laid=st.lists(drafts, max_size=30), steps=st.integers(1, 4))
def test_it_agrees_with_a_reader_of_every_record(laid: list[dict[str, object]], steps: int) -> None:
    with TemporaryDirectory() as folder:
        home = Path(folder) / "lengths"
        home.mkdir()
        objective = {"metric": "accuracy", "direction": "maximize"}
        (home / "lab.json").write_text(json.dumps({"name": "lengths", "objective": objective}))
        (home / "task.md").write_text("x")
        (home / "evaluation.py").write_text("def evaluate(candidate, lab): ...\n")
        (home / "validate.py").write_text("")
        lab = open_lab(home)
        index, ledger = Index(lab, HERE), Ledger(lab.results)
        written = list(records_of(laid))
        for number, record in enumerate(written):
            ledger.append(record)
            if number % steps == 0:
                index.refresh()
        index.refresh()
        compare(index, History(lab.config, HERE).add_all(written), written)


def compare(index: Index, history: History, written: list[AnyRecord]) -> None:
    trials = [record for record in written if isinstance(record, Trial)]
    turns = [record for record in written if isinstance(record, RoleTurn)]
    assert list(index.trials) == [trial.trial for trial in trials]
    assert [found.parents for found in index.records(range(len(index)))] == [
        trial.parents for trial in trials
    ]
    assert len(index.notes(99)) == len(turns)
    assert index.cost_usd == pytest.approx(history.cost_usd)
    assert index.tokens_used == history.tokens
    assert index.revealed == history.revealed
    assert list(map(str, index.tokens)) == [
        str(math.nan if trial.tokens is None else float(trial.tokens)) for trial in trials
    ]
    now: dict[int, Trial | Evaluation] = {trial.trial: trial for trial in trials}
    again = [record for record in written if isinstance(record, Evaluation)]
    now |= {each.trial: each for each in again}
    present = {trial: each for trial, each in now.items() if each.evaluator == HERE}
    assert [index.trials[row] for row, counts in enumerate(index.counts) if counts] == [*present]
    assert [STATUSES[status] for status in index.status] == [each.status for each in now.values()]
    good = {n: each.metrics["accuracy"] for n, each in present.items() if each.metrics}
    best = max(good, key=lambda trial: (good[trial], -trial)) if good else None
    assert index.best == best
    if not again and history.best:
        assert index.best == history.best.trial
    assert len(index.evaluations_of(1)) == len([each for each in again if each.trial == 1])
    if trials:
        whole = sum((t.fixes + 1) * (2 if t.repeats else 1) for t in trials)
        later = max(at for at, record in enumerate(written) if isinstance(record, Trial))
        earlier = sum(isinstance(record, Evaluation) for record in written[:later])
        assert index.evaluations[-1] == whole + earlier


def test_skimming_names_the_same_line_as_reading(lab: Path) -> None:
    fill(lab, 40)
    path = lab / "results.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[30] = lines[30].replace(b'"trial":', b'"trial" :', 1)
    path.write_bytes(b"".join(lines))
    with pytest.raises(LedgerError, match="line 32 does not follow") as read:
        list(Ledger(path).new())
    skimmed = Ledger(path)
    with pytest.raises(LedgerError) as told:
        list(skimmed.skim(glances.decode))
    assert str(told.value) == str(read.value)
    assert skimmed.position[1] == 31, "what stands before it was read"


def test_a_torn_line_that_is_set_aside_between_two_looks_is_no_fault(lab: Path) -> None:
    fill(lab, 3)
    path = lab / "results.jsonl"
    with path.open("ab") as file:
        file.write(b'{"kind":"trial","tri')
    skimming = (reader := Ledger(path)).skim(glances.decode)
    assert len(next(skimming).records) == 3
    writer = Ledger(path)
    list(writer.new())
    writer.append(Trial(run="r", trial=4, status="crashed", evaluator="e", tier="A"))
    assert not list(skimming)
    assert [len(batch.records) for batch in reader.skim(glances.decode)] == [1]


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"trial":2', b'"trial":' + str(2**70).encode()), (b'"notes":"', b'"notes":"\xff')],
)
def test_what_no_page_could_show_is_no_record(lab: Path, old: bytes, new: bytes) -> None:
    fill(lab, 3)
    path = lab / "results.jsonl"
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    for read in (Ledger(path).new(), Ledger(path).skim(glances.decode)):
        with pytest.raises(LedgerError, match="is no record"):
            list(read)


def test_half_a_character_in_a_row_of_leanlab_0_2_becomes_a_question_mark(lab: Path) -> None:
    (lab / "results.jsonl").write_text(json.dumps({"accuracy": 0.5, "notes": "bad \udc80"}) + "\n")
    (record,) = Ledger(lab / "results.jsonl").new()
    assert isinstance(record, Trial)
    assert record.notes == "bad ?"
    (batch,) = Ledger(lab / "results.jsonl").skim(glances.decode)
    assert len(batch.records) == 1


def test_rows_of_leanlab_0_2_are_skimmed_and_what_follows_them(lab: Path) -> None:
    rows = [{"experiment_file": f"experiments/{n:04d}_x.py", "accuracy": n / 10} for n in (1, 2)]
    path = lab / "results.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ledger = Ledger(path)
    list(ledger.new())
    ledger.append(Trial(run="r", trial=3, status="crashed", evaluator="e", tier="A"))
    found = [
        (batch.position(place), one.trial)
        for batch in Ledger(path).skim(glances.decode)
        for place, one in enumerate(batch.records)
        if isinstance(one, glances.TrialGlance)
    ]
    assert [trial for _, trial in found] == [1, 2, 3]
    again = Ledger(path).at(position for position, _ in found)
    assert [record.trial for record in again if isinstance(record, Trial)] == [1, 2, 3]
