"""Jobs: what they find and do, what may come of them, how they are limited."""

from __future__ import annotations

import io
import subprocess
import sys
import uuid
from pathlib import Path

import msgspec
import pytest

from leanlab.config import Limits
from leanlab.errors import EvaluatorError
from leanlab.labkit import Candidate
from leanlab.sandbox import Sandbox
from leanlab.sandbox.progress import Progress, ProgressLines, parse

from .conftest import Job, failed

# What a job does.


class Model(msgspec.Struct, forbid_unknown_fields=True):
    slope: float
    steps: int


TRAINS = """
import csv, json, sys
import numpy as np
xs, ys = np.loadtxt("inputs/train.csv", delimiter=",").T
slope, rows = 0.0, []
for step in range(4):
    slope -= 0.9 * float(np.mean((slope * xs - ys) * xs)) / float(np.mean(xs * xs))
    rows.append((step, slope))
    print(f"progress: {(step + 1) / 4} step {step}", file=sys.stderr)
json.dump({"slope": slope, "steps": len(rows)}, open("output/model.json", "w"))
csv.writer(open("output/curve.csv", "w")).writerows(rows)
np.save("output/rows.npy", np.array(rows))
"""


def test_it_trains_in_a_process_of_its_own_and_leaves_files(job: Job, tmp_path: Path) -> None:
    import numpy as np

    data = tmp_path / "train.csv"
    data.write_text("1,2.5\n2,5.0\n4,10.0\n")
    outputs = {"model.json": Model, "curve.csv": str, "rows.npy": bytes}
    done = job(TRAINS, inputs={"train.csv": data}, outputs=outputs)
    model = done.outputs["model.json"]
    assert (model.steps, round(model.slope, 3)) == (4, 2.5)
    assert done.outputs["curve.csv"].count("\n") == 4
    rows = np.load(io.BytesIO(done.outputs["rows.npy"]), allow_pickle=False)
    assert rows.shape == (4, 2)
    assert (done.exit_code, "progress: 0.25 step 0" in done.log) == (0, True)
    assert done.cpu_seconds > 0
    assert 0 < done.seconds < 20


def test_what_it_finds_around_itself(job: Job, hidden: Path) -> None:
    source = """
import json, os, sys
here = {place: sorted(os.listdir(place)) for place in (".", "inputs", "output", "/tmp")}
here |= {"words": sys.argv[1:], "keys": sorted(os.environ), "at": os.getcwd()}
here["text"] = open("inputs/deep/text").read()
try:
    import leanlab
except ImportError:
    here["leanlab"] = False
try:
    import msgspec
except ImportError:
    here["msgspec"] = False
json.dump(here, open("output/here", "w"))
"""
    words = ("python", "{file}", "--seed", "7")
    inputs = {"deep/text": "zwölf", "raw": b"\xff"}
    here = job(source, *words, inputs=inputs, outputs={"here": dict}).outputs["here"]
    assert here["."] == ["0001_idea.py", "inputs", "output"]
    assert (here["inputs"], here["output"]) == (["deep", "raw"], [])
    assert (here["words"], here["at"], here["text"]) == (["--seed", "7"], "/job", "zwölf")
    # The last, where imports lie in no folder of packages.
    known = {"HOME", "LANG", "PATH", "PYTHONHASHSEED", "PYTHONUNBUFFERED", "TMPDIR", "PYTHONPATH"}
    assert known >= set(here["keys"])
    assert (here["leanlab"], here["msgspec"]) == (False, False)
    assert not [name for name in here["/tmp"] if name in str(hidden)] or sys.prefix.startswith(
        "/tmp"
    )


def test_other_programs(job: Job) -> None:
    told = job("echo $(( 6 * 7 )) > output/x", "bash", "{file}", outputs={"x": int}).outputs
    assert told == {"x": 42}
    told = job("", "sh", "-c", "python -c 'print(6 * 7)' > output/x", outputs={"x": int}).outputs
    assert told == {"x": 42}


