"""Both shipped labs: one text, any target, one's own strings, and prompts that name nothing."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leanlab.cli import app
from leanlab.config import load
from leanlab.dryrun import describe
from leanlab.lab import open_lab
from leanlab.labkit import ConfigError
from leanlab.prompts import Prompts
from leanlab.resources import SHIPPED_LABS
from leanlab.running import Options
from leanlab.synthesis import data, splits, targets
from leanlab.synthesis.stream import Stream

PARITY, PRIME = (SHIPPED_LABS / name for name in ("parity", "prime"))
KEPT = ("evaluation.py", "validate.py", "task.md", "lab.json", "experiments/sample.py", "data")
TELLING = """
    parit|odd |even |pattern|palindrom|revers|dyck|bracket|balanc|prime|compos|factor|divi|gcd|
    automat|rule 30|neighbo|sha-?256|hash|cycl|polynom|monomial|fn_|target=|val.txt|test.txt|meta
"""
WORDS = re.compile(re.sub(r"\n +", "", TELLING).strip(), re.IGNORECASE)


def copied(lab, tmp_path):
    folder = tmp_path / "somewhere"
    for name in KEPT:
        source = lab / name
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    return folder


def tried(*arguments):
    return CliRunner().invoke(app, ["try", *map(str, arguments), "--json"])


@pytest.mark.parametrize("lab", [PARITY, PRIME], ids=lambda lab: lab.name)
def test_the_committed_strings_are_those_of_the_params(lab, tmp_path):
    data.generate(load(lab / "lab.json").params, folder=lab).write(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in (lab / "data").iterdir()}


@pytest.mark.parametrize(
    "name", ["evaluation.py", "validate.py", "task.md", "experiments/sample.py"]
)
def test_the_two_labs_differ_in_their_params_alone(name):
    assert (PARITY / name).read_bytes() == (PRIME / name).read_bytes()
    first, second = (json.loads((lab / "lab.json").read_text()) for lab in (PARITY, PRIME))
    assert {key for key in first if first[key] != second[key]} == {"name", "description", "params"}


def table(first):
    """The cells of each row of the table of docs/synthesis.md whose head starts so."""
    text = (Path(__file__).parents[2] / "docs" / "synthesis.md").read_text()
    rows = text.partition(f"| {first} |")[2].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip(" `") for cell in row.strip("|").split(" | ")] for row in rows]


def test_the_page_lists_every_target_as_it_is():
    told = [tuple(row[:5]) for row in table("id")]
    assert told == [
        (one.id or "–", one.name, one.domain, one.summary, one.lengths) for one in targets.TARGETS
    ]


def test_the_page_lists_every_param_with_its_default():
    params = load(PARITY / "lab.json").params
    told = {row[0]: row[1] for row in table("param")}
    assert told.keys() == params.keys()
    assert told.pop("target") == "the lab's"
    assert {key: json.loads(text) for key, text in told.items()} == {
        key: params[key] for key in told
    }


@pytest.mark.parametrize("target", targets.TARGETS, ids=lambda target: target.name)
def test_no_prompt_of_any_target_names_it_or_shows_what_is_hidden(tmp_path, target):
    length = 36 if target.domain == "edges" else 40
    lab = open_lab(copied(PRIME, tmp_path), {"target": target.name, "length": str(length)})
    made = data.generate(lab.config.params | {"test": 200})
    made.write(lab.data)
    prompts = "\n".join(describe(lab, Options())).partition("=====")[2]
    laid = Prompts(lab).public_files()
    assert set(laid) == {"task.md", "validate.py", "data/train.txt", "data/domain.txt", "sample.py"}
    for text in (prompts, *(content.decode() for content in laid.values())):
        assert not (found := WORDS.search(text)), found
        for secret in (target.name, lab.folder.name, *made.val.strings, *made.test.strings):
            assert secret not in text
    assert f"{length} {'digits' if target.domain == 'digits' else 'characters'}" in prompts
    for line in (lab.data / "train.txt").read_text().splitlines():
        assert line in prompts


@pytest.mark.parametrize("lab", [PARITY, PRIME], ids=lambda lab: lab.name)
@pytest.mark.parametrize("target", ["dyck2", "fn_h"])
def test_either_lab_scores_any_target_by_name_and_id(lab, target, tmp_path):
    folder = copied(lab, tmp_path)
    sets = ["--set", f"target={target}", "--set", "length=40", "--set", "test=400"]
    done = tried(folder, folder / "experiments" / "sample.py", *sets)
    assert done.exit_code == 0, done.output
    assert 0.3 < json.loads(done.stdout)["metrics"]["test_accuracy"] < 0.7
    made = folder / "variants" / f"length=40,target={target},test=400" / "data"
    assert json.loads((made / "meta.json").read_text())["target"] == "dyck2"


def test_a_test_of_another_length_is_scored_and_the_solver_is_told_to_expect_it(tmp_path):
    folder = copied(PARITY, tmp_path)
    (tmp_path / "short.py").write_text(
        'def f(x: str) -> int:\n    """Odd."""\n    return x[:50].count("1") % 2\n'
    )
    sets = ["--set", "test_length=70", "--set", "test=1000"]
    told = json.loads(tried(folder, tmp_path / "short.py", *sets).stdout)["metrics"]
    assert told["val_accuracy"] == 1.0
    assert told["test_accuracy"] == pytest.approx(0.5, abs=0.08)
    lab = open_lab(folder, {"test_length": "70", "test": "1000"})
    assert "Those may be longer or shorter" in Prompts(lab).task
    assert "70" not in (lab.data / "domain.txt").read_text()


def own_strings(count=600):
    stream = Stream("own strings")
    strings = {}
    while len(strings) < count:
        strings["".join("abc"[stream.below(3)] for _ in range(5 + stream.below(4)))] = None
    return [(x, "yes" if "ab" in x else "no") for x in strings]


def test_own_strings_are_dealt_out_scored_and_described(tmp_path):
    pairs = own_strings()
    mine = tmp_path / "secret_rule.csv"
    mine.write_text("string,label\n" + "".join(f"{x},{y}\n" for x, y in [*pairs, pairs[0]]))
    (tmp_path / "rule.py").write_text(
        'def f(x: str) -> int:\n    """Has ab."""\n    return int("ab" in x)\n'
    )
    folder = copied(PRIME, tmp_path)
    done = tried(folder, tmp_path / "rule.py", "--set", f"data={mine}")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)["metrics"]
    assert told == {"train_accuracy": 1.0, "val_accuracy": 1.0, "test_accuracy": 1.0}
    lab = open_lab(folder, {"data": str(mine)})
    meta = json.loads((lab.data / "meta.json").read_text())
    assert (meta["train"], meta["val"], meta["test"]) == (100, 100, 400)
    assert meta["classes"] == ["no", "yes"]
    assert meta["repeated"] == 1
    share = sum(y == "yes" for _, y in pairs) / len(pairs)
    assert abs(meta["positive"]["train"] - 100 * share) <= 1
    task = Prompts(lab).task
    assert "The strings have 5 to 8 characters. They are made of these characters: a b c" in task
    assert f"{meta['positive']['train']} of the 100 examples have the label 1." in task
    assert "secret" not in task


def test_the_order_of_the_lines_does_not_matter(tmp_path):
    pairs = own_strings()
    dealt = []
    for order in (pairs, pairs[::-1]):
        (tmp_path / "mine.tsv").write_text("".join(f"{x}\t{y}\n" for x, y in order))
        made = data.generate({"data": "mine.tsv", "test": 50, "train": 51}, folder=tmp_path)
        dealt.append((made.train, made.val, made.test))
    assert dealt[0] == dealt[1]
    every = [x for split in dealt[0] for x in split.strings]
    assert len(every) == len(set(every)) == 51 + 100 + 50


def test_a_folder_of_splits_is_taken_as_it_is(tmp_path):
    pairs = own_strings()
    cuts = {"train.csv": pairs[:50], "val.csv": pairs[50:90], "test.csv": pairs[90:]}
    for name, chosen in cuts.items():
        (tmp_path / name).write_text("".join(f"{x},{y}\n" for x, y in chosen))
    made = data.generate({"data": str(tmp_path)})
    assert [len(getattr(made, name)) for name in data.NAMES] == [50, 40, 510]
    assert made.train.strings == tuple(x for x, _ in pairs[:50])
    (tmp_path / "val.csv").write_text("".join(f"{x},{y}\n" for x, y in pairs[49:90]))
    with pytest.raises(ConfigError, match=r"val.csv: 1 of its strings are in train.csv too"):
        data.generate({"data": str(tmp_path)})
    (tmp_path / "test.csv").unlink()
    with pytest.raises(ConfigError, match=r"holds no test.txt, test.csv or test.tsv"):
        data.generate({"data": str(tmp_path)})


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"data": "nowhere.csv"}, "params.data: there is no file or folder 'nowhere.csv'"),
        ({"data": "few.csv"}, "too few for train 100, val 100 and a test"),
        ({"data": "few.csv", "test_length": "9"}, "params.test_length: strings from `data` have"),
        ({"target": "dyck2", "length": "50"}, "multiples of 4, not 50; use 48 or 52"),
    ],
)
def test_what_cannot_be_made_is_one_line_and_status_2(tmp_path, sets, message):
    folder = copied(PARITY, tmp_path)
    (folder / "few.csv").write_text("".join(f"{x},{y}\n" for x, y in own_strings(20)))
    words = [word for key, value in sets.items() for word in ("--set", f"{key}={value}")]
    done = CliRunner().invoke(app, ["run", str(folder), "-n", "1", *words])
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())
    assert "Traceback" not in done.output


def test_a_train_file_of_a_lab_has_labels_0_and_1_whatever_the_names(tmp_path):
    (tmp_path / "mine.csv").write_text("".join(f"{x},{y}\n" for x, y in own_strings()))
    data.generate({"data": "mine.csv"}, folder=tmp_path).write(tmp_path / "data")
    train = splits.read(Path(tmp_path / "data" / "train.txt"))
    assert train.classes == ("0", "1")
    assert [("ab" in x) for x in train.strings] == [bool(y) for y in train.labels]
