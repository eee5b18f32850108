"""Bad input and faults: a clear error or a recorded trial, and nothing lost."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import msgspec
import pytest

from leanlab import records, run
from leanlab.backends.scripted import ScriptedBackend, Step
from leanlab.checks import check
from leanlab.config import LabConfig, parse
from leanlab.errors import ConfigError, EvaluatorError, LabError, LedgerError, SealBroken
from leanlab.lab import open_lab
from leanlab.ledger import Ledger
from leanlab.records import Trial

from .conftest import GOOD, WEAK, MakeLab


def trials(lab: Path) -> list[Trial]:
    return [r for r in Ledger(lab / "results.jsonl").read() if isinstance(r, Trial)]


def only_trial(lab: Path, *steps: Step | str, **options: object) -> Trial:
    run(lab, backend=ScriptedBackend(list(steps)), trials=1, **options)  # type: ignore[arg-type]
    return trials(lab)[-1]


# The lab itself.


def test_no_lab_at_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lab: Path) -> None:
    with pytest.raises(LabError, match="no lab at .*nowhere"):
        open_lab(tmp_path / "nowhere")
    with pytest.raises(LabError, match="has no lab.json"):
        open_lab(tmp_path)
    monkeypatch.chdir(tmp_path)
    lab.rename(tmp_path / "labs")
    (tmp_path / "labs").rename(tmp_path / "x")
    (tmp_path / "labs").mkdir()
    (tmp_path / "x").rename(tmp_path / "labs" / "lengths")
    assert open_lab("lengths").folder == tmp_path / "labs" / "lengths"
    with pytest.raises(LabError, match="Did you mean labs/lengths"):
        open_lab("length")


BASE = {"name": "x", "objective": {"metric": "m"}}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"critic_evry": 2}, "unknown key 'critic_evry'. Did you mean 'critic_every'?"),
        ({"objective": {"metric": "m", "taget": 1}}, "'taget' under 'objective'. Did you mean 'ta"),
        ({"limits": {"second": 1}}, "'second' under 'limits'. Did you mean 'seconds'?"),
        ({"name": 3}, "Expected `str`, got `int` under 'name'"),
        ({"critic_every": True}, "got `bool` under 'critic_every'"),
        ({"critic_every": -1}, "'critic_every' is -1; it must be at least 0"),
        (
            {"limits": {"memory_mb": 10**12}},
            "'limits.memory_mb' is 1000000000000; it must be",
        ),
        ({"results_file": "a\0b"}, "name a path inside the lab"),
        ({"repeats": 0}, "'repeats' is 0; it must be at least 1"),
        ({"limits": {"seconds": 0}}, "'limits.seconds' is 0"),
        ({"objective": {"metric": "m", "direction": "up"}}, "Invalid enum value 'up'"),
        ({"public": ["../secret"]}, "name a path inside the lab"),
        ({"experiments_dir": "/tmp"}, "name a path inside the lab"),
        ({"params": {"length": 1}, "public_params": ["lenght"]}, "Did you mean 'length'?"),
    ],
)
def test_a_bad_key_is_named_with_the_nearest_valid_one(
    change: dict[str, object], says: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(json.dumps(BASE | change).encode(), "labs/x/lab.json")
    assert says in str(caught.value)
    assert "labs/x/lab.json" in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"name": "\xff"}', b"[" * 100_000, b"NaN"])
def test_broken_json_names_the_file(raw: bytes) -> None:
    with pytest.raises(ConfigError, match="labs/x/lab.json"):
        parse(raw, "labs/x/lab.json")


def test_the_shortest_lab_json_is_enough() -> None:
    config = parse(json.dumps(BASE).encode(), "lab.json")
    assert isinstance(config, LabConfig)
    assert (config.critic_every, config.max_fix_calls, config.budget.trials) == (5, 3, 5)


# The evaluation.


@pytest.mark.parametrize(
    ("returns", "says"),
    [
        ("{'acuracy': 1.0}", "gave no 'accuracy'; it gave acuracy"),
        ("{'accuracy': float('nan')}", "'accuracy' is nan"),
        ("{'accuracy': float('inf')}", "'accuracy' is inf"),
        ("{'accuracy': 1.0, 'other': float('-inf')}", "'other' is -inf"),
        ("{'accuracy': True}", "'accuracy' is bool"),
        ("{'accuracy': '1.0'}", "'accuracy' is str"),
        ("{'accuracy': 10**400}", "'accuracy' is inf"),
        ("{'accuracy': 1.0, '\\ud800': 1.0}", "a metric is named '\\ud800'"),
        ("cases({'a': float('nan')})", "a Verdict that cannot be kept"),
        ("cases({'a': 'b'})", "a Verdict that cannot be kept"),
        ("{'accuracy': None}", "'accuracy' is NoneType"),
        ("{1: 1.0}", "a metric is named 1"),
        ("None", "returned NoneType, not metrics"),
        ("[1.0]", "returned list, not metrics"),
        ("1 / 0", "raised ZeroDivisionError"),
        ("__import__('sys').exit(1)", "raised SystemExit"),
        ("__import__('os')._exit(1)", "exited with status 1"),
        ("__import__('os').kill(__import__('os').getpid(), 9)", "SIGKILL"),
    ],
)
def test_what_is_no_score_is_a_crashed_trial(make_lab: MakeLab, returns: str, says: str) -> None:
    imports = "from leanlab import labkit\n\ndef cases(given):\n"
    imports += "    return labkit.Verdict(metrics={'accuracy': 1.0}, cases=given)\n\n"
    lab = make_lab(evaluation=f"{imports}def evaluate(candidate, lab):\n    return {returns}\n")
    backend = ScriptedBackend([WEAK])
    run(lab, backend=backend, trials=2)
    first, second = trials(lab)
    assert first.status == second.status == "crashed"
    assert first.metrics == {}
    assert first.error is not None
    assert says in first.error.text
    assert len(backend.requests) == 2, "the lab's own fault is not sent back to the Worker"


def test_an_evaluation_that_hangs_is_ended(make_lab: MakeLab) -> None:
    lab = make_lab(
        evaluation="def evaluate(candidate, lab):\n    while True: pass\n", limits={"seconds": 0.3}
    )
    start = time.monotonic()
    record = only_trial(lab, WEAK)
    assert record.status == "timed_out"
    assert time.monotonic() - start < 10


def test_300_mb_of_output_fill_neither_memory_nor_disk(make_lab: MakeLab) -> None:
    shouts = (
        "def evaluate(candidate, lab):\n"
        "    for _ in range(300): print('x' * 1_000_000)\n"
        "    return {'accuracy': 0.5}\n"
    )
    lab = make_lab(evaluation=shouts)
    assert only_trial(lab, WEAK).metrics == {"accuracy": 0.5}
    assert sum(p.stat().st_size for p in (lab / ".leanlab").rglob("*") if p.is_file()) < 1_000_000


def test_an_evaluation_that_cannot_be_loaded_stops_the_run(make_lab: MakeLab) -> None:
    lab = make_lab(evaluation="import nosuchmodule\ndef evaluate(candidate, lab): ...\n")
    with pytest.raises(EvaluatorError, match="ModuleNotFoundError: No module named 'nosuchmodule'"):
        only_trial(lab, WEAK)
    assert not (lab / "results.jsonl").exists()


@pytest.mark.parametrize(
    ("prints", "status", "says"),
    [
        ("pass", "crashed", "printed no JSON object"),
        ("print('{\"accuracy\": 0.25}'); print('{\"accuracy\": 0.75}')", "scored", ""),
        ("print('{\"accuracy\": 0.25}'); exit(1)", "crashed", "ended with status 1"),
        ("print('{\"accuracy\": NaN}')", "crashed", "printed no JSON object"),
        ('print(\'{"accuracy": "1"}\')', "crashed", "'accuracy' is str"),
        ("while True: pass", "timed_out", "took over"),
        ("print('x' * 300_000_000); print('{\"accuracy\": 0.75}')", "scored", ""),
    ],
)
@pytest.mark.parametrize("unsandboxed", [False, True])
def test_an_open_evaluation(
    make_lab: MakeLab, prints: str, status: str, says: str, unsandboxed: bool
) -> None:
    lab = make_lab(
        evaluation=f"{prints}\n",
        validate="print('VALID')\n",
        limits={"seconds": 3},
        max_fix_calls=0,
    )
    record = only_trial(lab, WEAK, allow_unsandboxed=unsandboxed)
    assert record.status == status
    assert (record.open, record.untrusted) == (True, unsandboxed)
    assert record.tier in (["none"] if unsandboxed else ["A", "C"])
    assert says in (record.error.text if record.error else "")
    if status == "scored":
        assert record.metrics == {"accuracy": 0.75 if "0.75" in prints else 0.25}


# The experiment.


class Writing(ScriptedBackend):
    """A Worker that leaves something other than a plain file."""

    def __init__(self, leave, file: str | None) -> None:  # type: ignore[no-untyped-def]
        super().__init__([Step(data={"experiment_file": file, "valid": True, "notes": ""})])
        self._leave = leave

    async def ask(self, request):  # type: ignore[no-untyped-def]
        if not self.requests:
            self._leave(request.cwd)
        return await super().ask(request)


def write(name: str, content: bytes):  # type: ignore[no-untyped-def]
    def leave(workspace: Path) -> None:
        (workspace / name).write_bytes(content)

    return leave


def link(workspace: Path) -> None:
    (workspace / "experiments" / "a.py").symlink_to("/etc/hostname")


def hard_link(workspace: Path) -> None:
    os.link(workspace / "task.md", workspace / "experiments" / "a.py")


def fifo(workspace: Path) -> None:
    os.mkfifo(workspace / "experiments" / "a.py")


def folder(workspace: Path) -> None:
    (workspace / "experiments" / "a.py").mkdir()


def linked_folder(workspace: Path) -> None:
    (workspace / "experiments").rmdir()
    (workspace / "experiments").symlink_to("/etc")


def nothing(workspace: Path) -> None:
    return None


A = "experiments/a.py"


@pytest.mark.parametrize(
    ("leave", "file", "says"),
    [
        (nothing, A, "there is no file 'a.py' in experiments/"),
        (nothing, None, "no experiment was named"),
        (link, A, "must be a plain file"),
        (hard_link, A, "link or a special file"),
        (fifo, A, "link or a special file"),
        (folder, A, "link or a special file"),
        (linked_folder, "experiments/hostname.py", "replaced by a link"),
        (write("out.py", b"x"), "../out.py", "not in experiments/"),
        (write("out.py", b"x"), "/etc/passwd", "not in experiments/"),
        (write("out.py", b"x"), "experiments/../out.py", "not in experiments/"),
        (write(A, b"#" * (50 << 20)), A, "52,428,800 bytes"),
        (write(A, b"x = '\xff'"), A, "not UTF-8"),
        (write(A, b"x = '\0'"), A, "NUL"),
        (write("experiments/a.txt", b"x"), "experiments/a.txt", "ends in .py"),
        (nothing, "experiments/\0.py", "not in experiments/"),
    ],
)
def test_a_file_that_breaks_a_rule_is_rejected(
    make_lab: MakeLab, leave: object, file: str | None, says: str
) -> None:
    lab = make_lab(max_fix_calls=0)
    run(lab, backend=Writing(leave, file), trials=1)
    (record,) = trials(lab)
    assert record.status == "rejected"
    assert record.experiment_file is None
    assert record.error is not None
    assert says in record.error.text
    assert sorted(p.name for p in (lab / "experiments").iterdir()) == ["sample.py"]


def test_a_syntax_error_is_invalid_and_kept(make_lab: MakeLab) -> None:
    lab = make_lab(max_fix_calls=0)
    record = only_trial(lab, "def f(:\n")
    assert record.status == "invalid"
    assert record.error is not None
    assert "invalid syntax in line 1" in record.error.text
    assert (lab / "experiments" / "0001_scripted.py").read_text() == "def f(:\n"


def test_a_name_like_an_older_ones_overwrites_nothing(make_lab: MakeLab) -> None:
    lab = make_lab()
    first = Step(code=WEAK, file="experiments/idea.py")
    second = Step(code=WEAK + "# again\n", file="experiments/0001_idea.py")
    run(lab, backend=ScriptedBackend([first, second]), trials=2)
    assert (lab / "experiments" / "0001_idea.py").read_text() == WEAK
    assert (lab / "experiments" / "0002_idea.py").read_text() == WEAK + "# again\n"


def test_an_answer_of_the_wrong_form_is_a_recorded_trial(make_lab: MakeLab) -> None:
    lab = make_lab()
    for data in ([], {"experiment_file": 3}, "text", None, {"notes": {}}):
        record = only_trial(lab, Step(data=data if data is not None else 0))
        assert record.status == "rejected"


# The ledger.


def test_a_torn_last_line_is_set_aside_and_reported(make_lab: MakeLab) -> None:
    lab = make_lab()
    only_trial(lab, WEAK)
    whole = (lab / "results.jsonl").read_bytes()
    (lab / "results.jsonl").write_bytes(whole + b'{"kind":"trial","trial":2')
    seen: list[str] = []
    run(
        lab,
        backend=ScriptedBackend([WEAK]),
        trials=1,
        on_event=lambda event: seen.append(getattr(event, "text", "")),
    )
    assert [record.trial for record in trials(lab)] == [1, 2]
    assert (lab / "results.jsonl").read_bytes().startswith(whole)
    assert (lab / "results.jsonl.torn").read_bytes() == b'{"kind":"trial","trial":2\n'
    assert any("torn last line of 25 bytes" in text for text in seen)


@pytest.mark.parametrize(
    "bad", [b"{}\n", b"garbage\n", b"\n", b'{"kind":"trial"}\n', b"[" * 99999 + b"\n"]
)
def test_a_bad_middle_line_stops_the_run_and_is_named(make_lab: MakeLab, bad: bytes) -> None:
    lab = make_lab()
    run(lab, backend=ScriptedBackend([WEAK]), trials=2)
    lines = (lab / "results.jsonl").read_bytes().splitlines(keepends=True)
    damaged = lines[0] + bad + b"\n" + b"".join(lines[1:])
    (lab / "results.jsonl").write_bytes(damaged)
    with pytest.raises(LedgerError, match="line 2"):
        only_trial(lab, WEAK)
    assert (lab / "results.jsonl").read_bytes() == damaged


def test_a_broken_chain_stops_the_run_and_is_named(make_lab: MakeLab) -> None:
    lab = make_lab()
    run(lab, backend=ScriptedBackend([WEAK]), trials=3)
    text = (lab / "results.jsonl").read_text()
    lines = text.splitlines(keepends=True)
    for edited in (
        text.replace('"trial":1,', '"trial":9,', 1),
        "".join(lines[1:]),
        "".join([lines[0], *lines[2:]]),
    ):
        assert edited != text
        (lab / "results.jsonl").write_text(edited)
        with pytest.raises(LedgerError, match=r"line \d does not follow line \d"):
            only_trial(lab, WEAK)


def test_a_frozen_file_that_changed_stops_the_run(make_lab: MakeLab) -> None:
    lab = make_lab()
    only_trial(lab, WEAK)
    for name in ("evaluation.py", "validate.py", "task.md"):
        before = (lab / name).read_text()
        (lab / name).write_text(before + "\n# changed\n")
        with pytest.raises(SealBroken, match=f"{name} has changed"):
            only_trial(lab, WEAK)
        (lab / name).write_text(before)
    only_trial(lab, GOOD)
    assert len(trials(lab)) == 2


def test_a_frozen_file_that_changes_during_an_evaluation_stops_the_run(make_lab: MakeLab) -> None:
    meddles = (
        "def evaluate(candidate, lab):\n"
        "    (lab.folder / 'task.md').write_text('easier')\n"
        "    return {'accuracy': 1.0}\n"
    )
    lab = make_lab(evaluation=meddles)
    with pytest.raises(SealBroken, match="task.md has changed"):
        only_trial(lab, WEAK)
    assert trials_or_none(lab) == []


def trials_or_none(lab: Path) -> list[Trial]:
    return trials(lab) if (lab / "results.jsonl").exists() else []


def test_a_clock_that_was_turned_back_costs_nothing(lab: Path) -> None:
    """What was recorded in the future is read, and the run goes on after it."""
    first = only_trial(lab, WEAK)
    ledger = lab / "results.jsonl"
    tail = ""
    lines = []
    for record in list(Ledger(ledger).read()):
        future = msgspec.structs.replace(record, ts="2999-12-31T23:59:59.000+00:00", prev=tail)
        lines.append(records.encode(future))
        tail = hashlib.sha256(lines[-1]).hexdigest()
    ledger.write_bytes(b"\n".join(lines) + b"\n")
    second = only_trial(lab, GOOD)
    assert (first.trial, second.trial, second.status) == (1, 2, "scored")
    assert second.ts < next(iter(Ledger(ledger).read())).ts
    assert [found.mark for found in check(str(lab)) if found.what == "ledger"] == ["✓"]
