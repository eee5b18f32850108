"""Reports and exports of labs that were run, as a reader, a browser and pandas would take them."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from leanlab import run
from leanlab.backends.scripted import ScriptedBackend, Step
from leanlab.cli import app
from leanlab.config import Objective, load
from leanlab.history import History
from leanlab.lab import open_lab
from leanlab.ledger import Ledger
from leanlab.records import Reveal, Trial
from leanlab.report.chart import BUCKETS, chart
from leanlab.report.gather import Findings, Point, Proposer, gather
from leanlab.report.intervals import interval, wilson

from .conftest import CRASHES, GOOD, WEAK, MakeLab

EVIL = "<script>alert('x')</script> ![x](http://evil.example/x.png) **b** | c\n=cmd()\x1b[31m"
HALF = "def f(x):\n    '''<img src=x onerror=alert(1)>'''\n    return len(x) if len(x) < 3 else 0\n"


def leanlab(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture
def told(make_lab: MakeLab) -> Path:
    """A lab after a scripted run and an offline one; what models said is as bad as can be."""
    lab = make_lab(
        description=EVIL.split("\n")[0], director_every=2, critic_every=0, max_fix_calls=0
    )
    steps = [
        Step(code=WEAK + "# again\n", notes=EVIL, cost_usd=0.25, tokens=1000),
        Step(code=CRASHES, cost_usd=None),
        Step(code=HALF, notes="Short ones.", cost_usd=0.5, tokens=500),
        Step(role="director", text=f"# Notes\nLengths win. {EVIL}", cost_usd=0.125),
    ]
    run(lab, trials=1, backend="offline")
    run(lab, trials=3, backend=ScriptedBackend(steps))
    return lab


class Elements(HTMLParser):
    """Every element with its attributes, and all text outside styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._style = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._style = tag == "style"
        self.text += " " if tag in ("td", "th") else ""

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._style else data


def test_a_report_says_what_won_and_how_far_to_believe_it(told: Path, tmp_path: Path) -> None:
    done = leanlab("report", told, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "report.html", "report.md", "report.svg",
    }  # fmt: skip
    page = Elements((tmp_path / "out" / "report.html").read_text())
    text = re.sub(r"\s+", " ", page.text)
    assert "Trial 4 won, with accuracy 0.833333; the first score was 0.333333, in trial 1." in text
    assert "The target is not reached." in text
    assert "Lengths win." in text
    assert "Short ones." in text
    assert "return len(x) if len(x) < 3 else 0" in text
    assert "accuracy was looked at 3 times" in text
    assert "secret held out 5.0 not known" in text
    assert "offline baseline, leanlab.tuning:LiteralTuner" in text
    assert "$1.00 and unknown" in text
    assert re.search(r"tier [ABCD]; the experiment never shared a process", text)
    assert "3 frozen files as sealed" in text


def test_nothing_that_was_said_becomes_markup(told: Path, tmp_path: Path) -> None:
    leanlab("report", told, "--out", tmp_path)
    html, markdown = ((tmp_path / f"report.{form}").read_text() for form in ("html", "md"))
    page = Elements(html)
    assert {"script", "img", "link", "iframe", "a"}.isdisjoint({tag for tag, _ in page.found})
    handlers = [name for _, given in page.found for name in given if name.startswith("on")]
    assert handlers == []
    assert "://" not in re.sub(r"http://www\.w3\.org/2000/svg|http://evil\.example", "", html)
    assert "<script>alert('x')</script>" in page.text
    assert "\x1b" not in html + markdown
    outside = re.sub(r"^    .*$|^```python\n[^`]*^```$", "", markdown, flags=re.M)
    assert "<script>" not in outside.replace(r"\<script\>", "")
    assert re.findall(r"(?<!\\)!?\[[^\]]*\]\([^)]*\)", outside) == ["![progress](report.svg)"]
    rows = [line for line in outside.splitlines() if line.startswith("| 2 |")]
    assert len(re.findall(r"(?<!\\)\|", rows[0])) == 8


def test_a_report_reveals_the_best_trial_and_no_other(told: Path) -> None:
    lab = open_lab(told)
    ledger = [r for r in Ledger(lab.results).read() if isinstance(r, Reveal)]
    (told / "results.jsonl").write_bytes(without_reveals(told / "results.jsonl"))
    assert leanlab("report", told).exit_code == 0
    assert leanlab("report", told).exit_code == 0
    (look,) = [r for r in Ledger(lab.results).read() if isinstance(r, Reveal)]
    assert (look.trial, look.metrics, look.command) == (4, ("secret",), "report")
    assert (told / ".leanlab" / "report" / "report.md").is_file()
    assert ledger, "a run shows the best trial's hidden metrics at its end"


