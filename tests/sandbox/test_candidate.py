import random
import sys

import numpy as np
import pytest

from leanlab.errors import CandidateFailed, EvaluatorError
from leanlab.labkit.candidate import Bit, Candidate

PARITY = "def f(x):\n    return x.count('1') % 2\n"


def strings(count, length=20):
    draw = random.Random(7)
    return ["".join(draw.choice("01") for _ in range(length)) for _ in range(count)]


def failure(call):
    with pytest.raises(CandidateFailed) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("public", [True, False])
@pytest.mark.parametrize("count", [0, 1, 1000, 2345])
def test_answers_come_back_in_the_order_of_the_inputs(candidate, count, public):
    inputs = strings(count)
    replies = candidate(PARITY).call("f", inputs, public=public)
    assert replies.values == [x.count("1") % 2 for x in inputs]
    assert (replies.failures, replies.text) == ({}, "")


def test_hidden_inputs_are_sent_in_another_order_each_time_and_public_ones_in_theirs(candidate):
    one = candidate("seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen) - 1\n")
    first = one.call("f", list(range(500)), returns=int, public=True).values
    second = one.call("f", list(range(500)), returns=int).values
    third = one.call("f", list(range(500)), returns=int).values
    assert first == list(range(500))
    assert second != list(range(500, 1000))
    assert sorted(second) == list(range(500, 1000))
    assert [x - 500 for x in third] != second


def test_only_exact_bits_count_as_bits(candidate):
    source = """
class Sly(int):
    def __eq__(self, other):
        return True
    __hash__ = int.__hash__

values = [0, 1, True, False, 2, -1, 1.0, "1", None, [1], Sly(1), 1 << 80, {}, b"1"]

def f(i):
    return values[i]
"""
    replies = candidate(source).call("f", list(range(14)), max_failed=1)
    assert replies.values == [0, 1, 1, 0, *[None] * 10]
    assert replies.failures == {"not a bit": 10}


def test_numpys_own_bits_do_not_count_as_bits(candidate, with_numpy):
    source = "import numpy as np\ndef f(i):\n    return [np.bool_(1), np.int64(1), 1][i]\n"
    replies = candidate(source, sandbox=with_numpy).call("f", [0, 1, 2], max_failed=1)
    assert replies.values == [None, None, 1]


@pytest.mark.parametrize(
    ("returns", "answer", "value"),
    [
        (float, "0.5", 0.5),
        (float, "3", 3.0),
        (list[int], "[1, 2]", [1, 2]),
        (dict[str, list[float]], "{'a': (1.0,)}", {"a": [1.0]}),
        (str, "'caf\\xe9'", "café"),
        (int | None, "None", None),
    ],
)
def test_an_answer_of_the_declared_type_is_decoded(candidate, returns, answer, value):
    replies = candidate(f"def f(x):\n    return {answer}\n").call("f", [0], returns=returns)
    assert (replies.values, replies.failures) == ([value], {})


@pytest.mark.parametrize(
    ("returns", "answer", "category"),
    [
        (int, "True", "wrong type"),
        (int, "1.5", "wrong type"),
        (float, "'1.5'", "wrong type"),
        (float, "None", "wrong type"),
        (float, "10 ** 400", "wrong type"),
        (list[int], "[1, '2']", "wrong type"),
        (float, "float('nan')", "not JSON"),
        (float, "float('-inf')", "not JSON"),
        (float, "object()", "not JSON"),
        (str, "b'bytes'", "not JSON"),
        (list, "(lambda a: a.append(a) or a)([])", "not JSON"),
        (str, "'x' * 70000", "too large"),
        (list, "deep()", "RecursionError"),
        (float, "1 / 0", "ZeroDivisionError"),
        (float, "exit()", "SystemExit"),
        (float, "shout()", "Exception"),
        (float, "bytearray(1 << 40)", "out of memory"),
    ],
)
def test_any_other_answer_is_missing_and_counted(candidate, returns, answer, category):
    source = f"""
class LabelsWereZeroOneOne(Exception):
    pass

def shout():
    raise LabelsWereZeroOneOne

def deep():
    value = []
    for _ in range(100_000):
        value = [value]
    return value

def f(x):
    return {answer}
"""
    replies = candidate(source).call("f", [0], returns=returns, max_failed=1)
    assert (replies.values, replies.failures) == ([None], {category: 1})
    assert replies.text == f"1 of 1 answers are missing: {category} 1"


def test_failures_beyond_the_share_fail_the_candidate(candidate):
    one = candidate("def f(x):\n    return 1 // x if x < 2 else x\n")
    replies = one.call("f", [1, 1, 0, 2], max_failed=0.5)
    assert replies.failures == {"ZeroDivisionError": 1, "not a bit": 1}
    failed = failure(lambda: one.call("f", [1, 0, 2, 2]))
    assert (failed.status, failed.category) == ("crashed", "not a bit")
    assert failed.text == "3 of 4 answers are missing: not a bit 2, ZeroDivisionError 1"


