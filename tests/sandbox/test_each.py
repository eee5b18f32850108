"""Calls that each have a process and CPU seconds of their own."""

from __future__ import annotations

import pytest

from leanlab.errors import CandidateFailed

SUM = """
seen = []
def f(a, b):
    seen.append(a)
    if a == "hang":
        while True:
            pass
    if a == "raise":
        raise ValueError("no idea about " + b)
    return [len(seen), a + b]
"""
HANG = "def f(a):\n    while True:\n        pass\n"


def test_each_call_gets_its_arguments_in_a_process_of_its_own(candidate, sandbox):
    one = candidate(SUM, sandbox=sandbox)
    found = one.call_each("f", [[1, 2], [3, 4], [5, 6]], cpu_seconds=5, returns=list[int])
    assert [each.value for each in found] == [[1, 3], [1, 7], [1, 11]]
    assert all(0 < each.cpu_seconds < 5 for each in found)


def test_a_call_out_of_cpu_time_is_ended_and_the_others_are_not(candidate, sandbox):
    one = candidate(SUM, sandbox=sandbox)
    asked = [["a", "b"], ["hang", ""], ["hang", ""], ["c", "d"]]
    found = one.call_each("f", asked, cpu_seconds=0.2, returns=list[int | str])
    assert [each.value for each in found] == [[1, "ab"], None, None, [1, "cd"]]
    assert [each.failure for each in found] == ["", "out of cpu time", "out of cpu time", ""]
    # Ended from outside at a fifth of a second: the kernel alone would count whole ones.
    assert all(0.19 < each.cpu_seconds < 0.6 for each in found if each.failure)


def test_sleeping_costs_no_cpu_time(candidate):
    source = "import time\ndef f(a):\n    time.sleep(0.4)\n    return a\n"
    (each,) = candidate(source).call_each("f", [[1]], cpu_seconds=0.2, returns=int)
    assert each.value == 1


def test_the_limits_of_the_evaluation_hold_over_all_calls(candidate):
    one = candidate(HANG, cpu_seconds=0.5)
    with pytest.raises(CandidateFailed) as caught:
        one.call_each("f", [[1]] * 9, cpu_seconds=0.2, returns=int)
    assert (caught.value.status, caught.value.category) == ("timed_out", "out of cpu time")
    assert one.usage.cpu_seconds < 1


def test_failures_are_told_whole_on_public_arguments_only(candidate):
    asked = [["raise", "b"], ["a", "b"]]
    one = candidate(SUM)
    (failed, _) = one.call_each("f", asked, cpu_seconds=5, returns=list[int | str], public=True)
    assert failed.failure == "ValueError"
    assert 'line 9, in f\n    raise ValueError("no idea about " + b)' in failed.text
    (failed, _) = one.call_each("f", asked, cpu_seconds=5, returns=list[int | str])
    assert (failed.failure, failed.text) == ("ValueError", "")


def test_more_than_half_of_other_failures_are_a_crash(candidate):
    with pytest.raises(CandidateFailed) as caught:
        candidate(SUM).call_each("f", [["a", "b"]] * 2, cpu_seconds=5, returns=int)
    assert (caught.value.status, caught.value.category) == ("crashed", "wrong type")


def test_what_cannot_be_loaded_is_no_answer_to_anything(candidate):
    with pytest.raises(CandidateFailed) as caught:
        candidate("import nothing\n").call_each("f", [[1]], cpu_seconds=5, returns=int)
    assert caught.value.category == "load failed"
    assert "No module named 'nothing'" in caught.value.text


def test_half_a_second_of_cpu_is_half_a_second(candidate, sandbox):
    one = candidate(HANG, sandbox=sandbox, cpu_seconds=0.3)
    with pytest.raises(CandidateFailed) as caught:
        one.call("f", ["1"])
    assert caught.value.category == "out of cpu time"
    assert "of 0.3 s" in caught.value.text
    one.close()
    assert 0.28 < one.usage.cpu_seconds < 0.8
