"""The command line as a person and a script would use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import leanlab
from leanlab.cli import app
from leanlab.ledger import Ledger
from leanlab.records import Reveal, Trial

from .conftest import GOOD, WEAK, MakeLab


def leanlab_(*arguments: object, **environment: str) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], env=environment)


def script(lab: Path, *steps: object) -> str:
    path = lab.parent / "steps.json"
    path.write_text(json.dumps(steps))
    return f"scripted:{path}"


def files(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_parity_is_found_offline_within_five_trials(parity: Path) -> None:
    done = leanlab_("run", "--lab", parity)
    assert done.exit_code == 0, done.output
    assert "target reached: val_accuracy 1.0, test_accuracy 1.0" in done.output
    last = done.output.strip().splitlines()[-1]
    assert "; best is trial" in last
    assert "leanlab show" in last
    trials = [r for r in Ledger(parity / "results.jsonl").read() if isinstance(r, Trial)]
    assert 1 <= len(trials) <= 5
    again = leanlab_("run", "--lab", parity, "-n", 3)
    assert again.exit_code == 0
    assert "going on after " in again.output
    assert f"best is trial {trials[-1].trial} with val_accuracy 1.0" in again.output


def test_critic_and_director_speak_where_no_rule_is_right_about_all(
    parity: Path, tmp_path: Path
) -> None:
    noisy = tmp_path / "noisy.csv"
    strings = [f"{i * 40503 % 65536:016b}" for i in range(1, 401)]
    wrong = {i for i in range(400) if i % 9 == 0}
    noisy.write_text(
        "".join(f"{x},{(x.count('1') + (i in wrong)) % 2}\n" for i, x in enumerate(strings))
    )
    done = leanlab_("run", parity, "-n", 2, "--set", f"data={noisy}")
    assert done.exit_code == 0, done.output
    assert "2 new records" in done.output
    assert "Critic: " in done.output
    assert "Director: " in done.output


@pytest.mark.parametrize("target", ["parity_first_half", "parity_rand_3", "parity_rand_10"])
def test_every_parity_is_found_offline(parity: Path, target: str) -> None:
    done = leanlab_("run", "--lab", parity, "--set", f"target={target}", "--set", "length=20")
    assert "target reached: val_accuracy 1.0, test_accuracy 1.0" in done.output
    assert "No such file" not in done.output


def test_the_same_seed_gives_the_same_experiments(parity: Path, tmp_path: Path) -> None:
    for _ in range(2):
        leanlab_("run", parity, "-n", 1, "--seed", "0")
    first = [p.read_bytes() for p in sorted((parity / "experiments").glob("0*"))]
    leanlab_("reset", parity)
    for _ in range(2):
        leanlab_("run", parity, "-n", 1, LEANLAB_SEED="0")
    assert len(first) > 1
    assert [p.read_bytes() for p in sorted((parity / "experiments").glob("0*"))] == first


def test_a_dry_run_shows_everything_and_changes_nothing(parity: Path) -> None:
    before = files(parity)
    done = leanlab_("run", "--lab", parity, "--dry-run", "-n", 7, "--max-usd", 2)
    assert done.exit_code == 0
    assert files(parity) == before
    for told in (
        "prompt of the Worker", "prompt of the Critic", "prompt of the Director",
        "python evaluation.py {file}", "python validate.py {file}", "after every 2 trials",
        "offline (auto: it needs no key)", "at most 34 turns", "budget     2 usd", " -> 1\n",
    ):  # fmt: skip
        assert told in done.output
    for hidden in ("parity_all", "test_accuracy", "test.txt", "val.txt", str(parity)):
        assert hidden not in done.output.partition("=====")[2]


def test_options_come_from_the_environment_too(lab: Path) -> None:
    backend = script(lab, WEAK)
    done = leanlab_("run", LEANLAB_LAB=str(lab), LEANLAB_BACKEND=backend, LEANLAB_N="2")
    assert "2 new records" in done.output


def test_a_budget_tells_scripts_by_its_status(lab: Path) -> None:
    costly = {"code": WEAK, "cost_usd": 0.6}
    done = leanlab_("run", lab, "--backend", script(lab, costly), "--max-usd", "1")
    assert done.exit_code == 3
    assert "budget used up: 1.2 of 1 usd" in done.output
    done = leanlab_("run", lab, "--backend", script(lab, WEAK), "-n", 99, "--max-time", "0.5s")
    assert done.exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run"], "which lab?"),
        (["run", "nowhere"], "there is no lab at nowhere"),
        (["run", "{lab}", "--backend", "oflline"], "Did you mean 'offline'?"),
        (["run", "{lab}", "--policy", "greed"], "Did you mean 'greedy'?"),
        (["run", "{lab}", "--set", "size"], "write it as key=value"),
        (["run", "{lab}", "--set", "scal=2"], "Did you mean 'scale'?"),
        (["run", "{lab}", "--set", "scale=x"], "scale takes int"),
        (["run", "{lab}", "--max-time", "soon"], "write a duration"),
        (["run", "{lab}", "--require-tier", "Z"], "there is no tier 'Z'"),
        (["run", "{lab}", "--backend", "scripted:none.json"], "none.json cannot be read"),
        (["run", "a", "--lab", "b"], "two labs are named"),
        (["show", "{lab}", "7"], "has no trial 7"),
        (["try", "{lab}", "none.py"], "there is no file none.py"),
        (["stop", "{lab}"], "no run is going on"),
        (["pause", "{lab}"], "no run is going on"),
        (["resume", "{lab}"], "no run is going on"),
        (["serve", "{lab}/nowhere"], "there is no lab at"),
        (["serve", "{lab}", "--host", "203.0.113.1", "--no-open"], "cannot listen on"),
        (["list", "nowhere"], "there is no folder nowhere"),
    ],
)
def test_an_expected_error_is_one_line_and_status_2(
    make_lab: MakeLab, arguments: list[str], says: str
) -> None:
    lab = make_lab(params={"scale": 1})
    done = leanlab_(*[each.format(lab=lab) for each in arguments])
    assert done.exit_code == 2, done.output
    assert says in done.stderr
    assert done.stderr.startswith("leanlab: ")
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (lab / "results.jsonl").exists()


def test_check_passes_a_good_lab_and_writes_nothing(parity: Path) -> None:
    before = files(parity)
    done = leanlab_("check", parity)
    assert done.exit_code == 0, done.output
    assert "✗" not in done.output
    assert "✓ sample: val_accuracy" in done.output
    assert files(parity) == before


def test_check_names_what_is_wrong(make_lab: MakeLab) -> None:
    lab = make_lab(evaluation="def evaluate(candidate, lab):\n    return {'acc': 1.0}\n")
    found = {f["what"]: f for f in json.loads(leanlab_("check", lab, "--json").stdout)}
    assert found["sample"]["mark"] == "✗"
    assert "gave no 'accuracy'; it gave acc" in found["sample"]["text"]
    assert found["seal"]["mark"] == "⚠"
    (lab / "task.md").write_text("{{ nosuch }}")
    (lab / "results.jsonl").write_text("{}\n")
    done = leanlab_("check", lab)
    assert done.exit_code == 1
    assert "✗ prompts: " in done.output
    assert "✗ ledger: " in done.output
    assert "line 1" in done.output
    opened = make_lab("open", evaluation="print('{}')")
    assert "⚠ kind: open" in leanlab_("check", opened).output


def test_show_in_words_and_in_json(lab: Path) -> None:
    leanlab_("run", lab, "--backend", script(lab, WEAK, {"code": GOOD, "notes": "count them"}))
    view = json.loads(leanlab_("show", lab, "--json").stdout)
    assert (view["name"], view["trials"], view["scored"]) == ("lengths", 2, 2)
    assert view["objective"] == {"metric": "accuracy", "direction": "maximize", "target": 1.0}
    assert view["best"]["trial"] == 2
    assert view["best"]["metrics"] == {"accuracy": 1.0, "secret": 6.0}
    assert view["tier"] == view["best"]["tier"]
    assert len(view["fingerprint"]) == 16
    assert "trial 2: accuracy 1.0, secret 6.0" in leanlab_("show", lab).output
    one = leanlab_("show", lab, 2).output
    assert "count them" in one
    assert GOOD.strip() in one
    assert json.loads(leanlab_("show", lab, 1, "--json").stdout)["code"] == WEAK
    shown = [r for r in Ledger(lab / "results.jsonl").read() if isinstance(r, Reveal)]
    assert [(r.trial, r.command) for r in shown] == [(2, "run"), (1, "show")]


def test_try_scores_and_records_your_own(lab: Path, tmp_path: Path) -> None:
    mine = tmp_path / "My Idea.py"
    mine.write_text(GOOD)
    done = leanlab_("try", lab, mine, "--notes", "by hand")
    assert done.exit_code == 0
    assert "trial 1: scored: accuracy 1.0" in done.output
    (record,) = (r for r in Ledger(lab / "results.jsonl").read() if isinstance(r, Trial))
    assert (record.experiment_file, record.notes) == ("experiments/0001_my_idea.py", "by hand")
    mine.write_text("def g(x): ...\n")
    assert leanlab_("try", lab, mine).exit_code == 1


def test_try_does_not_pass_an_experiment_that_waits(lab: Path, tmp_path: Path) -> None:
    leanlab_("run", lab, "--backend", script(lab, WEAK), "-n", 1)
    (lab / "experiments" / "0002_left.py").write_text(GOOD)
    mine = tmp_path / "mine.py"
    mine.write_text(WEAK)
    refused = leanlab_("try", lab, mine)
    assert refused.exit_code == 2
    assert "0002_left.py waits" in refused.stderr
    command = refused.stderr.strip().rpartition("leanlab ")[2]
    assert leanlab_(*command.split()).exit_code == 0
    assert "trial 3: scored" in leanlab_("try", lab, mine).output


def test_seal_and_rescore(lab: Path) -> None:
    leanlab_("run", lab, "--backend", script(lab, WEAK, GOOD))
    stricter = (lab / "evaluation.py").read_text().replace('"e"]', '"e", "ff"]')
    (lab / "evaluation.py").write_text(stricter)
    assert "has changed since the lab was sealed" in leanlab_("run", lab).stderr
    assert "sealed 3 files" in leanlab_("seal", lab).output
    assert json.loads(leanlab_("show", lab, "--json").stdout)["trials"] == 0
    done = leanlab_("rescore", lab)
    assert "trial 2: scored accuracy 1.0" in done.output
    assert "2 experiments scored again" in done.output
    assert "0 experiments scored again" in leanlab_("rescore", lab).output
    view = json.loads(leanlab_("show", lab, "--json").stdout)
    assert (view["trials"], view["best"]["trial"]) == (2, 2)
    assert "the seal is gone" in leanlab_("unseal", lab).output
    assert not (lab / "lab.lock").exists()


def test_reset_archives_and_deletes_nothing(lab: Path) -> None:
    leanlab_("run", lab, "--backend", script(lab, WEAK), "-n", "2")
    ledger = (lab / "results.jsonl").read_bytes()
    assert leanlab_("reset", lab).exit_code == 0
    assert not (lab / "results.jsonl").exists()
    assert sorted(p.name for p in (lab / "experiments").iterdir()) == ["sample.py"]
    (kept,) = (lab / "archive").iterdir()
    assert (kept / "results.jsonl").read_bytes() == ledger
    assert len(list((kept / "experiments").iterdir())) == 2
    assert "there was nothing to move" in leanlab_("reset", lab).output


def test_list_shows_labs_and_variants(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab(params={"scale": 1})
    leanlab_("run", lab, "--backend", script(lab, GOOD), "-n", 1)
    leanlab_("run", lab, "--backend", script(lab, WEAK), "-n", 1, "--set", "scale=2")
    views = json.loads(leanlab_("list", tmp_path, "--json").stdout)
    assert [(v["name"], v["variant"], v["trials"]) for v in views] == [
        ("lengths", None, 1), ("lengths", "scale=2", 1),
    ]  # fmt: skip
    assert (
        "lengths --set scale=2: 1 trial, best accuracy 0.333333\n"
        in leanlab_("list", tmp_path).output
    )


def test_by_hand_the_lab_files_say_the_same(parity: Path) -> None:
    def by_hand(name: str, file: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, name, file]
        return subprocess.run(command, cwd=parity, capture_output=True, text=True)

    scored = by_hand("evaluation.py", "experiments/sample.py")
    assert scored.returncode == 0, scored.stderr
    (line,) = scored.stdout.splitlines()
    told = json.loads(line)
    view = json.loads(leanlab_("try", parity, parity / "experiments/sample.py", "--json").stdout)
    assert told == view["metrics"]
    assert by_hand("validate.py", "experiments/sample.py").stdout == "VALID\n"
    (parity / "bad.py").write_text("import socket\n")
    bad = by_hand("validate.py", "bad.py")
    assert bad.returncode == 1
    assert bad.stdout.startswith("INVALID: ")


def test_no_terminal_escape_of_an_experiment_reaches_the_terminal(lab: Path) -> None:
    loud = {"code": WEAK, "notes": "\x1b[2Jgone", "file": "experiments/a.py"}
    critic = {"role": "critic", "text": "\x1b]0;title\x07look"}
    screams = "def f(x):\n    print('\\x1b[2J')\n    raise ValueError('\\x1b[31m')\n"
    (lab / "lab.json").write_text(
        (lab / "lab.json").read_text().replace("{", '{"critic_every":1,', 1)
    )
    backend = script(lab, loud, critic, screams)
    output = leanlab_("run", lab, "--backend", backend, "-n", 2).output
    output += leanlab_("show", lab).output + leanlab_("show", lab, 1).output
    output += leanlab_("show", lab, 2).output
    assert "look" in output
    assert "\x1b" not in output
    assert "\x07" not in output


def test_version_and_plain_output() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "leanlab", "--version"], capture_output=True, text=True
    )
    assert done.stdout == f"{leanlab.__version__}\n"
    for color in ({}, {"NO_COLOR": "1"}):
        told = subprocess.run(
            [sys.executable, "-m", "leanlab", "list"],
            capture_output=True,
            text=True,
            env=os.environ | color,
        )
        assert "\x1b" not in told.stdout


def test_a_reader_that_leaves_early_is_no_traceback(lab: Path) -> None:
    leanlab_("run", lab, "--backend", script(lab, WEAK), "-n", 1)
    line = f"{sys.executable} -m leanlab run {lab} --dry-run | head -n 1"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    assert "Traceback" not in done.stderr


def test_the_command_line_beats_the_environment(lab: Path, make_lab: MakeLab) -> None:
    other = make_lab("other")
    view = json.loads(leanlab_("show", lab, "--json", LEANLAB_LAB=str(other)).stdout)
    assert view["name"] == "lengths"
    assert json.loads(leanlab_("show", "--json", LEANLAB_LAB=str(other)).stdout)["name"] == "other"
    leanlab_("run", lab, "--backend", script(lab, WEAK), "-n", 1)
    assert json.loads(leanlab_("show", "--lab", lab, 1, "--json").stdout)["trial"]["trial"] == 1


def test_the_hint_of_a_variant_is_a_command_that_works(make_lab: MakeLab) -> None:
    lab = make_lab(params={"scale": 1})
    done = leanlab_("run", lab, "--set", "scale=2", "--backend", script(lab, WEAK), "-n", 1)
    hint = done.output.strip().rpartition("or: leanlab ")[2]
    shown = leanlab_(*hint.split())
    assert shown.exit_code == 0
    assert "scale=2" in shown.output


def test_another_objective_over_an_old_ledger_is_no_traceback(lab: Path) -> None:
    backend = script(lab, GOOD)
    leanlab_("run", lab, "--backend", backend, "-n", 1)
    config = (lab / "lab.json").read_text().replace('"accuracy"', '"secret"')
    (lab / "lab.json").write_text(config.replace("1.0", "9"))
    done = leanlab_("run", lab, "--backend", backend, "-n", 1)
    assert done.exit_code == 0, done.output
    assert "best is trial 1 with secret 6.0" in done.output
    (lab / "lab.json").write_text(config.replace('"secret"', '"loss"'))
    assert json.loads(leanlab_("show", lab, "--json").stdout)["scored"] == 0
