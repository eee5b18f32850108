"""Faults that are there and shortcuts that work are found; others are not claimed."""

from __future__ import annotations

import json
import math
import re

import pytest
from typer.testing import CliRunner

from leanlab.cli import app
from leanlab.labkit import ConfigError
from leanlab.synthesis import data, splits
from leanlab.synthesis.lint import lint
from leanlab.synthesis.shortcuts import FAMILIES
from leanlab.synthesis.splits import Split
from leanlab.synthesis.stream import Stream


def random_strings(count, length, *parts, figures="01"):
    stream = Stream("lint tests", *parts)
    strings = {}
    while len(strings) < count:
        strings["".join(figures[stream.below(len(figures))] for _ in range(length))] = None
    return list(strings)


def write(folder, rule, strings, sizes=(200, 200, 1000)):
    start = 0
    for name, size in zip(data.NAMES, sizes, strict=True):
        chosen = tuple(strings[start : start + size])
        start += size
        splits.write(
            folder / f"{name}.txt",
            Split(strings=chosen, labels=tuple(int(rule(x)) for x in chosen)),
        )
    return folder


def by_family(report):
    return {shortcut.family: shortcut for shortcut in report.shortcuts}


def ragged(*parts):
    return [x[: 30 + i % 9] for i, x in enumerate(random_strings(1400, 60, *parts))]


def graphs(*parts):
    chosen = random_strings(1400, 8, *parts, figures="012")
    return [f"u{x[:2]}v{x[2:4]}u{x[4:6]}v{x[6:]}" for x in chosen]


DIGITS = "0123456789"
WORKING = {
    "character": (lambda x: x[3] == "1", random_strings(1400, 20, 1)),
    "character from the end": (lambda x: x[-3] == "1", ragged(2)),
    "prefix or suffix": (lambda x: x[-2:] in ("01", "10"), random_strings(1400, 20, 3)),
    "length": (lambda x: len(x) % 2, ragged(4)),
    "count": (lambda x: x.count("1") > 9, random_strings(1400, 20, 5)),
    "count mod 2": (lambda x: x.count("1") % 2, random_strings(1400, 20, 6)),
    "k-gram": (lambda x: "0110" in x, random_strings(1400, 12, 7)),
    "balance": (
        lambda x: x.count("a") > x.count("b"),
        random_strings(1400, 21, 8, figures="abc"),
    ),
    "symmetry": (
        lambda x: x[:10].count("1") > x[10:].count("1"),
        random_strings(1400, 20, 9),
    ),
    "n mod m": (lambda x: int(x) % 7 < 3, random_strings(1400, 30, 10, figures=DIGITS)),
    "division": (
        lambda x: math.gcd(int(x), 210) > 1,
        random_strings(1400, 30, 11, figures="1379"),
    ),
    "degree": (lambda x: len({x[1:3], x[4:6], x[7:9], x[10:12]}) > 3, graphs(12)),
}


@pytest.mark.parametrize("shortcut", WORKING)
def test_a_shortcut_that_works_is_flagged_and_measured_on_new_strings(tmp_path, shortcut):
    rule, strings = WORKING[shortcut]
    family = next(name for name in FAMILIES if shortcut.startswith(name))
    report = lint(write(tmp_path, rule, strings))
    found = by_family(report)[family]
    assert found.flagged
    assert found.accuracy > 0.95
    assert not report.clean
    assert (report.fitted_on, report.chosen_on, report.measured_on) == (200, 200, 1000)


def test_on_random_labels_every_family_is_at_chance(tmp_path):
    strings = random_strings(10_400, 40, "coin", figures="0123456789")
    labels = Stream("coin")
    report = lint(write(tmp_path, lambda x: labels.bits(1), strings, (200, 200, 10_000)))
    assert report.clean
    assert {shortcut.family for shortcut in report.shortcuts} == set(FAMILIES) - {"degree"}
    for shortcut in report.shortcuts:
        assert shortcut.standard_error == pytest.approx(0.005, rel=0.01)
        assert abs(shortcut.accuracy - 0.5) < 5 * shortcut.standard_error, shortcut


def test_no_shortcut_is_claimed_where_one_label_prevails(tmp_path):
    strings = random_strings(1400, 20, "uneven")
    report = lint(write(tmp_path, lambda x: int(x, 2) % 1009 > 100, strings))
    assert report.constant > 0.85
    assert not any(shortcut.flagged for shortcut in report.shortcuts)
    assert "have the label '1'" in report.problems[0]


# The targets of which a fair set is possible.
FAIR = [
    (name, length)
    for name in (
        "palindrome",
        "prime_decimal_tf_check",
        "prime_plus_47",
        "dyck2",
        "graph_has_cycle",
    )
    for length in (20, 60)
    if name != "graph_has_cycle" or length > 30
]


@pytest.mark.parametrize(("target", "length"), FAIR)
def test_no_shortcut_of_a_fair_target_is_above_three_quarters(tmp_path, target, length):
    data.generate({"target": target, "length": length, "test": 2000}).write(tmp_path)
    report = lint(tmp_path)
    assert not report.problems
    assert max(shortcut.accuracy for shortcut in report.shortcuts) <= 0.75, report.shortcuts


