"""Whatever bytes arrive: a clear error or a recorded trial. No traceback, no score from nothing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from leanlab import run
from leanlab.backends.scripted import ScriptedBackend, Step
from leanlab.cli import app
from leanlab.config import LabConfig, Limits, parse
from leanlab.errors import CandidateFailed, ConfigError, LedgerError
from leanlab.evaluator.command import Finished, last_object, score_of
from leanlab.lab import open_lab
from leanlab.labkit.candidate import Bit, Candidate
from leanlab.labkit.scoring import score
from leanlab.labkit.view import Lab as View
from leanlab.ledger import Ledger
from leanlab.overview import fingerprint_of
from leanlab.records import Verdict, clean_metrics
from leanlab.sandbox import Sandbox

from .conftest import EVALUATION, VALIDATE, WEAK
from .processes import trials

EXAMPLES = int(os.environ.get("LEANLAB_FUZZ", "25"))
"""Of each test; `make fuzz` sets more."""
settings.register_profile(
    "leanlab",
    max_examples=EXAMPLES,
    deadline=None,
    # The same examples in every test run, so that it fails for a reason in the change at hand.
    derandomize=EXAMPLES <= 40,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("leanlab")
FEW = settings(max_examples=max(8, EXAMPLES // 5))
"""Where each example starts a process."""

TEXT = st.text(st.characters(codec=None), max_size=30)  # lone surrogates too
PLAIN = st.text(max_size=20)
NUMBERS = st.one_of(
    st.integers(),
    st.sampled_from([0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400]),
    st.floats(),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, PLAIN),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(PLAIN, inner, max_size=3)),
    max_leaves=6,
)
PATHS = st.one_of(
    PLAIN,
    st.sampled_from(
        [
            "../x",
            "/etc/passwd",
            "a\0b",
            "x" * 300,
            "a/../../b",
            "..",
            ".",
            "",
            "~",
            "é/ü",
            "lab.json",
        ]
    ),
)


def make_lab(folder: Path, **config: object) -> Path:
    (folder / "experiments").mkdir(parents=True)
    whole = {"name": "x", "objective": {"metric": "accuracy"}, "limits": {"seconds": 5}} | config
    (folder / "lab.json").write_text(json.dumps(whole))
    (folder / "evaluation.py").write_text(EVALUATION)
    (folder / "validate.py").write_text(VALIDATE)
    (folder / "task.md").write_text("Return the length.\n")
    (folder / "experiments" / "sample.py").write_text(WEAK)
    return folder


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab that is run in no test: it gets a new lab.json or ledger with every example."""
    return make_lab(tmp_path_factory.mktemp("fuzz") / "lengths")


def no_traceback(*arguments: str) -> None:
    """Run a command in this process; it may say no, in one line, and nothing else."""
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise AssertionError(f"leanlab {arguments!r}") from result.exception
    assert result.exit_code in (0, 1, 2), result.output
    assert "Traceback" not in result.output


# lab.json.

KEYS = [field.encode_name for field in msgspec.structs.fields(LabConfig)]
WHOLE = st.one_of(st.integers(0, 9), st.sampled_from([-1, 2**31, 2**63, 2**64, 10**30]))
FINITE = st.one_of(st.floats(0.1, 9), st.sampled_from([0.0, -1.0, 1e-300, 1e300, 5]))
CHANGES = st.one_of(
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=2),
    *(st.fixed_dictionaries({key: PATHS}) for key in ("experiments_dir", "results_file", "policy")),
    *(st.fixed_dictionaries({key: st.lists(PATHS)}) for key in ("public", "frozen", "imports")),
    *(
        st.fixed_dictionaries({key: WHOLE})
        for key in ("critic_every", "director_every", "max_fix_calls", "repeats")
    ),
    st.fixed_dictionaries({"params": st.dictionaries(PLAIN, VALUES, max_size=3)}),
    st.fixed_dictionaries({"reveal": st.lists(PLAIN), "description": PLAIN, "name": PLAIN}),
    st.fixed_dictionaries({"researcher": PLAIN}),
    st.fixed_dictionaries({"memory": st.fixed_dictionaries({"top": WHOLE, "failures": WHOLE})}),
    st.fixed_dictionaries(
        {
            "limits": st.one_of(
                st.dictionaries(st.sampled_from(["seconds", "cpu_seconds"]), FINITE),
                st.dictionaries(st.sampled_from(["memory_mb", "output_kb"]), WHOLE),
            )
        }
    ),
    st.fixed_dictionaries(
        {
            "budget": st.one_of(
                st.dictionaries(st.sampled_from(["trials", "tokens"]), WHOLE),
                st.dictionaries(st.sampled_from(["usd", "seconds"]), FINITE),
            )
        }
    ),
    st.fixed_dictionaries(
        {"objective": st.fixed_dictionaries({"metric": PLAIN, "target": FINITE})}
    ),
)
CONFIGS = CHANGES.map(lambda changes: {"name": "x", "objective": {"metric": "accuracy"}} | changes)


