"""The command backend: agents as programs of their own, behind the fence."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from leanlab import events, run
from leanlab.backends import FailureKind, Result
from leanlab.backends.command import CommandBackend
from leanlab.config import RoleChoice
from leanlab.errors import BackendUnavailable, ConfigError
from leanlab.lab import Lab, open_lab
from leanlab.ledger import Ledger
from leanlab.records import RoleTurn, Trial
from leanlab.spending import Allowance
from leanlab.testing import BackendContract

from .conftest import GOOD, MakeLab
from .processes import gone

START = """
import json, os, sys, time
asked = json.loads(sys.stdin.readline())

def say(event, **more):
    print(json.dumps({"event": event} | more), flush=True)

def write(code, name="experiments/idea.py"):
    with open(name, "w") as file:
        file.write(code)

"""
WORKS = f"""
if asked["role"] == "worker":
    say("text", text="Let me see.\\n")
    say("tool", tool="editor", arguments={{"file": "idea.py"}})
    write({GOOD!r})
    say("used", tokens=10, cost_usd=0.25)
    answer = {{"experiment_file": "experiments/idea.py", "valid": True, "notes": "count"}}
    say("result", data=answer, session="s1", tokens=30, cost_usd=0.5)
else:
    say("result", data={{"text": "Fine."}})
"""


class Agent:
    """A program of an agent, in a folder of its own."""

    def __init__(self, folder: Path, body: str) -> None:
        folder.mkdir(exist_ok=True)
        self.path = folder / "agent.py"
        self.path.write_text(START + body)

    @property
    def command(self) -> str:
        return shlex.join([sys.executable, "-S", str(self.path)])

    def ask(self, lab: Path, folder: Path, role: str = "worker", **changes: Any) -> Result:
        contract, opened = BackendContract(), open_lab(lab)
        settings = changes.pop("settings", RoleChoice())
        request = msgspec.structs.replace(contract.request(opened, folder, role), **changes)
        backend = CommandBackend.of(opened, settings, self.command, allow_unfenced=False)
        return asyncio.run(backend.ask(request))


class TestCommand(BackendContract):
    def lab(self, tmp_path: Path) -> Lab:
        from leanlab.resources import SHIPPED_LABS

        return open_lab(SHIPPED_LABS / "parity")

    def make(self, lab: Lab) -> CommandBackend:
        agent = Agent(self._folder / "agent", WORKS)
        return CommandBackend.of(lab, RoleChoice(), agent.command, allow_unfenced=False)

    @pytest.fixture(autouse=True)
    def _keep_folder(self, tmp_path: Path) -> None:
        self._folder = tmp_path


def trials(lab: Path) -> list[Trial]:
    return [r for r in Ledger(lab / "results.jsonl").read() if isinstance(r, Trial)]


def test_a_program_runs_a_lab(make_lab: MakeLab, tmp_path: Path) -> None:
    lab = make_lab(critic_every=1)
    agent = Agent(tmp_path / "agent", WORKS)
    seen: list[events.AnyEvent] = []
    summary = run(lab, trials=2, backend=f"command:{agent.command}", on_event=seen.append)
    assert summary.end.kind == "target"
    (trial,) = trials(lab)
    assert (trial.notes, trial.session, trial.tokens, trial.cost_usd) == ("count", "s1", 30, 0.5)
    assert (trial.backend, trial.unfenced) == ("command", False)
    assert [e.text for e in seen if isinstance(e, events.Said)] == ["Let me see.\n"]
    assert [e.tool for e in seen if isinstance(e, events.ToolCalled)] == ["editor"]


def test_what_it_is_asked(lab: Path, tmp_path: Path) -> None:
    agent = Agent(tmp_path / "agent", "say('result', data={'text': json.dumps(asked)})")
    result = agent.ask(
        lab,
        tmp_path,
        "critic",
        session="s7",
        allowance=Allowance(usd=1.5, tokens=9),
        settings=RoleChoice(model="m", effort="low"),
    )
    asked = json.loads(result.data["text"])
    assert (asked["role"], asked["prompt"], asked["session"]) == ("critic", "Go on.", "s7")
    assert (asked["model"], asked["effort"]) == ("m", "low")
    assert asked["allowance"] == {"usd": 1.5, "tokens": 9, "seconds": None}
    assert asked["answer"]["required"] == ["text"]
    assert asked["workspace"] == str(tmp_path / "workspace")


def test_a_plain_program_may_just_talk(lab: Path, tmp_path: Path) -> None:
    agent = Agent(tmp_path / "agent", "print('Well.')\nprint('```')\nprint('{\"text\": \"A\"}')")
    assert '{"text": "A"}' in agent.ask(lab, tmp_path, "critic").text


FENCE = """
found = []
def attempt(what, do):
    try:
        do()
    except OSError:
        return
    found.append(what)

