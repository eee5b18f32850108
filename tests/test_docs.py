"""The documentation, held against the code: what it shows is run, what it lists is compared."""

from __future__ import annotations

import ast
import doctest
import importlib
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from leanlab import config, events, run
from leanlab.backends.scripted import ScriptedBackend, Step
from leanlab.cli import app
from leanlab.cli.groups import whole
from leanlab.labkit import Brief
from leanlab.ledger import Ledger
from leanlab.records import Trial
from leanlab.sandbox import probe

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
GROUP: Any = whole(app)


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A fenced block. file is the name in bold on the line above it, if any."""

    page: str
    line: int
    language: str
    text: str
    file: str = ""


def blocks_of(page: Path) -> Iterator[Block]:
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        fence = re.fullmatch(r"(`{3,})(\w*)", lines[number])
        number += 1
        if fence is None:
            continue
        end = lines.index(fence[1], number)
        above = [line for line in lines[: number - 1] if line]
        name = re.fullmatch(r"\*\*`(.+)`\*\*", above[-1])
        yield Block(
            page=page.relative_to(ROOT).as_posix(),
            line=number,
            language=fence[2],
            text="".join(f"{line}\n" for line in lines[number:end]),
            file=name[1] if name else "",
        )
        number = end + 1


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def prose(page: Path) -> str:
    """The page without its blocks and code."""
    text = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", "", text)


def named(language: str) -> list[Any]:
    """The blocks of a language, each under its place."""
    found = [block for block in BLOCKS if block.language == language]
    return [pytest.param(block, id=f"{block.page}:{block.line}") for block in found]


def table(page: str, first: str) -> dict[str, list[str]]:
    """Rows of the table whose head starts with that cell: the other cells by the first."""
    text = (ROOT / page).read_text(encoding="utf-8")
    _, found, below = text.partition(f"| {first} |")
    assert found, f"{page} has no table of {first}"
    rows = below.split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
    return {row[0].strip(): row[1:] for row in cells}


def write(folder: Path, *pages: str) -> None:
    """Write out the files that pages show."""
    for block in BLOCKS:
        if block.page in pages and block.file:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")


def sessions(block: Block) -> Iterator[tuple[str, str]]:
    """Each command of a console block, with the output below it."""
    for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def call(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)
    python = {"leanlab": [sys.executable, "-m", "leanlab"], "python": [sys.executable]}
    clean = {key: value for key, value in os.environ.items() if not key.startswith("LEANLAB_")}
    return subprocess.run(
        [*python[words[0]], *words[1:]],
        cwd=folder, env=clean | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def last_trial(lab: Path) -> Trial:
    records = Ledger(lab / "results.jsonl").read()
    return [record for record in records if isinstance(record, Trial)][-1]


def commands(group: Any = GROUP, name: str = "leanlab") -> Iterator[tuple[str, Any]]:
    for each, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name} {each}")
        else:
            yield f"{name} {each}", command


def parse(command: str) -> None:
    """Have the command line's own parser read it; it raises on what it does not know."""
    words = shlex.split(command)[1:]
    node = GROUP
    while hasattr(node, "commands") and words and not words[0].startswith("-"):
        assert words[0] in node.commands, f"there is no command {words[0]}"
        node = node.commands[words.pop(0)]
    if node is GROUP:
        assert words == ["--version"]
    else:
        node.make_context(node.name, words)


# What is listed.


def test_the_page_of_the_command_line_is_what_make_docs_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for key, value in {"COLUMNS": "33", "LEANLAB_BACKEND": "x", "LEANLAB_SEED": "7"}.items():
        monkeypatch.setenv(key, value)
    made = runpy.run_path(str(ROOT / "docs" / "make_cli.py"))["generate"]()
    assert made == (ROOT / "docs" / "cli.md").read_text(encoding="utf-8"), "run: make docs"
    for name, _ in commands():
        assert f"\n## {name}\n" in made


