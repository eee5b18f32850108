"""What pages say, as a reader would find it: full, empty, broken, under other rules."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from leanlab.backends.scripted import ScriptedBackend
from leanlab.lab import open_lab
from leanlab.ledger import Ledger
from leanlab.lock import RunLock
from leanlab.overview import fingerprint_of
from leanlab.records import Reveal, Trial
from leanlab.running import Options, rescore, run, to_the_end
from tests.conftest import CRASHES, EVALUATION, GOOD, MakeLab
from tests.dashboard.conftest import HOST, Visit
from tests.dashboard.filled import fill

SAME = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}


def words(client: TestClient, page: str, status: int = 200) -> str:
    """The page's text, without its tags."""
    answer = client.get(page)
    assert answer.status_code == status
    text = re.sub(r"<(script|style|svg).*?</\1>", " ", answer.text, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


def reveals(lab: Path) -> list[Reveal]:
    found = Ledger(lab / "results.jsonl").read()
    return [record for record in found if isinstance(record, Reveal)]


def test_the_overview_has_every_lab_and_says_what_is_wrong_with_one(
    make_lab: MakeLab, visit: Visit
) -> None:
    lab = make_lab("long", description="Counts letters.")
    fill(lab, 30)
    make_lab("fresh")
    broken = make_lab("broken")
    (broken / "lab.json").write_text('{"name": "x", "objectve": {}}')
    run(make_lab("varied", params={"size": 1}), trials=1, sets={"size": "2"})
    client = visit(lab.parent)
    text = words(client, "/")
    assert "Counts letters." in text
    assert "30" in text
    assert "never run" in text
    assert "unknown key 'objectve'. Did you mean 'objective'?" in text
    assert "size = 2" in text
    assert "variant of varied" in text
    assert "objectve" in words(client, "/lab/broken")
    assert "size = 2" in words(client, "/lab/varied~size=2")


def test_a_folder_without_labs_says_what_a_lab_is(tmp_path: Path, visit: Visit) -> None:
    client = visit(tmp_path)
    assert "There is no lab here yet." in words(client, "/")
    assert "Nothing to draw yet." in words(client, "/compare")


def test_a_lab_that_was_never_run_says_how_to_start(lab: Path, visit: Visit) -> None:
    text = words(visit(lab.parent), "/lab/lengths")
    assert "leanlab run" in text
    assert "No trial has been recorded yet." in text
    assert "No trial builds on another yet." in text


def test_a_line_of_nothing_but_the_best_is_a_lineage(lab: Path, visit: Visit) -> None:
    ledger = Ledger(lab / "results.jsonl")
    fingerprint = fingerprint_of(open_lab(lab))
    for trial in (1, 2):
        parents = tuple(range(1, trial))
        ledger.append(
            Trial(
                run="r", trial=trial, status="scored", metrics={"accuracy": trial / 4},
                parents=parents, evaluator=fingerprint, tier="A",
            )
        )  # fmt: skip
    text = words(visit(lab.parent), "/lab/lengths")
    assert "The best came by way of 1 → 2" in text
    assert "No trial builds on another yet." not in text


def test_a_lab_of_many_metrics_offers_a_few_at_once(lab: Path, visit: Visit) -> None:
    metrics = {"accuracy": 0.5} | {f"secret_{n}": 0.5 for n in range(9)}
    fingerprint = fingerprint_of(open_lab(lab))
    one = Trial(run="r", trial=1, status="scored", metrics=metrics, evaluator=fingerprint, tier="A")
    Ledger(lab / "results.jsonl").append(one)
    client = visit(lab.parent)
    text = words(client, "/lab/lengths")
    assert "5 more" in text
    assert "each trial's page has all of its metrics" in text
    assert "4 more" in words(client, "/lab/lengths?metric=secret_8")
    assert "secret_8" in words(client, "/lab/lengths/trial/1")


def test_a_real_run_is_shown_whole(make_lab: MakeLab, visit: Visit) -> None:
    lab = make_lab(critic_every=1)
    script = ScriptedBackend([CRASHES, GOOD])
    run(lab, backend=script, trials=1)
    client = visit(lab.parent)
    best = next(iter(reveals(lab)), None)
    text = words(client, "/lab/lengths")
    assert "Best accuracy 1.0" in text
    assert "target reached" in text
    assert best is not None, "a run reveals its best trial's hidden metrics when it ends"
    trial = words(client, "/lab/lengths/trial/1")
    assert "Sent back 1 time" in trial
    assert "no idea about" in trial
    assert "return len(x)" in re.sub(r"<[^>]+>", "", client.get("/lab/lengths/trial/1").text)
    assert "secret hidden 6.0" in trial
    assert "Prompt: worker" in trial
    assert "SHA-256" in trial
    assert "sent back crashed: " in trial


def test_a_ledger_with_a_bad_line_shows_what_stands_before_it(lab: Path, visit: Visit) -> None:
    fill(lab, 20)
    path = lab / "results.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[9] = lines[9].replace(b"one pass", b"two pass")
    path.write_bytes(b"".join(lines))
    text = words(visit(lab.parent), "/lab/lengths")
    assert "line 11 does not follow line 10" in text
    assert "What stands before that line is shown." in text
    assert "0008_attempt.py" in text


def test_a_ledger_that_goes_on_a_reset_and_new_rules_are_followed(lab: Path, visit: Visit) -> None:
    client = visit(lab.parent)
    fill(lab, 3)
    assert "3 trials" in words(client, "/lab/lengths")
    run(lab, backend=ScriptedBackend([GOOD]), trials=1)
    assert "4 trials" in words(client, "/lab/lengths")
    limits = json.loads((lab / "lab.json").read_text()) | {"limits": {"seconds": 6}}
    (lab / "lab.json").write_text(json.dumps(limits))
    assert "other rules" in words(client, "/lab/lengths")
    (lab / "results.jsonl").rename(lab / "old.jsonl")
    assert "No trial has been recorded yet." in words(client, "/lab/lengths")
    fill(lab, 1)
    assert "1 trial " in words(client, "/lab/lengths")


def test_a_ledger_that_was_cut_short_is_read_anew(lab: Path, visit: Visit) -> None:
    fill(lab, 4)
    client = visit(lab.parent)
    assert "4 trials" in words(client, "/lab/lengths")
    path = lab / "results.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    text = words(client, "/lab/lengths")
    assert "2 trials" in text
    assert "cannot be read" not in text


def test_what_was_scored_again_is_shown_as_it_stands_now(lab: Path, visit: Visit) -> None:
    run(lab, backend=ScriptedBackend([GOOD]), trials=1)
    whole = json.loads((lab / "lab.json").read_text()) | {"limits": {"seconds": 6}}
    (lab / "lab.json").write_text(json.dumps(whole))
    client = visit(lab.parent)
    assert "other rules" in words(client, "/lab/lengths")
    to_the_end(rescore(open_lab(lab), Options(), lambda _: None))
    text = words(client, "/lab/lengths")
    assert "Best accuracy 1.0" in text
    assert "other rules" not in text
    assert "Scored again" in words(client, "/lab/lengths/trial/1")


def test_rows_of_leanlab_0_2_are_shown_and_not_trusted(lab: Path, visit: Visit) -> None:
    rows = [{"experiment_file": f"experiments/{n:04d}_x.py", "accuracy": n / 10} for n in (1, 2)]
    (lab / "results.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    client = visit(lab.parent)
    assert "2 trials" in words(client, "/lab/lengths")
    assert "other rules" in words(client, "/lab/lengths")
    text = words(client, "/lab/lengths/trial/2")
    assert "untrusted" in text
    assert "accuracy 0.2" in text
    assert "0002_x.py is gone" in text


# Hidden metrics.


def test_hidden_metrics_are_nowhere_until_a_person_asks_and_the_ledger_says_so(
    lab: Path, visit: Visit
) -> None:
    fill(lab, 5)
    rows = [json.loads(line) for line in (lab / "results.jsonl").read_text().splitlines()]
    scored = {row["trial"]: row for row in rows if row.get("metrics")}
    secrets = {trial: f"{row['metrics']['secret']:.6g}" for trial, row in scored.items()}
    chosen = max(secrets)
    events = [
        {"event": "trial_started", "trial": chosen, "left": 1},
        {"event": "recorded", "is_best": True, "record": scored[chosen]},
        {"event": "of_a_later_version", "record": scored[chosen], "metrics": {"secret": 1}},
    ]
    (lab / ".leanlab").mkdir()
    (lab / ".leanlab" / "events.jsonl").write_text("\n".join(map(json.dumps, events)) + "\n")
    client = visit(lab.parent)
    pages = ["/", "/lab/lengths", "/lab/lengths?metric=secret", "/compare",
             *(f"/lab/lengths/trial/{trial}" for trial in secrets)]  # fmt: skip
    for page in pages:
        text = client.get(page).text
        assert not [value for value in secrets.values() if value in text], page
    assert reveals(lab) == []
    for _ in range(2):
        answer = client.post(f"/lab/lengths/trial/{chosen}/reveal", headers=SAME)
        assert answer.status_code == 200
    (noted,) = reveals(lab)
    assert (noted.trial, noted.metrics, noted.command) == (chosen, ("secret",), "serve")
    for page in ("/lab/lengths", "/lab/lengths?metric=secret", f"/lab/lengths/trial/{chosen}"):
        text = client.get(page).text
        assert secrets[chosen] in text
        others = [value for trial, value in secrets.items() if trial != chosen]
        assert not [value for value in others if value in text], page
    assert len(reveals(lab)) == 1


# Table.


@pytest.mark.parametrize(
    ("query", "first", "found"),
    [
        ("", "200", "200 trials"),
        ("?order=up", "1", "200 trials"),
        ("?q=attempt+17", None, "12 trials of 200"),
        ("?q=0042_ATTEMPT", "42", "1 trial of 200"),
        ("?q=nothing-like-it", None, "0 trials of 200"),
        ("?page=8", "25", "200 trials"),
        ("?page=99999", "25", "200 trials"),
        ("?sort=evil&status=evil&order=evil&page=-1", "200", "200 trials"),
    ],
)
def test_the_table_is_sorted_filtered_and_searched(
    lab: Path, visit: Visit, query: str, first: str | None, found: str
) -> None:
    fill(lab, 200)
    client = visit(lab.parent)
    assert found in words(client, f"/lab/lengths{query}")
    text = client.get(f"/lab/lengths{query}").text
    rows = re.findall(r'<th scope="row" class="num"><a href="[^"]*">(\d+)<', text)
    assert first is None or rows[0] == first


def test_values_are_sorted_with_the_unknown_ones_last(lab: Path, visit: Visit) -> None:
    fill(lab, 200)
    client = visit(lab.parent)
    for order in ("up", "down"):
        seen: list[str] = []
        for page in range(1, 9):
            text = client.get(f"/lab/lengths?sort=value&order={order}&page={page}").text
            rows = re.findall(r'<tr class="[^"]*">.*?</tr>', text, flags=re.S)
            cells = [re.findall(r'<td class="num">(?:<span[^>]*>)?([^<]*)', row) for row in rows]
            seen += [cell[0] for cell in cells]
        assert len(seen) == 200
        known = [float(value) for value in seen if value != "–"]
        assert known == sorted(known, reverse=order == "down")
        assert set(seen[len(known) :]) == {"–"}
    crashed = words(client, "/lab/lengths?status=crashed")
    assert "crashed" in crashed.partition("Ended")[2]
    assert "scored" not in crashed.partition("Ended")[2]


# Compare and controls.


def test_labs_runs_and_axes_are_compared(make_lab: MakeLab, visit: Visit) -> None:
    fill(make_lab("one"), 40)
    fill(make_lab("two"), 20, seed=1)
    other = make_lab("three", objective={"metric": "error", "direction": "minimize"})
    fill(other, 10)
    client = visit(other.parent)
    text = words(client, "/compare?lab=one&lab=two&lab=three")
    assert "40 trials" in text
    assert "20 trials" in text
    assert "three has another objective: minimize error." in text
    assert "$" in words(client, "/compare?lab=one&lab=two&x=usd")
    assert "40 evaluations" in words(client, "/compare?lab=one&x=evaluations")


def test_controls_ask_a_run_and_name_their_twins(lab: Path, visit: Visit) -> None:
    client = visit(lab.parent)
    assert "leanlab stop" not in words(client, "/lab/lengths")
    (lab / ".leanlab").mkdir()
    with RunLock(open_lab(lab)):
        text = words(client, "/lab/lengths")
        assert "running" in text
        assert "leanlab stop" in text
        assert "leanlab pause" in text
        assert client.post("/lab/lengths/control/pause", headers=SAME).status_code == 200
        assert (lab / ".leanlab" / "pause").exists()
        assert "leanlab resume" in words(client, "/lab/lengths")
        client.post("/lab/lengths/control/resume", headers=SAME)
        assert not (lab / ".leanlab" / "pause").exists()
        client.post("/lab/lengths/control/stop", headers=SAME)
        assert "ends after this trial" in words(client, "/lab/lengths")
    answer = client.post("/lab/lengths/control/stop", headers=SAME)
    assert answer.status_code == 409
    assert "no run is going on" in answer.text
    assert client.post("/lab/lengths/control/fly", headers=SAME).status_code == 404


def test_the_conversation_with_the_worker_is_shown_where_it_was_kept(
    lab: Path, visit: Visit
) -> None:
    fill(lab, 2)
    assert "Transcript" not in words(visit(lab.parent), "/lab/lengths/trial/1")
    kept = lab / ".leanlab" / "sessions" / "ssssssssssss.json"
    kept.parent.mkdir(parents=True)
    kept.write_text('{"id":"ssssssssssss","items":[{"role":"user","content":"Find <the> rule."}]}')
    assert '"content": "Find <the> rule."' in words(visit(lab.parent), "/lab/lengths/trial/1")
    kept.write_text('{"id":"ssss')
    assert '{"id":"ssss' in words(visit(lab.parent), "/lab/lengths/trial/1")


def test_a_conversation_that_went_by_is_told_where_none_was_kept(lab: Path, visit: Visit) -> None:
    fill(lab, 2)
    said = [
        {"event": "trial_started", "trial": 1, "left": 2},
        {"event": "turn_started", "role": "worker", "trial": 1},
        {"event": "said", "role": "worker", "trial": 1, "text": "I will count"},
        {"event": "said", "role": "worker", "trial": 1, "text": " <each> letter."},
        {"event": "tool_called", "role": "worker", "trial": 1, "tool": "validate",
         "arguments": '{"file": "x.py"}'},
        {"event": "tool_answered", "role": "worker", "trial": 1, "tool": "validate",
         "text": "VALID", "refused": False},
        {"event": "used", "role": "worker", "trial": 1, "tokens": 1200, "cost_usd": 0.5},
        {"event": "sent_back", "trial": 1, "status": "crashed", "message": "It raised."},
        {"event": "said", "role": "critic", "trial": 1, "text": "Not the Worker's."},
        {"event": "trial_started", "trial": 2, "left": 1},
        {"event": "said", "role": "worker", "trial": 2, "text": "Of another trial."},
    ]  # fmt: skip
    (lab / ".leanlab").mkdir()
    lines = [json.dumps(each, separators=(",", ":")) + "\n" for each in said]
    (lab / ".leanlab" / "events.jsonl").write_text("".join(lines))
    text = words(visit(lab.parent), "/lab/lengths/trial/1")
    told = text.partition("Transcript: worker, as it went by")[2].partition("Log")[0]
    assert "I will count <each> letter. [validate]" in told
    assert '[validate] {"file": "x.py"} [validate answered] VALID' in told
    assert "[sent back, crashed] It raised." in told
    assert "Not the Worker's." not in told
    assert "Of another trial." not in told
    assert "1,200 tokens, $0.5000" in text
    assert "worker · says I will count <each> letter. worker · validate" in text
    kept = lab / ".leanlab" / "sessions" / "ssssssssssss.json"
    kept.parent.mkdir()
    kept.write_text('{"items":["the whole"]}')
    text = words(visit(lab.parent), "/lab/lengths/trial/1")
    assert "the whole" in text
    assert "as it went by" not in text


LEAVES = EVALUATION.replace(
    'return {"accuracy": right / len(INPUTS), "secret": float(right)}',
    """folder = lab.folder / "artifacts"
    folder.mkdir(exist_ok=True)
    (folder / "values.txt").write_text(f"values {values}")
    return labkit.Verdict(
        metrics={"accuracy": right / len(INPUTS)},
        artifacts=(labkit.Artifact(name="What it said", path="artifacts/values.txt"),),
    )""",
)


def test_what_an_evaluation_left_is_on_the_trials_page(make_lab: MakeLab, visit: Visit) -> None:
    lab = make_lab(evaluation=LEAVES)
    run(lab, backend=ScriptedBackend([GOOD]), trials=1)
    client = visit(lab.parent)
    text = words(client, "/lab/lengths/trial/1")
    assert "What it said artifacts/values.txt Save" in text
    assert "values [0, 1, 2, 3, 2, 1]" in text
    assert client.get("/lab/lengths/trial/1/artifact/0").text == "values [0, 1, 2, 3, 2, 1]"
