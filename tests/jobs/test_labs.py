"""Labs that run jobs: by run, check and hand, and whatever is killed meanwhile."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console as Terminal

from leanlab import events, run
from leanlab.attacks.running import run_attacks
from leanlab.backends.scripted import ScriptedBackend
from leanlab.checks import check
from leanlab.console import Console
from leanlab.errors import EvaluatorError
from leanlab.lab import open_lab
from leanlab.sandbox import probe

from ..conftest import MakeLab
from ..processes import children, command, descendants, gone, script, soon, tagged, trials

pytestmark = pytest.mark.skipif(probe().tier not in ("A", "C"), reason="jobs need namespaces")

EVALUATION = """
import math

from leanlab import labkit


def evaluate(candidate, lab):
    train = {"train.csv": lab.data / "train.csv"}
    shown = candidate.job(inputs={"train.csv": "1,2\\n"}, outputs={"model.json": dict}, public=True)
    done = candidate.job(
        inputs=train, outputs={"model.json": dict[str, float], "curve.csv": str}
    )
    slope = done.outputs["model.json"]["slope"]
    steps = done.outputs["curve.csv"].count("\\n")
    return labkit.Verdict(metrics={"accuracy": 1 - abs(slope - 3), "steps": float(steps)})


if __name__ == "__main__":
    labkit.main(evaluate)
"""
TRAINS = '''
import json, subprocess, sys, time

FIT = """import sys
xs, ys = zip(*eval(sys.argv[1]))
print(sum(map(float.__mul__, xs, ys)) / sum(x * x for x in xs))"""
rows = [tuple(map(float, line.split(","))) for line in open("inputs/train.csv")]
command = [sys.executable, "-c", FIT, repr(rows)]
slope = float(subprocess.run(command, capture_output=True, check=True).stdout)
print("progress: 0.5 fitted on", rows[0], flush=True)
json.dump({"slope": slope}, open("output/model.json", "w"))
open("output/curve.csv", "w").write("0,1\\n1,2\\n")
'''
SLEEPS = """
import subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(300)", "TAG"]
subprocess.Popen(sleep, stdout=subprocess.DEVNULL)
time.sleep(300)
"""


@pytest.fixture
def lab(make_lab: MakeLab) -> Path:
    accepts = "def validate(source, lab):\n    return None\n"
    lab = make_lab(evaluation=EVALUATION, validate=accepts, sample=TRAINS, limits={"seconds": 20})
    (lab / "data").mkdir()
    (lab / "data" / "train.csv").write_text("1,3\n2,6\n")
    return lab


def test_a_run_scores_what_a_job_leaves_and_tells_how_far_it_is(lab: Path) -> None:
    seen: list[events.AnyEvent] = []
    backend = ScriptedBackend([TRAINS, "raise SystemExit(5)\n"])
    run(lab, backend=backend, trials=1, on_event=seen.append)
    (record,) = trials(lab)
    assert (record.status, record.metrics) == ("scored", {"accuracy": 1.0, "steps": 2.0})
    told = [event for event in seen if isinstance(event, events.Progressed)]
    assert [(event.fraction, event.text) for event in told] == [
        (0.5, "fitted on (1.0, 2.0)"),
        (0.5, ""),
    ]
    assert '"event":"progressed"' in (lab / ".leanlab" / "events.jsonl").read_text()


def test_the_live_line_shows_progress(lab: Path) -> None:
    told = events.Progressed(file="0001_idea.py", fraction=0.4, text="epoch 2")
    page = io.StringIO()
    terminal = Terminal(file=page, force_terminal=True, width=120)
    with Console(terminal) as console:
        console(events.Evaluating(trial=1, file="0001_idea.py"))
        console(told)
        time.sleep(0.3)
    assert "evaluating 0001_idea.py: 40% epoch 2" in page.getvalue()


def test_a_failure_on_public_inputs_is_told_whole(lab: Path) -> None:
    crashes = "print('looking')\nraise ValueError('no idea')\n"
    run(lab, backend=ScriptedBackend([crashes] * 9), trials=1)
    (record,) = trials(lab)
    assert (record.status, record.error.category) == ("crashed", "exit status")  # type: ignore[union-attr]
    assert "looking\nTraceback" in record.error.text  # type: ignore[union-attr]
    assert record.error.text.endswith("ValueError: no idea")  # type: ignore[union-attr]


def test_check_and_evaluation_by_hand(lab: Path) -> None:
    assert not [found for found in check(str(lab)) if found.mark == "✗"]
    words = [sys.executable, str(lab / "evaluation.py"), str(lab / "experiments" / "sample.py")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stdout == '{"accuracy":1.0,"steps":2.0}\n', done.stderr
    assert "progress: 50% fitted on (1.0, 2.0)\nprogress: 50%\n" in done.stderr


def test_an_attack_wins_nothing_where_jobs_are_refused(lab: Path) -> None:
    (finding,) = run_attacks(open_lab(lab), control=True, numbers=[14])
    assert finding.verdict == "resisted"
    assert finding.control == "resisted", finding.control_words
    assert "not even the sample has a score" in finding.control_words


def test_a_program_that_is_missing_stops_the_run_in_one_line(lab: Path) -> None:
    changed = EVALUATION.replace("inputs={", "command=['nosuchprogram'], inputs={")
    (lab / "evaluation.py").write_text(changed)
    with pytest.raises(EvaluatorError, match="'nosuchprogram' is not installed here") as caught:
        run(lab, backend=ScriptedBackend([TRAINS]), trials=1)
    assert "\n" not in str(caught.value)
    (found,) = [found for found in check(str(lab)) if found.mark == "✗"]
    assert "nosuchprogram" in found.text
    words = [sys.executable, str(lab / "evaluation.py"), str(lab / "experiments" / "sample.py")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def of_kind(word: bytes, pids: set[int]) -> list[int]:
    """Those of the processes that have the word in their command."""
    found = []
    for pid in pids:
        try:
            if word in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def helper_and_init(pids: set[int]) -> tuple[int, int]:
    """Process 1 of a job's namespace is the helper's child, and has the same command."""
    both = of_kind(b"jobprofile", pids)
    (helper,) = [pid for pid in both if set(children(pid)) & set(both)]
    (init,) = set(both) - {helper}
    return helper, init


def until_at_work(process: subprocess.Popen[bytes], tag: str) -> set[int]:
    """Wait for what the job starts; return all that the run has started."""

    def is_at_work() -> bool:
        pids = descendants(process.pid)
        # A process has its parent's command until it has one of its own.
        return len(of_kind(b"jobprofile", pids)) == 2 and bool(of_kind(tag.encode(), pids))

    assert soon(is_at_work)
    return descendants(process.pid)


def temporary() -> set[str]:
    """What leanlab may have left; the workspace of a run that was killed stays until the next."""
    return {name for name in os.listdir(tempfile.gettempdir()) if name.startswith("leanlab")}


Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def begin(words: list[str]) -> subprocess.Popen[bytes]:
        null = subprocess.DEVNULL
        process = subprocess.Popen(words, stdout=null, stderr=null)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("victim", ["loop", "evaluator", "helper", "init"])
def test_whatever_is_killed_everything_goes(lab: Path, start: Start, victim: str) -> None:
    tag = uuid.uuid4().hex
    mounts = Path("/proc/self/mounts").read_text()
    process = start(command(lab, "-n1", "--backend", script(lab, SLEEPS.replace("TAG", tag))))
    pids = until_at_work(process, tag)
    helper, init = helper_and_init(pids)
    (evaluator,) = of_kind(b"evaluator.host", pids)
    victims = {"loop": process.pid, "evaluator": evaluator, "helper": helper, "init": init}
    jobs = {helper, init, *tagged(tag)}
    os.kill(victims[victim], signal.SIGKILL)
    assert gone(jobs)
    process.kill()
    process.wait()
    assert gone(pids)
    assert soon(lambda: not tagged(tag))
    assert Path("/proc/self/mounts").read_text() == mounts
    for waiting in (lab / "experiments").glob("0*.py"):
        waiting.unlink()  # it would be evaluated first, for as long as it may
    run(lab, backend=ScriptedBackend([TRAINS]), trials=1)
    assert trials(lab)[-1].status == "scored"


ALONE = """
import sys
from leanlab.config import Limits
from leanlab.labkit import Candidate
from leanlab.sandbox import Sandbox

