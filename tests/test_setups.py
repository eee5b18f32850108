"""The set-ups of docs/backends.md as a new user would type them, against servers on loopback."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from leanlab.backends.claude.login import KEY, URL
from leanlab.records import Trial

from . import test_claude as its
from . import test_openai
from .fake_anthropic import FakeAnthropic
from .fake_openai import FakeOpenAI
from .test_docs import BLOCKS, call, sessions
from .test_openai import RIGHT, records


def lines(word: str) -> list[str]:
    """The block of docs/backends.md with the word in it."""
    shown = [b for b in BLOCKS if (b.page, b.language) == ("docs/backends.md", "console")]
    block = next(b for b in shown if word in b.text)
    return [line for line, _ in sessions(block)]


def follow(word: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Type a block into a shell, but for what it installs; environment stands for its exports."""
    labs = folder / "labs"
    labs.mkdir(exist_ok=True)
    (folder / "parity").rename(labs / "parity")
    typed = lines(word)
    assert len(typed) <= 5
    exported = {
        line.removeprefix("export ").partition("=")[0] for line in typed if "export" in line
    }
    assert exported <= set(environment), "every variable is one that counts"
    (command,) = (line for line in typed if line.startswith("leanlab"))
    return call(command, folder, **environment)


@pytest.mark.usefixtures("parity")
def test_claude(tmp_path: Path) -> None:
    with FakeAnthropic(its.writes(RIGHT), its.submits("")) as fake:
        done = follow("--backend claude", tmp_path, **{KEY: "sk-mine", URL: fake.url})
    assert done.returncode == 0, done.stderr
    assert "backend claude sonnet (asked for)" in done.stdout
    assert "target reached" in done.stdout
    assert fake.asked[0].headers["x-api-key"] == "sk-mine"
    assert fake.asked[0].body["output_config"]["effort"] == "low"
    (trial,) = records(tmp_path / "labs" / "parity", Trial)
    assert (trial.status, trial.unfenced) == ("scored", False)


def test_openai_itself(parity: Path, tmp_path: Path) -> None:
    with FakeOpenAI(test_openai.writes(RIGHT), test_openai.submits("")) as fake:
        # Where OpenAI is, and whose prices hold, nobody types.
        own: dict[str, Any] = {"base_url": fake.url, "api": "responses", "prices": "openai"}
        own["key"] = "OPENAI_API_KEY"
        config = json.loads((parity / "lab.json").read_text())
        config["roles"] = dict.fromkeys(("worker", "critic", "director"), own)
        (parity / "lab.json").write_text(json.dumps(config))
        done = follow("--model gpt-5-mini", tmp_path, OPENAI_API_KEY="sk-mine")
    assert done.returncode == 0, done.stderr
    assert "target reached" in done.stdout
    assert fake.asked[0].headers["authorization"] == "Bearer sk-mine"
    (trial,) = records(tmp_path / "labs" / "parity", Trial)
    assert trial.cost_usd == pytest.approx(2 * test_openai.PRICE)


@pytest.mark.usefixtures("parity")
def test_a_local_server(tmp_path: Path) -> None:
    with FakeOpenAI(test_openai.writes(RIGHT), test_openai.submits("")) as fake:
        done = follow("ollama", tmp_path, OPENAI_BASE_URL=fake.url)
    assert done.returncode == 0, done.stderr
    assert "backend openai qwen3-coder (asked for)" in done.stdout
    assert fake.asked[0].path.endswith("/chat/completions")
    (trial,) = records(tmp_path / "labs" / "parity", Trial)
    assert (trial.tokens, trial.cost_usd) == (2600, None), "a price that nobody knows is none"
