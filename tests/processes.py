"""Runs of leanlab as processes of their own, and what is known of them from outside."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from leanlab.ledger import Ledger
from leanlab.records import Trial


def command(lab: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "leanlab", "run", "--lab", str(lab), *arguments]


def script(lab: Path, *steps: object) -> str:
    path = lab.parent / "steps.json"
    path.write_text(json.dumps(steps))
    return f"scripted:{path}"


def wait_for(what: str, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if what in line:
            return
    raise AssertionError(f"the run ended without saying {what!r}")


def trials(lab: Path) -> list[Trial]:
    return [r for r in Ledger(lab / "results.jsonl").read() if isinstance(r, Trial)]


def children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[1]) == pid:
                found.append(int(entry.name))
    return found


def descendants(pid: int) -> set[int]:
    direct = children(pid)
    return set(direct).union(*map(descendants, direct))


def gone(pids: set[int], seconds: float = 3.0) -> bool:
    """Tell whether all of them end in time; a zombie that nobody reaps has ended."""
    until = time.monotonic() + seconds
    while any(map(_runs, pids)):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def parts(pid: int) -> dict[str, list[int]]:
    """The helpers of a run by what they are; a worker is one that stands by, too."""
    found: dict[str, list[int]] = {}
    for child in children(pid):
        if "researcher_host" in _words(child):
            found.setdefault("researcher", []).append(child)
        if "evaluator.host" not in _words(child):
            continue
        found.setdefault("evaluator", []).append(child)
        for zygote in children(child):
            found.setdefault("zygote", []).append(zygote)
            found.setdefault("worker", []).extend(children(zygote))
    return found


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def tagged(tag: str) -> list[int]:
    """Processes that live and have the tag among their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if tag.encode() in words:
                found.append(int(entry.name))
    return found


def soon(true: Callable[[], bool]) -> bool:
    """Wait until it is; tell whether it ever was."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.02)
    return False


def spawns(tag: str, then: str) -> str:
    """Start a child, its child, and one that tries to leave; all sleep."""
    return f"""
import os, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(300)", "{tag}"]
subprocess.Popen(sleep, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
nested = f"import subprocess; subprocess.run({{sleep!r}})"
subprocess.Popen([sys.executable, "-c", nested])
if os.fork() == 0:
    if os.fork() == 0:
        try:
            os.setsid()
        except OSError:
            pass
        os.closerange(0, 100)
        os.execv(sys.executable, sleep)
    os._exit(0)
{then}
"""
