"""The pages in a real browser: Debian's chromium. Screenshots are kept in build/screenshots.

Skipped, with the reason, where there is no chromium; LEANLAB_TEST_BROWSER=required makes that an
error, as .ci/run does.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import WEAK, MakeLab
from tests.dashboard.conftest import Serve
from tests.dashboard.filled import fill

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "build" / "screenshots"
CHROMIUM = "/usr/bin/chromium"
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}

# Keeps every shift of the layout that no input caused, with what moved.
WATCH = """
window.shifts = []; window.marker = "same page";
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    if (entry.hadRecentInput) continue;
    const moved = entry.sources.map(({ node, previousRect: a, currentRect: b }) =>
      `${node?.outerHTML?.slice(0, 80) ?? node?.data}: ${a.x},${a.y} to ${b.x},${b.y}`);
    window.shifts.push(`${entry.value.toFixed(4)} ${moved.join("; ")}`);
  }
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    required = os.environ.get("LEANLAB_TEST_BROWSER") == "required"
    if not Path(CHROMIUM).exists() and not required:
        pytest.skip(f"there is no {CHROMIUM}: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # The sandbox of chromium does not work as root, as in a container.
        opened = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)
        yield opened
        opened.close()


Visit = Callable[..., Any]


@pytest.fixture
def visit(browser: Any) -> Iterator[Visit]:
    """Open a link; afterwards, nothing was written to the console and no other host asked."""
    opened: list[tuple[Any, str, list[str], list[str]]] = []

    def go(link: str, size: str = "desktop", scheme: str = "light") -> Any:
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme,
            timezone_id="Pacific/Auckland", locale="en-NZ",
        )  # fmt: skip
        page = context.new_page()
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.add_init_script(WATCH)
        page.goto(link)
        opened.append((context, link.partition("/?")[0], said, asked))
        return page

    yield go
    for context, home, said, asked in opened:
        context.close()
        assert said == []
        assert [url for url in asked if not url.startswith(f"{home}/")] == []


@pytest.fixture
def labs(make_lab: MakeLab) -> Path:
    """Full, small, new, broken and damaged labs in one folder."""
    full = make_lab("lengths", description="The length of a string, from a loop.")
    fill(full, 1000, files=1000)
    (full / "Director_Notes.md").write_text("The running total helped.\n\nTry next: one pass.\n")
    fill(make_lab("other", description="The same under a smaller budget."), 60, seed=5)
    make_lab("fresh", description="Nobody has run it yet.")
    (make_lab("broken") / "lab.json").write_text('{"name": "broken", "objectve": {}}')
    torn = make_lab("torn")
    fill(torn, 20)
    lines = (torn / "results.jsonl").read_bytes().splitlines(keepends=True)
    lines[12] = lines[12].replace(b"one pass", b"no pass", 1)
    (torn / "results.jsonl").write_bytes(b"".join(lines))
    return full.parent


def home(page: Any) -> str:
    return str(page.url).split("/", 3)[0] + "//" + str(page.url).split("/", 3)[2]


