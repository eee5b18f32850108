"""Attacks on one's own lab: resisted, and shown to work where nothing holds them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import tempfile
from pathlib import Path

import pytest

from leanlab.attacks import Finding, attacks, run_attacks
from leanlab.attacks.catalogue import compose
from leanlab.attacks.victim import make_open_lab
from leanlab.checks import check
from leanlab.errors import LeanlabError
from leanlab.evaluator import Evaluator
from leanlab.lab import open_lab

from .conftest import MakeLab
from .test_cli import files, leanlab_

NUMBERS = [*range(1, 36), 37, 38, 42]
QUICK = [1, 8, 10, 12, 13, 14, 16, 18, 21, 22, 25, 29, 34, 37, 38, 42]
"""One of each kind; `make attack` plays them all."""
QUICK_OPEN = [1, 14, 15, 20, 25, 37]
UNSAFE = {18, 19, 20}
WINS = {
    "forged": {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 24, 25, 26, 28, 29, 30, 31, 33, 35, 37, 38, 42},
    "read": {13, 14, 15, 22, 23, 27, 32},
    "survived": {12, 16, 21},
    "stalled": {17, 34},
}
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Finding]:
    """Attacks on a small lab, with the control; the lab's files before and after are alike."""
    from .conftest import EVALUATION, VALIDATE, WEAK

    folder = tmp_path_factory.mktemp("attacked") / "lengths"
    (folder / "experiments").mkdir(parents=True)
    objective = {"metric": "accuracy", "direction": "maximize", "target": 1.0}
    (folder / "lab.json").write_text(json.dumps({"name": "lengths", "objective": objective}))
    (folder / "evaluation.py").write_text(EVALUATION)
    (folder / "validate.py").write_text(VALIDATE)
    (folder / "task.md").write_text("Return the length of a string.\n")
    (folder / "experiments" / "sample.py").write_text(WEAK)
    before, rooms = files(folder), _rooms()
    made = run_attacks(open_lab(folder), control=True, numbers=QUICK)
    found = {one.number: one for one in made}
    assert files(folder) == before
    assert _rooms() <= rooms
    return found


def _rooms() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("leanlab-attack-*")}


def test_every_attack_of_the_list_is_there() -> None:
    assert [attack.number for attack in attacks()] == NUMBERS
    assert len({attack.title for attack in attacks()}) == len(NUMBERS)


@pytest.mark.slow
@pytest.mark.parametrize("number", QUICK)
def test_it_is_resisted_and_wins_where_nothing_holds_it(
    findings: dict[int, Finding], number: int
) -> None:
    found = findings[number]
    assert (found.verdict, found.remedy) == ("resisted", ""), found
    if number in UNSAFE:
        assert (found.control, found.control_words[:7]) == (None, "not run")
    else:
        assert found.control is not None
        assert number in WINS[found.control], found


def test_an_attack_that_is_refused_by_validate_is_evaluated_all_the_same(
    findings: dict[int, Finding], make_lab: MakeLab
) -> None:
    lab = make_lab(
        validate="def validate(source, lab):\n    return 'No.' if 'T =' in source else None\n"
    )
    (found,) = run_attacks(open_lab(lab), numbers=[14])
    assert found.validated is False
    assert found.evidence.startswith("scored")
    assert findings[14].validated is True


SELF_SCORED = """
def evaluate(candidate, lab):
    return {"accuracy": candidate.call("f", [3], returns=float).values[0]}
"""


