"""Claude's own sandbox, for a shell that leanlab never gives it: where bubblewrap can be put up.

Skipped, with the reason, where it cannot; LEANLAB_TEST_BUBBLEWRAP=required makes that an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from leanlab.backends import Result
from leanlab.backends.claude import options
from leanlab.backends.claude.guard import Guard
from leanlab.backends.claude.login import KEY, URL
from leanlab.resources import SHIPPED_LABS
from leanlab.sandbox import fence

from .fake_anthropic import FakeAnthropic
from .fake_openai import Says
from .test_claude_fence import Hands, as_an_ordinary_user, log_in
from .test_claude_turns import DONE

VAL = SHIPPED_LABS / "parity" / "data" / "val.txt"


def _impossible() -> str:
    """Say why bubblewrap cannot be used here; empty when it can."""
    if missing := [name for name in ("bwrap", "socat") if shutil.which(name) is None]:
        return f"{' and '.join(missing)} must be installed"
    command = ["bwrap", "--ro-bind", "/", "/", "--unshare-net", "--unshare-pid", "true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr.strip()


@pytest.fixture(scope="module")
def bubblewrap() -> None:
    why = _impossible()
    if why and os.environ.get("LEANLAB_TEST_BUBBLEWRAP") == "required":
        pytest.fail(f"bubblewrap is required here: {why}")
    if why:
        pytest.skip(why)


@pytest.fixture
def folder() -> Iterator[Path]:
    """One with a short name: the sandbox's sockets lie below, and theirs has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="", dir="/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def turn_with_a_shell(folder: Path, url: str, *, key: str = "sk-secret") -> Result:
    """One turn of a Worker with a shell, and neither hook nor Landlock about it.

    Without a key it has the login that HOME holds.
    """
    given = options.build

    def build(*arguments: Any, **named: Any) -> Any:
        made = given(*arguments, **named)
        made.tools = [*made.tools, "Bash"]
        made.allowed_tools = [*made.allowed_tools, "Bash"]
        return made

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(KEY, key)
        patched.setenv(URL, url)
        patched.setattr(fence, "missing", lambda: "no Landlock")
        patched.setattr(options, "build", build)
        patched.setattr(Guard, "refusal", lambda *_: "")
        login: dict[str, None] = {} if key else {"base_url": None, "key": None}
        hands = Hands(folder, cast("FakeAnthropic", SimpleNamespace(url=url)), **login)
        return hands.turn(allow_unfenced=True)


def commands(url: str) -> list[str]:
    return [
        "echo a shell",
        f"python3 -c 'print(open(\"{VAL}\").read())'",
        f'python3 -c \'import shutil; shutil.copy("{VAL}", "experiments/a.txt")\'',
        f"echo ${KEY}; env; cat /proc/*/environ",
        "echo easier > task.md",
        "echo new > experiments/a.py",
        f"python3 -c 'import urllib.request as r; r.urlopen(\"{url}/stolen\")'",
    ]


def hold(folder: Path, fake: FakeAnthropic) -> None:
    """Assert that the shell was there, and what came of it."""
    told = fake.asked[1].tool_answers
    assert len(told) == len(commands(fake.url))
    assert "a shell" in told[0], "there was a shell"
    val = VAL.read_text().splitlines()[0]
    everything = str([asked.body for asked in fake.asked])
    for secret in (val, "sk-secret"):
        assert secret not in everything
    workspace = folder / "workspace"
    assert "easier" not in (workspace / "task.md").read_text()
    assert [path.name for path in (workspace / "experiments").iterdir()] == ["a.py"]
    assert fake.others == [], "no network"


def shells(url: str) -> Says:
    asked = [{"command": line, "description": "look"} for line in commands(url)]
    return Says(calls=tuple(("Bash", each) for each in asked))


@pytest.mark.usefixtures("bubblewrap")
def test_a_shell_would_find_nothing(folder: Path) -> None:
    with FakeAnthropic(DONE) as fake:
        fake.steps = [shells(fake.url), DONE]
        assert turn_with_a_shell(folder, fake.url).error is None
    hold(folder, fake)


@pytest.mark.usefixtures("bubblewrap")
def test_nor_would_it_find_a_login(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    credentials = log_in(folder)
    settings = folder / ".claude.json"
    settings.write_text('{"customApiKeyResponses": {"approved": ["sk-approved"]}}')
    commands = ("echo a shell", f"cat {credentials}", f"cat {settings}", f"cat {folder}/.cl*")
    calls = tuple(("Bash", {"command": line, "description": "look"}) for line in commands)
    with FakeAnthropic(Says(calls=calls), DONE) as fake:
        assert turn_with_a_shell(folder, fake.url, key="").error is None
    told = fake.asked[1].tool_answers
    assert "a shell" in told[0]
    assert "oat01-mine" not in str(told)
    assert "sk-approved" not in str(told)


AS_A_USER = """
import sys
from pathlib import Path
from tests.test_claude_sandbox import turn_with_a_shell
print(turn_with_a_shell(Path(sys.argv[1]), sys.argv[2]))
"""


@pytest.mark.usefixtures("bubblewrap")
def test_nor_would_an_ordinary_users(folder: Path) -> None:
    with FakeAnthropic(DONE) as fake:
        fake.steps = [shells(fake.url), DONE]
        as_an_ordinary_user(AS_A_USER, folder, fake.url)
    hold(folder, fake)


def test_it_fails_rather_than_go_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with FakeAnthropic(DONE) as fake:
        monkeypatch.setattr(options, "found", lambda _name: False)
        assert turn_with_a_shell(tmp_path, fake.url).error is None, "without one, none is asked for"
        monkeypatch.setattr(options, "found", lambda _name: True)
        error = turn_with_a_shell(tmp_path, fake.url).error
    assert error is not None
    assert error.kind == "config"
    assert "not installed" in error.message
