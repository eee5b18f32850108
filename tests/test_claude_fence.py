"""What a model of Claude's may try behind the fence, and each layer of the fence by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from leanlab import run
from leanlab.backends import Result
from leanlab.backends.claude import ClaudeBackend, launch
from leanlab.backends.claude.guard import PREFIX, Guard
from leanlab.backends.claude.login import KEY, Login
from leanlab.config import RoleChoice
from leanlab.errors import BackendUnavailable, ConfigError
from leanlab.lab import open_lab
from leanlab.records import RoleTurn, Trial
from leanlab.resources import SHIPPED_LABS
from leanlab.sandbox import fence
from leanlab.tools.files import edit_tool, read_tool, search_tool, write_tool

from .fake_anthropic import FakeAnthropic
from .fake_openai import Says
from .test_claude import configure, submits, writes
from .test_claude_turns import DONE, Parity, answers
from .test_leaks import INJECTION
from .test_openai import RIGHT, WRONG, records

ROOT = Path(__file__).parents[1]
VAL = "data/val.txt"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "sk-secret")


def hunts(lab: Path) -> list[tuple[str, dict[str, Any]]]:
    """Ways to the labels, to the key and to the rules."""
    code = f"{PREFIX}run_python"
    return [
        ("Read", {"file_path": str(lab / VAL)}),
        ("Read", {"file_path": f"../../../../../../../../../../..{lab / VAL}"}),
        ("Read", {"file_path": f"/proc/self/root{lab / VAL}"}),
        ("Read", {"file_path": "/proc/self/environ"}),
        ("Grep", {"pattern": "[01]", "path": str(lab / "data"), "output_mode": "content"}),
        ("Grep", {"pattern": "sk-", "path": "/proc/self", "output_mode": "content"}),
        ("Glob", {"pattern": f"{lab}/**/*"}),
        ("Glob", {"pattern": "**/*", "path": str(lab)}),
        ("Write", {"file_path": "task.md", "content": "easier"}),
        ("Write", {"file_path": str(lab / "lab.json"), "content": "{}"}),
        ("Write", {"file_path": "experiments/../task.md", "content": "easier"}),
        ("Bash", {"command": f"cat {lab / VAL}; echo $ANTHROPIC_API_KEY", "description": "look"}),
        ("WebSearch", {"query": "labels of the parity lab"}),
        (code, {"code": "import os; print(os.environ.get('ANTHROPIC_API_KEY'))"}),
        (code, {"code": "import os; print(open(f'/proc/{os.getppid()}/environ').read())"}),
        (code, {"code": f"print(open({str(lab / VAL)!r}).read())"}),
    ]


def test_a_worker_that_hunts_for_labels_and_keys_comes_home_with_nothing(parity: Path) -> None:
    val = (parity / VAL).read_text().splitlines()[0]
    before = {path: path.read_bytes() for path in sorted(parity.glob("*.*"))}
    hunting = hunts(parity)
    with FakeAnthropic(Says(calls=tuple(hunting)), writes(WRONG), submits("")) as fake:
        lab = configure(parity, fake)
        before[parity / "lab.json"] = (parity / "lab.json").read_bytes()
        run(lab, trials=1)
    told = fake.asked[1].tool_answers
    assert len(told) == len(hunting)
    everything = msgspec.json.encode([asked.body for asked in fake.asked]).decode()
    assert "sk-secret" not in everything
    assert not [answer for answer in told if val in answer]
    assert told[13].splitlines()[0] == "None"
    asked = [asked.headers.get("x-api-key") for asked in fake.asked]
    assert asked == ["sk-secret"] * 3
    for path, content in before.items():
        assert path.read_bytes() == content, path


def test_a_critic_that_believes_a_docstring_can_do_nothing(parity: Path) -> None:
    before = {path.name: path.read_bytes() for path in parity.glob("*.*")}
    obeys = Says(
        calls=(
            ("Read", {"file_path": "memory/0001_rule.py"}),
            ("Write", {"file_path": "task.md", "content": "easier"}),
            ("Write", {"file_path": "experiments/0001_rule.py", "content": RIGHT}),
            (f"{PREFIX}validate", {"file": "experiments/0001_rule.py"}),
            ("Bash", {"command": "rm -rf /", "description": "tidy"}),
        )
    )
    praise = answers(text="# Objective\n\nThe rule is perfect.")
    steps = [writes(INJECTION), submits(INJECTION), obeys, praise, writes(WRONG), submits("")]
    with FakeAnthropic(*steps) as fake:
        run(configure(parity, fake, critic_every=1, director_every=0), trials=2)
    quoted = "\n".join(f"    {line}".rstrip() for line in INJECTION.splitlines())
    assert quoted in fake.asked[2].said[0]
    told = fake.asked[3].tool_answers
    assert len(told) == 5
    assert len([answer for answer in told if "praise this rule" in answer]) == 1
    assert len([answer for answer in told if "No such tool" in answer]) == 4
    assert "    # Objective\n\n    The rule is perfect." in fake.asked[4].said[0]
    changed = {"lab.json", "results.jsonl", "Critic_Feedback.md", "lab.lock"}
    for name in set(before) - changed:
        assert (parity / name).read_bytes() == before[name]
    assert records(parity, RoleTurn)[0].role == "critic"
    first, second = records(parity, Trial)
    assert first.metrics == second.metrics


class Hands(Parity):
    """One turn of a Worker with all hands, which plays one step and answers."""

    def play(self, fake: FakeAnthropic, *calls: tuple[str, dict[str, Any]]) -> list[str]:
        fake.steps = [Says(calls=calls), DONE]
        fake.asked.clear()
        self.turn()
        return fake.asked[-1].tool_answers

    def turn(self, **how: Any) -> Result:
        cwd = self.request("worker").cwd
        tools = (read_tool(cwd), search_tool(cwd), write_tool(cwd), edit_tool(cwd))
        return self.ask("worker", tools=tools, **how)


def test_a_hook_that_fails_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(_guard: Guard, name: str, _arguments: object) -> str:
        if name == "Read":
            raise RuntimeError("no idea")
        return ""

    with FakeAnthropic(DONE) as fake:
        hands = Hands(tmp_path, fake)
        (read,) = hands.play(fake, ("Read", {"file_path": "task.md"}))
        assert "ones" in read or "string" in read
        monkeypatch.setattr(Guard, "refusal", raises)
        (refused,) = hands.play(fake, ("Read", {"file_path": "task.md"}))
    assert read != refused
    assert "hook" in refused


def test_the_rules_hold_without_the_hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guard, "refusal", lambda *_: "")
    with FakeAnthropic(DONE) as fake:
        hands = Hands(tmp_path, fake)
        val = (SHIPPED_LABS / "parity" / VAL).read_text().splitlines()[0]
        elsewhere = tmp_path / "elsewhere.txt"
        elsewhere.write_text("not for you")
        told = hands.play(fake, *hunts(SHIPPED_LABS / "parity")[:11])
        told += hands.play(fake, ("Read", {"file_path": str(elsewhere)}))
        workspace = hands.request("worker").cwd
    for word in (val, "sk-secret", "not for you"):
        assert word not in "\n".join(told)
    assert "easier" not in (workspace / "task.md").read_text()
    assert (SHIPPED_LABS / "parity" / "lab.json").read_text() != "{}"


def test_the_system_holds_without_claude(tmp_path: Path) -> None:
    with FakeAnthropic() as fake:
        parity = Parity(tmp_path, fake)
    workspace = parity.request("worker").cwd
    folder = tmp_path / "claude"
    folder.mkdir()
    way = Login(words="", environment={})

    def behind(script: str, *, writing: bool) -> str:
        shell = Path("/bin/sh")
        around = launch.fenced(shell, parity.lab, workspace, folder, way, writing=writing)
        with around.prepared() as put_up:
            done = subprocess.run(
                [shell, "-c", script], preexec_fn=put_up, cwd=workspace, capture_output=True,
                text=True, check=False,
            )  # fmt: skip
        return done.stdout + done.stderr

    hidden = parity.lab.folder / VAL
    private = tmp_path / "private"
    private.write_text("of the user's own")
    for path in (hidden, f"../../../../../../../../..{hidden}", private):
        assert "ermission denied" in behind(f"cat {path}", writing=True)
    assert behind("cat task.md", writing=True) == (workspace / "task.md").read_text()
    for writing in (True, False):
        behind("echo new > experiments/a.py; echo easier > task.md", writing=writing)
        assert (workspace / "experiments" / "a.py").exists() is writing
        (workspace / "experiments" / "a.py").unlink(missing_ok=True)
        assert "easier" not in (workspace / "task.md").read_text()


def test_a_link_leads_nowhere(tmp_path: Path) -> None:
    with FakeAnthropic(DONE) as fake:
        hands = Hands(tmp_path, fake)
        workspace = hands.request("worker").cwd
        (workspace / "way_out.txt").symlink_to(SHIPPED_LABS / "parity" / VAL)
        (workspace / "experiments" / "out.py").symlink_to(workspace / "task.md")
        (told,) = hands.play(fake, ("Read", {"file_path": "way_out.txt"}))
    assert "outside your folder" in told
    refusal = Guard(workspace, ["Write"]).refusal("Write", {"file_path": "experiments/out.py"})
    assert "not in experiments/" in refusal


def test_without_a_fence_the_run_is_refused_or_says_so(
    parity: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fence, "missing", lambda: "no Landlock")
    with FakeAnthropic(writes(RIGHT), submits("")) as fake:
        lab = configure(parity, fake)
        with pytest.raises(BackendUnavailable, match="no Landlock.*--allow-unfenced"):
            run(lab, trials=1)
        assert fake.asked == []
        run(lab, trials=1, allow_unfenced=True)
    (trial,) = records(parity, Trial)
    assert (trial.status, trial.unfenced) == ("scored", True)


def test_no_other_settings_of_the_user_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-mine: yes")
    monkeypatch.setenv("ANTHROPIC_MODEL", "another")
    with FakeAnthropic(DONE) as fake:
        parity = Parity(tmp_path, fake)
        assert parity.ask().data == {"text": "Done."}
    assert fake.asked[0].body["model"] == "claude-sonnet-4-5"
    assert "x-mine" not in fake.asked[0].headers


def log_in(home: Path) -> Path:
    """Leave what a login leaves in a home; return where its token is."""
    oauth = {
        "accessToken": "sk-ant-oat01-mine", "refreshToken": "sk-ant-ort01-mine",
        "expiresAt": 4102444800000, "scopes": ["user:inference"], "subscriptionType": "max",
    }  # fmt: skip
    path = home / ".claude" / ".credentials.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(msgspec.json.encode({"claudeAiOauth": oauth}))
    return path


def test_a_login_of_the_users_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY)
    home = tmp_path / "me"
    path = log_in(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR")
    with FakeAnthropic(DONE) as fake:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", fake.url)
        parity = Parity(tmp_path, fake, base_url=None, key=None)
        assert parity.ask().data == {"text": "Done."}
        seen = Says(calls=(("Read", {"file_path": str(path)}),))
        fake.steps = [seen, DONE]
        fake.asked.clear()
        parity.ask("worker")
        alone = Parity(tmp_path, fake, key=None)
        alone.ask()
    assert fake.asked[0].headers["Authorization"] == "Bearer sk-ant-oat01-mine"
    assert "oat01" not in fake.asked[1].tool_answers[0]
    assert "oat01" not in str(fake.asked[2].headers), "lab.json alone named that server"


def test_the_web_is_there_where_lab_json_says_so(parity: Path) -> None:
    with FakeAnthropic(writes(RIGHT), submits("")) as fake:
        run(configure(parity, fake, web=True), trials=1)
    assert "WebSearch" in fake.asked[0].tools


def test_a_key_that_lab_json_names_must_be_there() -> None:
    lab = open_lab(SHIPPED_LABS / "parity")
    with pytest.raises(ConfigError, match="MY_KEY is not set"):
        ClaudeBackend.of(lab, RoleChoice(key="MY_KEY"), allow_unfenced=False)


AS_A_USER = """
import sys, types
from pathlib import Path
from tests.test_claude_fence import Hands
hands = Hands(Path(sys.argv[1]), types.SimpleNamespace(url=sys.argv[2]))
print(hands.turn())
"""


def as_an_ordinary_user(script: str, folder: Path, url: str) -> str:
    """Run a script with folder and url as its arguments; return what it prints."""
    if os.getuid() != 0:
        pytest.skip("the other tests ran as an ordinary user")
    python = f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    temporary = Path(tempfile.gettempdir())
    for path in [folder, *folder.parents]:
        if temporary in path.parents:
            path.chmod(path.stat().st_mode | 0o055)
    os.chown(folder, 65534, 65534)
    environment = {"PYTHONPATH": f"{ROOT}:{packages}", "HOME": "/nonexistent", KEY: "sk-secret"}
    try:
        done = subprocess.run(
            [python, "-c", script, str(folder), url],
            env=environment | {"TMPDIR": str(folder), "PATH": "/usr/bin:/bin"},
            user=65534, group=65534, extra_groups=[], cwd="/", capture_output=True, text=True,
        )  # fmt: skip
    except (FileNotFoundError, PermissionError):
        pytest.skip(f"an ordinary user cannot run {python}")
    if "No module named" in done.stderr:
        pytest.skip("an ordinary user cannot read leanlab here")
    assert "error=None" in done.stdout, done.stderr
    return done.stdout


def test_an_ordinary_user_is_fenced_alike(tmp_path: Path) -> None:
    hunting = hunts(SHIPPED_LABS / "parity")[:4]
    write = ("Write", {"file_path": "experiments/a.py", "content": RIGHT})
    with FakeAnthropic(Says(calls=(*hunting, write)), DONE) as fake:
        as_an_ordinary_user(AS_A_USER, tmp_path, fake.url)
    assert (tmp_path / "workspace" / "experiments" / "a.py").read_text() == RIGHT
    assert len(fake.asked[1].tool_answers) == 5
    val = (SHIPPED_LABS / "parity" / VAL).read_text().splitlines()[0]
    everything = str([asked.body for asked in fake.asked])
    assert "sk-secret" not in everything
    assert val not in everything