@given(st.binary(max_size=200))
def test_any_bytes_as_lab_json(raw: bytes) -> None:
    with contextlib.suppress(ConfigError):
        assert isinstance(parse(raw, "lab.json"), LabConfig)


@given(CONFIGS)
def test_any_values_in_lab_json(lab: Path, config: dict[str, Any]) -> None:
    raw = json.dumps(config).encode()
    try:
        parse(raw, "lab.json")
    except ConfigError:
        return
    (lab / "lab.json").write_bytes(raw)
    no_traceback("run", str(lab), "--dry-run")
    no_traceback("show", str(lab))
    no_traceback("list", str(lab.parent))


# results.jsonl.

SCORED = {
    "run": PLAIN,
    "trial": WHOLE,
    "status": st.sampled_from(["scored", "scored", "crashed"]),
    "tier": PLAIN,
    "metrics": st.dictionaries(st.sampled_from(["accuracy", "b"]), FINITE),
}
MORE = {
    "experiment_file": PATHS,
    "experiment_sha256": st.one_of(PLAIN, st.just("0" * 64)),
    "notes": PLAIN,
    "feedback": PLAIN,
    "cases": st.dictionaries(PLAIN, FINITE),
    "seconds": st.fixed_dictionaries({"propose": FINITE, "evaluate": FINITE}),
    "ts": PLAIN,
}
TRIALS = st.fixed_dictionaries(
    {"kind": st.just("trial"), **SCORED},
    optional={
        **MORE,
        "cost_usd": FINITE,
        "tokens": WHOLE,
        "parents": st.lists(WHOLE, max_size=2),
        "fixes": WHOLE,
        "move": PLAIN,
        "backend": PLAIN,
    },
)
RECORDS = st.one_of(
    TRIALS,
    TRIALS,
    st.fixed_dictionaries(
        {"kind": st.just("evaluation"), "stage": st.just("rescore"), **SCORED}, optional=MORE
    ),
    st.fixed_dictionaries(
        {"kind": st.just("role"), "role": st.sampled_from(["critic", "director"]), "run": PLAIN}
        | {"after_trial": WHOLE, "text": PLAIN},
        optional={"tokens": WHOLE, "cost_usd": FINITE},
    ),
    st.fixed_dictionaries(
        {"kind": st.just("reveal"), "run": PLAIN, "trial": WHOLE, "command": PLAIN}
        | {"metrics": st.lists(PLAIN, max_size=2)}
    ),
    st.dictionaries(PLAIN, VALUES, max_size=3),
)


def chained(records: list[dict[str, Any]], fingerprint: str) -> bytes:
    lines, tail = [], ""
    for record in records:
        line = json.dumps({"evaluator": fingerprint} | record | {"prev": tail}).encode()
        lines.append(line + b"\n")
        tail = hashlib.sha256(line).hexdigest()
    return b"".join(lines)


def ledger_of(lab: Path, records: list[dict[str, Any]]) -> None:
    """Make the lab afresh, with a whole chain of these records."""
    shutil.rmtree(lab)
    make_lab(lab)
    (lab / "results.jsonl").write_bytes(chained(records, fingerprint_of(open_lab(lab))))


@given(st.one_of(st.binary(max_size=200), st.lists(VALUES, max_size=3)))
def test_any_bytes_as_a_ledger(lab: Path, raw: bytes | list[Any]) -> None:
    lines = raw if isinstance(raw, bytes) else b"\n".join(json.dumps(v).encode() for v in raw)
    (lab / "results.jsonl").write_bytes(lines)
    with contextlib.suppress(LedgerError):
        assert all(Ledger(lab / "results.jsonl").read())


@given(st.lists(RECORDS, min_size=1, max_size=4))
def test_any_records_in_a_ledger(lab: Path, records: list[dict[str, Any]]) -> None:
    ledger_of(lab, records)
    no_traceback("show", str(lab))
    no_traceback("show", str(lab), "1")
    no_traceback("show", str(lab), "--json")
    no_traceback("list", str(lab.parent))
    no_traceback("run", str(lab), "--dry-run")