def defaults(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of lab.json with its default; the ellipsis where it is required."""
    inner = {"objective": config.Objective, "roles": config.RoleChoice}
    for field in msgspec.structs.fields(struct):
        name = prefix + field.encode_name
        own = type(field.default) if isinstance(field.default, msgspec.Struct) else None
        if below := own or (inner.get(name) if not prefix else None):
            yield from defaults(below, f"{name}.<role>." if name == "roles" else f"{name}.")
        elif field.required:
            yield name, ...
        elif field.default_factory is not msgspec.NODEFAULT:
            yield name, field.default_factory()
        else:
            yield name, msgspec.to_builtins(field.default)


def documented(rows: dict[str, list[str]]) -> dict[str, Any]:
    cells = {key.strip("`"): cells[0].strip("`") for key, cells in rows.items()}
    return {key: ... if text == "required" else json.loads(text) for key, text in cells.items()}


def test_every_key_of_lab_json_is_documented_with_its_true_default() -> None:
    rows = table("docs/lab.md", "key | default | meaning")
    true = dict(defaults(config.LabConfig))
    assert len(true) > 30
    assert documented(rows) == json.loads(json.dumps(true, default=str)) | {
        key: ... for key, default in true.items() if default is ...
    }
    assert all(cells[1] for cells in rows.values())


def test_every_key_of_a_scripted_step_is_documented_with_its_true_default() -> None:
    rows = table("docs/backends.md", "key | default | meaning")
    true = {field.encode_name: field.default for field in msgspec.structs.fields(Step)}
    assert documented(rows) == true


def test_everything_in_a_brief_is_documented() -> None:
    rows = table("docs/backends.md", "of the brief | what it is")
    names = set(re.findall(r"`(\w+)", " ".join(rows)))
    public = {name for name in dir(Brief) if not name.startswith("_")}
    assert names == public


def test_every_command_has_an_example_in_its_help_that_it_understands() -> None:
    for name, command in commands():
        shown = CliRunner().invoke(app, [*name.split()[1:], "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0
        assert f"Example: {name}" in shown.output
        parse(command.help.partition("Example: ")[2].strip())


# What is written down.


@pytest.mark.parametrize("block", named("python"))
def test_python_is_python_and_what_it_imports_is_there(block: Block) -> None:
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


@pytest.mark.parametrize("block", named("json"))
def test_json_is_json(block: Block) -> None:
    assert json.loads(block.text)


@pytest.mark.parametrize("block", named("console"))
def test_commands_and_options_exist(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LEANLAB_")]:
        monkeypatch.delenv(name)
    found = [command for command, _ in sessions(block) if command.startswith("leanlab")]
    assert found
    for command in found:
        parse(command)


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    for wrong in ("leanlab fly", "leanlab run --fast", "leanlab try labs/parity"):
        with pytest.raises(Exception, match="fly|--fast|[Mm]issing"):
            parse(wrong)


def anchors(page: Path) -> set[str]:
    text = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert target.is_relative_to(ROOT)
        assert not anchor or anchor in anchors(target), f"{link}: there is no such heading"


def test_every_page_can_be_reached_from_the_start_page() -> None:
    reached: set[Path] = set()
    ahead = [ROOT / "docs" / "index.md"]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        links = re.findall(r"\]\(([^)#\s]+\.md)", prose(page))
        ahead += {(page.parent / link).resolve() for link in links} - reached
    assert set(PAGES) <= reached


def test_make_has_the_targets_that_are_named() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.M))
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    wanted = set(re.findall(r"^make (\w+)|`make (\w+)`", text, flags=re.M))
    assert {"demo", "test"} <= (named := {a or b for a, b in wanted})
    assert named <= targets


# What is run.


def test_the_readme_shows_what_the_demo_prints(parity: Path, tmp_path: Path) -> None:
    (tmp_path / "labs").mkdir()
    parity.rename(tmp_path / "labs" / "parity")
    page = [block for block in BLOCKS if block.page == "README.md"]
    block = next(block for block in page if block.language == "console")
    ((command, shown),) = sessions(block)
    done = call(command, tmp_path)
    assert done.returncode == 0, done.stderr

    def everywhere(text: str) -> list[str]:
        """Without the lines that differ from machine to machine, or come in a first run only."""
        lines = text.splitlines()
        return [line for line in lines if not line.startswith(("confinement: ", "sealed "))]

    assert everywhere(done.stdout) == everywhere(shown), "put the new output into README.md"
    rule = next(block.text for block in page if block.language == "python")
    best = last_trial(tmp_path / "labs" / "parity")
    assert (tmp_path / "labs" / "parity" / str(best.experiment_file)).read_text() == rule


def test_the_tiny_lab_does_what_its_page_says(tmp_path: Path) -> None:
    write(tmp_path, "docs/lab.md")
    text = (ROOT / "docs" / "lab.md").read_text(encoding="utf-8")
    start, end = (
        text[: text.index(f"\n## {name}\n")].count("\n")
        for name in ("A tiny lab, in full", "lab.json")
    )
    checker = doctest.OutputChecker()
    ran = 0
    for block in BLOCKS:
        if (block.page, block.language) != ("docs/lab.md", "console"):
            continue
        if not start < block.line < end:
            continue
        for command, shown in sessions(block):
            done = call(command, tmp_path)
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            assert checker.check_output(shown, done.stdout, doctest.ELLIPSIS), (
                f"{command}\nprints\n{done.stdout}\nand the page shows\n{shown}"
            )
            ran += 1
    assert ran == 6
    assert last_trial(tmp_path / "root").trial == 11
    assert last_trial(tmp_path / "root").metrics["error"] < 0.01


def test_the_lab_that_fits_and_makes_its_data(tmp_path: Path) -> None:
    write(tmp_path, "docs/lab.md")
    lab = tmp_path / "slope"
    objective = {"metric": "error", "direction": "minimize", "target": 1e-9}
    params = {"slope": 2.5, "seed": 1}
    whole = {"name": "slope", "objective": objective, "params": params}
    (lab / "lab.json").write_text(json.dumps(whole))
    (lab / "task.md").write_text("Fit a line.\n")
    (lab / "validate.py").write_text("def validate(source, lab):\n    return None\n")
    summary = run(lab, trials=3)
    assert summary.end.kind == "target"
    assert summary.trials == (1,)
    assert run(lab, trials=1, sets={"seed": "2"}).best is not None
    other = lab / "variants" / "seed=2" / "data" / "train.txt"
    assert other.read_text() != (lab / "data" / "train.txt").read_text()


def test_the_lab_whose_experiments_are_jobs(tmp_path: Path) -> None:
    if probe().tier not in ("A", "C"):
        pytest.skip("jobs need namespaces and seccomp")
    write(tmp_path, "docs/lab.md")
    lab = tmp_path / "curve"
    objective = {"metric": "error", "direction": "minimize", "target": 0.01}
    whole = {"name": "curve", "objective": objective, "imports": ["numpy"], "params": {"seed": 1}}
    (lab / "lab.json").write_text(json.dumps(whole))
    (lab / "task.md").write_text("Fit a curve.\n")
    (lab / "validate.py").write_text("def validate(source, lab):\n    return None\n")
    told: list[events.Progressed] = []

    def keep(event: events.AnyEvent) -> None:
        if isinstance(event, events.Progressed):
            told.append(event)

    sample = (lab / "experiments" / "sample.py").read_text()
    summary = run(lab, trials=1, backend=ScriptedBackend([sample]), on_event=keep)
    assert summary.end.kind == "target", last_trial(lab).error
    assert ", loss " in told[0].text


def test_the_researcher_tries_its_guesses_and_stops(tmp_path: Path) -> None:
    write(tmp_path, "docs/lab.md", "docs/backends.md")
    lab = tmp_path / "root"
    changes = {"researcher": "researcher:Heron", "director_every": 4}
    whole = json.loads((lab / "lab.json").read_text()) | changes
    (lab / "lab.json").write_text(json.dumps(whole))
    summary = run(lab, trials=5)
    assert summary.best is not None
    assert (summary.best.trial, summary.best.notes) == (3, "First guess 0.7.")
    worst = max(abs((0.7 + x / 0.7) / 2 - x**0.5) for x in (0.1, 1.0))
    assert summary.best.metrics["error"] == pytest.approx(worst)
    assert summary.trials == (1, 2, 3, 4)
    assert "every first guess has been tried" in summary.end.text
    assert (lab / "Director_Notes.md").read_text() == "Stay near trial 3.\n"


def test_the_script_is_played(tmp_path: Path) -> None:
    write(tmp_path, "docs/lab.md", "docs/backends.md")
    done = call(command_with("scripted:"), tmp_path)
    assert done.returncode == 0, done.stderr
    record = last_trial(tmp_path / "root")
    assert (record.status, record.fixes) == ("scored", 1)
    assert record.experiment_file == "experiments/0001_heron.py"
    assert "target reached" in done.stdout


def command_with(word: str) -> str:
    """The command of docs/backends.md that has the word in it."""
    shown = [b for b in BLOCKS if (b.page, b.language) == ("docs/backends.md", "console")]
    return next(line for block in shown for line, _ in sessions(block) if word in line)


def test_the_smallest_agent_runs(tmp_path: Path) -> None:
    write(tmp_path, "docs/lab.md", "docs/backends.md")
    done = call(command_with("command:"), tmp_path)
    assert done.returncode == 0, done.stderr
    record = last_trial(tmp_path / "root")
    assert (record.notes, record.backend) == ("One step of Heron's.", "command")
    assert "An idea." in done.stdout


def test_a_run_from_python(tmp_path: Path) -> None:
    write(tmp_path, "docs/lab.md", "docs/backends.md")
    done = call("python run_heron.py", tmp_path)
    assert done.stdout.startswith("target reached {'error': 0.0039"), done.stderr


def test_variables_stand_for_options(tmp_path: Path) -> None:
    write(tmp_path, "docs/lab.md")
    told = {"LEANLAB_LAB": "root", "LEANLAB_SET": "low=0.2 high=2.0", "LEANLAB_DRY_RUN": "1"}
    done = call("leanlab run", tmp_path, **told)
    assert done.returncode == 0, done.stderr
    assert "from 0.2 to" in done.stdout
    assert not (tmp_path / "root" / "variants").exists()


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("leanlab check root", 0),
        ("leanlab check nowhere", 1),
        ("leanlab try root root/validate.py", 1),
        ("leanlab run nowhere", 2),
        ("leanlab run root --max-time 0s", 3),
    ],
)
def test_exit_statuses_are_those_of_the_table(tmp_path: Path, command: str, status: int) -> None:
    write(tmp_path, "docs/lab.md")
    done = call(command, tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    assert str(status) in table("docs/cli.md", "status | meaning")
