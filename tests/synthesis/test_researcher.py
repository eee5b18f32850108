"""The researcher through simulated trials, on workspaces that hold training strings only."""

from __future__ import annotations

import hashlib
import random
import re

import pytest

from leanlab.labkit import Brief, NothingToPropose, Row
from leanlab.synthesis import data, splits
from leanlab.synthesis.researcher import SynthesisResearcher
from leanlab.synthesis.splits import Split


class Trials:
    """A loop with a Critic and a Director every second trial."""

    def __init__(self, folder, train, val):
        self.folder, self.train, self.val = folder, train, val
        self.rows, self.critic, self.director = [], "", ""
        (folder / "data").mkdir()
        splits.write(folder / "data" / "train.txt", train)

    def brief(self, trial=None, **changes):
        told = {
            "workspace": self.folder,
            "trial": len(self.rows) + 1 if trial is None else trial,
            "seed": 0,
            "metric": "val_accuracy",
            "direction": "maximize",
            "target": 1.0,
            "params": {"length": 50, "train": 100, "val": len(self.val)},
            "history": list(self.rows),
            "critic": self.critic,
            "director": self.director,
        }
        return Brief(**(told | changes))

    def record(self, proposal):
        space = {}
        exec(proposal.code, space)
        told = {
            f"{name}_accuracy": split.accuracy([space["f"](x) for x in split.strings])
            for name, split in (("train", self.train), ("val", self.val))
        }
        trial = len(self.rows) + 1
        row = Row(
            trial=trial,
            experiment=f"{trial:04}_{proposal.slug}.py",
            sha256=hashlib.sha256(proposal.code.encode()).hexdigest(),
            status="scored",
            metrics=told,
            notes=proposal.notes,
        )
        self.rows.append(row)
        return row

    def run(self, trials, every=2):
        for _ in range(trials):
            # A new instance each time: nothing may hang on the process.
            researcher = SynthesisResearcher()
            row = self.record(researcher.propose(self.brief()))
            if every and row.trial % every == 0:
                self.critic = researcher.criticise(self.brief(row.trial))
                self.director = researcher.direct(self.brief(row.trial))
            if row.metrics["val_accuracy"] == 1.0:
                break
        return self.rows


@pytest.fixture
def trials(tmp_path):
    def make(target, length=50, seed=42):
        made = data.generate({"target": target, "length": length, "test": 2, "seed": seed})
        return Trials(tmp_path, made.train, made.val)

    return make


@pytest.fixture
def labelled(tmp_path):
    def make(label, length=50):
        rng = random.Random(1)
        drawn = list({format(rng.getrandbits(length), f"0{length}b") for _ in range(200)})
        drawn.sort()
        rng.shuffle(drawn)
        train, val = (
            Split(strings=tuple(part), labels=tuple(label(x) for x in part))
            for part in (drawn[:100], drawn[100:])
        )
        return Trials(tmp_path, train, val)

    return make


def coin():
    tosses = random.Random(6)
    return lambda x: tosses.getrandbits(1)


@pytest.mark.parametrize("length", [20, 50, 100])
@pytest.mark.parametrize(
    "target", ["parity_all", "parity_first_half", "parity_rand_3", "parity_rand_10"]
)
def test_short_rules_fail_first_and_then_the_director_is_followed(trials, target, length):
    rows = trials(target, length).run(5)
    assert len(rows) == 3
    assert [row.experiment for row in rows[:2]] == ["0001_always_0.py", "0002_one_position.py"]
    assert all(row.metrics["val_accuracy"] < 0.7 for row in rows[:2])
    assert rows[2].metrics == {"train_accuracy": 1.0, "val_accuracy": 1.0}
    assert "The Director's notes ask for parity." in rows[2].notes


@pytest.mark.parametrize(("target", "found"), [("parity_all", 4), ("parity_rand_10", 7)])
def test_without_a_director_the_order_gets_there_later(trials, target, found):
    assert len(trials(target).run(9, every=0)) == found


def test_a_threshold_is_steered_to_and_parity_is_ruled_out(labelled):
    loop = labelled(lambda x: int(x.count("1") >= 26))
    rows = loop.run(3)
    assert "They are inconsistent: no parity fits every training string." in loop.director
    assert "The fit of count_threshold is no accident.\nTry next: count" in loop.director
    assert rows[2].experiment == "0003_count_threshold.py"
    assert rows[2].metrics["val_accuracy"] == 1.0


def test_random_labels_are_called_so(labelled):
    loop = labelled(coin())
    loop.run(2)
    assert "They are inconsistent" in loop.director
    assert (
        "No kind of rule fits the training strings better than chance allows for." in loop.director
    )
    assert "Try next: count" in loop.director
    loop.run(18)
    assert len({row.sha256 for row in loop.rows}) == 20
    assert "Every family was tried" in loop.director
    assert "Try next" not in loop.director


def test_a_system_that_any_labels_would_solve_is_no_evidence(labelled):
    loop = labelled(coin(), length=200)
    loop.run(2)
    assert "they would be with any labels: that is no evidence" in loop.director
    assert "Try next: parity" not in loop.director


def test_a_rule_that_failed_is_not_asked_for_again(labelled):
    loop = labelled(lambda x: x.count("1") % 2)
    loop.val = Split(strings=loop.val.strings, labels=tuple(1 - y for y in loop.val.labels))
    rows = loop.run(4)
    assert rows[2].metrics == {"train_accuracy": 1.0, "val_accuracy": 0.0}
    assert "parity_of_all was tried in trial 3: val_accuracy 0." in loop.director
    assert "Try next: count" in loop.director