def test_a_public_failure_is_told_whole_with_the_experiments_own_frames_only(candidate):
    source = (
        "def g(x):\n    return {}[x]\n\ndef f(x):\n    print('looking at', x)\n    return g(x)\n"
    )
    failed = failure(lambda: candidate(source).call("f", ["a", "b"], public=True))
    lines = [line for line in failed.text.splitlines() if line.strip(" ~^")]
    assert "\n".join(lines) == (
        "Traceback (most recent call last):\n"
        '  File "0001_idea.py", line 6, in f\n'
        "    return g(x)\n"
        '  File "0001_idea.py", line 2, in g\n'
        "    return {}[x]\n"
        "KeyError: 'a'\n"
        "2 of 2 answers are missing: KeyError 2"
    )
    assert failed.log == "looking at a\nlooking at b\n"


LEAKS = """
import os, sys

def f(x):
    print("seen", x)
    print("seen", x, file=sys.stderr)
    os.write(1, x.encode())
    if x.startswith("public"):
        return 1
    {leak}
"""


@pytest.mark.parametrize(
    ("leak", "category"),
    [
        ("raise ValueError(x)", "ValueError"),
        ("raise type(x, (Exception,), {})", "Exception"),
        ("os._exit(len(x))", "died"),
        ("os.abort()", "died"),
        ("os.write(3, x.encode() * 9)", "bad reply"),
        ("return x", "not a bit"),
    ],
)
def test_nothing_of_a_hidden_input_gets_out(candidate, leak, category):
    one = candidate(LEAKS.replace("{leak}", leak))
    one.call("f", ["public"], public=True)
    failed = failure(lambda: one.call("f", ["secret1", "secret2"]))
    assert failed.category == category
    assert "secret" not in failed.text + failed.log + one.log
    assert "traceback" not in failed.text.lower()
    assert "7" not in failed.text
    assert sorted(failed.log.splitlines()) == ["public", "seen public", "seen public"]


def test_a_public_call_after_a_hidden_one_is_refused(candidate):
    one = candidate(PARITY)
    one.call("f", ["1"])
    with pytest.raises(ValueError, match="public calls first"):
        one.call("f", ["1"], public=True)


def test_an_experiment_that_does_not_load_is_told_why(candidate):
    failed = failure(lambda: candidate("print('hi')\nimport nothing_like_it\n").call("f", ["1"]))
    assert (failed.status, failed.category) == ("crashed", "load failed")
    assert "line 2, in <module>" in failed.text
    assert "No module named 'nothing_like_it'" in failed.text
    assert failed.log == "hi\n"
    failed = failure(lambda: candidate("def f(x)\n").call("f", ["1"]))
    assert "SyntaxError: expected ':'" in failed.text
    assert failure(lambda: candidate("exit(3)").call("f", ["1"])).category == "load failed"
    assert failure(lambda: candidate(b"\xff\x00").call("f", ["1"])).category == "load failed"


def test_an_experiment_without_the_function_is_told_so(candidate):
    assert failure(lambda: candidate("f = 3").call("f", ["1"])).category == "no such function"


def test_one_process_serves_all_calls_and_inputs_are_copies(candidate):
    one = candidate("n = 0\ndef f(x):\n    global n\n    n += 1\n    x.clear()\n    return n % 2\n")
    inputs = [[1], [2], [3]]
    assert one.call("f", inputs, public=True).values == [1, 0, 1]
    assert one.call("f", inputs[:1], public=True).values == [0]
    assert inputs == [[1], [2], [3]]


def test_json_inputs_arrive_as_they_are(candidate):
    inputs = [None, float("inf"), -0.0, 1 << 70, "null\ud800", {"a": [True, 2]}]
    replies = candidate("def f(x):\n    return repr(x)\n").call("f", inputs, returns=str)
    assert replies.values == [repr(value) for value in inputs]


def test_inputs_that_cannot_be_sent_are_the_evaluators_fault(candidate, with_numpy):
    with pytest.raises(EvaluatorError, match="cannot be sent"):
        candidate(PARITY).call("f", [object()])
    with pytest.raises(EvaluatorError, match="dtype object"):
        candidate(PARITY, sandbox=with_numpy).call("f", np.array([object()]))
    one = candidate(PARITY)
    with pytest.raises(EvaluatorError, match="cannot be sent"):
        one.call("f", ["1"] * 2500 + [object()], public=True)
    assert one.call("f", ["1"]).values == [1]


@pytest.mark.parametrize("dtype", ["bool", "int8", ">i4", "float32", "float64", "complex128"])
def test_arrays_arrive_as_arrays_row_by_row(candidate, with_numpy, dtype):
    array = (np.arange(3 * 1500).reshape(1500, 3) % 120).astype(dtype)
    source = "def f(x):\n    return [x.dtype.str, *map(str, x.tolist())]\n"
    replies = candidate(source, sandbox=with_numpy).call("f", array, returns=list[str])
    assert replies.values == [[array.dtype.str, *map(str, row.tolist())] for row in array]


