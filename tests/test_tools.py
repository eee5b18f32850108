"""The tools of a role, and what a model may try with them."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from leanlab import events
from leanlab.backends import Request
from leanlab.backends.calling import MAX_TEXT, Called, call
from leanlab.errors import ConfigError
from leanlab.evaluator import Evaluator
from leanlab.lab import open_lab
from leanlab.labkit.researcher import Brief
from leanlab.resources import SHIPPED_LABS
from leanlab.tools import Toolbox

from .conftest import GOOD, MakeLab


class Bench:
    """A role at work: calls tools by name, as a backend does."""

    def __init__(self, lab: Path, workspace: Path, role: str = "worker") -> None:
        self.lab = open_lab(lab)
        self.workspace = workspace
        self.role = role
        self.seen: list[events.AnyEvent] = []
        (workspace / "experiments").mkdir(parents=True, exist_ok=True)
        (workspace / "task.md").write_text("Return the length.\nOf a string.\n")

    def call(self, *calls: tuple[str, Any]) -> list[Called]:
        return asyncio.run(self._call(calls))

    async def _call(self, calls: tuple[tuple[str, Any], ...]) -> list[Called]:
        brief = Brief(
            workspace=self.workspace, trial=1, seed=0, metric="m", direction="maximize",
            target=None, params={},
        )  # fmt: skip
        async with (
            Evaluator(self.lab) as evaluator,
            Toolbox(
                self.lab,
                self.workspace,
                evaluator,
                self.seen.append,
                lent=self.lab.config.tools,
            ) as toolbox,
        ):
            tools = toolbox.of(self.role, 1)  # type: ignore[arg-type]
            request = Request(
                role=self.role, prompt="", cwd=self.workspace, brief=brief, tools=tools,  # type: ignore[arg-type]
                emit=self.seen.append,
            )  # fmt: skip
            return [
                await call(
                    tools, name, (given if isinstance(given, str) else json.dumps(given)).encode(),
                    request,
                )
                for name, given in calls
            ]  # fmt: skip


@pytest.fixture
def bench(lab: Path, tmp_path: Path) -> Bench:
    return Bench(lab, tmp_path / "workspace")


def test_a_worker_writes_reads_edits_and_validates(bench: Bench) -> None:
    file = "experiments/idea.py"
    wrote, shown, found, edited, valid, listed = bench.call(
        ("write", {"file": file, "content": "def g(x):\n    return len(x)\n"}),
        ("read", {"file": file, "first_line": 2}),
        ("search", {"text": "LENGTH"}),
        ("edit", {"file": file, "old": "def g", "new": "def f"}),
        ("validate", {"file": file}),
        ("search", {}),
    )
    assert wrote.text == "experiments/idea.py has 2 lines."
    assert shown.text == "    return len(x)\n"
    assert found.text == "task.md:1: Return the length."
    assert (edited.text, valid.text) == ("experiments/idea.py is changed.", "VALID")
    assert listed.text == "task.md\nexperiments/idea.py"
    assert (bench.workspace / file).read_text() == GOOD
    assert sorted(path.name for path in (bench.lab.experiments).iterdir()) == ["sample.py"]


def test_validate_says_what_is_wrong(bench: Bench) -> None:
    _, answer = bench.call(
        ("write", {"file": "experiments/a.py", "content": "x = 1\n"}),
        ("validate", {"file": "experiments/a.py"}),
    )
    assert answer.text == "INVALID: validate.py says: it defines no f."
    assert not list((bench.lab.state / "validating").iterdir())


SECRET = "the labels are 1 0 1"


@pytest.mark.parametrize("role", ["worker", "critic", "director"])
def test_no_way_leads_out_of_the_workspace(
    lab: Path, tmp_path: Path, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    bench = Bench(lab, tmp_path / "workspace", role)
    (tmp_path / "secret.txt").write_text(SECRET)
    (lab / "secret.txt").write_text(SECRET)
    (bench.workspace / "link.txt").symlink_to(tmp_path / "secret.txt")
    (bench.workspace / "folder").symlink_to(tmp_path)
    (bench.workspace / "experiments" / "link.py").symlink_to(tmp_path / "secret.txt")
    os.mkfifo(bench.workspace / "pipe")
    paths = [
        "../secret.txt", str(tmp_path / "secret.txt"), "experiments/../../secret.txt", "link.txt",
        "folder/secret.txt", "./folder/secret.txt", "experiments/link.py", "pipe", "folder", "",
        "/proc/self/environ", f"{bench.workspace}/../secret.txt", "experiments/\0x", "~/.ssh/id",
    ]  # fmt: skip
    reads = [("read", {"file": path}) for path in paths]
    searches = [("search", {"text": "labels", "path": path}) for path in [*paths, "."]]
    codes = [
        f"print(open({str(tmp_path / 'secret.txt')!r}).read())",
        f"print(open({str(lab / 'secret.txt')!r}).read())",
        "import os; print(os.listdir('/'), os.environ)",
        "print(open('/proc/self/environ').read())",
        "import subprocess; print(subprocess.run(['cat', '../secret.txt']))",
        "import socket; socket.create_connection(('127.0.0.1', 80))",
        "open('task.md', 'w').write('easier')",
    ]
    snippets = [("run_python", {"code": code}) for code in codes]
    answers = bench.call(*reads, *searches, *snippets)
    assert all(called.refused for called in answers[: len(reads)])
    for called in answers:
        assert SECRET not in called.text
        assert "sk-secret" not in called.text
    assert (bench.workspace / "task.md").read_text().startswith("Return the length")


def test_only_a_worker_writes_and_only_into_experiments(lab: Path, tmp_path: Path) -> None:
    bench = Bench(lab, tmp_path / "workspace")
    (tmp_path / "secret.txt").write_text(SECRET)
    (bench.workspace / "experiments" / "link.py").symlink_to(tmp_path / "secret.txt")
    os.link(bench.workspace / "task.md", bench.workspace / "experiments" / "task.py")
    paths = ["task.md", "history.jsonl", "a.py", "../a.py", "/tmp/a.py", "experiments/b/a.py"]
    paths += ["experiments/../task.md", "experiments", "memory/a.py", "experiments/..", ""]
    *refused, linked, hard = bench.call(
        *[("write", {"file": path, "content": "easier"}) for path in paths],
        ("write", {"file": "experiments/link.py", "content": "mine"}),
        ("write", {"file": "experiments/task.py", "content": "mine"}),
    )
    assert all(called.refused for called in refused), refused
    assert not linked.refused
    assert not hard.refused
    assert (tmp_path / "secret.txt").read_text() == SECRET
    assert "Return the length" in (bench.workspace / "task.md").read_text()
    for role in ("critic", "director"):
        other = Bench(lab, tmp_path / role, role)
        (called,) = other.call(("write", {"file": "experiments/a.py", "content": "x"}))
        assert called.refused
        assert "there is no tool 'write'" in called.text


def test_wrong_arguments_are_an_answer(bench: Bench) -> None:
    bad = ["", "{", "[]", '{"file": 3}', '{"path": "task.md"}', '{"file": "a", "x": 1}', "\ud800"]
    bad += ['{"file": "task.md", "lines": 0}', "[" * 100_000]
    for called in bench.call(*[("read", text.encode("utf-8", "replace").decode()) for text in bad]):
        assert called.refused
        assert "cannot be used" in called.text


def test_what_is_long_is_cut(bench: Bench) -> None:
    (bench.workspace / "long.txt").write_text("x" * 3_000_000)
    (bench.workspace / "huge.txt").write_bytes(b"x" * (9 << 20))
    (bench.workspace / "binary").write_bytes(b"\xff\x00")
    long, huge, binary = bench.call(
        *[("read", {"file": name}) for name in ("long.txt", "huge.txt", "binary")]
    )
    assert len(long.text) < MAX_TEXT + 100
    assert "2,940,000 characters left out" in long.text
    assert huge.refused
    assert "is not UTF-8 text" in binary.text


def test_a_snippet_sees_the_files_and_its_own_faults(bench: Bench) -> None:
    codes = [
        "print(len(open('task.md').read()))",
        "from pathlib import Path\nprint(Path('./task.md').read_bytes()[:6])",
        "print(sorted(files))",
        "1 / 0",
        "def f(:",
        "raise SystemExit(3)",
    ]
    length, raw, names, fault, syntax, left = bench.call(
        *[("run_python", {"code": code}) for code in codes]
    )
    assert (length.text, raw.text, names.text) == ("32", "b'Return'", "['task.md']")
    assert fault.text.endswith("ZeroDivisionError: division by zero")
    assert "line 1" in fault.text
    assert "SyntaxError" in syntax.text
    assert left.text == "(it printed nothing)"


def test_a_snippet_ends_at_the_labs_limits(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab(limits={"seconds": 0.5, "memory_mb": 64, "output_kb": 1})
    bench = Bench(lab, tmp_path / "workspace")
    endless, memory, output, after = bench.call(
        ("run_python", {"code": "while True: pass"}),
        ("run_python", {"code": "x = bytearray(1 << 30)"}),
        ("run_python", {"code": "print('x' * 1_000_000)"}),
        ("run_python", {"code": "print('fine')"}),
    )
    assert "timed out" in endless.text
    assert "MemoryError" in memory.text
    assert len(output.text) < 2000
    assert after.text == "fine"


def test_a_package_is_asked_for_and_none_is_installed(make_lab: MakeLab, tmp_path: Path) -> None:
    bench = Bench(make_lab(imports=["json"]), tmp_path / "workspace")
    there, wished, hostile = bench.call(
        ("request_package", {"package": "json", "reason": "to read"}),
        ("request_package", {"package": "torch", "reason": "to learn"}),
        ("request_package", {"package": "x; rm -rf /", "reason": ""}),
    )
    assert there.text == "json is there: import it."
    assert "Your wish is written down" in wished.text
    assert hostile.refused
    wishes = [event for event in bench.seen if isinstance(event, events.PackageRequested)]
    assert [(wish.package, wish.allowed) for wish in wishes] == [("json", True), ("torch", False)]


RESEARCHER = """
import msgspec

