"""Who is let in, what may change something, and that text from outside stays text."""

from __future__ import annotations

import html
import json
import os
import re
from pathlib import Path

import msgspec
import pytest

from leanlab.dashboard.inside import NotShown, read_inside
from leanlab.lab import open_lab
from leanlab.ledger import Ledger
from leanlab.overview import fingerprint_of
from leanlab.records import Artifact, Trial
from tests.conftest import GOOD, MakeLab
from tests.dashboard.conftest import HOST, TOKEN, Visit
from tests.dashboard.filled import fill

SAME = {"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
PAGES = ("/", "/lab/lengths", "/lab/lengths/trial/1", "/compare", "/events", "/lab/lengths/events")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("given", ["", "?token=", "?token=wrong", f"?token={TOKEN}x"])
def test_nothing_is_shown_without_the_token(lab: Path, visit: Visit, page: str, given: str) -> None:
    fill(lab, 3)
    answer = visit(lab.parent, by_link=False).get(page + given)
    assert answer.status_code == 403
    assert "accuracy" not in answer.text
    assert "leanlab serve" in answer.text


def test_the_link_becomes_a_cookie_that_scripts_and_other_sites_cannot_use(
    lab: Path, visit: Visit
) -> None:
    client = visit(lab.parent, by_link=False)
    answer = client.get(f"/compare?token={TOKEN}&x=usd", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/compare?x=usd"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/").status_code == 200


def test_the_link_leads_to_no_other_host(lab: Path, visit: Visit) -> None:
    client = visit(lab.parent, by_link=False)
    answer = client.get(f"http://{HOST}//evil.example/x?token={TOKEN}", follow_redirects=False)
    assert answer.headers["location"] == "/evil.example/x"


@pytest.mark.parametrize(
    ("host", "served", "status"),
    [
        ("127.0.0.1:8765", "127.0.0.1", 200),
        ("localhost:8765", "127.0.0.1", 200),
        ("[::1]:8765", "127.0.0.1", 200),
        ("evil.example:8765", "127.0.0.1", 421),
        ("127.0.0.1.evil.example:8765", "127.0.0.1", 421),
        ("127.0.0.1:80", "127.0.0.1", 421),
        ("127.0.0.1", "127.0.0.1", 421),
        ("192.168.1.5:8765", "127.0.0.1", 421),
        ("", "127.0.0.1", 421),
        ("192.168.1.5:8765", "0.0.0.0", 200),
        ("evil.example:8765", "0.0.0.0", 421),
    ],
)
def test_only_its_own_host_names_are_answered(
    lab: Path, visit: Visit, host: str, served: str, status: int
) -> None:
    client = visit(lab.parent, host=served)
    assert client.get("/", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": f"https://{HOST}"},
        SAME | {"sec-fetch-site": "cross-site"},
        SAME | {"sec-fetch-site": "same-site"},
    ],
)
def test_only_its_own_pages_change_something(
    lab: Path, visit: Visit, headers: dict[str, str]
) -> None:
    fill(lab, 1)
    before = (lab / "results.jsonl").read_bytes()
    answer = visit(lab.parent).post("/lab/lengths/trial/1/reveal", headers=headers)
    assert answer.status_code == 403
    assert (lab / "results.jsonl").read_bytes() == before


def test_another_page_cannot_even_read(lab: Path, visit: Visit) -> None:
    client = visit(lab.parent)
    for site in ("cross-site", "same-site"):
        assert client.get("/lab/lengths", headers={"sec-fetch-site": site}).status_code == 403


def test_read_only_changes_nothing_and_offers_nothing(lab: Path, visit: Visit) -> None:
    fill(lab, 2)
    before = (lab / "results.jsonl").read_bytes()
    client = visit(lab.parent, read_only=True)
    page = client.get("/lab/lengths").text
    assert 'method="post"' not in page
    assert "hidden" in page
    answer = client.post("/lab/lengths/trial/1/reveal", headers=SAME)
    assert answer.status_code == 403
    assert "read-only" in answer.text
    assert (lab / "results.jsonl").read_bytes() == before


@pytest.mark.parametrize("page", [*PAGES[:4], "/nowhere", "/static/dashboard.js"])
def test_every_answer_has_the_strict_headers(lab: Path, visit: Visit, page: str) -> None:
    fill(lab, 2)
    answer = visit(lab.parent).get(page)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    if answer.headers["content-type"].startswith("text/html"):
        assert answer.headers["cache-control"] == "no-store"
        assert "<script>" not in answer.text
        assert " style=" not in answer.text
        assert " onclick=" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/static/../base.html.j2",
        "/static/%2e%2e/base.html.j2",
        "/static/..%2fbase.html.j2",
        "/static//etc/passwd",
        "/lab/..%2f..%2fetc",
        "/lab/lengths/trial/..%2f..%2fx",
        "/lab/lengths%00",
        "/lab/lengths/trial/99999",
    ],
)
def test_no_path_leads_out(lab: Path, visit: Visit, path: str) -> None:
    fill(lab, 1)
    answer = visit(lab.parent).get(path)
    assert answer.status_code == 404
    assert "root:" not in answer.text
    assert "{% " not in answer.text


