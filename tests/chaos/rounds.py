"""One round: a run under one disturbance, then the invariants."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from leanlab.errors import LeanlabError
from leanlab.ledger import Ledger
from leanlab.records import AnyRecord, Trial

from ..conftest import EVALUATION, GOOD, VALIDATE, WEAK
from ..processes import descendants, gone, parts

CRASHES = "def f(x):\n    raise ValueError(x)\n"
EXITS = "import os\n\ndef f(x):\n    os._exit(0)\n"
SLEEPS = "import time\n\ndef f(x):\n    time.sleep(0.03)\n    return 1\n"
LATE = "import time\n\ndef f(x):\n    time.sleep(60)\n"
NUMBERS = "A = 3.0\n\ndef f(x):\n    return int(A)\n"

WORKERS = [WEAK, CRASHES, SLEEPS, EXITS, SLEEPS, GOOD, "def f(:\n", SLEEPS, SLEEPS, LATE]
VICTIMS = ("loop", "evaluator", "zygote", "worker", "researcher", "second")
FAULTS = ("pause", "interrupt", "full disk", "read-only", "file times", "clock")
FAKETIME = next(map(str, Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), "")
"""What makes a process' clock jump while it runs; from Debian's package faketime."""
_SAID = re.compile(r"^trial (\d+): (?:scored|invalid|rejected|crashed|timed_out|abandoned)", re.M)


class Broken(AssertionError):
    """An invariant does not hold; the message says which, and of what round."""


class Arena:
    """One small lab that lives through all rounds, with a folder for temporary files of its own."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.seed = seed
        self.lab = folder / "lengths"
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True)
        (self.lab / "experiments").mkdir(parents=True)
        config = {
            "name": "lengths",
            "objective": {"metric": "accuracy"},
            "limits": {"seconds": 0.4},
            "critic_every": 4,
            "director_every": 6,
            "max_fix_calls": 1,
        }
        (self.lab / "lab.json").write_text(json.dumps(config))
        (self.lab / "evaluation.py").write_text(EVALUATION)
        (self.lab / "validate.py").write_text(VALIDATE)
        (self.lab / "task.md").write_text("Return the length of a string.\n")
        (self.lab / "experiments" / "sample.py").write_text(NUMBERS)
        self.acknowledged: Counter[int] = Counter()
        self.told: Counter[str] = Counter()
        """How often each disturbance was made, and each status recorded."""

    def play(self, number: int) -> None:
        """Run, disturb, run again, check. Raises Broken."""
        dice = random.Random(f"{self.seed}:{number}")
        what = dice.choice((*VICTIMS, *FAULTS))
        if what in ("full disk", "read-only") and os.getuid() != 0:
            what = "loop"
        if what == "clock" and not FAKETIME:
            what = "file times"
        self.told[what] += 1
        try:
            with _load(busy=dice.random() < 0.1):
                if what in ("full disk", "read-only"):
                    self._on_a_bad_disk(what, dice)
                else:
                    self._disturbed(what, dice)
            self._goes_on(dice)
            self._check()
        except (AssertionError, LeanlabError, OSError, subprocess.SubprocessError) as error:
            again = f"python -m tests.chaos --seed {self.seed} --rounds {number}"
            raise Broken(
                f"round {number} of seed {self.seed} ({what}): {error}\n"
                f"the lab is {self.lab}; all rounds up to this one again: {again}"
            ) from error

    # What is run.

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "leanlab", *arguments]

    def _run(self, dice: random.Random, trials: int) -> list[str]:
        backend = "offline"
        if dice.random() < 0.6:
            steps: list[object] = dice.choices(WORKERS, k=6)
            steps += [WEAK, {"role": "critic", "text": "c"}, {"role": "director", "text": "d"}]
            path = self.temporary.parent / "steps.json"
            path.write_text(json.dumps(steps))
            backend = f"scripted:{path}"
        lab = str(self.lab)
        return self._command("run", "--lab", lab, "-n", str(trials), "--backend", backend)

    def _start(self, command: list[str], clock: Path | None = None) -> subprocess.Popen[str]:
        """Start a command; clock is a file that says how wrong its clock is, such as +10y."""
        environment = os.environ | {"TMPDIR": str(self.temporary), "PYTHONUNBUFFERED": "1"}
        if clock is not None:
            environment |= {
                "LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": str(clock),
                "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }  # fmt: skip
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment)

    def _disturbed(self, what: str, dice: random.Random) -> None:
        killed = what in ("loop", "interrupt")
        clock = self.temporary.parent / "clock" if what == "clock" else None
        wrong = ["+0", dice.choice(("+10y", "-20y"))]
        dice.shuffle(wrong)
        if clock is not None:
            clock.write_text(wrong[0])
        process = self._start(self._run(dice, 2 if not killed else 40), clock)
        helpers: set[int] = set()
        second = None
        try:
            # An interrupt before that is Python's own to answer.
            if what == "interrupt" or dice.random() < 0.7:
                self._wait_for_lock(process)
            time.sleep(dice.uniform(0.0, 0.5))
            helpers = descendants(process.pid)
            if what == "second":
                second = self._second(dice)
            elif clock is not None:
                clock.write_text(wrong[1])
            else:
                self._strike(what, process, dice)
            output, errors = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            raise AssertionError("the run hangs") from None
        finally:
            helpers |= descendants(process.pid)
            process.kill()
            process.communicate()
            if second is not None:
                second.kill()
                second.communicate()
        self._listen(output)
        _no_traceback(errors)
        allowed = {"loop": (-9,), "interrupt": (130,)}.get(what, (0,))
        # A run may end before it is struck; a second run may be the one that gets the lock.
        ok = (*allowed, 0, *((2,) if what == "second" else ()), *((-15,) if killed else ()))
        assert process.returncode in ok, f"status {process.returncode}: {errors}"
        assert gone(helpers), f"left behind: {helpers}"

    def _wait_for_lock(self, process: subprocess.Popen[str]) -> None:
        lock = self.lab / ".leanlab" / "run.lock"
        while process.poll() is None:
            if lock.is_file() and lock.read_text().strip() == str(process.pid):
                return
            time.sleep(0.01)

    def _second(self, dice: random.Random) -> subprocess.Popen[str]:
        lab = str(self.lab)
        sample = str(self.lab / "experiments" / "sample.py")
        command = dice.choice((
            self._run(dice, 1), self._command("try", lab, sample), self._command("show", lab),
        ))  # fmt: skip
        process = self._start(command)
        try:
            output, errors = process.communicate(timeout=dice.uniform(0.1, 0.9))
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
        _no_traceback(errors)
        self._listen(output)
        return process

    def _strike(self, what: str, process: subprocess.Popen[str], dice: random.Random) -> None:
        if what == "loop":
            process.kill()
        elif what == "interrupt":
            process.send_signal(dice.choice((signal.SIGINT, signal.SIGTERM)))
        elif what == "pause":
            pids = [process.pid, *(pid for found in parts(process.pid).values() for pid in found)]
            pid = dice.choice(pids)
            _signal(pid, signal.SIGSTOP)
            time.sleep(dice.uniform(0.0, 0.6))
            _signal(pid, signal.SIGCONT)
        elif what == "file times":
            for path in (self.lab, *self.lab.iterdir(), *(self.lab / "experiments").iterdir()):
                moment = dice.choice((0, 4_000_000_000))
                with contextlib.suppress(FileNotFoundError):
                    os.utime(path, (moment, moment))
        else:
            found = parts(process.pid).get(what, ())
            if found:
                _signal(dice.choice(found), signal.SIGKILL)

    def _on_a_bad_disk(self, what: str, dice: random.Random) -> None:
        """Run on a copy of the lab on a small or read-only disk; take back what is left."""
        root = self.temporary.parent
        disk, back = root / "disk", root / "back"
        disk.mkdir(exist_ok=True)
        size = sum(path.stat().st_blocks * 512 for path in self.lab.rglob("*")) // 1024
        size += dice.randrange(64, 220)
        run = " ".join(self._run(dice, 5)).replace(str(self.lab), str(disk / "lengths"))
        tmpdir = disk / "tmp" if dice.random() < 0.3 else self.temporary
        remount = f"mount -o remount,ro {disk}" if what == "read-only" else ":"
        steps = f"""
            mount -t tmpfs -o size={size}k none {disk}
            cp -a {self.lab} {disk}/ && mkdir {disk}/tmp
            {remount}
            TMPDIR={tmpdir} {run} >{root}/out 2>{root}/err; echo $? >{root}/status
            rm -rf {back}; cp -a {disk}/lengths {back}
        """
        subprocess.run(["unshare", "--mount", "sh", "-c", steps], check=True, timeout=120)
        self._listen((root / "out").read_text())
        errors = (root / "err").read_text()
        _no_traceback(errors)
        status = int((root / "status").read_text())
        assert status in (0, 2), f"status {status}: {errors}"
        if status == 2:
            wanted = "No space left on device" if what == "full disk" else "Read-only file system"
            assert wanted in errors, errors
        shutil.rmtree(self.lab)
        back.rename(self.lab)

    def _goes_on(self, dice: random.Random) -> None:
        process = self._start(self._run(dice, dice.choice((0, 1))))
        try:
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
        self._listen(output)
        assert process.returncode == 0, f"the next run has status {process.returncode}: {errors}"
        assert not errors, errors

    def _listen(self, output: str) -> None:
        said = [int(number) for number in _SAID.findall(output)]
        self.acknowledged.update(said)

    # What must hold.

    def _check(self) -> None:
        records: list[AnyRecord] = list(Ledger(self.lab / "results.jsonl").read())
        trials = [record for record in records if isinstance(record, Trial)]
        numbers = [record.trial for record in trials]
        assert numbers == list(range(1, len(numbers) + 1)), f"numbers {numbers}"
        missing = set(self.acknowledged) - set(numbers)
        assert not missing, f"acknowledged and lost: {missing}"
        twice = [number for number, count in self.acknowledged.items() if count > 1]
        assert not twice, f"acknowledged twice: {twice}"
        for record in trials:
            value = record.metrics.get("accuracy")
            scored = record.status == "scored"
            assert scored == (value is not None), f"trial {record.trial}: {record}"
            assert value is None or value in (0.0, *(n / 6 for n in range(1, 7))), record
        named = {Path(r.experiment_file).name for r in trials if r.experiment_file}
        on_disk = {path.name for path in (self.lab / "experiments").iterdir()} - {"sample.py"}
        assert on_disk == named, f"files without a record, or the reverse: {on_disk ^ named}"
        left = [path for path in self.temporary.rglob("*") if path.parent != self.temporary]
        assert not left, f"temporary files left: {left}"
        parts_left = list(self.lab.rglob("*.part"))
        assert not parts_left, f"unfinished files left: {parts_left}"
        self.told.update({f"trials {status}": count for status, count in self._fresh(trials)})

    def _fresh(self, trials: list[Trial]) -> list[tuple[str, int]]:
        done = sum(count for name, count in self.told.items() if name.startswith("trials "))
        return list(Counter(record.status for record in trials[done:]).items())


def _no_traceback(errors: str) -> None:
    assert "Traceback" not in errors, errors


def _signal(pid: int, how: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)


@contextlib.contextmanager
def _load(*, busy: bool) -> Iterator[None]:
    """Keep the processors busy meanwhile."""
    burn = [sys.executable, "-c", "import os\np = os.getppid()\nwhile os.getppid() == p: pass"]
    burning = [subprocess.Popen(burn) for _ in range(os.cpu_count() or 1)] if busy else []
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


def play(rounds: int, seed: int, folder: Path | None = None) -> Iterator[Arena]:
    """Play so many rounds; yield after each. The folder is left behind where one is broken."""
    root = folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    arena = Arena(root, seed)
    for number in range(1, rounds + 1):
        arena.play(number)
        yield arena
    if folder is None:
        shutil.rmtree(root)