from leanlab.labkit import Tool, ToolRefused


class Words(msgspec.Struct, forbid_unknown_fields=True):
    text: str


class Mine:
    def tools(self, workspace):
        async def count(asked):
            if asked.text == "none":
                raise ToolRefused("there is nothing to count.")
            if asked.text == "end":
                raise SystemExit(1)
            if asked.text == "odd":
                raise KeyError("odd")
            return f"{len(asked.text)} of {len((workspace / 'task.md').read_text())}"

        return [Tool(name="count", description="Count.", arguments=Words, run=count)]
"""


def test_a_researcher_lends_its_tools(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab(researcher="researcher:Mine", tools=["count"])
    (lab / "researcher.py").write_text(RESEARCHER)
    answers = Bench(lab, tmp_path / "workspace").call(
        ("count", {"text": "four"}),
        ("count", {"text": "none"}),
        ("count", {"words": "four"}),
        ("count", {"text": "odd"}),
        ("count", {"text": "end"}),
        ("count", {"text": "again"}),
    )
    assert (answers[0].text, answers[0].refused) == ("4 of 32", False)
    assert (answers[1].text, answers[1].refused) == ("there is nothing to count.", True)
    assert "unknown field `words`" in answers[2].text
    assert "the researcher raised KeyError" in answers[3].text
    assert "count was ended: it exited with status 1" in answers[4].text
    assert answers[5].text == "5 of 32"
    (other,) = Bench(lab, tmp_path / "critic", "critic").call(("count", {"text": "four"}))
    assert other.refused


def test_a_tool_that_nobody_offers_is_named(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab(researcher="researcher:Mine", tools=["cuont"])
    (lab / "researcher.py").write_text(RESEARCHER)
    with pytest.raises(ConfigError, match="names 'cuont', which .* It offers: count"):
        Bench(lab, tmp_path / "workspace").call()


@pytest.mark.slow
def test_the_learner_of_a_synthesis_lab_is_a_tool(tmp_path: Path) -> None:
    bench = Bench(SHIPPED_LABS / "parity", tmp_path / "workspace")
    (bench.workspace / "data").mkdir()
    (bench.workspace / "data" / "train.txt").write_bytes(
        (SHIPPED_LABS / "parity" / "data" / "train.txt").read_bytes()
    )
    told, refused = bench.call(("learn", {"rules": 1}), ("learn", {"seconds": 0}))
    assert ", 0 of 100 training strings wrong:" in told.text
    assert told.text.count("def f(x: str) -> int:") == 1
    assert refused.refused