def test_an_environment_of_its_own(job: Job, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    made = [sys.executable, "-m", "venv", "--without-pip", str(environment)]
    subprocess.run(made, check=True)
    (store,) = environment.glob("lib/python*/site-packages")
    (store / "only_here.py").write_text("VALUE = 5\n")
    source = "import only_here\nopen('output/x', 'w').write(str(only_here.VALUE))\n"
    program = str(environment / "bin" / "python")
    assert job(source, program, "{file}", outputs={"x": int}).outputs == {"x": 5}


def test_a_program_that_is_missing_is_named(job: Job) -> None:
    with pytest.raises(EvaluatorError, match="'nosuchprogram' is not installed here"):
        job("", "nosuchprogram", "{file}")


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../b", "", ".", "a//b", "x\0"])
def test_names_that_lead_elsewhere_are_refused(job: Job, name: str) -> None:
    for files in ({"inputs": {name: b""}}, {"outputs": {name: bytes}}):
        with pytest.raises(EvaluatorError, match="a job's file is named"):
            job("", **files)


def test_an_input_that_is_not_there_is_named(job: Job, tmp_path: Path) -> None:
    with pytest.raises(EvaluatorError, match="nowhere cannot be handed to a job: No such file"):
        job("", inputs={"x": tmp_path / "nowhere"})


def test_an_exit_status_can_be_the_evaluations_to_judge(job: Job) -> None:
    assert job("raise SystemExit(3)", any_exit=True).exit_code == 3
    failure = failed(lambda: job("print('why')\nraise SystemExit(3)"))
    assert (failure.status, failure.category) == ("crashed", "exit status")
    assert "exit status 3" in failure.text
    assert failure.log == "why\n"


# What it leaves.

BAD = {
    "missing": ("", "missing output"),
    "link": ("import os\nos.symlink('/etc/passwd', 'output/x')", "bad output"),
    "link in the lab": ("import os\nos.symlink('../inputs/x', 'output/x')", "bad output"),
    "hard link": (
        "import os\nopen('output/y', 'w').write('1')\nos.link('output/y', 'output/x')",
        "bad output",
    ),
    "FIFO": ("import os\nos.mkfifo('output/x')", "bad output"),
    "socket": (
        "import socket\nsocket.socket(socket.AF_UNIX).bind('output/x')",
        "bad output",
    ),
    "folder": ("import os\nos.mkdir('output/x')", "bad output"),
    "sparse": ("open('output/x', 'w').truncate(1 << 40)", "too much output"),
    "large": (
        "try:\n    open('output/x', 'wb').write(bytes(2 << 20))\nexcept OSError:\n    pass",
        "too much output",
    ),
    "many": (
        "try:\n    for i in range(5000): open(f'output/{i}', 'w')\nexcept OSError:\n    pass",
        "too much output",
    ),
    "no number": ("open('output/x', 'w').write('\"1\"')", "wrong type"),
    "not JSON": ("open('output/x', 'w').write('NaN')", "wrong type"),
    "deep": ("open('output/x', 'w').write('[' * 100000)", "wrong type"),
    "binary": ("open('output/x', 'wb').write(b'\\xff\\xfe')", "wrong type"),
}


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize("name", BAD)
def test_an_output_that_is_not_as_declared_is_a_failure(job: Job, name: str, public: bool) -> None:
    source, category = BAD[name]
    asked = {"inputs": {"x": b"1"}, "outputs": {"x": int}, "output_mb": 1, "public": public}
    failure = failed(lambda: job(source, **asked))
    assert (failure.status, failure.category) == ("crashed", category), failure.text


def test_an_output_below_a_linked_folder_is_not_read(job: Job) -> None:
    source = "import os\nos.symlink('/etc', 'output/a')\n"
    failure = failed(lambda: job(source, outputs={"a/passwd": str}))
    assert failure.category == "bad output"
    source = "import os\nos.mkdir('output/a')\nopen('output/a/x', 'w').write('2')\n"
    assert job(source, outputs={"a/x": int}).outputs == {"a/x": 2}


def test_text_that_is_no_text_is_a_failure(job: Job) -> None:
    source = "open('output/x', 'wb').write(b'\\xff')"
    assert failed(lambda: job(source, outputs={"x": str})).category == "wrong type"


def test_of_hidden_inputs_nothing_is_told_that_a_job_could_choose(job: Job) -> None:
    secret = uuid.uuid4().hex
    for ending in ("raise ValueError(x)", "raise SystemExit(7)", "open('output/y', 'w').write(x)"):
        source = f"x = open('inputs/x').read()\nprint(x)\n{ending}\n"
        asked = {"inputs": {"x": secret}, "outputs": {"y": float}, "public": False}
        failure = failed(lambda: job(source, **asked))  # noqa: B023 - called at once
        told = f"{failure.category} {failure.text} {failure.log}"
        assert secret not in told
        assert "7" not in told
    done = job("print(open('inputs/x').read())", inputs={"x": secret}, public=False)
    assert done.log == ""


def test_no_public_job_after_a_hidden_one(sandbox: Sandbox) -> None:
    with Candidate(sandbox, b"", "0001_idea.py", Limits()) as candidate:
        candidate.job(public=True)
        candidate.job()
        with pytest.raises(ValueError, match="cannot follow a hidden one"):
            candidate.job(public=True)


# Limits.


def test_time_is_limited_for_all_that_a_candidate_does(sandbox: Sandbox) -> None:
    source = b"import time\ntime.sleep(1)\n"
    with Candidate(sandbox, source, "0001_idea.py", Limits(seconds=1.9)) as candidate:
        candidate.job()
        failure = failed(candidate.job)
        assert (failure.status, failure.category) == ("timed_out", "timed out")
        assert candidate.usage.seconds < 4


def test_cpu_time_is_limited_for_one_process_and_for_all(job: Job) -> None:
    limits = Limits(seconds=20, cpu_seconds=1)
    burns = "import time\nwhile time.process_time() < {}: pass\n"
    failure = failed(lambda: job(burns.format(9), limits=limits))
    assert (failure.status, failure.category) == ("timed_out", "out of cpu time")
    child = f"exec({burns.format(0.6)!r})"
    several = (
        "import subprocess, sys\n"
        f"for _ in range(2): subprocess.run([sys.executable, '-c', {child!r}])"
    )
    assert failed(lambda: job(several, limits=limits)).category == "out of cpu time"


def test_memory_is_limited(job: Job) -> None:
    failure = failed(lambda: job("x = bytearray(1 << 30)", limits=Limits(memory_mb=256)))
    assert failure.category == "exit status"
    assert "MemoryError" in failure.log


def test_what_is_kept_of_its_words_is_limited(job: Job) -> None:
    source = "for _ in range(3000): print('x' * 10_000)\nprint('last')\n"
    done = job(source, limits=Limits(seconds=20, output_kb=8))
    assert len(done.log) == 8 << 10
    assert done.log.endswith("last\n")


# Progress.


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"progress: 0.4", Progress(fraction=0.4)),
        (b"progress:1 done", Progress(fraction=1.0, text="done")),
        (b"progress: .256 a\x1b[31m\x07 b\r", Progress(fraction=0.26, text="a[31m b")),
        (b"progress: 0.5 " + b"x" * 300, Progress(fraction=0.5, text="x" * 100)),
        (b"progress: 0.5 " + "\u202eevil\u2028".encode(), Progress(fraction=0.5, text="evil")),
        (b"progress: 1.1", None),
        (b"progress: -0.1", None),
        (b"progress: nan", None),
        (b"progress: 1e-3", None),
        (b"progress:", None),
        (b"progress: .", None),
        (b"my progress: 0.4", None),
        (b"progress: 0.5 " + b"x" * 1000, None),
    ],
)
def test_a_line_of_progress(line: bytes, found: Progress | None) -> None:
    assert parse(line) == found


