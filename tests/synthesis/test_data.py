from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from leanlab.labkit import ConfigError
from leanlab.synthesis import data, splits, targets

UNIFORM = ["parity_all", "parity_first_half", "parity_rand_3", "parity_rand_10"]

# SHA-256 of train.txt, val.txt and test.txt, one after the other, at the default sizes and seed.
# A change here breaks every data set that users have: never update these to make a test pass.
PUBLISHED = {
    ("parity_all", 50): "0add59d3b1ac8d34a426d8b8aa99326af77367650c40cba0688c1dfe58329407",
    ("parity_first_half", 20): "66687cefac5fbf79a13654a803a7e843752c3e4343547870e0245b7bae9a360d",
    ("parity_rand_3", 30): "d3de97b2b20d881f948faf97d7977823c59f15b440610ba873adac1cd9b5a942",
    ("parity_rand_10", 100): "5824e5bd43dca2a91cb947bb12b3075fee16ab1eedc93145e77a93d2ab6e43f3",
    ("parity_all", 12): "3e264c3a309fa02cdf38cc1a91a72918c86502f3796b222ec9f4100762bfdde8",
    ("dyck2", 40): "1a18889f758fe5e31efd61a1c121a267a3e531b3e24619adb28fc092fb837870",
    ("palindrome", 20): "75a22b9bbe523caf1dc0afca2238688cb96685064250798695d2641cef086877",
    ("prime_plus_47", 30): "182e9e11ea2d70715ad82b2f589e7450304cc4c43ae5af97225d1970f46e0435",
    ("graph_has_cycle", 60): "9f7d48bf063782a6f99a15f0db2d3291a5134e3f9c6c781a8061d70299deae23",
    ("patternmatch2", 25): "feb4653537df9a47aa51d02fa6529e40ed952cfd5d45f617be7e34efab917ef4",
}

DIGEST = """
import hashlib, sys
from pathlib import Path
from leanlab.synthesis import data
folder = Path(sys.argv[1])
data.generate({"target": sys.argv[2], "length": int(sys.argv[3])}).write(folder)
files = b"".join((folder / f"{name}.txt").read_bytes() for name in ("train", "val", "test"))
print(hashlib.sha256(files).hexdigest())
"""


@pytest.mark.parametrize(("target", "length"), PUBLISHED)
@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_the_bytes_are_the_published_ones_in_every_process(tmp_path, target, length, hash_seed):
    command = [sys.executable, "-c", DIGEST, str(tmp_path), target, str(length)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == PUBLISHED[target, length]


def test_seeds_give_different_strings():
    first, second = (
        data.generate({"target": "parity_all", "length": 50, "test": 2, "seed": s}) for s in (1, 2)
    )
    assert not set(first.train.strings) & set(second.train.strings)


def test_labels_come_in_no_order():
    labels = data.generate({"target": "parity_all", "length": 50}).test.labels
    halves = sum(labels[:5000]), sum(labels[5000:])
    assert abs(halves[0] - halves[1]) < 300
    assert 4700 < sum(a != b for a, b in pairwise(labels)) < 5300


def test_a_larger_training_split_keeps_the_other_two():
    small, large = (
        data.generate({"target": "parity_rand_3", "length": 40, "train": n}) for n in (10, 200)
    )
    assert set(small.train.strings) < set(large.train.strings)
    assert (small.val, small.test) == (large.val, large.test)


def test_a_small_domain_gives_a_smaller_test_and_says_so():
    made = data.generate({"target": "parity_all", "length": 9})
    assert (len(made.train), len(made.val), len(made.test)) == (100, 100, 312)
    assert (
        made.meta["note"] == "The domain has too few strings: test holds 312; 10000 were asked for."
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"target": "parity_al", "length": 50},
            "no target 'parity_al'; the nearest is 'parity_all'",
        ),
        ({"target": "parity_all", "length": 4}, "has 8 strings of a label, too few for train 100"),
        ({"target": "parity_all", "length": 50, "train": 99}, "params.train: 99 strings cannot be"),
        ({"target": "parity_all", "length": 50, "val": 0}, "params.val: 0 strings cannot be"),
        ({"target": "parity_all", "length": 50, "test": -2}, "params.test: -2 strings cannot be"),
        (
            {"target": "parity_rand_10", "length": 9},
            "needs strings of 10 to 10000 characters, not 9; use 10",
        ),
        ({"target": "parity_rand_3", "length": 2}, "needs strings of 3 to"),
        ({"target": "parity_all", "length": 0}, "needs strings of 1 to"),
        ({"target": "parity_all", "lenght": 50}, "there is no 'lenght'; the nearest is 'length'"),
        ({"target": "parity_all", "length": "50"}, "Expected `int`, got `str`"),
        ({"target": "parity_all"}, "params: there is no 'length'; give target and length, or data"),
    ],
)
def test_params_that_cannot_be_used_are_one_line(params, message):
    with pytest.raises(ConfigError) as caught:
        data.generate(params)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [10, 20, 100])
def test_the_positions_of_three_are_among_those_of_ten(length):
    three, ten = (targets.random_positions(length, count) for count in (3, 10))
    assert ten[:3] == three
    assert len(set(ten)) == 10
    assert targets.find("fn_e").rule(length)("".join("01"[i in three] for i in range(length))) == 1


@pytest.mark.parametrize("name", UNIFORM)
@pytest.mark.parametrize("length", [20, 50, 100])
def test_no_single_character_and_no_count_separates(name, length):
    made = data.generate({"target": name, "length": length})
    strings = made.train.strings + made.test.strings
    bits = np.array([[c == "1" for c in x] for x in strings])
    labels = np.array(made.train.labels + made.test.labels, dtype=bool)
    single = (bits == labels[:, None]).mean(axis=0)
    counts = bits.sum(axis=1)
    thresholds = np.array([((counts >= n) == labels).mean() for n in range(length + 2)])
    best = max(np.abs(single - 0.5).max(), np.abs(thresholds - 0.5).max()) + 0.5
    assert best < 0.65
    in_train = np.abs((bits[:100] == labels[:100, None]).mean(axis=0) - 0.5).max() + 0.5
    assert in_train < 0.70


def test_files_are_read_back(tmp_path):
    made = data.generate({"target": "fn_a", "length": 30, "test": 50})
    made.write(tmp_path)
    assert all(splits.read(tmp_path / f"{n}.txt") == getattr(made, n) for n in data.NAMES)
    assert json.loads((tmp_path / "meta.json").read_text()) == made.meta
    assert made.meta["target"] == "parity_all"


def test_no_two_targets_share_a_name():
    names = [name for target in targets.TARGETS for name in (target.name, target.id) if name]
    assert len(set(names)) == len(names)
