"""`leanlab sweep` as a user sees it: what is on disk, whatever happens, and what is printed."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy
import pytest
from rich.console import Console as Terminal
from scipy.stats import t as student
from typer.testing import CliRunner, Result

from leanlab.cli import app
from leanlab.config import Objective
from leanlab.ledger import Ledger
from leanlab.records import Reveal, Trial
from leanlab.resources import SHIPPED_LABS
from leanlab.sweep.estimate import estimate, quantile
from leanlab.sweep.grid import Plan, lab_at
from leanlab.sweep.live import LiveSweep
from leanlab.sweep.results import Results, read_plan
from leanlab.sweep.summary import layout
from leanlab.workspace import Workspace

from .conftest import MakeLab
from .processes import children, descendants, gone, script, wait_for

VAL_AND_TEST = """
from leanlab import labkit


def evaluate(candidate, lab):
    val, test = candidate.call("f", ["val", "test"], returns=float).values
    return {"val_score": val, "test_score": test + lab.params["seed"] / 100}


if __name__ == "__main__":
    labkit.main(evaluate)
"""


def scores(val: float, test: float, seconds: float = 0.0) -> str:
    """An experiment that gets these scores, after a while."""
    answers = {"val": val, "test": test}
    wait = f"    time.sleep({seconds})\n" if seconds else ""
    return f"import time\n\n\ndef f(x):\n{wait}    return {answers}[x]\n"


@pytest.fixture
def graded(make_lab: MakeLab) -> Path:
    """A lab with a validation and a hidden test score, both the experiment's own word."""
    return make_lab(
        evaluation=VAL_AND_TEST,
        objective={"metric": "val_score", "direction": "maximize", "target": 1.0},
        params={"size": 1, "kind": "a", "seed": 42},
        max_fix_calls=0,
    )


def sweep(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["sweep", *(str(each) for each in arguments)])


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "leanlab", "sweep", *(str(each) for each in arguments)]


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a sweep whose progress can be read; whatever a failing test leaves of it is ended."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def attempts(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "results_attempts.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def outcomes(folder: Path) -> dict[str, dict[str, Any]]:
    lines = (folder / "points.jsonl").read_text().splitlines()
    return {each["point"]: each for each in map(json.loads, lines)}


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "results_attempts.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def summary(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "summary.json").read_text())


def comparable(folder: Path) -> list[dict[str, Any]]:
    """The attempts without what the clock decides, in order of point and number."""
    clock = ("ts", "run", "seconds")
    kept = [{k: v for k, v in each.items() if k not in clock} for each in attempts(folder)]
    return sorted(kept, key=lambda each: (each["point"], each["attempt"]))


def numbered(folder: Path) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for each in attempts(folder):
        found.setdefault(each["point"], []).append(each["attempt"])
    return found