def test_a_lab_that_believes_what_an_experiment_says_of_itself_loses(make_lab: MakeLab) -> None:
    lab = make_lab(evaluation=SELF_SCORED, sample="def f(x):\n    return float(x / 10)\n")
    done = leanlab_("check", lab, "--attack", "--only", 4, "--only", 5, "--json")
    assert done.exit_code == 1, done.output
    found = {one["number"]: one for one in json.loads(done.stdout)}
    assert found[5]["verdict"] == "forged"
    assert "accuracy 1, honestly 0.3" in found[5]["evidence"]
    assert "evaluate(candidate, lab)" in found[5]["remedy"]
    assert found[4]["verdict"] == "resisted"
    told = leanlab_("check", lab, "--attack", "--only", 5)
    assert told.exit_code == 1
    assert told.stdout.startswith("✗ 5 Replace builtins.float and sum: forged, tier ")
    assert (
        "it won the arithmetic of the metric: accuracy 1, honestly 0.3. To resist: " in told.stdout
    )
    assert told.stdout.endswith("1 attacks, 0 resisted, 1 won\n")


def test_a_line_each_and_a_count(lab: Path) -> None:
    before = files(lab)
    environment = dict(os.environ)
    done = leanlab_("check", lab, "--attack", "--only", 26, "--only", 2)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert [int(re.findall(r"\d+", line)[0]) for line in lines[:-1]] == [2, 26]
    assert all(line.startswith("✓ ") and ": resisted, tier " in line for line in lines[:-1])
    assert lines[-1] == "2 attacks, 2 resisted, 0 won"
    assert files(lab) == before
    assert dict(os.environ) == environment


def test_what_cannot_be_attacked_is_told_so(make_lab: MakeLab) -> None:
    opened = make_lab("open", evaluation="print('{}')")
    assert "has no score in a copy of the lab" in leanlab_("check", opened, "--attack").stderr
    bare = make_lab("bare", sample=None)
    assert "there is no" in leanlab_("check", bare, "--attack").stderr
    broken = make_lab("broken", sample="def f(x):\n    return [\n")
    done = leanlab_("check", broken, "--attack")
    assert (done.exit_code, len(done.stderr.strip().splitlines())) == (2, 1)
    assert "--attack too" in leanlab_("check", bare, "--control").stderr
    assert "--attack too" in leanlab_("check", bare, "--only", 3).stderr
    good = make_lab("good")
    assert "there is no attack 36" in leanlab_("check", good, "--attack", "--only", 36).stderr


def test_a_docstring_and_imports_from_the_future_stay_on_top() -> None:
    sample = (
        '"""Words."""\nfrom __future__ import annotations\n\nX = 1\n\n\ndef f(x):\n    return X\n'
    )
    for attack in attacks():
        text = compose(attack, sample, {"best": "{}"})
        assert text.startswith('"""Words."""\nfrom __future__ import annotations\n')
        compile(text, "attack.py", "exec")


def test_without_confinement_is_for_those_who_allow_it(lab: Path) -> None:
    async def tier(*, allowed: bool) -> str:
        async with Evaluator(open_lab(lab), allow_unsandboxed=allowed, confined=False) as evaluator:
            return evaluator.tier

    assert asyncio.run(tier(allowed=True)) == "none"
    with pytest.raises(LeanlabError, match="cannot confine .* --allow-unsandboxed"):
        asyncio.run(tier(allowed=False))


# Open labs.


@pytest.fixture(scope="module")
def open_findings(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Finding]:
    lab = make_open_lab(tmp_path_factory.mktemp("attacked") / "four-bits")
    before = files(lab)
    found = {one.number: one for one in run_attacks(open_lab(lab), numbers=QUICK_OPEN)}
    assert files(lab) == before
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", QUICK_OPEN)
def test_an_open_lab_loses_what_its_table_says_and_keeps_what_it_promises(
    open_findings: dict[int, Finding], number: int
) -> None:
    found = open_findings[number]
    said = {attack.number: attack.open for attack in attacks()}
    assert found.verdict == said[number], found
    assert not found.failed
    assert ("make the lab native" in found.remedy) == (said[number] != "resisted")