lab, secret = PATHS
attempt("read the lab", lambda: open(f"{lab}/evaluation.py").read())
attempt("list the lab", lambda: os.listdir(lab))
attempt("read elsewhere", lambda: open(secret).read())
attempt("write the task", lambda: open("task.md", "w"))
attempt("write the ledger", lambda: open(f"{lab}/results.jsonl", "a"))
attempt("write elsewhere", lambda: open(f"{secret}.new", "w"))
attempt("write beside", lambda: open("other.py", "w"))
attempt("read the environment", lambda: open(f"/proc/{os.getppid()}/environ").read())
attempt("signal", lambda: os.kill(os.getppid(), 0))
attempt("hidden rules", lambda: open(RULES).read())
os.symlink(lab, "experiments/link") if asked["role"] == "worker" else None
attempt("by a link", lambda: open("experiments/link/evaluation.py").read())
attempt("write", lambda: write("x"))
found += [key for key in os.environ if "KEY" in key]
say("result", data={"text": json.dumps(found)})
"""


@pytest.mark.parametrize(("role", "may"), [("worker", ["write"]), ("critic", []), ("director", [])])
def test_the_fence_holds(
    lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, may: list[str]
) -> None:
    from leanlab.synthesis import targets

    secret = tmp_path / "secret.txt"
    secret.write_text("the labels")
    for name in ("OPENAI_API_KEY", "OTHER_KEY", "NAMED_KEY"):
        monkeypatch.setenv(name, "sk-secret")
    paths = repr([str(lab), str(secret)])
    body = FENCE.replace("RULES", repr(targets.__file__)).replace("PATHS", paths)
    agent = Agent(tmp_path / "agent", body)
    result = agent.ask(lab, tmp_path, role, settings=RoleChoice(environment=("NAMED_KEY",)))
    assert result.error is None, result.error
    assert json.loads(result.data["text"]) == [*may, "NAMED_KEY"]
    assert secret.read_text() == "the labels"


def test_what_it_may_read_and_write_besides_is_named(lab: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "login").write_text("token")
    body = f"""
shared = {str(own)!r}
told = open(f"{{shared}}/login").read()
open(f"{{shared}}/login", "w").write("newer")
say("result", data={{"text": told}})
"""
    agent = Agent(tmp_path / "agent", body)
    assert "PermissionError" in str(agent.ask(lab, tmp_path, "critic").error)
    only = RoleChoice(readable=(str(own),))
    assert "PermissionError" in str(agent.ask(lab, tmp_path, "critic", settings=only).error)
    both = RoleChoice(writable=(str(own),))
    assert agent.ask(lab, tmp_path, "critic", settings=both).data == {"text": "token"}
    assert (own / "login").read_text() == "newer"


def test_a_folder_that_holds_the_lab_shows_all_but_the_lab(lab: Path, tmp_path: Path) -> None:
    (tmp_path / "beside.txt").write_text("beside")
    body = f"""
told = open({str(tmp_path / "beside.txt")!r}).read()
try:
    told += open({str(lab / "evaluation.py")!r}).read()
except PermissionError:
    told += " only"