def test_links_in_a_lab_are_not_followed(lab: Path, visit: Visit, tmp_path: Path) -> None:
    fill(lab, 3)
    secret = tmp_path / "outside.txt"
    secret.write_text("TOP-SECRET-TEXT")
    (lab / "experiments" / "0001_attempt.py").symlink_to(secret)
    (lab / "Director_Notes.md").symlink_to(secret)
    prompts = lab / ".leanlab" / "prompts"
    prompts.mkdir(parents=True)
    (prompts / "0001_worker.md").symlink_to(secret)
    (lab / ".leanlab" / "sessions").symlink_to(tmp_path)
    (tmp_path / "ssssssssssss.json").symlink_to(secret)
    os.mkfifo(lab / "experiments" / "0002_attempt.py")
    client = visit(lab.parent)
    for page in ("/lab/lengths", "/lab/lengths/trial/1", "/lab/lengths/trial/2"):
        answer = client.get(page)
        assert answer.status_code == 200
        assert "TOP-SECRET-TEXT" not in answer.text
    assert "is not shown" in client.get("/lab/lengths/trial/1").text
    assert "not a plain file" in client.get("/lab/lengths/trial/2").text


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "", "a\0b", "link/x"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "x").write_text("outside")
    (tmp_path / "home" / "link").symlink_to(tmp_path)
    with pytest.raises(NotShown):
        read_inside(tmp_path / "home", name)


PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</textarea></pre><svg onload=alert(1)>",
    "{{ 7 * 7 }}",
    "javascript:alert(1)",
    "\u202etxt.exe\x1b[31m",
)


def test_what_agents_and_experiments_say_stays_text(make_lab: MakeLab, visit: Visit) -> None:
    """Notes, errors, feedback, code, file names, metric names, events and lab.json itself."""
    evil = " ".join(PAYLOADS)
    lab = make_lab(description=evil)
    fill(lab, 2)
    _poison(lab, evil)
    client = visit(lab.parent)
    for page in ("/", "/lab/lengths", "/lab/lengths/trial/3", "/lab/lengths?q=%3Cscript%3E",
                 "/lab/lengths?metric=%3Cscript%3E", "/compare?lab=%3Cscript%3E",
                 "/lab/%3Cscript%3E"):  # fmt: skip
        text = client.get(page).text
        assert "<script>" not in text, page
        assert "<img" not in text
        assert "<svg onload" not in text
        assert "\u202e" not in text
        assert "\x1b" not in text
        assert 'href="javascript' not in text
    trial = client.get("/lab/lengths/trial/3").text
    shown = html.unescape(trial)
    assert shown.count("<script>alert(1)</script>") >= 4  # notes, error, feedback, prompt


def _poison(lab: Path, evil: str) -> None:
    from leanlab.lab import open_lab
    from leanlab.ledger import Ledger
    from leanlab.overview import fingerprint_of
    from leanlab.records import Artifact, Fault, RoleTurn, Trial

    file = "experiments/0003_<b>x.py"
    fingerprint = fingerprint_of(open_lab(lab))
    ledger = Ledger(lab / "results.jsonl")
    ledger.append(
        Trial(
            run=evil, trial=3, status="crashed", experiment_file=file, metrics={},
            error=Fault(category=evil, text=evil), feedback=evil, notes=evil, model=evil,
            artifacts=(Artifact(name=evil, path=evil),), evaluator=fingerprint, tier="A",
            session=evil, cases={evil: 1.0}, backend=evil, policy=evil, move=evil,
        )
    )  # fmt: skip
    ledger.append(
        RoleTurn(run=evil, role="critic", after_trial=3, text=evil, evaluator=fingerprint)
    )
    (lab / file).write_text(f"# {evil}\n{GOOD}")
    (lab / "Critic_Feedback.md").write_text(evil)
    state = lab / ".leanlab"
    (state / "prompts").mkdir(parents=True)
    (state / "prompts" / "0003_worker<script>.md").write_text(evil)
    events = [
        {"event": "trial_started", "trial": 3, "left": 1},
        {"event": "notice", "text": evil},
        {"event": evil, "who": evil, "text": evil, evil: {"deep": evil}},
    ]
    (state / "events.jsonl").write_text("".join(json.dumps(each) + "\n" for each in events))


# Artifacts.


def leave(lab: Path, *artifacts: dict[str, object], metrics: dict[str, float]) -> None:
    """Record one trial that left these."""
    one = Trial(
        run="r",
        trial=1,
        status="scored",
        metrics=metrics,
        evaluator=fingerprint_of(open_lab(lab)),
        tier="A",
        artifacts=msgspec.convert(artifacts, tuple[Artifact, ...]),
    )
    Ledger(lab / "results.jsonl").append(one)