# What an evaluation says.


@given(st.one_of(st.text(max_size=80), VALUES.map(json.dumps)), st.integers(-9, 1))
def test_any_output_of_an_open_evaluator(output: str, code: int) -> None:
    last_object(output)
    verdict = score_of(Finished(code=code, output=output, errors=""), "accuracy")
    check(verdict)


@given(st.dictionaries(st.sampled_from(["accuracy", "b"]), VALUES))
def test_any_object_of_an_open_evaluator(found: dict[str, Any]) -> None:
    check(score_of(Finished(code=0, output=json.dumps(found), errors=""), "accuracy"))


def check(verdict: Verdict) -> None:
    """A score has the objective's metric, and finite numbers alone; and the ledger can keep it."""
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict
    if verdict.status == "scored":
        assert math.isfinite(verdict.metrics["accuracy"])
        assert all(type(v) is float and math.isfinite(v) for v in verdict.metrics.values())


class Liar(float):
    def __float__(self) -> float:
        return math.nan

    def __repr__(self) -> str:
        raise RuntimeError


UNCALLABLE = st.one_of(
    VALUES,
    TEXT,
    st.sampled_from([object(), Liar(0.5), Liar("nan"), b"x", {1}, 1j]),
    st.dictionaries(st.one_of(st.just("accuracy"), TEXT, st.integers()), NUMBERS, max_size=3),
)
ANYTHING = st.one_of(UNCALLABLE, st.just(lambda: 1))
RETURNED = st.one_of(
    ANYTHING,
    st.dictionaries(st.sampled_from(["accuracy", "b"]), ANYTHING),
    st.builds(
        Verdict,
        status=st.one_of(st.just("scored"), ANYTHING),
        metrics=st.one_of(st.just({"accuracy": 1.0}), ANYTHING),
        cases=st.one_of(st.none(), st.dictionaries(TEXT, ANYTHING), ANYTHING),
        feedback=st.one_of(TEXT, ANYTHING),
        artifacts=ANYTHING,
        error=ANYTHING,
    ),
)


@given(ANYTHING)
def test_any_metrics(raw: Any) -> None:
    try:
        metrics = clean_metrics(raw, "accuracy")
    except ValueError:
        return
    check(Verdict(metrics=metrics))


@pytest.fixture(scope="module")
def sandbox() -> Any:
    with Sandbox() as opened:
        yield opened


@given(RETURNED)
def test_any_value_that_evaluate_returns(sandbox: Sandbox, lab: Path, returned: Any) -> None:
    verdict = score(
        lambda candidate, view: returned,
        lab / "experiments" / "sample.py",
        View(folder=lab, data=lab),
        sandbox=sandbox,
        limits=Limits(),
        metric="accuracy",
    )
    check(verdict)


# What a candidate sends.

HOSTILE = """
import os, struct, sys
raw = {raw!r}
real = os.write

def send():
    real(3, raw)

if {when!r} == "load":
    send()

def forge():
    # With the nonce of the request under way, as an experiment that has read leanlab would.
    frame = sys._getframe()
    while "nonce" not in frame.f_locals:
        frame = frame.f_back
    head = struct.pack("<16sBII", bytes(frame.f_locals["nonce"]), {outcome}, len(raw), 0)
    real(3, head + raw)

def f(x):
    if {when!r} == "forge":
        forge()
    if {when!r} == "call":
        send()
    if {when!r} == "exit":
        send()
        os._exit(0)
    return 1

def wrapped(descriptor, data):
    return real(descriptor, bytes(raw)[:len(data)] + bytes(data)[len(raw):])

if {when!r} == "reply":
    os.write = wrapped
"""
FRAMES = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda nonce, outcome, size, note, rest: (
            nonce + struct.pack("<BII", outcome, size, note) + rest
        ),
        st.binary(min_size=16, max_size=16),
        st.integers(0, 255),
        st.sampled_from([0, 1, 3, 12, 2**31, 2**32 - 1]),
        st.sampled_from([0, 1, 2**32 - 1]),
        st.binary(max_size=40),
    ),
    # A reply to one item: a mark, and for JSON a length and a text.
    st.sampled_from([b"0", b"1", b"2", b".", b"?", b">", bytes([129]), bytes([255]), b""]),
    st.builds(
        lambda mark, size, text: mark + struct.pack("<I", size) + text,
        st.sampled_from([b".", b"?", b"0"]),
        st.integers(0, 9),
        st.sampled_from([b"1", b"NaN", b"1e999", b'"a"', b"[" * 5, b"\xff", b"true", b"null"]),
    ),
)