with Sandbox() as sandbox, Candidate(sandbox, sys.argv[1].encode(), "x.py", Limits()) as candidate:
    candidate.job(inputs={"x": bytes(1 << 22)})
"""


@pytest.mark.parametrize("seed", range(10))
def test_an_evaluator_that_is_killed_at_any_moment_leaves_nothing(start: Start, seed: int) -> None:
    tag, before = uuid.uuid4().hex, temporary()
    process = start([sys.executable, "-c", ALONE, SLEEPS.replace("TAG", tag)])
    time.sleep(random.Random(seed).uniform(0.15, 0.6))
    pids = descendants(process.pid)
    process.kill()
    process.wait()
    assert gone(pids)
    assert soon(lambda: not tagged(tag))
    assert temporary() <= before


@pytest.mark.parametrize("which", [0, 1])
def test_a_job_that_was_disturbed_from_outside_is_nobodys_fault(
    start: Start, tmp_path: Path, which: int
) -> None:
    tag, told = uuid.uuid4().hex, tmp_path / "told"
    alone = [sys.executable, "-c", ALONE, SLEEPS.replace("TAG", tag)]
    process = start(["bash", "-c", 'exec "$@" 2> "$0"', str(told), *alone])
    os.kill(helper_and_init(until_at_work(process, tag))[which], signal.SIGKILL)
    assert process.wait(timeout=10) == 1
    assert "Disturbed: a job, or the process that watches over it, was ended" in told.read_text()