def without_reveals(results: Path) -> bytes:
    """The ledger as it would be had nobody looked, with a chain of its own."""
    kept = [r for r in Ledger(results).read() if not isinstance(r, Reveal)]
    fresh = results.with_name("fresh.jsonl")
    ledger = Ledger(fresh)
    for record in kept:
        ledger.append(record)
    return fresh.read_bytes()


def test_one_format_writes_one_form(told: Path, tmp_path: Path) -> None:
    leanlab("report", told, "--out", tmp_path / "a", "--format", "html")
    leanlab("report", told, "--out", tmp_path / "b", "--format", "md")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["report.html"]
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["report.md", "report.svg"]


def test_a_variant_has_a_report_of_its_own(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab(params={"scale": 1})
    run(lab, trials=1, backend=ScriptedBackend([GOOD]), sets={"scale": "2"})
    assert "no trial yet" in " ".join(report_of(lab, tmp_path / "a").lower().split())
    other = report_of(lab, tmp_path / "b", "--set", "scale=2")
    assert "with scale=2" in other
    assert "It reaches the target." in other


def report_of(lab: Path, out: Path, *more: str) -> str:
    done = leanlab("report", lab, "--out", out, *more)
    assert done.exit_code == 0, done.output
    return Elements((out / "report.html").read_text()).text


def test_a_lab_without_trials_and_one_with_failures_only_have_reports(
    make_lab: MakeLab, tmp_path: Path
) -> None:
    lab = make_lab(max_fix_calls=0)
    assert "0 trials, and none has a score." in report_of(lab, tmp_path / "a")
    run(lab, trials=1, backend=ScriptedBackend([CRASHES]))
    text = report_of(lab, tmp_path / "b")
    assert "1 trial, and none has a score." in text
    assert "ValueError" in text


def test_a_broken_seal_and_a_loss_of_the_program_are_told(told: Path, tmp_path: Path) -> None:
    (told / "validate.py").write_text("# changed\n")
    (told / "experiments" / "0004_scripted.py").unlink()
    text = report_of(told, tmp_path)
    assert "broken: " in text
    assert "Its file is gone." in text


def findings_of(points: list[Point], **objective: object) -> Findings:
    aim = Objective(metric="score", **objective)
    config = load(Path(__file__).parents[1] / "labs" / "parity" / "lab.json")
    return Findings(
        history=History(config, ""),
        objective=aim,
        points={point.trial: point for point in points},
        proposers={},
        advice=Proposer(backend="", model=""),
        notes={"director": [], "critic": []},
        seconds={},
    )


def point(trial: int, value: float | None, *, is_record: bool = False) -> Point:
    status = "crashed" if value is None else "scored"
    return Point(trial=trial, status=status, value=value, is_record=is_record)


def test_a_long_chart_is_reduced_and_keeps_records_and_extremes() -> None:
    points = [point(1, 0.0, is_record=True)]
    points += [point(n, 0.5 + (n % 7) / 100) for n in range(2, 100_001)]
    points[4_321] = point(4_322, -3.0)
    points[7_000] = point(7_001, 9.0, is_record=True)
    points[55_554] = point(55_555, None)
    drawn = chart(findings_of(points))
    assert len(drawn.dots) <= 2 * BUCKETS
    assert [mark.text for mark in drawn.records] == ["trial 1: score 0.0", "trial 7001: score 9.0"]
    assert "trial 4322: score -3.0" in {mark.text for mark in drawn.dots}
    assert [mark.text for mark in drawn.failures] == ["trial 55555: crashed"]
    for mark in drawn.dots + drawn.records:
        assert drawn.left <= mark.x <= drawn.right
        assert drawn.top <= mark.y <= drawn.floor


@pytest.mark.parametrize(
    "values",
    [
        [],
        [1.0],
        [0.0, 0.0],
        [-5.0, 5.0],
        [-1.7e308, 1.7e308],
        [1e-9, 1e9],
        [1e300, 1.7e308],
        [5e-324, 1e-300],
        [1e-15, 2e-15],
    ],
)
def test_every_range_of_values_can_be_drawn(values: list[float]) -> None:
    drawn = chart(findings_of([point(n, value) for n, value in enumerate(values, 1)]))
    assert len(drawn.up) >= 2
    for mark in drawn.dots:
        assert drawn.top - 1 <= mark.y <= drawn.floor + 1
    assert [mark.y for mark in drawn.up] == sorted((mark.y for mark in drawn.up), reverse=True)


def test_a_target_is_drawn_within_the_chart() -> None:
    drawn = chart(findings_of([point(1, 0.5, is_record=True)], target=1.0))
    assert drawn.target is not None
    assert drawn.target.y >= drawn.top
    assert drawn.target.text == "target 1.0"


def scored(metrics: dict[str, float], **more: object) -> Trial:
    return Trial(run="", trial=1, status="scored", evaluator="", tier="A", metrics=metrics, **more)


def test_intervals_come_from_repeats_errors_or_cases(parity: Path) -> None:
    lab = open_lab(parity)
    metrics = {"val_accuracy": 0.9, "r2": 0.5, "r2_se": 0.1, "other": 1.0, "test_accuracy": 0.00005}
    record = scored(metrics)
    found = interval(lab, record, "val_accuracy")
    assert found is not None
    # Wilson's 95% interval for 90 of 100, as tables have it.
    assert (round(found.low, 4), round(found.high, 4)) == (0.8256, 0.9448)
    assert found.source == "100 cases, Wilson"
    error = interval(lab, record, "r2")
    assert error is not None
    assert (error.low, error.high) == pytest.approx((0.304, 0.696), abs=1e-4)
    assert interval(lab, record, "other") is None
    # Half a string of 10,000 is no count, so it is no share of these.
    assert interval(lab, record, "test_accuracy") is None
    repeated = scored({"val_accuracy": 2.0}, repeats={"val_accuracy": (1.0, 2.0, 3.0)})
    student = interval(lab, repeated, "val_accuracy")
    assert student is not None
    assert (student.low, student.high) == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-3)
    assert wilson(1.0, 100).high == 1.0