def shoot(page: Any, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


PAGES = {
    "overview": "/",
    "lab": "/lab/lengths",
    "trial": "/lab/lengths/trial/873",
    "compare": "/compare",
    "fresh": "/lab/fresh",
    "broken": "/lab/broken",
    "torn": "/lab/torn",
}

# Every visible text against what lies behind it, as WCAG counts; 4.5 is enough for small text.
CONTRAST = """
() => {
  const channel = (v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (text) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility()) continue;
    if (element.closest("option, .skip")) continue;
    const style = getComputedStyle(element);
    const ink = rgba(element.closest("svg") ? style.fill : style.color);
    let behind = element, ground = [0, 0, 0, 0];
    while (behind && ground[3] < 200) {
      ground = rgba(getComputedStyle(behind).backgroundColor);
      behind = behind.parentElement;
    }
    const [a, b] = [light(ink), light(ground)].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    const text = node.data.trim().slice(0, 30);
    if (ratio < 4.5) poor.push([text, element.className, ratio.toFixed(2)]);
  }
  return poor;
}
"""

# What screen readers need: names for what can be used, one h1, a language, labels for fields.
NAMES = """
() => {
  const bare = [];
  const used = "a[href], button, input:not([type=hidden]), select, textarea";
  for (const each of document.querySelectorAll(`${used}, [role=group], [role=region]`)) {
    if (each.closest("[aria-hidden=true]")) continue;
    const named = document.getElementById(each.getAttribute("aria-labelledby"));
    const labelled = each.getAttribute("aria-label") || each.textContent.trim()
      || each.labels?.length || named?.textContent;
    if (!labelled) bare.push(each.outerHTML.slice(0, 80));
  }
  if (document.querySelectorAll("h1").length !== 1) bare.push("h1");
  if (!document.documentElement.lang) bare.push("lang");
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  bare.push(...ids.filter((id, i) => ids.indexOf(id) !== i));
  return bare;
}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "scheme"), [("desktop", "light"), ("desktop", "dark"), ("phone", "light")]
)
def test_every_page_is_quiet_legible_and_fits(
    labs: Path, serve: Serve, visit: Visit, size: str, scheme: str
) -> None:
    page = visit(serve(labs), size, scheme)
    for name, path in PAGES.items():
        page.goto(home(page) + path)
        page.wait_for_function("() => window.shifts !== undefined")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.evaluate(CONTRAST) == [], name
        assert page.evaluate(NAMES) == [], name
        shoot(page, f"{name}-{size}-{scheme}")


def test_dark_and_light_differ(labs: Path, serve: Serve, visit: Visit) -> None:
    link = serve(labs)
    ground = "getComputedStyle(document.body).backgroundColor"
    grounds = {scheme: visit(link, scheme=scheme).evaluate(ground) for scheme in ("light", "dark")}
    assert grounds["light"] != grounds["dark"]


def test_times_are_told_in_the_readers_zone(labs: Path, serve: Serve, visit: Visit) -> None:
    page = visit(serve(labs))
    page.goto(home(page) + "/lab/lengths/trial/24")
    time = page.locator(".facts time")
    assert time.get_attribute("datetime") == "2026-11-01T00:00:00Z"
    assert "1:00" in time.inner_text(), "Auckland is thirteen hours ahead"


@pytest.mark.slow
def test_the_lab_page_paints_at_once_with_1_000_trials(
    labs: Path, serve: Serve, visit: Visit
) -> None:
    """The best of some visits: how long one takes says more of what else the machine does."""
    page = visit(serve(labs))
    # A function, not an expression: the pages' policy forbids eval, to playwright too.
    paint = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    paints: list[float] = []
    for _ in range(8):
        page.goto(home(page) + "/lab/lengths")
        page.wait_for_function(paint)
        paints.append(page.evaluate(paint))
        if min(paints) < 200:
            break
    print(f"first paint after {min(paints):.0f} ms")
    assert min(paints) < 300


def test_keys_alone_are_enough(labs: Path, serve: Serve, visit: Visit) -> None:
    page = visit(serve(labs))
    page.goto(home(page) + "/lab/lengths")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("0042_attempt")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=0042_attempt**")
    assert page.locator("table.trials tbody tr").count() == 1
    page.locator("#progress [data-chart]").focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    tip = page.locator(".tip:visible").inner_text()
    trial = tip.split(":")[0].removeprefix("Trial ")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/trial/{trial}")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**/trial/{int(trial) - 1}")


def test_a_chart_tells_the_mark_under_the_pointer_and_opens_it(
    labs: Path, serve: Serve, visit: Visit
) -> None:
    page = visit(serve(labs))
    page.goto(home(page) + "/lab/other")
    chart = page.locator("#progress [data-chart]")
    marks = json.loads(chart.get_attribute("data-marks"))
    x, y, trial, words = next(mark for mark in reversed(marks) if "best so far" in mark[3])
    plot = chart.locator(".plot").first.bounding_box()
    place = (plot["x"] + plot["width"] * x / 100, plot["y"] + y)
    page.mouse.move(*place)
    assert page.locator(".tip:visible").inner_text() == f"Trial {trial}: {words}"
    with page.context.expect_page() as beside:
        page.mouse.click(*place, button="middle")
    beside.value.wait_for_url(f"**/lab/other/trial/{trial}")
    page.mouse.click(*place)
    page.wait_for_url(f"**/lab/other/trial/{trial}")


def test_a_hidden_metric_is_shown_after_one_question(
    labs: Path, serve: Serve, visit: Visit
) -> None:
    page = visit(serve(labs))
    page.goto(home(page) + "/lab/other")
    button = page.get_by_role("button", name="Show them", exact=True).first
    button.click()
    dialog = page.get_by_role("dialog")
    assert "leanlab show" in dialog.inner_text()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert b'"reveal"' not in (labs / "other" / "results.jsonl").read_bytes()
    button.click()
    dialog.get_by_role("button", name="Show them").click()
    page.wait_for_url("**/lab/other")
    assert "as shown to a person" in page.locator("#reveal").inner_text()
    assert (labs / "other" / "results.jsonl").read_bytes().count(b'"kind":"reveal"') == 1


def test_a_note_is_left_for_the_next_worker(labs: Path, serve: Serve, visit: Visit) -> None:
    page = visit(serve(labs))
    page.goto(home(page) + "/lab/other")
    page.get_by_role("button", name="Note").click()
    dialog = page.get_by_role("dialog")
    assert "leanlab note" in dialog.inner_text()
    dialog.get_by_label("One line for the next Worker").fill("Try <both> ends.")
    with page.expect_navigation():
        dialog.get_by_role("button", name="Note").click()
    assert b"Try <both> ends." in (labs / "other" / "results.jsonl").read_bytes()


SLOW = WEAK + "\nfor _ in range(3_000_000):\n    pass\n"


@pytest.mark.slow
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_a_page_follows_a_run_without_a_jump_and_stops_it(
    make_lab: MakeLab, serve: Serve, visit: Visit, size: str
) -> None:
    lab = make_lab("lengths", description="Live.", critic_every=2, director_every=3)
    script = lab.parent / "steps.json"
    steps = [SLOW.replace("return 1", f"return {n}") for n in (1, 2, 3)]
    script.write_text(json.dumps([*steps, "def g(x): pass\n", *steps]))
    page = visit(serve(lab.parent), size)
    page.goto(home(page) + "/lab/lengths")
    assert "leanlab run" in page.locator("#progress").inner_text()
    words = [sys.executable, "-m", "leanlab", "run", "lengths", "-n", "500"]
    with subprocess.Popen(
        [*words, "--backend", f"scripted:{script}"], cwd=lab.parent,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as run:  # fmt: skip
        try:
            page.get_by_text("running", exact=True).wait_for(timeout=20_000)
            page.locator("#table tbody tr:nth-child(6)").wait_for(timeout=60_000)
            assert "trial" in page.locator("#moments").inner_text()
            page.wait_for_function("() => document.querySelectorAll('#moments li').length >= 3")
            marks = page.locator("#progress [data-chart]").get_attribute("data-marks")
            assert len(json.loads(marks)) >= 5
            assert page.evaluate("window.marker") == "same page", "it was never loaded anew"
            assert page.evaluate("window.shifts") == []
            shoot(page, f"live-{size}")
            page.get_by_role("button", name="Pause").click()
            page.get_by_role("dialog").get_by_role("button", name="Pause").click()
            page.get_by_text("paused, or about to be").wait_for()
            page.get_by_role("button", name="Stop").click()
            page.get_by_role("dialog").get_by_role("button", name="Stop").click()
            assert run.wait(timeout=30) == 0
            page.get_by_text("not running").wait_for()
        finally:
            run.terminate()
        assert run.stdout is not None
        assert "stopped by leanlab stop" in run.stdout.read()
    page.get_by_text("stopped by leanlab stop").wait_for()


def test_a_broken_lab_comes_back_by_itself(labs: Path, serve: Serve, visit: Visit) -> None:
    page = visit(serve(labs))
    page.goto(home(page) + "/lab/broken")
    assert "objectve" in page.get_by_role("alert").inner_text()
    shutil.copy(labs / "fresh" / "lab.json", labs / "broken" / "lab.json")
    page.locator("#progress-title").wait_for(timeout=10_000)


def test_a_page_stays_small_however_much_happens(
    make_lab: MakeLab, serve: Serve, visit: Visit
) -> None:
    lab = make_lab("lengths")
    events = lab / ".leanlab" / "events.jsonl"
    events.parent.mkdir()
    events.write_text('{"event":"trial_started","trial":1,"left":1}\n')
    page = visit(serve(lab.parent))
    page.goto(home(page) + "/lab/lengths")
    page.locator("#moments li").first.wait_for()
    with events.open("a") as file:
        for number in range(3000):
            file.write(f'{{"event":"text","role":"worker","text":"word {number}"}}\n')
        for word in ("The last ", "words."):
            said = {"event": "said", "role": "worker", "trial": 1, "text": word}
            file.write(json.dumps(said) + "\n")
    page.get_by_text("The last words.", exact=True).wait_for(timeout=20_000)
    page.get_by_text("word 2999").wait_for(timeout=20_000)
    assert page.locator("#moments li").count() <= 200