def test_progress_in_pieces_and_in_floods() -> None:
    lines = ProgressLines()
    assert lines.feed(b"x" * 1000) is None
    assert lines.feed(b"y\nprogress: 0.") is None
    assert lines.feed(b"5 half\nprogress: 0.6\nwords\n") == Progress(fraction=0.6)
    assert lines.feed(b"progress: 0.7\n" * 1000) is None


def test_words_of_progress_are_shown_on_public_inputs_alone(sandbox: Sandbox) -> None:
    told: list[Progress] = []
    source = b"print('progress: 0.123 secret')"
    for public in (True, False):
        limits = Limits()
        with Candidate(sandbox, source, "x.py", limits, on_progress=told.append) as candidate:
            candidate.job(public=public)
    assert told == [Progress(fraction=0.12, text="secret"), Progress(fraction=0.12)]


def test_an_evaluation_may_use_its_candidate_in_every_way(sandbox: Sandbox) -> None:
    source = b"""
def f(x):
    return x + 1

if __name__ == "__main__":
    open("output/x", "w").write("5")
"""
    with Candidate(sandbox, source, "0001_idea.py", Limits()) as candidate:
        assert candidate.call("f", [1, 2], returns=int, public=True).values == [2, 3]
        assert candidate.job(outputs={"x": int}).outputs == {"x": 5}
        assert candidate.call("f", [1, 2], returns=int).values == [2, 3]