def test_a_rescored_trial_counts_once_with_its_new_score(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab()
    run(lab, trials=2, backend=ScriptedBackend([WEAK, GOOD]))
    text = (lab / "evaluation.py").read_text()
    (lab / "evaluation.py").write_text(text.replace("right / len(INPUTS)", "right / 12"))
    leanlab("seal", lab)
    assert leanlab("rescore", lab).exit_code == 0
    findings = gather(open_lab(lab))
    assert {p.trial: p.value for p in findings.points.values()} == {
        1: pytest.approx(1 / 6), 2: pytest.approx(0.5),
    }  # fmt: skip
    assert "Trial 2 won, with accuracy 0.5" in report_of(lab, tmp_path)


def test_the_page_opens_in_a_browser_without_a_word_of_complaint(
    told: Path, tmp_path: Path
) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium here")
    leanlab("report", told, "--out", tmp_path)
    page = tmp_path / "report.html"
    done = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert "Trial 4 won" in done.stdout
    assert "CONSOLE" not in done.stderr


# export


def test_a_csv_has_a_row_a_record_and_no_formula(told: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    done = leanlab("export", told, "--format", "csv", "--out", out)
    assert done.output == f"{out}: 6 rows\n"
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows].count("trial") == 4
    first = next(row for row in rows if row["trial"] == "2" and row["kind"] == "trial")
    assert float(first["metrics.accuracy"]) == pytest.approx(1 / 3)
    assert first["cost_usd"] == "0.25"
    assert "metrics.secret" not in first
    assert all(not cell.startswith(tuple("=+@\t")) for row in rows for cell in row.values())
    assert next(row for row in rows if row["status"] == "crashed")["cost_usd"] == ""


@pytest.mark.parametrize("notes", ["=1+1", "+1", "-1", "@x", "  =1", "\t=1", "＝1", "\n=1"])
def test_text_that_a_spreadsheet_would_run_is_defused(make_lab: MakeLab, notes: str) -> None:
    lab = make_lab()
    run(lab, trials=1, backend=ScriptedBackend([Step(code=GOOD, notes=notes)]))
    (row,) = csv.DictReader(leanlab("export", lab).output.splitlines(keepends=True))
    assert row["notes"] == f"'{notes}"
    (row,) = map(json.loads, leanlab("export", lab, "--format", "jsonl").output.splitlines())
    assert row["notes"] == notes


def test_jsonl_rows_have_the_same_columns_and_hidden_metrics_only_when_asked(told: Path) -> None:
    before = (told / "results.jsonl").read_bytes()
    rows = [json.loads(x) for x in leanlab("export", told, "--format", "jsonl").output.splitlines()]
    assert len({tuple(row) for row in rows}) == 1
    assert "metrics.secret" not in rows[0]
    assert (told / "results.jsonl").read_bytes() == before
    shown = leanlab("export", told, "--format", "jsonl", "--hidden").output.splitlines()
    trials = [row for row in map(json.loads, shown) if row["kind"] == "trial"]
    secrets = {row["trial"]: row["metrics.secret"] for row in trials}
    assert secrets[4] == 5.0
    looks = [r for r in Ledger(told / "results.jsonl").read() if isinstance(r, Reveal)]
    assert {(look.trial, look.command) for look in looks} >= {(2, "export")}
    leanlab("export", told, "--hidden")
    again = [r for r in Ledger(told / "results.jsonl").read() if isinstance(r, Reveal)]
    assert len(again) == len(looks)


def test_a_variant_is_exported_alone(make_lab: MakeLab) -> None:
    lab = make_lab(params={"scale": 1})
    run(lab, trials=2, backend=ScriptedBackend([WEAK, GOOD]), sets={"scale": "2"})
    assert len(leanlab("export", lab).output.splitlines()) == 1
    assert len(leanlab("export", lab, "--set", "scale=2").output.splitlines()) == 3