def test_an_array_may_be_written_to_without_effect(candidate, with_numpy):
    array = np.ones((10, 2))
    source = "def f(x):\n    x[:] = 5\n    return x\n"
    replies = candidate(source, sandbox=with_numpy).call("f", array, returns=list[float])
    assert replies.values == [[5.0, 5.0]] * 10
    assert (array == 1).all()


def test_an_array_for_a_lab_without_numpy_is_the_evaluators_fault(candidate):
    with pytest.raises(EvaluatorError, match="numpy to imports"):
        candidate(PARITY).call("f", np.ones(3))


def test_draws_depend_on_the_seed_alone(candidate, with_numpy):
    source = "import random, numpy\ndef f(x):\n    return [random.random(), numpy.random.rand()]\n"

    def draw(seed):
        one = candidate(source, sandbox=with_numpy, seed=seed)
        return one.call("f", [0], returns=list[float], public=True).values

    assert draw(3) == draw(3)
    assert draw(3)[0][0] != draw(4)[0][0]
    assert draw(3)[0][1] != draw(4)[0][1]


MEAN = """
import os

class Model:
    def __init__(self, mean, home):
        self.mean, self.home = mean, home

def fit(inputs, labels):
    return Model(sum(labels) / len(labels), id(predict))

seen = []

def predict(model, batch):
    seen.append(len(batch))
    return [model.mean + sum(x) + 1000 * (len(seen) - 1) for x in batch]
"""


def test_fit_predict_predicts_in_batches_with_the_model_that_fit_made(candidate):
    new = [[float(i)] for i in range(1500)]
    replies = candidate(MEAN).fit_predict([[0], [1]], [1.0, 3.0], new, public=True)
    assert replies.values[:3] == [2.0, 3.0, 4.0]
    assert replies.values[1000] == 1000 + 2 + 1000


def test_fit_predict_shuffles_what_is_hidden_and_takes_arrays(candidate, with_numpy):
    source = """
import numpy as np
def fit(X, y):
    return np.linalg.lstsq(X, y, rcond=None)[0]
order = []
def predict(w, X):
    order.extend(X[:, 0].tolist())
    assert order != sorted(order)
    return X @ w
"""
    inputs = np.random.default_rng(1).normal(size=(200, 2))
    labels = inputs @ [2.0, -1.0]
    new = np.arange(800.0).reshape(400, 2)
    replies = candidate(source, sandbox=with_numpy).fit_predict(inputs, labels, new)
    assert np.allclose(replies.values, new @ [2.0, -1.0])


@pytest.mark.parametrize(
    ("fit", "predict", "category"),
    [
        ("return lambda: 1", "return batch", "model cannot be pickled"),
        ("return bytes(70 << 20)", "return batch", "too much output"),
        ("return inputs[9]", "return batch", "IndexError"),
        ("return 1", "return batch[1:]", "wrong length"),
        ("return 1", "return 7", "TypeError"),
        ("return 1", "return ['a'] * len(batch)", "wrong type"),
        ("return type(inputs).Labels", "return batch", "AttributeError"),
    ],
)
def test_fit_predict_says_which_part_failed(candidate, fit, predict, category):
    source = f"def fit(inputs, labels):\n    {fit}\ndef predict(model, batch):\n    {predict}\n"
    failed = failure(lambda: candidate(source).fit_predict([1], [2], [1.0, 2.0]))
    assert failed.category == category
    assert failed.text.startswith(category) or failed.text.startswith("2 of 2")


def test_a_model_cannot_smuggle_its_training_process_along(candidate):
    source = """
import os
hits = 0
def fit(inputs, labels):
    global hits
    hits += 1
    return hits
def predict(model, batch):
    return [hits] * len(batch)
"""
    assert candidate(source).fit_predict([1], [1], [1], returns=int).values == [0]


def test_usage_is_counted_over_all_processes(tier_b):
    from leanlab.config import Limits

    burn = "sum(range(2_000_000))"
    source = f"def fit(X, y):\n    return {burn}\ndef predict(m, X):\n    {burn}\n    return X\n"
    with Candidate(tier_b, source.encode(), "x.py", Limits()) as one:
        one.fit_predict([1], [1], [1.0])
    # A worker's own start, before it has the job, is in its CPU time alone.
    assert 0.02 < one.usage.cpu_seconds < 1.5 * one.usage.seconds < 5
    assert 5 < one.usage.max_rss_mb < 500


def test_bit_is_the_default(candidate):
    one = candidate(PARITY)
    assert one.call("f", ["1"]).values == one.call("f", ["1"], returns=Bit).values == [1]


def test_the_trusted_side_of_a_stdlib_lab_loads_neither_numpy_nor_pickle():
    import subprocess

    code = "import sys, leanlab.labkit.candidate; print({'numpy', 'pickle'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "set()", result.stderr
