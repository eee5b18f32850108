"""The general researcher, in a small loop over real files."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanlab.labkit import Brief, NothingToPropose, Row
from leanlab.tuning import LiteralTuner
from leanlab.tuning.literals import literals, replaced

SAMPLE = '''"""A bowl; 3 numbers are not in here."""
a = 0.5  # not 9 either
b = -1.0
n = 4


def f():
    return a, b, n
'''


def bowl(a, b, n):
    return -((a - 3.7) ** 2) - (b + 12) ** 2 - (n - 30) ** 2


def valley(a, b, n):
    return 100 * (b - a * a) ** 2 + (1 - a) ** 2 + (n - 4) ** 2


class Harness:
    """A loop that scores f() by an objective, keeping files as a workspace has them."""

    def __init__(self, folder, objective, *, sample=SAMPLE, direction="maximize", every=5):
        self.folder = folder
        self.objective = objective
        self.direction = direction
        self.every = every
        self.rows = []
        self.director = ""
        (folder / "memory").mkdir(exist_ok=True)
        if sample is not None:
            (folder / "sample.py").write_bytes(sample.encode())

    def brief(self, trial, **changes):
        told = {
            "workspace": self.folder,
            "trial": trial,
            "seed": 7,
            "metric": "value",
            "direction": self.direction,
            "target": None,
            "params": {},
            "history": list(self.rows),
            "director": self.director,
        }
        return Brief(**(told | changes))

    def record(self, trial, proposal):
        name = f"{trial:04}_{proposal.slug}.py"
        (self.folder / "memory" / name).write_bytes(proposal.code.encode())
        space = {}
        try:
            exec(proposal.code, space)
            status, metrics = "scored", {"value": float(self.objective(*space["f"]()))}
        except ZeroDivisionError:
            status, metrics = "crashed", {}
        row = Row(
            trial=trial,
            experiment=name,
            sha256=hashlib.sha256(proposal.code.encode()).hexdigest(),
            status=status,
            metrics=metrics,
            notes=proposal.notes,
        )
        self.rows.append(row)
        return row

    def run(self, trials, researcher=None):
        tuner = researcher or LiteralTuner()
        start = len(self.rows) + 1
        for trial in range(start, start + trials):
            self.record(trial, tuner.propose(self.brief(trial)))
            if self.every and trial % self.every == 0:
                self.director = tuner.direct(self.brief(trial))
        return self.rows

    def best(self):
        return self.brief(0).scored()[0].metrics["value"]


def test_the_sample_comes_first_as_it_is(tmp_path):
    source = SAMPLE.replace("\n", "\r\n")
    proposal = LiteralTuner().propose(Harness(tmp_path, bowl, sample=source).brief(1))
    assert proposal.code == source


@pytest.mark.parametrize(
    ("objective", "direction", "least"),
    [(bowl, "maximize", 0.99), (valley, "minimize", 0.99)],
)
@pytest.mark.parametrize("every", [0, 5])
def test_sixty_trials_close_most_of_the_gap(tmp_path, objective, direction, least, every):
    harness = Harness(tmp_path, objective, direction=direction, every=every)
    rows = harness.run(60)
    first = rows[0].metrics["value"]
    assert abs(harness.best()) < (1 - least) * abs(first)
    assert len({row.sha256 for row in rows}) == 60


def ridge(a, b, n):
    return 50 * (a - b) ** 2 + (a - 3) ** 2 + (b - 3) ** 2


def test_a_narrow_ridge_is_followed(tmp_path):
    harness = Harness(tmp_path, ridge, direction="minimize", every=0)
    rows = harness.run(150)
    together = [row for row in rows if row.notes.count("number") > 1]
    assert len(together) > 20
    assert harness.best() < 0.5


def test_whole_numbers_stay_whole_and_the_text_around_is_kept(tmp_path):
    rows = Harness(tmp_path, bowl).run(40)
    pattern = re.escape(SAMPLE)
    for old, new in (
        ("0\\.5", r"-?[\d.e+-]+"),
        ("\\-1\\.0", r"-?[\d.e+-]+"),
        ("n\\ =\\ 4", r"n\ =\ -?\d+"),
    ):
        assert old in pattern
        pattern = pattern.replace(old, new)
    for row in rows:
        assert re.fullmatch(pattern, (tmp_path / "memory" / row.experiment).read_text())


def test_a_resumed_run_goes_on_alike(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    whole = Harness(tmp_path / "one", bowl).run(20)
    halves = Harness(tmp_path / "two", bowl)
    halves.run(9)
    assert halves.run(11) == whole


@pytest.mark.parametrize("fresh", [False, True], ids=["same process", "another process"])
def test_a_proposal_that_was_sent_back_is_not_sent_again(tmp_path, fresh):
    harness = Harness(tmp_path, bowl)
    harness.run(5)
    tuner = LiteralTuner()
    first = tuner.propose(harness.brief(6))
    again = (LiteralTuner() if fresh else tuner).propose(harness.brief(6, message="invalid"))
    assert again.code != first.code
    third = tuner.propose(harness.brief(6, message="invalid"))
    assert third.code not in (first.code, *([] if fresh else [again.code]))


def test_without_memory_trials_are_told_apart_by_their_numbers(tmp_path):
    harness = Harness(tmp_path, bowl)
    codes = [
        LiteralTuner().propose(harness.brief(trial, memory=False)).code for trial in (1, 2, 3, 4, 3)
    ]
    assert codes[0] == SAMPLE
    assert len(set(codes)) == 4
    assert codes[2] == codes[4]


def test_the_parent_that_the_policy_names_is_varied(tmp_path):
    harness = Harness(tmp_path, bowl)
    rows = harness.run(12)
    worst = harness.brief(0).scored()[-1]
    assert worst.trial != rows[0].trial
    proposal = LiteralTuner().propose(harness.brief(13, parents=(worst.trial,)))
    assert proposal.notes.startswith(f"From trial {worst.trial}:")


def test_a_source_without_a_score_still_counts_as_tried(tmp_path):
    harness = Harness(tmp_path, bowl, sample="n = 1\ndef f():\n    return 1 / n, 1 // n, 1 % n\n")
    rows = harness.run(25)
    assert len({row.sha256 for row in rows}) == 25


@pytest.mark.parametrize(
    ("sample", "reason"),
    [(None, "neither sample.py nor"), ("def f():\n    return x\n", "has a number to tune")],
)
def test_nothing_to_tune_is_said_with_its_reason(tmp_path, sample, reason):
    harness = Harness(tmp_path, bowl, sample=sample)
    if sample:
        digest = hashlib.sha256(sample.encode()).hexdigest()
        row = Row(trial=1, experiment=None, sha256=digest, status="crashed", metrics={})
        harness.rows = [row]
    with pytest.raises(NothingToPropose, match=reason):
        LiteralTuner().propose(harness.brief(2))


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("x = -12", [-12]),
        ("x = a - 12", [12]),
        ("x = f(1)[2] - 3 if y else -4", [1, 2, 3, -4]),
        ("return -1.5e3, .5, 1_000", [-1500.0, 0.5, 1000]),
        ("x = -2 ** 3", [2, 3]),
        ("x = 0x10 + 0b1 + 3j + True", []),
        ('x = "1 2" + f"{3 + y:4}" + str(5)', [5]),
        ("# 1\nx = (\n  - # 2\n  3, - 4, -5)", [3, 4, -5]),
        ("x = (a  # b\n  -5)", [5]),
        ("x = (1", []),
    ],
)
def test_the_numbers_of_a_source(source, values):
    found = [literal.value for literal in literals(source)]
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]


@pytest.mark.parametrize(
    ("source", "value", "result"),
    [
        ("return-1", 2, "return 2"),
        ("x=3**2", -4, "x=(-4)**2"),
        ("x = a-5", -6, "x = a--6"),
        ("x = (-7)", 8, "x = (8)"),
        ("é = 'é'; x = 9  # 9", 1, "é = 'é'; x = 1  # 9"),
    ],
)
def test_a_number_is_replaced_in_place(source, value, result):
    assert replaced(source, literals(source), {0: value}) == result


@given(st.lists(st.integers(-1000, 1000) | st.floats(-1e9, 1e9), min_size=1, max_size=5))
def test_new_values_are_what_python_reads(values):
    source = "x = [" + ", ".join("1" for _ in values) + "]\ny = -2.5 - 3\n"
    space = {}
    exec(replaced(source, literals(source), dict(enumerate(values))), space)
    assert space == space | {"x": values, "y": -5.5}


def test_the_director_is_followed(tmp_path):
    harness = Harness(tmp_path, bowl, every=0)
    harness.run(13)

    def step(director):
        notes = LiteralTuner().propose(harness.brief(14, director=director)).notes
        number, old, new = re.search(r"number (\d+) .*?: (\S+) to ([^\s,;]+)", notes).groups()
        return number, float(new) - float(old), notes

    number, usual, _ = step("")
    assert step("Step: wider")[:2] == (number, pytest.approx(4 * usual, rel=0.05))
    assert step("- step: finer")[:2] == (number, pytest.approx(usual / 4, rel=0.05))
    wide = Row(
        trial=14,
        experiment=None,
        sha256="ab",
        status="scored",
        metrics={"value": -1e9},
        notes=step("Step: wider")[2],
    )
    harness.rows.append(wide)
    after = LiteralTuner().propose(harness.brief(15, director=f"Literal: {number}")).notes
    old, new = re.search(r": (\S+) to ([^\s,;]+)", after).groups()
    assert float(new) - float(old) == pytest.approx(-usual / 2, rel=0.05)
    harness.rows.pop()
    others = {"1", "2", "3"} - {number}
    assert {step(f"Literal: {other}")[0] for other in others} == others
    assert "ask for number 9, which is none" in step("Literal: 9")[2]


def test_the_critic_reports_what_the_ledger_holds(tmp_path):
    harness = Harness(tmp_path, bowl, every=0)
    harness.run(10)
    harness.rows.append(harness.rows[-1])
    text = LiteralTuner().criticise(harness.brief(11, target=0.0))
    assert (
        "11 trials: 11 scored; 0% without a score, 1 that repeated an earlier experiment." in text
    )
    assert f"The target 0 is {-harness.best():g} away." in text
    for number in (1, 2, 3):
        moved = [row for row in harness.rows if f": number {number} " in row.notes]
        alone = sum(row.notes.count("number") == 1 for row in moved)
        assert f"Number {number} moved alone {alone} times" in text


def flat(a, b, n):
    return 1.0


def only_b(a, b, n):
    return b if (a, n) == (0.5, 4) else -1e9


def fragile(a, b, n):
    return 1 / ((a, b, n) == (0.5, -1.0, 4))


@pytest.mark.parametrize(
    ("objective", "trials", "line"),
    [
        (flat, 8, "Step: finer"),
        (flat, 60, "Step: wider"),
        (fragile, 8, "Step: finer"),
        (only_b, 12, "Literal: 2"),
        (bowl, 4, "too few to steer by"),
    ],
)
def test_the_director_asks_for_what_the_last_moves_call_for(tmp_path, objective, trials, line):
    harness = Harness(tmp_path, objective, every=0)
    harness.run(trials)
    assert line in LiteralTuner().direct(harness.brief(trials))


def test_stagnation_is_counted_since_the_best(tmp_path):
    harness = Harness(tmp_path, flat, every=0)
    harness.run(9)
    assert "Trials since the best: 8." in LiteralTuner().criticise(harness.brief(9))