def workers(pid: int) -> list[int]:
    def words(each: int) -> str:
        try:
            return Path(f"/proc/{each}/cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return ""

    return [each for each in children(pid) if "leanlab.sweep.worker" in words(each)]


PARITY = (
    "--set", "target=parity_all,parity_first_half", "--set", "length=12,10",
    "--set", "test=500", "--attempts", "2",
)  # fmt: skip


@pytest.fixture(scope="module")
def parity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped lab, without what runs left in it; a sweep with --out changes nothing there."""
    ignored = shutil.ignore_patterns(".leanlab", "variants", "archive", "results.jsonl*", "0*_*")
    return Path(
        shutil.copytree(
            SHIPPED_LABS / "parity", tmp_path_factory.mktemp("labs") / "parity", ignore=ignored
        )
    )


@pytest.fixture(scope="module")
def undisturbed(parity: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of four points that nothing disturbed. Only to be read."""
    folder = tmp_path_factory.mktemp("sweeps") / "whole"
    done = sweep(parity, *PARITY, "--out", folder)
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def whole(undisturbed: Path, tmp_path: Path) -> Path:
    """The same in a copy of its own."""
    return Path(shutil.copytree(undisturbed, tmp_path / "whole"))


# What is recorded.


def test_each_attempt_is_recorded_whole(whole: Path) -> None:
    found = attempts(whole)
    assert set(numbered(whole)) == {
        f"target={target},length={length},test=500"
        for target in ("parity_all", "parity_first_half")
        for length in (12, 10)
    }
    for each in found:
        assert each["params"]["length"] in (12, 10)
        assert each["backend"] == "offline"
        assert each["model"].endswith("SynthesisResearcher")
        assert (each["run_seed"], each["policy"], each["cost_usd"]) == (0, "erm", 0.0)
        assert "def f(x" in each["program"]
        assert {"train_accuracy", "val_accuracy", "test_accuracy"} == set(each["metrics"])
        assert each["seconds"]["evaluate"] > 0
        train = whole / "points" / each["point"] / "data" / "train.txt"
        assert train.read_text().splitlines()[0] in each["prompt"]
        assert each["params"]["target"] not in each["prompt"]
    for numbers in numbered(whole).values():
        assert numbers == list(range(1, len(numbers) + 1))


def test_an_attempt_at_the_target_ends_its_point(graded: Path, tmp_path: Path) -> None:
    backend = script(graded, scores(0.5, 0.5), scores(1.0, 0.4))
    given = (graded, "--set", "size=1,2", "--backend", backend)
    assert sweep(*given, "--attempts", 3, "--out", tmp_path / "early").exit_code == 0
    assert numbered(tmp_path / "early") == {"size=1": [1, 2], "size=2": [1, 2]}
    stopped = [each["stopped_early"] for each in attempts(tmp_path / "early")]
    assert stopped == [False, True, False, True]
    assert sweep(*given, "--attempts", 2, "--out", tmp_path / "late").exit_code == 0
    assert not any(each["stopped_early"] for each in attempts(tmp_path / "late"))
    for folder in ("early", "late"):
        assert {each["status"] for each in outcomes(tmp_path / folder).values()} == {"target"}


def test_the_hashes_are_those_of_program_and_prompt(whole: Path) -> None:
    import hashlib

    for each in attempts(whole):
        for text in ("program", "prompt"):
            assert hashlib.sha256(each[text].encode()).hexdigest() == each[f"{text}_sha256"]
        file = whole / "points" / each["point"] / each["program_file"]
        assert file.read_text() == each["program"]


def test_the_table_has_the_same_attempts(whole: Path) -> None:
    for row, each in zip(rows(whole), attempts(whole), strict=True):
        assert row["point"] == each["point"]
        assert int(row["attempt"]) == each["attempt"]
        assert row["param.target"] == each["params"]["target"]
        for name, value in each["metrics"].items():
            assert float(row[f"metric.{name}"]) == value


def test_the_lab_itself_is_left_as_it_was(parity: Path) -> None:
    def files() -> set[str]:
        return {p.relative_to(parity).as_posix() for p in parity.rglob("*") if p.is_file()}

    before = files()
    assert sweep(parity, "--set", "length=12", "--attempts", 1).exit_code == 0
    left = files() - before
    assert all(name.startswith(".leanlab/sweeps/") for name in left)
    assert any(name.endswith("/results_attempts.jsonl") for name in left)


def test_hidden_metrics_are_noted_as_revealed(whole: Path) -> None:
    for point, numbers in numbered(whole).items():
        records = list(Ledger(whole / "points" / point / "results.jsonl").read())
        reveals = [r for r in records if isinstance(r, Reveal)]
        assert {r.trial for r in reveals} == set(numbers)
        assert len({(r.trial, r.metrics) for r in reveals}) == len(reveals)


# Any number of workers, killed at any time: the same results.


def test_two_jobs_find_what_one_finds(parity: Path, whole: Path, tmp_path: Path) -> None:
    done = sweep(parity, *PARITY, "--jobs", 2, "--out", tmp_path / "two")
    assert done.exit_code == 0, done.output
    assert comparable(tmp_path / "two") == comparable(whole)
    assert summary(tmp_path / "two")["tables"] == summary(whole)["tables"]


def test_killed_and_resumed_nothing_is_repeated_or_lost(
    parity: Path, whole: Path, tmp_path: Path, start: Start
) -> None:
    folder = tmp_path / "killed"
    again: tuple[str, ...] = ()
    for _ in range(3):
        process = start(parity, *PARITY, "--out", folder, "--jobs", 2, *again)
        wait_for(": attempt ", process)
        helpers = descendants(process.pid)
        process.kill()
        process.communicate()
        assert gone(helpers)
        before = (folder / "results_attempts.jsonl").read_bytes()
        again = ("--resume",)
    done = sweep(parity, "--out", folder, "--resume")
    assert done.exit_code == 0, done.output
    assert (folder / "results_attempts.jsonl").read_bytes().startswith(before)
    assert comparable(folder) == comparable(whole)
    assert len(rows(folder)) == len(attempts(folder))


def test_ctrl_c_stops_the_workers_and_the_sweep_goes_on_alike(
    parity: Path, whole: Path, tmp_path: Path, start: Start
) -> None:
    folder = tmp_path / "stopped"
    process = start(parity, *PARITY, "--out", folder, "--jobs", 2)
    wait_for(": attempt ", process)
    helpers = descendants(process.pid)
    assert len(workers(process.pid)) == 2
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert "--resume" in output
    assert gone(helpers)
    done = sweep(parity, *PARITY, "--out", folder, "--resume")
    assert done.exit_code == 0, done.output
    assert comparable(folder) == comparable(whole)


def test_ctrl_c_leaves_no_temporary_file(graded: Path, tmp_path: Path, start: Start) -> None:
    slow = script(graded, scores(0.1, 0.1, seconds=2))
    folder = tmp_path / "out"
    process = start(graded, "--set", "size=1,2", "--jobs", 2, "--backend", slow, "--out", folder)
    sizes = Plan(lab=str(graded), attempts=1, axes={"size": ("1", "2")})
    used = [Workspace(lab_at(sizes, point, folder)).path for point in sizes.points()]
    until = time.monotonic() + 30
    while not all(path.exists() for path in used):
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 130
    assert not any(path.exists() for path in used)


def test_a_torn_line_is_mended_from_the_ledger(whole: Path, parity: Path) -> None:
    wanted = comparable(whole)
    for name in ("results_attempts.jsonl", "results_attempts.csv", "points.jsonl"):
        path = whole / name
        path.write_bytes(path.read_bytes()[:-20])
    assert sweep(parity, "--out", whole, "--resume").exit_code == 0
    assert comparable(whole) == wanted
    assert len(rows(whole)) == len(wanted)


def test_results_that_were_moved_away_are_written_anew(whole: Path, parity: Path) -> None:
    wanted = comparable(whole)
    (whole / "results_attempts.jsonl").unlink()
    assert sweep(parity, "--out", whole, "--resume").exit_code == 0
    assert comparable(whole) == wanted


def test_a_finished_sweep_makes_no_further_attempt(whole: Path, parity: Path) -> None:
    ledgers = {path: path.read_bytes() for path in whole.glob("points/*/results.jsonl")}
    done = sweep(parity, "--out", whole, "--resume")
    assert done.exit_code == 0
    assert "attempt " not in done.stderr
    assert {path: path.read_bytes() for path in ledgers} == ledgers


def test_resume_may_add_attempts_and_takes_the_labs_last_sweep(graded: Path) -> None:
    backend = script(graded, scores(0.1, 0.1))
    given = (graded, "--set", "size=1,2", "--backend", backend)
    assert sweep(*given, "--attempts", 1).exit_code == 0
    assert sweep(graded, "--resume", "--attempts", 3).exit_code == 0
    (folder,) = (graded / ".leanlab" / "sweeps").iterdir()
    assert numbered(folder) == {"size=1": [1, 2, 3], "size=2": [1, 2, 3]}
    assert {each["status"] for each in outcomes(folder).values()} == {"done"}


# Workers that die.


def test_a_worker_that_dies_is_replaced_and_recorded(
    graded: Path, tmp_path: Path, start: Start
) -> None:
    folder = tmp_path / "out"
    backend = script(graded, scores(0.1, 0.2, seconds=0.5))
    process = start(
        graded, "--set", "size=1,2", "--attempts", 3, "--out", folder, "--backend", backend
    )
    wait_for("attempt 2 of 3", process)
    until = time.monotonic() + 20
    while not list(folder.glob("points/size=1/experiments/0003_*.py")):
        assert time.monotonic() < until, "the third experiment never came"
        time.sleep(0.01)
    (worker,) = workers(process.pid)
    os.kill(worker, signal.SIGKILL)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output
    assert numbered(folder) == {"size=1": [1, 2, 3], "size=2": [1, 2, 3]}
    assert outcomes(folder)["size=1"]["deaths"] == ["it was ended by SIGKILL"]
    assert outcomes(folder)["size=2"]["deaths"] == []
    assert "a worker died: it was ended by SIGKILL" in output


def test_a_worker_that_dies_twice_fails_its_point_and_the_sweep_goes_on(
    graded: Path, tmp_path: Path, start: Start
) -> None:
    folder = tmp_path / "out"
    backend = script(graded, scores(0.1, 0.2, seconds=0.3))
    process = start(
        graded, "--set", "size=1,2", "--attempts", 4, "--out", folder, "--backend", backend
    )
    for moment in ("attempt 1 of 4", "attempt 2 of 4"):
        wait_for(f"size=1: {moment}", process)
        for worker in workers(process.pid):
            os.kill(worker, signal.SIGKILL)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 1, output
    assert outcomes(folder)["size=1"]["status"] == "failed"
    assert outcomes(folder)["size=1"]["reason"].startswith("its worker died twice: it was ended")
    assert outcomes(folder)["size=2"]["status"] == "done"
    assert sweep(graded, "--out", folder, "--resume").exit_code == 0
    assert numbered(folder) == {"size=1": [1, 2, 3, 4], "size=2": [1, 2, 3, 4]}


# What cannot be run.


def test_a_point_that_cannot_be_run_fails_with_one_line_and_the_sweep_goes_on(
    parity: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    given = ("--set", "length=1,10", "--attempts", 1, "--out", folder)
    done = sweep(parity, *given)
    assert done.exit_code == 1
    bad, good = outcomes(folder)["length=1"], outcomes(folder)["length=10"]
    assert (bad["status"], bad["attempts"], good["status"]) == ("failed", 0, "target")
    assert "parity_all at length 1 has 1 strings" in bad["reason"]
    assert "\n" not in bad["reason"]
    assert done.stdout.count(bad["reason"]) == 1
    assert [each["point"] for each in attempts(folder)] == ["length=10"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Name at least one parameter"),
        (("--set", "sizes=1,2"), "Did you mean 'size'?"),
        (("--set", "size=1,x"), "size takes int"),
        (("--set", "size=1,,2"), "a value is missing"),
        (("--set", "size="), "a value is missing"),
        (("--set", "size"), "write it as key=value,value"),
        (("--set", "size=1,2,1"), "1 is given twice"),
        (("--set", "size=1", "--set", "size=2"), "--set size is given twice"),
        (("--set", "seed=1", "--seeds", "2"), "--set seed is given twice"),
        (("--set", "size=1", "--policy", "ermm"), "Did you mean 'erm'?"),
        (("--set", "size=1", "--backend", "offlin"), "Did you mean 'offline'?"),
        (("--set", "size=1,2", "--rows", "siz"), "Did you mean 'size'?"),
        (("--set", "size=1,2", "--rows", "size", "--cols", "size"), "are both size"),
        (("--resume",), "there is no sweep in"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_leaves_nothing(
    graded: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = sweep(graded, *arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (graded / ".leanlab").exists()


def test_resume_refuses_another_sweep_and_a_new_one_another_folder(
    graded: Path, tmp_path: Path
) -> None:
    backend = script(graded, scores(0.1, 0.1))
    given = ("--set", "size=1,2", "--attempts", 1, "--out", tmp_path / "out")
    assert sweep(graded, *given, "--backend", backend).exit_code == 0
    for changed, says in (
        (("--policy", "greedy"), "has policy erm, not greedy"),
        (("--set", "size=1,3"), "has axes size=1,2, not size=1,3"),
        (("--seed", "7"), "has seed 0, not 7"),
    ):
        done = sweep(graded, "--out", tmp_path / "out", "--resume", *changed)
        assert (done.exit_code, says in done.stderr) == (2, True), done.stderr
    assert "Go on with it by --resume" in sweep(graded, *given).stderr
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    full = sweep(graded, "--set", "size=1", "--out", tmp_path / "full")
    assert "Name a new or an empty folder" in full.stderr


def test_one_process_at_a_time_writes_results(graded: Path, tmp_path: Path) -> None:
    given = ("--set", "size=1", "--out", tmp_path / "out", "--attempts", 1)
    backend = script(graded, scores(0.1, 0.1))
    assert sweep(graded, *given, "--backend", backend).exit_code == 0
    with Results(tmp_path / "out"):
        done = sweep(graded, "--out", tmp_path / "out", "--resume")
    assert done.exit_code == 2
    assert "another sweep is at work" in done.stderr


# Money.


def test_money_ends_the_whole_sweep_and_more_of_it_goes_on(graded: Path, tmp_path: Path) -> None:
    backend = script(graded, {"code": scores(0.1, 0.1), "cost_usd": 0.4})
    folder = tmp_path / "out"
    given = ("--set", "size=1,2,3", "--attempts", 2, "--out", folder)
    done = sweep(graded, *given, "--backend", backend, "--max-usd", 1)
    assert done.exit_code == 3
    assert numbered(folder) == {"size=1": [1, 2], "size=2": [1]}
    assert outcomes(folder)["size=2"]["status"] == "budget"
    assert "waiting" in done.stdout
    assert sweep(graded, "--out", folder, "--resume", "--max-usd", 1).exit_code == 3
    assert len(attempts(folder)) == 3
    assert sweep(graded, "--out", folder, "--resume", "--max-usd", 9).exit_code == 0
    assert numbered(folder) == {"size=1": [1, 2], "size=2": [1, 2], "size=3": [1, 2]}
    assert summary(folder)["cost_usd"] == pytest.approx(2.4)


def test_what_critic_and_director_cost_is_counted(graded: Path, tmp_path: Path) -> None:
    whole = json.loads((graded / "lab.json").read_text()) | {"critic_every": 1}
    (graded / "lab.json").write_text(json.dumps(whole))
    critic = {"role": "critic", "text": "no", "cost_usd": 0.5}
    backend = script(graded, {"code": scores(0.1, 0.1), "cost_usd": 0.1}, critic)
    folder = tmp_path / "out"
    given = ("--set", "size=1,2,3", "--attempts", 1, "--out", folder, "--policy", "greedy")
    assert sweep(graded, *given, "--backend", backend, "--max-usd", 1).exit_code == 3
    assert numbered(folder) == {"size=1": [1], "size=2": [1]}
    assert summary(folder)["cost_usd"] == pytest.approx(1.2)


def test_money_that_lasts_to_the_end_is_enough(graded: Path, tmp_path: Path) -> None:
    backend = script(graded, {"code": scores(0.1, 0.1), "cost_usd": 0.5})
    given = ("--set", "size=1", "--attempts", 2, "--out", tmp_path / "out", "--max-usd", 1)
    assert sweep(graded, *given, "--backend", backend).exit_code == 0
    assert outcomes(tmp_path / "out")["size=1"]["status"] == "done"


def test_a_backend_that_fails_leaves_what_was_found(graded: Path, tmp_path: Path) -> None:
    failure = {"kind": "billing", "message": "no credit"}
    backend = script(graded, scores(0.1, 0.1), {"failure": failure})
    given = ("--set", "size=1", "--attempts", 3, "--out", tmp_path / "out")
    assert sweep(graded, *given, "--backend", backend).exit_code == 1
    assert outcomes(tmp_path / "out")["size=1"]["reason"] == "backend scripted: no credit"
    assert numbered(tmp_path / "out") == {"size=1": [1]}
    ledger = Ledger(tmp_path / "out" / "points" / "size=1" / "results.jsonl").read()
    assert [r.command for r in ledger if isinstance(r, Reveal)] == ["sweep"]


# The summary.


def test_the_choice_is_by_validation_and_the_test_score_is_reported(
    graded: Path, tmp_path: Path
) -> None:
    steps = (scores(0.5, 0.9), scores(0.8, 0.3), scores(0.8, 0.6))
    backend = script(graded, *steps)
    folder = tmp_path / "out"
    done = sweep(graded, "--set", "size=1", "--attempts", 3, "--out", folder, "--backend", backend)
    assert done.exit_code == 0, done.output
    (point,) = summary(folder)["points"]
    assert point["best"] == 2
    assert point["metrics"] == {"val_score": 0.8, "test_score": 0.3 + 0.42}
    assert "| 0.72 " in done.stdout
    other = sweep(graded, "--out", folder, "--resume", "--metric", "val_score")
    assert "| 0.8 " in other.stdout
    wrong = sweep(graded, "--out", folder, "--resume", "--metric", "accuracy")
    assert (wrong.exit_code, "val_score" in wrong.stderr) == (2, True)


def test_the_summary_can_be_recomputed_from_the_attempts(parity: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    seeds = (42, 43, 44)
    grid = ("--set", "length=12,10", "--seeds", "42,43,44", "--set", "test=500")
    done = sweep(parity, *grid, "--attempts", 2, "--jobs", 2, "--out", folder)
    assert done.exit_code == 0, done.output
    best: dict[tuple[int, int], dict[str, Any]] = {}
    for each in sorted(attempts(folder), key=lambda each: each["attempt"]):
        key = each["params"]["length"], each["params"]["seed"]
        if key not in best or each["metrics"]["val_accuracy"] > best[key]["val_accuracy"]:
            best[key] = each["metrics"]
    (table,) = summary(folder)["tables"]
    for length, (cell,) in zip((12, 10), table["cells"], strict=True):
        values = numpy.array([best[length, seed]["test_accuracy"] for seed in seeds])
        mean = values.mean()
        half = student.ppf(0.975, 2) * values.std(ddof=1) / 3**0.5
        found = cell["estimates"]["test_accuracy"]
        assert (cell["row"], cell["col"], found["n"]) == (str(length), "", 3)
        assert found["mean"] == pytest.approx(mean)
        assert found["half"] == pytest.approx(half, abs=1e-9)
        assert f"{mean:.4g} ± {half:.2g}" in done.stdout
    assert (folder / "summary.md").read_text().strip() == done.stdout.strip()


def test_an_interval_is_students_and_one_value_has_none() -> None:
    for freedom in (1, 2, 3, 4, 9, 30, 200):
        assert quantile(freedom) == pytest.approx(student.ppf(0.975, freedom), abs=1e-8)
    one = estimate([0.25])
    assert one is not None
    assert (one.n, one.mean, one.half) == (1, 0.25, None)
    same = estimate([0.1, 0.1, 0.1])
    assert same is not None
    assert same.half == 0
    assert estimate([]) is None


def plan(**axes: int) -> Plan:
    values = {key: tuple(str(i) for i in range(count)) for key, count in axes.items()}
    return Plan(lab="", attempts=1, axes=values)


@pytest.mark.parametrize(
    ("axes", "asked", "wanted"),
    [
        ({"a": 2, "b": 3}, (None, None), ("a", "b", ())),
        ({"a": 2, "b": 3, "c": 3}, (None, None), ("b", "c", ("a",))),
        ({"a": 1, "b": 3}, (None, None), ("b", None, ("a",))),
        ({"a": 1, "seed": 3}, (None, None), ("a", None, ())),
        ({"seed": 3}, (None, None), ("seed", None, ())),
        ({"a": 2, "b": 3, "c": 4}, ("a", None), ("a", "c", ("b",))),
        ({"a": 2, "b": 3, "c": 4}, (None, "a"), ("c", "a", ("b",))),
        ({"a": 2, "seed": 3}, (None, "seed"), ("a", "seed", ())),
    ],
)
def test_rows_and_columns_are_the_parameters_with_most_values(
    axes: dict[str, int], asked: tuple[str | None, str | None], wanted: object
) -> None:
    found = layout(plan(**axes), *asked)
    assert (found.rows, found.cols, found.rest) == wanted
    assert found.over_seeds == ("seed" in axes and "seed" not in (found.rows, found.cols))


def test_a_third_parameter_makes_a_table_for_each_of_its_values(
    graded: Path, tmp_path: Path
) -> None:
    backend = script(graded, scores(0.5, 0.25))
    grid = ("--set", "kind=a,b", "--set", "size=1,2", "--seeds", "1,2")
    given = (graded, *grid, "--attempts", 1, "--backend", backend, "--jobs", 2)
    done = sweep(*given, "--out", tmp_path / "out", "--rows", "size", "--cols", "seed")
    assert done.exit_code == 0, done.output
    assert "\nkind a\n" in done.stdout
    assert "\nkind b\n" in done.stdout
    assert "±" not in done.stdout.split("\n\n", 2)[2]
    drawn = ElementTree.parse(tmp_path / "out" / "summary.svg").getroot()
    words = ["".join(each.itertext()) for each in drawn.iter() if each.tag.endswith("}text")]
    assert words.count("0.26") == 4
    assert words.count("0.27") == 4


def test_the_heat_map_says_in_words_what_it_shows(parity: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    given = ("--set", "length=10,1", "--set", "target=parity_all", "--attempts", 1)
    assert sweep(parity, *given, "--out", folder).exit_code == 1
    drawn = ElementTree.parse(folder / "summary.svg").getroot()
    assert drawn.get("role") == "img"
    words = ["".join(each.itertext()) for each in drawn.iter() if each.tag.endswith("}text")]
    assert {"10", "1", "failed", "parity: test_accuracy"} <= set(words)
    fills = [each.get("fill") for each in drawn.iter() if each.tag.endswith("}rect")]
    assert "url(#none)" in fills


def test_where_less_is_better_the_least_is_darkest(make_lab: MakeLab, tmp_path: Path) -> None:
    evaluation = "def evaluate(candidate, lab):\n    return {'error': float(lab.params['size'])}\n"
    objective = {"metric": "error", "direction": "minimize"}
    lab = make_lab(evaluation=evaluation, objective=objective, params={"size": 1})
    given = ("--set", "size=1,2,3", "--attempts", 1, "--out", tmp_path / "out")
    assert sweep(lab, *given).exit_code == 0
    text = (tmp_path / "out" / "summary.svg").read_text()
    squares = [line for line in text.splitlines() if 'stroke="#ffffff"' in line]
    assert ['fill="#08306b"' in line for line in squares] == [True, False, False]
    assert ['fill="#f7fbff"' in line for line in squares] == [False, False, True]


def test_attempts_without_a_score_leave_a_cell_without_a_number(
    graded: Path, tmp_path: Path
) -> None:
    backend = script(graded, "def f(x):\n    raise ValueError\n")
    given = ("--set", "size=1,2", "--attempts", 2, "--out", tmp_path / "out")
    done = sweep(graded, *given, "--backend", backend)
    assert done.exit_code == 0
    assert done.stdout.count("no score") == 2
    assert {row["status"] for row in rows(tmp_path / "out")} == {"crashed"}
    assert all(row["error"] for row in rows(tmp_path / "out"))


def test_a_column_that_comes_late_is_there_for_all_rows(graded: Path, tmp_path: Path) -> None:
    backend = script(graded, "def f(x):\n    raise ValueError\n", scores(0.5, 0.5))
    given = ("--set", "size=1", "--attempts", 2, "--out", tmp_path / "out")
    assert sweep(graded, *given, "--backend", backend).exit_code == 0
    assert [row["metric.val_score"] for row in rows(tmp_path / "out")] == ["", "0.5"]


def test_json_is_all_that_standard_output_holds(graded: Path, tmp_path: Path) -> None:
    backend = script(graded, scores(1.0, 0.5))
    given = ("--set", "size=1,2", "--attempts", 2, "--out", tmp_path / "out", "--json")
    done = sweep(graded, *given, "--backend", backend)
    assert json.loads(done.stdout) == summary(tmp_path / "out")


# Policies, dry run, the live table.


def test_a_researcher_that_abstains_ends_its_point_and_escalate_goes_on(
    graded: Path, tmp_path: Path
) -> None:
    whole = json.loads((graded / "lab.json").read_text()) | {"researcher": "researcher:None_"}
    (graded / "lab.json").write_text(json.dumps(whole))
    (graded / "researcher.py").write_text(
        "from leanlab.labkit import NothingToPropose\n\n\nclass None_:\n"
        "    def propose(self, brief):\n        raise NothingToPropose('no rule fits.')\n"
    )
    alone = sweep(graded, "--set", "size=1,2", "--out", tmp_path / "alone", "--attempts", 2)
    assert alone.exit_code == 0
    assert "no rule fits." in outcomes(tmp_path / "alone")["size=1"]["reason"]
    assert {each["status"] for each in outcomes(tmp_path / "alone").values()} == {"abstained"}
    assert "| abstained" in alone.stdout
    assert rows(tmp_path / "alone") == []
    backend = script(graded, scores(0.5, 0.5))
    given = ("--set", "size=1,2", "--out", tmp_path / "both", "--attempts", 2)
    both = sweep(graded, *given, "--policy", "escalate", "--backend", backend)
    assert both.exit_code == 0, both.output
    assert [row["backend"] for row in rows(tmp_path / "both")] == ["scripted"] * 4


def test_a_dry_run_prints_the_grid_and_changes_nothing(graded: Path) -> None:
    before = sorted(graded.rglob("*"))
    done = sweep(graded, "--set", "kind=a,b", "--seeds", "1,2,3", "--attempts", 4, "--dry-run")
    assert done.exit_code == 0
    assert "6 points, at most 4 attempts each" in done.stdout
    assert "kind=b,seed=3" in done.stdout
    assert sorted(graded.rglob("*")) == before


def test_the_live_table_shows_the_grid(whole: Path) -> None:
    objective = Objective(metric="val_accuracy", target=1.0)
    told = read_plan(whole)
    assert told is not None
    screen = io.StringIO()
    terminal = Terminal(file=screen, force_terminal=True, width=100, color_system=None)
    with Results(whole) as results:
        live = LiveSweep(told, results, layout(told), objective, terminal)
        terminal.print(live)
        results.outcomes.popitem()
        results.attempts.popitem()
        terminal.print(live)
    shown = screen.getvalue()
    assert "4 of 4 points" in shown
    assert "3 of 4 points" in shown
    assert shown.count("(1/1)") == 7
    assert shown.count("waiting") == 1


def test_nothing_of_a_sweep_is_a_trial_of_the_lab(graded: Path) -> None:
    backend = script(graded, scores(0.5, 0.5))
    runner = CliRunner()
    ran = runner.invoke(app, ["run", str(graded), "-n", "1", "--backend", backend])
    assert ran.exit_code == 0
    assert sweep(graded, "--set", "size=1", "--backend", backend, "--attempts", 2).exit_code == 0
    trials = [r for r in Ledger(graded / "results.jsonl").read() if isinstance(r, Trial)]
    assert len(trials) == 1
    (folder,) = (graded / ".leanlab" / "sweeps").iterdir()
    assert numbered(folder) == {"size=1": [1, 2]}
