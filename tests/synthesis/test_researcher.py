"""The researcher through simulated trials, on workspaces that hold training strings only."""

from __future__ import annotations

import hashlib
import random
import re

import pytest

from leanlab.labkit import Brief, NothingToPropose, Row
from leanlab.synthesis import data, splits
from leanlab.synthesis.researcher import SynthesisResearcher, found
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


@pytest.mark.parametrize("target", ["parity_all", "patternmatch1", "automata_parity"])
def test_the_first_proposal_is_the_rule(trials, target):
    rows = trials(target, length=25).run(5)
    assert [row.metrics["val_accuracy"] for row in rows] == [1.0]


def test_random_labels_are_left_to_others(labelled):
    loop = labelled(coin(), length=20)
    with pytest.raises(NothingToPropose, match="the learner abstains: of 100 training strings"):
        SynthesisResearcher().propose(loop.brief())
    assert "the learner abstains" in SynthesisResearcher().direct(loop.brief())


@pytest.fixture
def threshold(labelled):
    return labelled(lambda x: int(x.count("1") >= 11), length=20)


def test_scores_say_what_is_proposed_next(threshold):
    first = SynthesisResearcher().propose(threshold.brief())
    threshold.record(first)
    plain = SynthesisResearcher().propose(threshold.brief())
    row = threshold.rows[0]
    # A rule that was right half of the time speaks against all that answer as it does.
    low = Row(**{**_fields(row), "metrics": {"train_accuracy": 1.0, "val_accuracy": 0.5}})
    after = SynthesisResearcher().propose(threshold.brief(history=[low]))
    rules = {rule.sha256: rule for rule in found(threshold.train)}
    first_rule = rules[hashlib.sha256(first.code.encode()).hexdigest()]
    near, far = (
        rules[hashlib.sha256(each.code.encode()).hexdigest()].differs(first_rule)
        for each in (plain, after)
    )
    assert far > near


def _fields(row):
    return {name: getattr(row, name) for name in row.__struct_fields__}


@pytest.mark.parametrize(
    "line", ["Try next: table", "* try next: TABLE please", "Try next: number\n\nTry next: table"]
)
def test_a_person_may_name_a_family(labelled, line):
    loop = labelled(lambda x: int((x[1] + x[5] + x[9]).count("1") >= 2), length=20)
    loop.director = f"# Notes\n\n{line}\n"
    proposal = SynthesisResearcher().propose(loop.brief())
    assert proposal.notes.startswith("table:")
    assert "The Director's notes ask for table." in proposal.notes


def test_a_name_that_is_no_family_is_passed_over_with_a_note(threshold):
    threshold.director = "Try next: magic"
    proposal = SynthesisResearcher().propose(threshold.brief())
    assert "name 'magic', which is no family" in proposal.notes
    threshold.director = "Try next: graph"
    proposal = SynthesisResearcher().propose(threshold.brief())
    assert "ask for graph, of which nothing is left to try" in proposal.notes


def test_without_memory_trials_walk_down_the_same_list(threshold):
    codes = [
        SynthesisResearcher().propose(threshold.brief(trial, memory=False)).code
        for trial in range(1, 5)
    ]
    assert len(set(codes)) == 4
    assert codes[0] == SynthesisResearcher().propose(threshold.brief()).code
    with pytest.raises(NothingToPropose, match="were tried"):
        SynthesisResearcher().propose(threshold.brief(10_000, memory=False))


@pytest.mark.parametrize("memory", [True, False])
def test_a_proposal_that_was_sent_back_is_not_sent_again(threshold, memory):
    changes = {} if memory else {"memory": False}
    researcher = SynthesisResearcher()
    codes = [researcher.propose(threshold.brief(1, **changes)).code]
    back = threshold.brief(1, message="INVALID: no.", **changes)
    codes += [researcher.propose(back).code for _ in range(3)]
    assert len(set(codes)) == 4
    assert SynthesisResearcher().propose(back).code == codes[1]
    assert researcher.propose(threshold.brief(1, **changes)).code == codes[0]


def test_the_critic_says_what_the_history_holds(threshold):
    threshold.record(SynthesisResearcher().propose(threshold.brief()))
    text = SynthesisResearcher().criticise(threshold.brief())
    row = threshold.rows[0]
    seen, unseen = row.metrics["train_accuracy"], row.metrics["val_accuracy"]
    assert "- 1 trials: 1 scored." in text
    assert "Families tried: feature." in text
    assert f"training {seen:.3f}, val_accuracy {unseen:.3f}, gap {seen - unseen:+.3f}" in text
    assert "No experiment was tried twice." in text
    told = re.search(r"on 100 strings a coin gets (\d+) or more right", text)
    assert int(told[1]) == round(100 * unseen)


def test_over_fit_and_repetitions_are_pointed_out(threshold):
    rote = Row(
        trial=1,
        experiment="0001_rote.py",
        sha256="ab",
        status="scored",
        metrics={"train_accuracy": 0.8, "val_accuracy": 0.6},
    )
    again = Row(trial=2, experiment="0002_rote.py", sha256="ab", status="scored", metrics={})
    crashed = Row(trial=3, experiment=None, sha256=None, status="crashed", metrics={})
    threshold.rows += [rote, again, crashed, crashed]
    text = SynthesisResearcher().criticise(threshold.brief())
    assert (
        "Trial 1 (0001_rote.py): training 0.800, val_accuracy 0.600, gap +0.200, over-fitted"
        in text
    )
    assert text.count("over-fitted") == 1
    assert "tried more than once, in trials 1, 2." in text
    assert "2 scored, 2 crashed" in text


def test_nothing_but_the_training_strings_is_read(threshold):
    SynthesisResearcher().propose(threshold.brief())
    assert [path.name for path in (threshold.folder / "data").iterdir()] == ["train.txt"]
