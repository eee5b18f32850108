"""The ledger: whatever is written comes back, and whatever is damaged is noticed."""

from __future__ import annotations

import string
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leanlab.config import Objective, parse
from leanlab.errors import LedgerError
from leanlab.history import History
from leanlab.ledger import Ledger
from leanlab.records import Evaluation, Fault, Reveal, RoleTurn, Trial, clean_metrics

quickly = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
finite = st.floats(allow_nan=False, allow_infinity=False)
metrics = st.dictionaries(text, finite, max_size=3)
faults = st.none() | st.builds(Fault, category=text, text=text)
number = st.integers(1, 10**6)

trials = st.builds(
    Trial,
    run=text,
    trial=number,
    status=st.sampled_from(["scored", "invalid", "rejected", "crashed", "timed_out", "abandoned"]),
    experiment_file=st.none() | text,
    metrics=metrics,
    notes=text,
    error=faults,
    evaluator=text,
    tier=st.sampled_from(["A", "B", "C", "D", "none"]),
    cost_usd=st.none() | st.floats(0, 1e6),
    parents=st.lists(number, max_size=3).map(tuple),
)
records = st.lists(
    st.one_of(
        trials,
        st.builds(
            Evaluation,
            run=text,
            trial=number,
            status=st.just("scored"),
            stage=st.just("rescore"),
            metrics=metrics,
            evaluator=text,
            tier=st.just("A"),
        ),
        st.builds(
            RoleTurn,
            run=text,
            role=st.just("critic"),
            after_trial=number,
            text=text,
            evaluator=text,
        ),
        st.builds(Reveal, run=text, trial=number, metrics=st.lists(text).map(tuple), command=text),
    ),
    max_size=8,
)


def bare(record: Trial) -> Trial:
    return msgspec.structs.replace(record, ts="", prev="")


@given(records)
@quickly
def test_what_is_appended_is_read_back_in_order(written: list[Trial]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / "results.jsonl")
        appended = [ledger.append(record)[0] for record in written]
        assert list(Ledger(ledger.path).read()) == appended
        assert [bare(record) for record in appended] == written  # type: ignore[arg-type]
        assert list(ledger.new()) == []


@given(records.filter(bool), st.data())
@quickly
def test_cut_at_any_byte_all_whole_lines_survive(written: list[Trial], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.jsonl"
        for record in written:
            Ledger(path).append(record)
        raw = path.read_bytes()
        cut = data.draw(st.integers(0, len(raw)))
        path.write_bytes(raw[:cut])
        whole = raw[:cut].count(b"\n")
        assert len(list(Ledger(path).read())) == whole
        torn = Ledger(path).mend()
        assert torn == cut - (raw[:cut].rfind(b"\n") + 1)
        assert path.read_bytes() == raw[: cut - torn]
        Ledger(path).append(written[0])
        assert len(list(Ledger(path).read())) == whole + 1


@given(records.filter(lambda found: len(found) > 1), st.data())
@quickly
def test_a_changed_byte_before_the_last_line_is_noticed(
    written: list[Trial], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.jsonl"
        for record in written:
            Ledger(path).append(record)
        raw = bytearray(path.read_bytes())
        last = raw.rfind(b"\n", 0, len(raw) - 1)
        at = data.draw(st.integers(0, last))
        replacement = data.draw(st.sampled_from(sorted(set(string.printable.encode()) - {raw[at]})))
        raw[at] = replacement
        path.write_bytes(raw)
        with pytest.raises(LedgerError, match=r"line \d"):
            list(Ledger(path).read())


def test_two_writers_lose_nothing_and_keep_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    code = (
        "import sys\nfrom pathlib import Path\nfrom leanlab.ledger import Ledger\n"
        "from leanlab.records import Reveal\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "for i in range(50):\n"
        "    ledger.append(Reveal(run=sys.argv[2], trial=i, metrics=(), command='x'))\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in ("a", "b")
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    read = [record for record in Ledger(path).read() if isinstance(record, Reveal)]
    for name in ("a", "b"):
        assert [record.trial for record in read if record.run == name] == list(range(50))


@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from([0.0, 0.5, 1.0]), st.booleans())),
    st.sampled_from(["maximize", "minimize"]),
    st.integers(1, 4),
)
@quickly
def test_the_best_few_are_those_of_a_full_sort(
    told: list[tuple[int, float, bool]], direction: str, size: int
) -> None:
    objective = Objective(metric="m", direction=direction)  # type: ignore[arg-type]
    raw = {"name": "x", "objective": msgspec.to_builtins(objective), "memory": {"top": size}}
    history = History(parse(msgspec.json.encode(raw), "lab.json"), "now")
    for trial, (_, value, current) in enumerate(told, start=1):
        history.add(
            Trial(
                run="r",
                trial=trial,
                status="scored",
                metrics={"m": value},
                evaluator="now" if current else "before",
                tier="A",
            )
        )
    ranked = [
        (-value if direction == "maximize" else value, trial)
        for trial, (_, value, current) in enumerate(told, start=1)
        if current
    ]
    assert [record.trial for record in history.top] == [trial for _, trial in sorted(ranked)][:size]
    assert history.trials == len(ranked)
    assert history.all_trials == history.last_number == len(told)
    best = history.best
    assert (best.trial if best else None) == (min(ranked)[1] if ranked else None)


@given(
    st.dictionaries(st.text(max_size=5) | st.integers(), st.from_type(type).flatmap(st.from_type))
)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_metrics_are_finite_floats_or_refused(raw: dict[object, object]) -> None:
    try:
        cleaned = clean_metrics(raw, "m")
    except ValueError as error:
        assert str(error).endswith(".")  # noqa: PT017
    else:
        assert "m" in cleaned
        assert all(type(value) is float and abs(value) < float("inf") for value in cleaned.values())
