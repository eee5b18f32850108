"""The fence goes up between fork and exec, in a process that has lost all of its other threads."""

from __future__ import annotations

import ctypes
import gc
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from leanlab.errors import ConfinementUnavailable
from leanlab.sandbox import fence, kernel, landlock

from ..processes import gone

pytestmark = pytest.mark.skipif(bool(fence.missing()), reason=fence.missing() or "there is one")


class Node:
    """Has a finalizer, and is garbage as soon as there are two."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        logging.getLogger("leanlab.tests").debug("gone")


def allocate() -> None:
    ctypes.create_string_buffer(1 << 20)
    Node()


def load() -> None:
    ctypes.CDLL("libm.so.6")


@contextmanager
def busy(*works: Callable[[], object]) -> Iterator[None]:
    """Have threads take and leave the locks of what they do, all the time."""
    over, patience = threading.Event(), sys.getswitchinterval()
    sys.setswitchinterval(1e-4)

    def forever(work: Callable[[], object]) -> None:
        while not over.is_set():
            work()

    threads = [threading.Thread(target=forever, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        sys.setswitchinterval(patience)
        for thread in threads:
            thread.join()


def test_locks_that_other_threads_hold_are_not_waited_for(tmp_path: Path) -> None:
    log = logging.getLogger("leanlab.tests")
    log.addHandler(handler := logging.FileHandler(tmp_path / "log"))
    around = fence.around(readable=[tmp_path], writable=[], hidden=[])
    try:
        with busy(lambda: log.error("x"), allocate, load, gc.collect):
            for _ in range(8):
                with around.prepared() as put_up:
                    # It returns when the fence is up: a lock would hold it up for ever.
                    subprocess.run(["/bin/true"], preexec_fn=put_up, check=True)
    finally:
        log.removeHandler(handler)
        handler.close()


def test_where_it_fails_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    around = fence.around(readable=[tmp_path], writable=[tmp_path], hidden=[])
    touch = ["/bin/touch", tmp_path / "started"]

    def start() -> subprocess.CompletedProcess[bytes]:
        with around.prepared() as put_up:
            return subprocess.run(touch, preexec_fn=put_up, capture_output=True, check=False)

    monkeypatch.setattr(landlock, "enter", lambda _: kernel.syscall("landlock", 446, -1, 0))
    done = start()
    assert done.returncode == 1
    assert done.stderr == b"the fence cannot be put up: [Errno 9] landlock: Bad file descriptor\n"
    assert not (tmp_path / "started").exists()
    monkeypatch.undo()
    start()
    assert (tmp_path / "started").exists()


def test_a_program_whose_parent_is_gone_is_not_started(tmp_path: Path) -> None:
    around = fence.around(readable=[], writable=[tmp_path], hidden=[])
    with around.prepared() as put_up:

        def orphaned() -> None:
            # As it looks from there when leanlab ended after the fork.
            monkeypatch.setattr(fence.os, "getppid", lambda: 1)
            put_up()

        with pytest.MonkeyPatch.context() as monkeypatch:
            touch = ["/bin/touch", tmp_path / "started"]
            done = subprocess.run(touch, preexec_fn=orphaned, check=False)
    assert done.returncode == 1
    assert not (tmp_path / "started").exists()


def test_what_is_not_there_is_told_in_the_process_that_asks(tmp_path: Path) -> None:
    around = fence.Fence(readable=(str(tmp_path / "gone"),), listable=(), writable=())
    with pytest.raises(ConfinementUnavailable, match="cannot be put up: .*No such file.*gone"):
        around.prepared().__enter__()


STARTS = """
import subprocess, sys
from pathlib import Path
from leanlab.sandbox import fence
with fence.around(readable=[], writable=[], hidden=[]).prepared() as put_up:
    started = subprocess.Popen(["/bin/sleep", "60"], preexec_fn=put_up)
print(started.pid, flush=True)
started.wait()
"""


def test_a_program_ends_with_a_leanlab_that_is_killed() -> None:
    command = [sys.executable, "-c", STARTS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as leanlab:
        assert leanlab.stdout is not None
        started = {int(leanlab.stdout.readline())}
        assert not gone(started, seconds=0.1)
        leanlab.kill()
    assert gone(started)