@FEW
@given(
    FRAMES,
    st.sampled_from(["load", "call", "exit", "reply", "forge", "forge", "forge"]),
    st.integers(0, 9),
    st.sampled_from([Bit, int, str]),
)
def test_any_bytes_from_a_candidate(
    sandbox: Sandbox, raw: bytes, when: str, outcome: int, returns: Any
) -> None:
    source = HOSTILE.format(raw=raw, when=when, outcome=outcome).encode()
    limits = Limits(seconds=0.5, memory_mb=64)
    with Candidate(sandbox, source, "x.py", limits) as candidate:
        try:
            replies = candidate.call("f", ["a"], returns=returns)
        except CandidateFailed:
            return
    (value,) = replies.values
    assert value is None or type(value) is (int if returns is Bit else returns)
    assert returns is not Bit or value in (None, 0, 1)


@FEW
@given(TRIALS)
def test_any_trial_is_checked(lab: Path, record: dict[str, Any]) -> None:
    ledger_of(lab, [record])
    no_traceback("check", str(lab))


# What a backend answers.


@FEW
@given(
    st.one_of(
        UNCALLABLE,
        st.fixed_dictionaries(
            {"experiment_file": st.one_of(PATHS, TEXT, TEXT.map(lambda t: f"experiments/{t}.py"))},
            optional={"notes": st.one_of(TEXT, st.just("\x1b[31m" * 9_000)), "valid": VALUES},
        ),
    ),
    st.one_of(TEXT, st.fixed_dictionaries({"text": TEXT})),
)
@example({"experiment_file": "experiments/\udc80.py", "notes": "\ud800"}, {"text": "\udfff"})
def test_any_answer_of_a_backend(
    tmp_path_factory: pytest.TempPathFactory, answer: Any, note: Any
) -> None:
    folder = make_lab(tmp_path_factory.mktemp("b") / "l", critic_every=1, max_fix_calls=0)
    steps = [Step(data=answer if answer is not None else 0)]
    steps.append(Step(role="critic", data=note))
    run(folder, backend=ScriptedBackend([*steps, Step(code=WEAK)]), trials=2)
    assert [record.trial for record in trials(folder)] == [1, 2]
    assert trials(folder)[1].status == "scored"
    shutil.rmtree(folder)


# The command line.

WORDS = st.one_of(
    TEXT,
    PATHS,
    NUMBERS.map(str),
    st.sampled_from(["run", "show", "--set", "--seed", "-n", "--json", "--max-time", "LAB"]),
)
COMMANDS = [
    ["run", "LAB", "--dry-run"],
    ["show", "LAB"],
    ["list"],
    ["stop", "LAB"],
    ["try", "LAB", "no-file"],
]


@given(st.sampled_from(COMMANDS), st.lists(WORDS, max_size=3))
def test_any_arguments(lab: Path, command: list[str], words: list[str]) -> None:
    shutil.rmtree(lab)
    make_lab(lab, params={"length": 3, "rate": 0.5, "name": "a", "list": [1], "flag": True})
    given_words = [word.replace("LAB", str(lab)) for word in [*command, *words] if word != "run"]
    no_traceback(*(["run"] if command[0] == "run" else []), *given_words)


@given(
    st.sampled_from(["length", "rate", "name", "list", "flag", "none"]),
    st.one_of(TEXT, PATHS, NUMBERS.map(str)),
)
@example("length", "\ud800")
@example("name", "\ud800")
@example("list", "[\ud800]")
def test_any_parameter_of_a_variant(lab: Path, key: str, value: str) -> None:
    shutil.rmtree(lab)
    params = {"length": 3, "rate": 0.5, "name": "a", "list": [1], "flag": True}
    make_lab(lab, params=params, public_params=list(params))
    no_traceback("run", str(lab), "--dry-run", "--set", f"{key}={value}")
    no_traceback("seal", str(lab), "--set", f"{key}={value}")
    no_traceback("list", str(lab.parent))
    homes = list((lab / "variants").glob("*")) if (lab / "variants").exists() else []
    assert len(homes) <= 1
    assert not [path for path in lab.parent.iterdir() if path != lab]