def test_the_run_goes_on_after_an_exact_rule(trials):
    loop = trials("parity_all")
    loop.run(3)
    for _ in range(30):
        loop.record(SynthesisResearcher().propose(loop.brief()))
    assert len({row.sha256 for row in loop.rows}) == 33


@pytest.mark.parametrize(
    "line", ["Try next: pair", "* try next: PAIR please", "Try next: count\n\nTry next: pair"]
)
def test_a_person_may_name_a_family(trials, line):
    loop = trials("parity_all")
    loop.director = f"# Notes\n\n{line}\n"
    proposal = SynthesisResearcher().propose(loop.brief())
    assert proposal.slug.startswith("two_")
    assert "The Director's notes ask for pair." in proposal.notes


def test_a_name_that_is_no_family_is_passed_over_with_a_note(trials):
    loop = trials("parity_all")
    loop.director = "Try next: astrology"
    proposal = SynthesisResearcher().propose(loop.brief())
    assert proposal.slug == "always_0"
    assert "name 'astrology', which is no family (constant, position," in proposal.notes


def test_a_family_that_is_used_up_is_said_so(trials):
    loop = trials("parity_all")
    loop.director = "Try next: constant"
    loop.run(3, every=0)
    assert [row.experiment[5:13] for row in loop.rows] == ["always_0", "always_1", "one_posi"]
    assert "ask for constant, of which nothing is left to try" in loop.rows[2].notes


def test_without_memory_trials_walk_down_the_same_order(trials):
    loop = trials("parity_all")
    walked = [
        SynthesisResearcher().propose(loop.brief(trial, memory=False)).code for trial in range(1, 8)
    ]
    for _ in range(7):
        loop.record(SynthesisResearcher().propose(loop.brief()))
    assert [hashlib.sha256(code.encode()).hexdigest() for code in walked] == [
        row.sha256 for row in loop.rows
    ]


@pytest.mark.parametrize("memory", [True, False])
def test_a_proposal_that_was_sent_back_is_not_sent_again(trials, memory):
    loop = trials("parity_all")
    loop.run(2, every=0)
    changes = {} if memory else {"history": ()}
    researcher = SynthesisResearcher()
    codes = [researcher.propose(loop.brief(3, **changes)).code]
    back = loop.brief(3, message="INVALID: no.", **changes)
    codes += [researcher.propose(back).code for _ in range(3)]
    assert len(set(codes)) == 4
    assert SynthesisResearcher().propose(back).code == codes[1]
    assert researcher.propose(loop.brief(3, **changes)).code == codes[0]


def test_the_end_of_the_order_is_said(tmp_path):
    loop = Trials(
        tmp_path, Split(strings=("0", "1"), labels=(0, 1)), Split(strings=("0",), labels=(0,))
    )
    with pytest.raises(NothingToPropose, match="Every rule"):
        SynthesisResearcher().propose(loop.brief(10_000, memory=False))


def test_the_critic_says_what_the_history_holds(trials):
    loop = trials("parity_all")
    loop.run(2)
    second = loop.rows[1]
    seen, unseen = second.metrics["train_accuracy"], second.metrics["val_accuracy"]
    assert "- 2 trials: 2 scored." in loop.critic
    assert "Families tried: constant, position; not tried: count, pair, parity." in loop.critic
    assert (
        f"Trial 2 (one_position): training {seen:.3f}, val_accuracy {unseen:.3f}, "
        f"gap {seen - unseen:+.3f}" in loop.critic
    )
    assert "No experiment was tried twice." in loop.critic
    told = re.search(
        r"on 100 strings a coin gets (\d+) or more right with probability ([\d.]+)", loop.critic
    )
    best = max(row.metrics["val_accuracy"] for row in loop.rows)
    assert int(told[1]) == round(100 * best)
    assert 0.1 < float(told[2]) < 0.7


def test_over_fit_and_repetitions_are_pointed_out(trials):
    loop = trials("parity_all")
    loop.run(2)
    rote = Row(
        trial=3,
        experiment="0003_rote.py",
        sha256="ab",
        status="scored",
        metrics={"train_accuracy": 0.8, "val_accuracy": 0.6},
    )
    crashed = Row(trial=5, experiment=None, sha256=None, status="crashed", metrics={})
    again = Row(trial=4, experiment="0004_rote.py", sha256="ab", status="scored", metrics={})
    loop.rows += [rote, again, crashed, crashed]
    text = SynthesisResearcher().criticise(loop.brief())
    assert (
        "Trial 3 (0003_rote.py): training 0.800, val_accuracy 0.600, gap +0.200, over-fitted"
        in text
    )
    assert text.count("over-fitted") == 1
    assert "tried more than once, in trials 3, 4." in text
    assert "4 scored, 2 crashed" in text


def test_nothing_but_the_training_strings_is_read(trials):
    loop = trials("parity_all")
    loop.run(3)
    assert [path.name for path in (loop.folder / "data").iterdir()] == ["train.txt"]
    (loop.folder / "data" / "train.txt").write_text("0101 -> 1\n1111 -> 0\n0000 -> 0\n1000 -> 1\n")
    assert "4 equations" in SynthesisResearcher().direct(loop.brief())
