"""What a candidate may use, and what becomes of one that takes more."""

import time

import pytest

from leanlab.config import Limits
from leanlab.errors import CandidateFailed

HANG = "def f(x):\n    while True:\n        pass\n"


def failure(call):
    with pytest.raises(CandidateFailed) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("source", [HANG, "import time\n" + HANG.replace("pass", "time.sleep(1)")])
def test_an_endless_call_is_timed_out(candidate, sandbox, source):
    one = candidate(source, sandbox=sandbox, seconds=0.3)
    start = time.monotonic()
    failed = failure(lambda: one.call("f", ["1"]))
    assert (failed.status, failed.category) == ("timed_out", "timed out")
    assert 0.25 < time.monotonic() - start < 2


def test_an_endless_load_is_timed_out(candidate):
    assert failure(lambda: candidate("while 1: pass", seconds=0.3).call("f", ["1"])).category == (
        "timed out"
    )


def test_one_that_cannot_be_asked_to_stop_is_timed_out(candidate):
    source = """
import signal
for number in range(1, 32):
    try:
        signal.signal(number, signal.SIG_IGN)
    except OSError:
        pass
def f(x):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
"""
    assert failure(lambda: candidate(source, seconds=0.3).call("f", ["1"])).category == "timed out"


def test_cpu_time_is_bounded(candidate, sandbox):
    one = candidate(HANG, sandbox=sandbox, seconds=20, cpu_seconds=1)
    failed = failure(lambda: one.call("f", ["1"]))
    assert (failed.status, failed.category) == ("timed_out", "out of cpu time")
    assert 0.5 < one.usage.cpu_seconds < 1.6


@pytest.mark.parametrize("where", ["load", "call"])
def test_memory_is_bounded(candidate, sandbox, where):
    hog = "hoard = []\nwhile True:\n    hoard.append(bytearray(1 << 20))\n"
    body = (
        hog
        if where == "load"
        else "def f(x):\n" + "".join(f"    {line}\n" for line in hog.splitlines())
    )
    one = candidate(body, sandbox=sandbox, memory_mb=64)
    assert failure(lambda: one.call("f", ["1"])).category == "out of memory"
    one.close()
    assert one.usage.max_rss_mb < 150


def test_what_is_printed_is_cut_and_does_no_harm(candidate):
    source = """
import sys
def f(x):
    for _ in range(300):
        sys.stdout.write("x" * (1 << 20))
    return 1
"""
    one = candidate(source, output_kb=8)
    assert one.call("f", ["1"], public=True).values == [1]
    assert one.log == "x" * 8192


def test_a_traceback_is_told_whatever_was_printed_before(candidate):
    source = "def f(x):\n    print('x' * 100_000)\n    raise ValueError('here')\n"
    assert (
        "ValueError: here"
        in failure(lambda: candidate(source, output_kb=1).call("f", ["1"], public=True)).text
    )


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("os._exit(0)", "exit status 0"),
        ("os._exit(3)", "exit status 3"),
        ("ctypes.string_at(0)", "SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGKILL) or os._exit(9)", ""),
    ],
)
def test_a_candidate_that_ends_its_process_died(candidate, sandbox, act, words):
    source = f"import ctypes, os, signal\ndef f(x):\n    {act}\n"
    failed = failure(lambda: candidate(source, sandbox=sandbox).call("f", ["1"], public=True))
    assert (failed.status, failed.category) == ("crashed", "died")
    assert words in failed.text


@pytest.mark.parametrize(
    ("act", "category"),
    [
        ("os.write(3, b'1' * 100)", "bad reply"),
        ("os.write(3, bytes(25) + b'1')", "bad reply"),
        ("os.write(3, b'1')", "bad reply"),
        ("os.dup2(1, 3)", "bad reply"),
        ("os.close(3)", "died"),
        ("os.close(0)", "died"),
    ],
)
def test_tampering_with_the_pipes_fails_the_candidate(candidate, act, category):
    source = f"import os\ndef f(x):\n    {act}\n    return 1\n"
    one = candidate(source, seconds=2)

    def twice():
        one.call("f", ["1"], public=True)
        one.call("f", ["1"], public=True)

    failed = failure(twice)
    assert (failed.status, failed.category) == ("crashed", category)