say("result", data={{"text": told}})
"""
    agent = Agent(tmp_path / "agent", body)
    result = agent.ask(lab, tmp_path, "critic", settings=RoleChoice(readable=(str(tmp_path),)))
    assert result.data == {"text": "beside only"}


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        ("say('failure', kind='rate_limit', message='slow down', retry_after=3)", "rate_limit", ""),
        ("sys.exit('no idea')", "crash", "status 1: no idea"),
        ("os.kill(os.getpid(), 9)", "crash", "status -9"),
        ("time.sleep(60)", "timeout", "took over 0.8 s"),
        ("print('x' * (17 << 20))", "no_output", "without end"),
    ],
)
def test_its_faults_are_values(lab: Path, tmp_path: Path, body: str, kind: str, says: str) -> None:
    agent = Agent(tmp_path / "agent", body)
    error = agent.ask(lab, tmp_path, settings=RoleChoice(timeout=0.8)).error
    assert error is not None
    assert error.kind == kind
    assert says in error.message
    assert error.retryable == (kind in ("rate_limit", "timeout"))
    assert error.retry_after == (3 if kind == "rate_limit" else None)


def test_a_fault_of_any_kind_is_passed_on(lab: Path, tmp_path: Path) -> None:
    waits = {"rate_limit", "overloaded", "server", "network", "timeout"}
    for kind in sorted(set(get_args(FailureKind)) - {"abstained"}):
        agent = Agent(tmp_path / "agent", f"say('failure', kind={kind!r}, message='so it is')")
        error = agent.ask(lab, tmp_path, "critic").error
        assert error is not None
        assert (error.kind, error.message, error.retryable) == (kind, "so it is", kind in waits)


def test_the_tokens_that_are_left_end_it(lab: Path, tmp_path: Path) -> None:
    agent = Agent(tmp_path / "agent", "say('used', tokens=10)\ntime.sleep(60)")
    start = time.monotonic()
    result = agent.ask(lab, tmp_path, "critic", allowance=Allowance(tokens=10))
    assert time.monotonic() - start < 30
    assert result.error is not None
    assert (result.error.kind, result.tokens) == ("budget", 10)


def test_an_answer_that_took_the_last_of_its_budget_counts(lab: Path, tmp_path: Path) -> None:
    says = "say('used', tokens=10)\nsay('used', tokens=1)\nsay('result', data={'text': 'less'})"
    agent = Agent(tmp_path / "agent", says)
    result = agent.ask(lab, tmp_path, "critic", allowance=Allowance(tokens=10))
    assert result.error is None
    assert (result.data, result.tokens) == ({"text": "less"}, 11)


@pytest.mark.parametrize("after", ["say('text', text='more')", "raise SystemExit"])
def test_what_goes_on_without_a_budget_is_ended(lab: Path, tmp_path: Path, after: str) -> None:
    agent = Agent(tmp_path / "agent", f"say('used', tokens=10)\n{after}\ntime.sleep(60)")
    error = agent.ask(lab, tmp_path, "critic", allowance=Allowance(tokens=10)).error
    assert error is not None
    assert error.kind == "budget"


def test_the_time_of_the_run_ends_it(lab: Path, tmp_path: Path) -> None:
    agent = Agent(tmp_path / "agent", "time.sleep(60)")
    error = agent.ask(lab, tmp_path, allowance=Allowance(seconds=0.3)).error
    assert error is not None
    assert (error.kind, error.retryable) == ("budget", False)


def test_what_it_starts_ends_with_the_turn(lab: Path, tmp_path: Path) -> None:
    body = """
import subprocess
child = subprocess.Popen(["sleep", "60"])
say("result", data={"text": str(child.pid)})
"""
    start = time.monotonic()
    result = Agent(tmp_path / "agent", body).ask(lab, tmp_path, "critic")
    assert gone({int(result.data["text"])})
    silent = body.partition("say(")[0] + "sys.exit(3)"
    error = Agent(tmp_path / "agent", silent).ask(lab, tmp_path, "critic").error
    assert error is not None
    assert "ended with status 3" in error.message
    assert time.monotonic() - start < 30, "a child that holds the pipes is not waited for"


def test_what_is_missing_is_said_at_once(lab: Path) -> None:
    for command, says in (
        ("", "which command"),
        ("nosuchprogram --x", "no program 'nosuchprogram'"),
    ):
        with pytest.raises(ConfigError, match=says):
            run(lab, trials=1, backend=f"command:{command}")
    assert not (lab / "results.jsonl").exists()


def test_without_a_fence_it_is_refused_or_the_records_say_so(
    make_lab: MakeLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leanlab.sandbox.fence.missing", lambda: "there is no Landlock")
    lab = make_lab(critic_every=1, objective={"metric": "accuracy"})
    command = f"command:{Agent(tmp_path / 'agent', WORKS).command}"
    with pytest.raises(BackendUnavailable, match="no Landlock.*--allow-unfenced"):
        run(lab, trials=1, backend=command)
    assert not (lab / "results.jsonl").exists()
    seen: list[events.AnyEvent] = []
    run(lab, trials=1, backend=command, allow_unfenced=True, on_event=seen.append)
    records = list(Ledger(lab / "results.jsonl").read())
    assert [r.unfenced for r in records if isinstance(r, Trial | RoleTurn)] == [True, True]
    (started,) = [event for event in seen if isinstance(event, events.RunStarted)]
    assert "with no fence around it" in started.backend
