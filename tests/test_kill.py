"""Kill it anywhere and run again: nothing is lost, nothing is there twice, nothing is left."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import GOOD, WEAK, MakeLab
from .processes import command, descendants, gone, parts, script, trials, wait_for

SLEEPS = "import time\n\ndef f(x):\n    time.sleep(60)\n    return 0\n"


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a run; whatever a failing test leaves of it is ended."""
    started: list[subprocess.Popen[str]] = []

    def begin(lab: Path, *arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(command(lab, *arguments), stdout=pipe, stderr=pipe, text=True)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def wait_until_evaluating(lab: Path, process: subprocess.Popen[str]) -> set[int]:
    """Wait until the experiment is on disk and a candidate is at work; return all helpers."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        found = descendants(process.pid)
        if list((lab / "experiments").glob("0*_*.py")) and len(found) >= 4:
            return found
        time.sleep(0.02)
    raise AssertionError("no candidate came to life")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_trial_is_abandoned_and_its_children_are_gone(
    make_lab: MakeLab, start: Start, how: signal.Signals
) -> None:
    lab = make_lab(limits={"seconds": 60})
    process = start(lab, "--backend", script(lab, WEAK, SLEEPS))
    wait_for("trial 1: scored", process)
    helpers = wait_until_evaluating(lab, process)
    time.sleep(0.3)
    process.send_signal(how)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert gone(helpers)
    assert [record.status for record in trials(lab)] == ["scored", "abandoned"]
    assert trials(lab)[1].experiment_file == "experiments/0002_scripted.py"


def test_a_second_run_is_refused_and_names_the_first(make_lab: MakeLab, start: Start) -> None:
    lab = make_lab(limits={"seconds": 60})
    process = start(lab, "--backend", script(lab, SLEEPS))
    wait_until_evaluating(lab, process)
    second = subprocess.run(command(lab), capture_output=True, text=True)
    assert second.returncode == 2
    assert f"in use by process {process.pid}" in second.stderr
    now = [sys.executable, "-m", "leanlab", "stop", str(lab), "--now"]
    assert subprocess.run(now, capture_output=True).returncode == 0
    assert process.wait(timeout=10) == 130
    assert [record.status for record in trials(lab)] == ["abandoned"]


def test_stop_lets_the_trial_finish(make_lab: MakeLab, start: Start) -> None:
    lab = make_lab(limits={"seconds": 60})
    slow = "import time\n\ndef f(x):\n    time.sleep(0.2)\n    return 0\n"
    process = start(lab, "-n", "50", "--backend", script(lab, slow))
    wait_until_evaluating(lab, process)
    stop = [sys.executable, "-m", "leanlab", "stop", str(lab)]
    assert subprocess.run(stop, capture_output=True).returncode == 0
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "stopped by leanlab stop" in output
    assert {record.status for record in trials(lab)} == {"scored"}


def test_killed_while_evaluating_the_experiment_is_evaluated_by_the_next_run(
    make_lab: MakeLab, start: Start
) -> None:
    lab = make_lab(limits={"seconds": 60})
    slow = f"import time\n\ntime.sleep(1.5)\n\n{GOOD}"
    process = start(lab, "--backend", script(lab, {"code": slow, "notes": "an idea"}))
    helpers = wait_until_evaluating(lab, process)
    process.kill()
    process.communicate()
    assert gone(helpers)
    assert not (lab / "results.jsonl").exists()
    again = subprocess.run(command(lab, "-n", "0"), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    (record,) = trials(lab)
    assert (record.status, record.notes, record.backend) == ("scored", "an idea", "scripted")


def test_killed_anywhere_nothing_is_lost_or_there_twice(make_lab: MakeLab, start: Start) -> None:
    lab = make_lab(critic_every=2, director_every=3)
    backend = script(lab, WEAK, {"role": "critic", "text": "c"}, {"role": "director", "text": "d"})
    dice = random.Random(5)
    acknowledged: set[int] = set()
    for _ in range(12):
        process = start(lab, "-n", "1000", "--backend", backend)
        if dice.random() < 0.9:
            wait_for("trial ", process)
        time.sleep(dice.uniform(0, 0.3))
        helpers = descendants(process.pid)
        process.kill()
        output, _ = process.communicate()
        said = [line.split(":")[0].removeprefix("trial ") for line in output.splitlines()]
        acknowledged |= {int(word) for word in said if word.isdigit()}
        assert gone(helpers)
    done = subprocess.run(command(lab, "-n", "1", "--backend", backend), capture_output=True)
    assert done.returncode == 0
    numbers = [record.trial for record in trials(lab)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert acknowledged <= set(numbers)
    on_disk = {int(p.name[:4]) for p in (lab / "experiments").glob("0*_*.py")}
    assert on_disk == set(numbers)
    scratch = Path(tempfile.gettempdir()) / f"leanlab-{os.getuid()}"
    assert not [p for p in scratch.iterdir() if str(p).startswith(str(lab))]


needs_mounts = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("unshare") is None, reason="needs root to mount a small disk"
)


@needs_mounts
def test_a_full_disk_loses_nothing(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab()
    disk, log = tmp_path / "disk", tmp_path / "log"
    disk.mkdir()
    log.mkdir()
    run = " ".join(command(disk / "lengths", "-n", "60", "--backend", script(lab, WEAK)))
    steps = f"""
        mount -t tmpfs -o size=300k none {disk} && cp -r {lab} {disk}/ && cd {disk}
        {run} >{log}/out 2>{log}/err; echo $? >{log}/status
        {sys.executable} -m leanlab check lengths >{log}/check
        cp -r lengths {log}/full
        mount -o remount,size=3m {disk}
        {run.replace("-n 60", "-n 1")} >{log}/again 2>&1; echo $? >{log}/status_again
        cp -r lengths {log}/mended
    """
    subprocess.run(["unshare", "--mount", "sh", "-c", steps], check=True)
    error = (log / "err").read_text()
    assert (log / "status").read_text() == "2\n", error
    assert "No space left on device" in error
    assert "Traceback" not in error
    assert "the chain is whole" in (log / "check").read_text()
    before = [record.trial for record in trials(log / "full")]
    assert (log / "status_again").read_text() == "0\n", (log / "again").read_text()
    after = [record.trial for record in trials(log / "mended")]
    assert len(before) > 3
    assert after[: len(before)] == before
    assert after == list(range(1, len(after) + 1))
    assert len(after) > len(before)


def test_a_clock_that_jumps_disturbs_nothing(make_lab: MakeLab) -> None:
    lab = make_lab()
    backend = script(lab, WEAK)
    subprocess.run(command(lab, "-n", "1", "--backend", backend), check=True, capture_output=True)
    ledger = lab / "results.jsonl"
    line = json.loads(ledger.read_text().splitlines()[0])
    moved = ledger.read_text().replace(line["ts"], "2199-01-01T00:00:00.000+00:00", 1)
    ledger.write_text(moved.splitlines(keepends=True)[0])
    for path in (lab / "experiments").iterdir():
        os.utime(path, (0, 4_000_000_000))
    subprocess.run(command(lab, "-n", "1", "--backend", backend), check=True, capture_output=True)
    assert [record.trial for record in trials(lab)] == [1, 2]


SLOW = "import time\n\ndef f(x):\n    time.sleep(0.1)\n    return 1\n"


@pytest.mark.parametrize("victim", ["evaluator", "zygote"])
def test_an_experiment_whose_evaluator_is_killed_is_evaluated_again(
    make_lab: MakeLab, start: Start, victim: str
) -> None:
    lab = make_lab()
    process = start(lab, "-n", "2", "--backend", script(lab, SLOW))
    wait_until_evaluating(lab, process)
    for pid in parts(process.pid)[victim]:
        os.kill(pid, signal.SIGKILL)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert [record.status for record in trials(lab)] == ["scored", "scored"]


@pytest.mark.parametrize("victim", ["evaluator", "zygote", "worker"])
def test_an_evaluator_killed_between_trials_costs_nothing(
    make_lab: MakeLab, start: Start, victim: str
) -> None:
    failure = {"kind": "overloaded", "message": "busy", "retryable": True}
    lab = make_lab()
    steps = [WEAK, {"failure": failure}, WEAK]
    process = start(lab, "-n", "2", "--backend", script(lab, *steps))
    wait_for("waiting 1 s: busy", process)
    for pid in parts(process.pid)[victim]:
        os.kill(pid, signal.SIGKILL)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert [record.status for record in trials(lab)] == ["scored", "scored"]


def test_an_evaluator_that_dies_twice_is_a_crashed_trial(make_lab: MakeLab) -> None:
    ends = "import os\n\n\ndef evaluate(candidate, lab):\n    os.kill(os.getpid(), 9)\n"
    lab = make_lab(evaluation=ends)
    once = command(lab, "-n", "1", "--backend", script(lab, WEAK))
    assert subprocess.run(once, capture_output=True).returncode == 0
    (record,) = trials(lab)
    assert record.status == "crashed"
    assert record.error is not None
    assert (
        "ended twice in evaluate() in evaluation.py: it was ended by SIGKILL" in record.error.text
    )


def test_a_seal_is_there_whole_or_not_at_all(make_lab: MakeLab) -> None:
    lab = make_lab()
    seal = "from leanlab.lab import open_lab; from leanlab.seal import write_seal; "
    seal += f"write_seal(open_lab({str(lab)!r}))"
    no_room = ["sh", "-c", 'ulimit -f 0; exec "$0" -c "$1"', sys.executable, seal]
    assert subprocess.run(no_room, capture_output=True).returncode != 0
    assert not (lab / "lab.lock").exists()
    assert not list(lab.glob(".*.part"))


def test_an_unfinished_file_of_a_killed_run_is_removed_by_the_next(make_lab: MakeLab) -> None:
    lab = make_lab()
    (lab / ".leanlab").mkdir()
    left = [".Critic_Feedback.md.part", "experiments/.0007_idea.py.part"]
    for name in (*left, ".leanlab/.pending.json.part"):
        (lab / name).write_text("def f(")
    run = command(lab, "-n", "1", "--backend", script(lab, WEAK))
    assert subprocess.run(run, capture_output=True).returncode == 0
    assert not list(lab.rglob("*.part"))