def test_repetitions_overlaps_conflicts_and_uneven_labels_are_told(tmp_path):
    train = [f"{x} -> {i % 2}" for i, x in enumerate(random_strings(40, 12, "faulty"))]
    (tmp_path / "train.txt").write_text("\n".join([*train, train[3], train[0][:-1] + "1"]))
    val = [train[5], train[6], *(f"{x} -> 1" for x in random_strings(30, 11, "val"))]
    (tmp_path / "val.csv").write_text("\n".join(line.replace(" -> ", ",") for line in val))
    report = lint(tmp_path)
    assert report.problems == [
        "train.txt: 1 lines repeat earlier ones, the first is 41",
        "1 strings have both labels, the first at train.txt, line 42",
        "val.csv: 2 of its strings are in train.txt too",
        "val.csv: 31 of 32 strings have the label '1'",
    ]
    assert report.notes == [
        "train.txt: repeated lines left out: 2",
        "val.csv: lengths differ: 11 to 12 characters",
    ]
    assert report.fitted_on == 40
    assert report.chosen_on + report.measured_on == 30


def test_one_file_of_named_classes_is_cut_in_three(tmp_path):
    path = tmp_path / "mine.csv"
    strings = random_strings(300, 15, "one file")
    rows = [f"{x},{'yes' if x[4] == '1' else 'no'}" for x in strings]
    path.write_text("\n".join(["string,label", *rows, "0a,no"]))
    report = lint(path)
    assert report.fitted_on + report.chosen_on + report.measured_on == 301
    assert by_family(report)["character"].accuracy > 0.95
    assert "mine.csv: alphabets are mixed: digits, letters" in report.notes


def test_a_validation_split_that_is_all_training_strings_is_told(tmp_path):
    write(tmp_path, lambda x: x[0] == "1", random_strings(1400, 20, "copied"))
    (tmp_path / "val.txt").write_bytes((tmp_path / "train.txt").read_bytes())
    report = lint(tmp_path)
    assert report.problems == ["val.txt: 200 of its strings are in train.txt too"]
    assert (report.chosen_on, report.measured_on) == (500, 500)


def test_test_strings_of_another_kind_do_not_stop_it(tmp_path):
    write(tmp_path, lambda x: x[0] == "1", random_strings(1400, 20, "kinds"))
    (tmp_path / "test.txt").write_text("7 -> 1\nabc -> 0\nu01v02 -> 1\n")
    report = lint(tmp_path)
    assert report.measured_on == 3
    assert not {"n mod m", "division", "degree"} & set(by_family(report))


def test_a_folder_without_strings_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="holds no train.txt"):
        lint(tmp_path)
    (tmp_path / "train.txt").write_text("0 -> 1\n1 -> 0\n")
    with pytest.raises(ConfigError, match="too few different strings"):
        lint(tmp_path)


def synth(*arguments):
    return CliRunner().invoke(app, ["synth", *map(str, arguments)])


def test_the_commands_write_and_look_over_a_folder(tmp_path):
    folder = tmp_path / "words"
    done = synth("data", "fn_h", "--length", 40, "--test", 2000, "--seed", 7, "--out", folder)
    assert done.exit_code == 0, done.output
    assert done.output == f"{folder}: dyck2 at length 40, train 100, val 100, test 2000\n"
    assert json.loads((folder / "meta.json").read_text())["seed"] == 7
    first = (folder / "test.txt").read_bytes()
    assert synth("data", "fn_h", "--length", 40, "--seed", 8, "--out", folder).exit_code == 0
    assert (folder / "test.txt").read_bytes() != first
    told = synth("lint", folder)
    assert told.exit_code == 0
    assert "no repetition, overlap or conflict" in told.output
    machine = json.loads(synth("lint", folder, "--json").output)
    assert machine["clean"]
    assert {"family", "name", "accuracy", "standard_error", "flagged"} == set(
        machine["shortcuts"][0]
    )


def test_a_folder_with_other_files_is_not_written_to(tmp_path):
    (tmp_path / "train.txt").write_text("mine")
    done = synth("data", "fn_a", "--length", 40, "--out", tmp_path)
    assert (done.exit_code, "name a new folder" in done.output) == (2, True)
    assert (tmp_path / "train.txt").read_text() == "mine"


def test_a_flagged_shortcut_is_exit_status_1(tmp_path):
    synth("data", "fn_a", "--length", 30, "--test", 500, "--out", tmp_path / "a")
    done = synth("lint", tmp_path / "a")
    assert done.exit_code == 1
    assert re.search(r"^✗ +\d+\.\d% ± \d\.\d%  count: count of", done.output, re.M)


def test_the_targets_are_listed_with_what_they_allow():
    told = json.loads(synth("targets", "--json").output)
    words = next(target for target in told if target["id"] == "fn_h")
    assert (words["domain"], words["step"], words["shortest"]) == ("bits", 4, 4)
    assert (
        "dyck2                   bits    4 to 10000 characters, multiples of 4"
        in synth("targets").output
    )