def test_what_an_open_lab_loses_is_told_apart_and_is_no_failure(tmp_path: Path) -> None:
    lab = make_open_lab(tmp_path / "four-bits")
    done = leanlab_("check", lab, "--attack", "--only", 1, "--only", 14, "--only", 16)
    assert done.exit_code == 0, done.output
    forged, read, kept, *end = done.stdout.splitlines()
    assert forged.startswith("⚠ 1 Print a score and leave: forged, tier ")
    assert forged.endswith("; not promised: accuracy 1, honestly 0.5")
    assert read.startswith("⚠ 14 Read the hidden files of the lab: read, tier ")
    assert kept.startswith("✓ 16 ")
    assert end == [
        "3 attacks, 1 resisted, 2 won what an open lab cannot promise, 0 won more",
        "This open lab cannot promise that a score was not forged (attack 1 won), or that the "
        "lab's hidden files stay unread (attack 14 won). To promise it, make the lab native: "
        "define evaluate(candidate, lab), as docs/lab.md shows.",
        "What an open lab does promise was kept.",
    ]


def test_an_open_lab_that_reads_rules_which_are_not_frozen_fails(tmp_path: Path) -> None:
    """Attack 37 edits lab.json while the sample is evaluated; this lab scores by it."""
    lab = make_open_lab(tmp_path / "four-bits")
    scoring = "\nimport json, sys\nlimit = json.load(open('lab.json')).get('limits', {})\n"
    scoring += "print(json.dumps({'accuracy': 1.0 if limit.get('seconds', 0) > 1000 else 0.5}))\n"
    (lab / "evaluation.py").write_text(scoring)
    done = leanlab_("check", lab, "--attack", "--only", 37)
    assert done.exit_code == 1, done.output
    assert done.stdout.startswith("✗ 37 ")
    assert "it won what the next Worker is told, and how it is scored: afterwards" in done.stdout
    assert "keep task.md in 'frozen' in lab.json" in done.stdout
    assert "1 attacks, 0 resisted, 0 won what an open lab cannot promise, 1 won" in done.stdout


def test_a_task_that_is_not_frozen_can_change_unseen(make_lab: MakeLab) -> None:
    lab = make_lab(frozen=["evaluation.py", "validate.py"])
    (found,) = run_attacks(open_lab(lab), numbers=[37])
    assert (found.verdict, found.failed) == ("forged", True)
    assert "an edit of task.md goes unseen" in found.evidence


def test_check_says_what_was_measured_of_an_open_lab(tmp_path: Path) -> None:
    lab = make_open_lab(tmp_path / "four-bits")
    (kind,) = [one.text for one in check(str(lab)) if one.what == "kind"]
    won = {each.number for each in attacks() if each.open != "resisted"}
    assert set(map(int, re.findall(r"\b\d+\b", kind.partition("It has no")[0]))) == won
    assert "define evaluate(candidate, lab)" in kind
    assert "--attack" in kind


def test_the_control_of_an_open_lab_spares_leanlab_itself(tmp_path: Path) -> None:
    """Unconfined, its command is a child of the process that attacks; 34 kills its parent."""
    lab = make_open_lab(tmp_path / "four-bits")
    (found,) = run_attacks(open_lab(lab), control=True, numbers=[34])
    assert (found.verdict, found.control) == ("resisted", "stalled")


def test_the_page_has_every_attack_at_every_tier() -> None:
    page = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
    cells = r"^\| (\d+) \| (.+?) \| (.+?) \| (\w+) \| (\w+) \| (\w+) \| (\w+) \| (\w+) \| (.+) \|$"
    rows = re.findall(cells, page, flags=re.M)
    assert [(int(row[0]), *row[1:3], row[7]) for row in rows] == [
        (each.number, each.title, each.prize, each.open) for each in attacks()
    ]
    assert {row[3:7] for row in rows} == {("resisted",) * 4}
    shown = {int(row[0]): row[8].partition(":")[0] for row in rows}
    wins = {number: verdict for verdict, numbers in WINS.items() for number in numbers}
    assert shown == wins | dict.fromkeys(UNSAFE, "not run")
