"""The shipped lab: its data, its contract, and its evaluation run by hand."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest

from leanlab.config import load
from leanlab.labkit import Lab
from leanlab.synthesis import data, splits
from leanlab.synthesis.learning.learned import propose

LAB = Path(__file__).parents[2] / "labs" / "parity"
CONFIG = load(LAB / "lab.json")
EVERY_BIT = 'def f(x: str):\n    """The parity of all characters."""\n    return x.count("1") % 2\n'


def module(name):
    spec = importlib.util.spec_from_file_location(f"parity_{name}", LAB / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def validity(source):
    return module("validate").validate(source, Lab(folder=LAB, data=LAB / "data"))


def scored(lab, source, tmp_path):
    experiment = tmp_path / "experiment.py"
    experiment.write_text(source)
    command = [sys.executable, str(lab / "evaluation.py"), str(experiment)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_the_committed_data_are_what_make_data_writes(tmp_path):
    module("evaluation").make_data(Lab(folder=LAB, data=tmp_path, params=CONFIG.params))
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in (LAB / "data").iterdir()}
    assert set(made) == {"train.txt", "val.txt", "test.txt", "domain.txt", "meta.json"}


def test_the_task_shows_every_example_and_names_nothing_hidden():
    train = (LAB / "data" / "train.txt").read_text()
    template = jinja2.Template((LAB / "task.md").read_text(), undefined=jinja2.StrictUndefined)
    public = {name: CONFIG.params[name] for name in CONFIG.public_params}
    statement = (LAB / "data" / "domain.txt").read_text()
    files = {"data/train.txt": train, "data/domain.txt": statement}
    text = template.render(params=public, files=files)
    assert f"```\n{train}```" in text
    assert "Every string has 50 characters, each of them 0 or 1." in text
    for word in ("parity", "odd", "sum", "fn_a", "test_accuracy", "val.txt", "test.txt", "meta"):
        assert word not in text.lower()


def test_nothing_hidden_is_public():
    assert set(CONFIG.public) == {"task.md", "validate.py", "data/train.txt", "data/domain.txt"}
    assert set(CONFIG.revealed) == {"val_accuracy", "train_accuracy"}
    assert "parity" not in (LAB / "validate.py").read_text()


def test_the_sample_is_right_about_half_of_the_time(tmp_path):
    told = scored(LAB, (LAB / "experiments" / "sample.py").read_text(), tmp_path)
    assert told["test_accuracy"] == pytest.approx(0.5, abs=0.02)
    assert told["val_accuracy"] == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize(
    "source",
    [
        (LAB / "experiments" / "sample.py").read_text(),
        EVERY_BIT,
        'import math\nfrom itertools import chain\nN = 3\ndef g(x):\n    return f("0")\n'
        + EVERY_BIT,
        'def f(x, y=2, *, z=3):\n    """One line."""\n    return 0\n',
    ],
)
def test_valid_experiments(source):
    assert validity(source) is None


def test_all_rules_of_the_learner_are_valid():
    every = propose(splits.read(LAB / "data" / "train.txt"))
    assert {validity(rule.code) for rule in every} == {None}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def f(x:", "not Python"),
        ("x = '\0'", "not Python"),
        ("f = len\n", "0 times, not once"),
        (EVERY_BIT + EVERY_BIT, "2 times, not once"),
        ("class A:\n    " + EVERY_BIT.replace("\n", "\n    "), "0 times"),
        ("def f(x: str):\n    return 0\n", "docstring of one line"),
        ('def f(x: str):\n    """One.\n\n    Two."""\n    return 0\n', "docstring of one line"),
        ('def f():\n    """One."""\n    return 0\n', "cannot be called with one string"),
        ('def f(x, y):\n    """One."""\n    return 0\n', "cannot be called with one string"),
        ('def f(x, *, y):\n    """One."""\n    return 0\n', "cannot be called with one string"),
        ("import numpy as np\n" + EVERY_BIT, "Line 1 imports numpy, which is not in"),
        ("from . import a\n" + EVERY_BIT, "Line 1 imports ., which is not in"),
        ("import math, os.path\n" + EVERY_BIT, "Line 1 imports os: the rule needs no"),
        ("from pathlib import Path\n" + EVERY_BIT, "imports pathlib: the rule needs no"),
        (EVERY_BIT.replace("x.count", "open(x).read().count"), "Line 3 uses open"),
    ],
)
def test_a_broken_contract_is_said_in_one_line(source, reason):
    told = validity(source)
    assert reason in told
    assert "\n" not in told


def test_validate_reads_and_runs_nothing(tmp_path):
    source = f'open({str(tmp_path / "trace")!r}, "w")\n'
    assert validity(source + EVERY_BIT).startswith("Line 1 uses open")
    assert not (tmp_path / "trace").exists()


def test_the_true_rule_scores_one(tmp_path):
    told = scored(LAB, EVERY_BIT, tmp_path)
    assert told == {"train_accuracy": 1.0, "val_accuracy": 1.0, "test_accuracy": 1.0}


def test_replies_that_are_no_bits_are_wrong(tmp_path):
    source = EVERY_BIT.replace("return ", "return 'no' if x[0] == '1' and x[1] == '1' else ")
    told = scored(LAB, source, tmp_path)
    test = splits.read(LAB / "data" / "test.txt")
    lost = sum(x.startswith("11") for x in test.strings)
    assert told["test_accuracy"] == pytest.approx(1 - lost / len(test))


def test_a_variant_is_made_and_scored_from_its_params(tmp_path):
    lab = tmp_path / "lab"
    shutil.copytree(LAB, lab, ignore=shutil.ignore_patterns("data", "__pycache__", ".leanlab"))
    config = json.loads((lab / "lab.json").read_text())
    config["params"] |= {"target": "parity_first_half", "length": 21, "test": 500}
    (lab / "lab.json").write_text(json.dumps(config))
    module("evaluation").make_data(Lab(folder=lab, data=lab / "data", params=config["params"]))
    assert len(splits.read(lab / "data" / "test.txt")) == 500
    told = scored(lab, EVERY_BIT.replace("x.count", "x[:10].count"), tmp_path)
    assert told == dict.fromkeys((f"{name}_accuracy" for name in data.NAMES), 1.0)