def test_an_artifact_is_looked_into_and_saved_and_never_opened_as_a_page(
    lab: Path, visit: Visit
) -> None:
    text = "<script>alert(1)</script>\n" * 2000
    (lab / "artifacts").mkdir()
    (lab / "artifacts" / 'a "b"\n.html').write_text(text)
    leave(lab, {"name": "A page", "path": 'artifacts/a "b"\n.html'}, metrics={"accuracy": 0.5})
    client = visit(lab.parent)
    page = client.get("/lab/lengths/trial/1").text
    assert "&lt;script&gt;alert(1)" in page
    assert "[the rest is left out]" in page
    assert page.count("alert(1)") < 1000
    answer = client.get("/lab/lengths/trial/1/artifact/0")
    assert answer.text == text
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    kept = answer.headers["content-disposition"]
    assert kept == "attachment; filename*=UTF-8''a%20%22b%22%0A.html"
    assert (
        visit(lab.parent, by_link=False).get("/lab/lengths/trial/1/artifact/0").status_code == 403
    )
    for place in ("1", "-1", "99999999999999999999", "x", "0/../../../lab.json"):
        assert client.get(f"/lab/lengths/trial/1/artifact/{place}").status_code == 404
    assert client.get("/lab/lengths/trial/2/artifact/0").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "evaluation.py",
        "/etc/passwd",
        "artifacts",
        "artifacts/",
        "artifacts/.",
        "artifacts/../evaluation.py",
        "../lengths/artifacts/good",
        "artifacts/link",
        "artifacts/folder/passwd",
        "artifacts/pipe",
        "artifacts/gone",
        "artifacts/good\0",
        "",
    ],
)
def test_no_artifact_leads_out_of_its_folder(lab: Path, visit: Visit, path: str) -> None:
    folder = lab / "artifacts"
    folder.mkdir()
    (folder / "good").write_text("fine")
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "folder").symlink_to("/etc")
    os.mkfifo(folder / "pipe")
    leave(
        lab, {"name": "bad", "path": path}, {"name": "good", "path": "artifacts/good"},
        metrics={"accuracy": 0.5},
    )  # fmt: skip
    client = visit(lab.parent)
    page = client.get("/lab/lengths/trial/1")
    assert page.status_code == 200
    assert "root:" not in page.text
    assert "def evaluate" not in page.text
    assert client.get("/lab/lengths/trial/1/artifact/0").status_code == 404
    assert client.get("/lab/lengths/trial/1/artifact/1").text == "fine"


def test_a_linked_artifact_folder_is_not_followed(lab: Path, visit: Visit) -> None:
    (lab / "artifacts").symlink_to("/etc")
    leave(lab, {"name": "bad", "path": "artifacts/passwd"}, metrics={"accuracy": 0.5})
    client = visit(lab.parent)
    assert "root:" not in client.get("/lab/lengths/trial/1").text
    assert client.get("/lab/lengths/trial/1/artifact/0").status_code == 404


def test_what_may_tell_of_hidden_metrics_waits_until_they_were_shown(
    lab: Path, visit: Visit
) -> None:
    (lab / "artifacts").mkdir()
    (lab / "artifacts" / "labels").write_text("the labels")
    (lab / "artifacts" / "plot").write_text("the plot")
    leave(
        lab,
        {"name": "labels", "path": "artifacts/labels"},
        {"name": "plot", "path": "artifacts/plot", "visible": True},
        metrics={"accuracy": 0.5, "secret": 3.0},
    )
    client = visit(lab.parent)
    page = client.get("/lab/lengths/trial/1").text
    assert "the labels" not in page
    assert "the plot" in page
    assert client.get("/lab/lengths/trial/1/artifact/0").status_code == 404
    assert client.get("/lab/lengths/trial/1/artifact/1").text == "the plot"
    client.post("/lab/lengths/trial/1/reveal", headers=SAME)
    assert "the labels" in client.get("/lab/lengths/trial/1").text
    assert client.get("/lab/lengths/trial/1/artifact/0").text == "the labels"


def test_the_name_of_a_metric_stays_in_its_attribute(lab: Path, visit: Visit) -> None:
    name = "x' onfocus='alert(1)' \"><script>\u202e\x1b"
    leave(lab, metrics={"accuracy": 0.5, name: 3.0})
    client = visit(lab.parent)
    client.post("/lab/lengths/trial/1/reveal", headers=SAME)
    text = client.get("/lab/lengths", params={"metric": name}).text
    (marks,) = re.findall(r"data-marks='([^']*onfocus[^']*)'", text)
    ((_, _, trial, words),) = json.loads(marks)
    assert trial == 1
    assert words == "x' onfocus='alert(1)' \"><script> 3.0"
    assert "\u202e" not in text
