"""From files to rules with claims: the command as a user has it."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest

from leanlab.labkit import ConfigError
from leanlab.synthesis import evidence, splits
from leanlab.synthesis.learncommand import Asked, run
from leanlab.synthesis.learning.inputs import alike
from leanlab.synthesis.learning.learned import answers, learn
from leanlab.synthesis.splits import Split


def labelled(label, *, alphabet="01", length=20, size=100, seed=0, classes=("0", "1")):
    rng = random.Random(seed)
    drawn = {}
    while len(drawn) < size:
        drawn["".join(rng.choice(alphabet) for _ in range(length))] = None
    strings = tuple(drawn)
    return Split(strings=strings, labels=tuple(int(label(x)) for x in strings), classes=classes)


def odd_runs(x):
    return sum(a != b for a, b in pairwise(x)) % 2 == 0


@pytest.fixture
def files(tmp_path):
    def make(label, **changes):
        names = {}
        for seed, name in enumerate(("train", "val", "test")):
            names[name] = tmp_path / f"{name}.txt"
            splits.write(names[name], labelled(label, seed=seed, **changes))
        return names

    return make


def asked(**given):
    return Asked(**(dict.fromkeys(Asked.__struct_fields__) | given))


def test_a_rule_is_found_told_and_used(files, tmp_path):
    named = files(odd_runs, alphabet="ab", classes=("no", "yes"))
    out = tmp_path / "labels.txt"
    facts = json.loads(run(asked(**named, predict=named["test"], out=out), as_json=True))
    assert facts["verdict"] == "exact"
    assert facts["test_accuracy"] == 1.0
    assert facts["error_bound"] < 0.06
    first = facts["rules"][0]
    assert set(first) == {"code", "description", "bits", "train_errors", "val_errors"}
    assert (first["train_errors"], first["val_errors"]) == (0, 0)
    test = splits.read(named["test"])
    assert out.read_text().split() == [test.classes[y] for y in test.labels]
    text = run(asked(**named), as_json=False)
    assert first["code"] in text
    assert "Test accuracy: 1.0000" in text


def test_without_validation_strings_the_bound_is_the_weaker_one(files):
    named = files(odd_runs)
    with_val = json.loads(run(asked(train=named["train"], val=named["val"]), as_json=True))
    alone = json.loads(run(asked(train=named["train"]), as_json=True))
    assert alone["rules"][0]["code"] == with_val["rules"][0]["code"]
    assert alone["rules"][0]["val_errors"] is None
    assert with_val["error_bound"] < alone["error_bound"] < 0.5


@pytest.mark.parametrize("seed", range(1))  # a hundred in make synth-bench
def test_nothing_is_claimed_about_random_labels(seed):
    coin = random.Random(seed)
    train, val = (labelled(lambda x: coin.getrandbits(1), seed=seed + k) for k in (10, 20))
    learned = learn(train, val)
    assert learned.verdict == "abstain"


def test_wrong_labels_are_seen_through():
    clean = labelled(lambda x: x.count("1") >= 11, length=21)
    flips = set(random.Random(3).sample(range(100), 8))
    train = Split(
        strings=clean.strings,
        labels=tuple(y ^ (i in flips) for i, y in enumerate(clean.labels)),
    )
    learned = learn(train)
    fresh = labelled(lambda x: x.count("1") >= 11, length=21, seed=9, size=500)
    assert fresh.accuracy(answers(learned.rules[0].code, fresh.strings)) > 0.97
    assert learned.verdict == "better-than-chance"


def test_rules_that_the_data_leave_open_are_told_apart():
    # Every training string has an even number of ones in front and an odd one behind, or neither.
    rng = random.Random(4)
    strings = []
    while len(strings) < 60:
        x = format(rng.getrandbits(16), "016b")
        if x[:8].count("1") % 2 != x[8:].count("1") % 2 and x not in strings:
            strings.append(x)
    labels = tuple(x[:8].count("1") % 2 for x in strings)
    learned = learn(Split(strings=tuple(strings), labels=labels))
    assert learned.verdict == "better-than-chance"
    text, told = learned.disagreement
    assert len(set(told)) == 2
    assert [answers(rule.code, [text])[0] for rule in learned.rules] == list(told)


def test_evidence_against_direct_counts():
    assert evidence.coin(10, 8) == pytest.approx((45 + 10 + 1) / 1024)
    assert evidence.coin(10, 0) == 1.0
    assert 2 ** evidence.log2_ball(5, 2) == pytest.approx(1 + 5 + 10)
    train = Split(strings=tuple("abcd"), labels=(0, 1, 1, 0))
    assert 2 ** evidence.log2_chance(1.0, 0, train) == pytest.approx(2 / 6)
    same = Split(strings=tuple("abcd"), labels=(1, 1, 1, 1))
    assert evidence.log2_chance(1.0, 0, same) == 0.0


def test_letters_are_said_to_count_as_places():
    learned = learn(labelled(lambda x: x[0] < "m", alphabet="bmx", length=6), seconds=3)
    assert learned.rules[0].description.endswith("Characters count as their places, from 0, in bmx")


def test_inputs_alike_are_the_same_each_time_and_of_the_same_kind():
    strings = ("0110", "101", "00011")
    made = alike(strings, 90)
    assert made == alike(strings, 90)
    assert {len(x) for x in made} <= {3, 4, 5}
    assert set("".join(made)) == {"0", "1"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"predict": "train"}, "--predict FILE and --out LABELS go together"),
        ({"seconds": 0.0}, "--seconds 0: give a number above 0"),
        ({"train": "none"}, "no such file"),
    ],
)
def test_a_bad_request_is_told_in_one_line(files, tmp_path, given, told):
    named = files(odd_runs)
    named["none"] = tmp_path / "none.txt"
    ready = {key: named.get(value, value) for key, value in given.items()}
    with pytest.raises(ConfigError, match=told) as caught:
        run(asked(**({"train": named["train"]} | ready)), as_json=True)
    assert "\n" not in str(caught.value)