FORGE = """
import gc, os, struct, sys

def frames():
    frame = sys._getframe()
    while frame:
        yield frame
        frame = frame.f_back

def forge(marks, size=None):
    nonce = next(bytes(f.f_locals["nonce"]) for f in frames() if "nonce" in f.f_locals)
    os.write(3, struct.pack("<16sBII", nonce, 0, len(marks) if size is None else size, 0) + marks)

def f(x):
    %s
    return 0
"""


@pytest.mark.parametrize(
    "act",
    [
        "os.write(3, struct.pack('<16sBII', bytes(16), 0, 1, 0) + b'1')",
        "forge(b'11')",
        "forge(b'7')",
        "forge(b'1', size=1 << 31)",
        "forge(b'')",
        "os.write(3, bytes(1 << 16))",
    ],
)
def test_a_forged_reply_of_the_wrong_form_is_a_bad_reply(candidate, act):
    failed = failure(lambda: candidate(FORGE % act, seconds=2).call("f", ["1"]))
    assert failed.category == "bad reply"


def test_a_forged_answer_is_only_ever_an_answer_and_the_next_request_finds_it(candidate):
    one = candidate(FORGE % "forge(b'1')")
    assert one.call("f", ["1"]).values == [1]
    assert failure(lambda: one.call("f", ["1"])).category == "bad reply"


def test_unsolicited_output_is_a_bad_reply(candidate):
    source = "import os\nos.write(3, b'x')\ndef f(x):\n    return 1\n"
    assert failure(lambda: candidate(source).call("f", ["1"])).category == "bad reply"


@pytest.mark.parametrize("text", ["[" * 60_000, '{"a":' * 10_000, "[1,]", "nul", "\\xff", "1e999"])
def test_json_that_the_worker_did_not_write_is_of_the_wrong_type(candidate, text):
    source = f"""
import json
json.JSONEncoder.encode = lambda self, value: Text()
class Text(str):
    def encode(self, how):
        return {text!r}.encode("latin-1").replace(b"\\\\xff", b"\\xff")
def f(x):
    return 1
"""
    replies = candidate(source).call("f", ["1"], returns=float | list | dict, max_failed=1)
    assert replies.failures == {"wrong type": 1}


def test_patching_the_worker_gains_nothing(candidate):
    source = """
import builtins, json, sys
json.dumps = lambda *a, **k: '{"accuracy": 1.0}'
builtins.float = lambda x: 1.0
frame = sys._getframe()
while frame:
    frame.f_globals["_BIT_MARKS"] = b"\\x07" * 256
    frame = frame.f_back
sys.modules.clear()
def f(x):
    return 0
"""
    assert failure(lambda: candidate(source).call("f", ["1"])).category == "bad reply"


def test_the_clock_of_the_limits_is_not_the_candidates(candidate):
    source = "import time\ntime.monotonic = time.time = lambda: 0.0\n" + HANG
    assert failure(lambda: candidate(source, seconds=0.3).call("f", ["1"])).category == "timed out"


def test_no_time_at_all_is_timed_out(candidate):
    slow = "import time\n\ndef f(x):\n    time.sleep(0.2)\n    return 1\n"
    one = candidate(slow, seconds=0.0005)
    assert failure(lambda: one.call("f", ["1"])).category == "timed out"


def test_limits_hold_for_all_that_a_candidate_does(candidate):
    slow = "time.sleep(0.4)"
    source = (
        f"import time\ndef fit(X, y):\n    {slow}\n    return 1\n"
        f"def predict(m, X):\n    {slow}\n    return X\n"
    )
    one = candidate(source, seconds=0.6)
    assert failure(lambda: one.fit_predict([1], [1], [1.0])).category == "timed out"


def test_one_that_will_not_end_is_killed_at_the_close(sandbox):
    source = b"""
import os
def hang(*_):
    while True:
        pass
os._exit = hang
def f(x):
    return 1
"""
    with sandbox.process(Limits()) as process:
        process.load(source, "x.py")
        process.call("f", ["1"], reply="bit")
        start = time.monotonic()
    assert time.monotonic() - start < 0.5
    assert process.usage is not None
    assert process.usage.reason == "closed"
