"""How Claude is started: behind the fence, or not at all, whatever the SDK does."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

import anyio
import pytest
from claude_agent_sdk._internal.transport.subprocess_cli import SubprocessCLITransport

from leanlab.backends import Result
from leanlab.backends.claude import launch, options
from leanlab.backends.claude.guard import Guard
from leanlab.backends.claude.launch import Launcher
from leanlab.backends.claude.login import KEY
from leanlab.errors import BackendUnavailable, ConfinementUnavailable
from leanlab.resources import SHIPPED_LABS
from leanlab.sandbox import kernel, landlock

from .fake_anthropic import FakeAnthropic, Heard
from .fake_openai import Says
from .processes import descendants, gone
from .test_claude_fence import Hands
from .test_claude_turns import DONE, Parity


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "sk-secret")


def test_the_name_that_the_sdk_is_told_runs_nothing() -> None:
    name = Launcher(Path("/bin/true"), None).name
    for how in ([name], ["/bin/sh", "-c", f"exec {name}"]):
        try:
            assert subprocess.run(how, capture_output=True, check=False).returncode != 0
        except NotADirectoryError:
            continue
    with pytest.raises(NotADirectoryError):
        Path(name).parent.mkdir(parents=True)


def test_a_start_by_another_way_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def open_process(command: Any, **options: Any) -> Any:
        del options["user"]
        return subprocess.Popen(command, **options)

    monkeypatch.setattr(anyio, "open_process", open_process)
    before = descendants(os.getpid())
    with FakeAnthropic(DONE) as fake:
        error = Parity(tmp_path, fake).ask().error
    assert error is not None
    assert error.kind == "config"
    assert "only-behind-the-fence" in error.message
    assert fake.asked == []
    assert descendants(os.getpid()) == before


def test_a_program_of_the_sdks_own_choice_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = SubprocessCLITransport._build_command
    claude = str(launch.program())
    monkeypatch.setattr(
        SubprocessCLITransport, "_build_command", lambda self: [claude, *given(self)[1:]]
    )
    before = descendants(os.getpid())
    with FakeAnthropic(DONE) as fake, pytest.raises(BackendUnavailable, match="cannot be fenced"):
        Parity(tmp_path, fake).ask()
    assert fake.asked == [], "it was told nothing"
    assert gone(descendants(os.getpid()) - before)


class ForeignLoop(asyncio.SelectorEventLoop):
    """Starts programs in its own way, as the loops of other packages do."""

    async def subprocess_exec(self, *command: Any, **options: Any) -> Any:
        options.pop("preexec_fn", None)
        return await super().subprocess_exec(*command, **options)


def test_a_loop_that_is_not_asyncios_own_is_refused(tmp_path: Path) -> None:
    with FakeAnthropic(DONE) as fake:
        parity = Parity(tmp_path, fake)
        with (
            asyncio.Runner(loop_factory=ForeignLoop) as runner,
            pytest.raises(BackendUnavailable, match=r"and this is a .*\.ForeignLoop"),
        ):
            runner.run(parity.backend().ask(parity.request()))
    assert fake.asked == []


def test_two_turns_at_once_leave_the_loop_as_it_was(tmp_path: Path) -> None:
    async def ask(parity: Parity) -> tuple[Result, Result, bytes]:
        backend = parity.backend()
        turns = [asyncio.create_task(backend.ask(parity.request())) for _ in range(2)]
        await asyncio.sleep(0)
        other = await asyncio.create_subprocess_exec("/bin/echo", "hello", stdout=subprocess.PIPE)
        said, _ = await other.communicate()
        first, second = await asyncio.gather(*turns)
        assert "subprocess_exec" not in vars(asyncio.get_running_loop())
        return first, second, said

    with FakeAnthropic(DONE) as fake:
        first, second, said = asyncio.run(ask(Parity(tmp_path, fake)))
    assert (first.error, second.error) == (None, None)
    assert first.session != second.session
    assert said == b"hello\n"


def test_claude_has_no_privileges_and_no_file_of_leanlabs(tmp_path: Path) -> None:
    found: list[tuple[str, set[str]]] = []

    def look(_: Heard) -> Says:
        (claude,) = descendants(os.getpid()) - before
        found.append((Path(f"/proc/{claude}/status").read_text(), open_files(claude)))
        return DONE

    before = descendants(os.getpid())
    with FakeAnthropic(look) as fake:
        parity = Parity(tmp_path, fake)
        with (tmp_path / "open").open("w") as file:
            os.set_inheritable(file.fileno(), True)
            assert parity.ask().error is None
    ((status, files),) = found
    fields = dict(line.split(":\t") for line in status.splitlines())
    assert fields["NoNewPrivs"] == "1"
    for kind in ("Inh", "Prm", "Eff", "Amb", *(["Bnd"] if os.getuid() == 0 else [])):
        assert int(fields[f"Cap{kind}"], 16) == 0, kind
    assert str(tmp_path / "open") not in files
    assert not any("landlock" in name for name in files)


def test_the_fence_holds_around_claude_without_its_hook_and_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = options.build

    def build(*arguments: Any, **named: Any) -> Any:
        made = given(*arguments, **named)
        made.allowed_tools, made.disallowed_tools = ["Read", "Grep", "Write"], []
        return made

    monkeypatch.setattr(options, "build", build)
    monkeypatch.setattr(Guard, "refusal", lambda *_: "")
    val = SHIPPED_LABS / "parity" / "data" / "val.txt"
    outside = tmp_path / "outside.txt"
    calls: list[tuple[str, dict[str, Any]]] = [
        ("Read", {"file_path": "task.md"}),
        ("Read", {"file_path": str(val)}),
        ("Grep", {"pattern": "[01]", "path": str(val), "output_mode": "content"}),
        ("Write", {"file_path": str(outside), "content": "from Claude"}),
        ("Write", {"file_path": "experiments/a.py", "content": "from Claude"}),
    ]
    with FakeAnthropic(DONE) as fake:
        told = Hands(tmp_path, fake).play(fake, *calls)
    assert "string" in told[0], "it may read, and does"
    assert "ermission denied" in told[1] or "EACCES" in told[1]
    assert val.read_text().splitlines()[0] not in str(told)
    assert not outside.exists()
    assert (tmp_path / "workspace" / "experiments" / "a.py").read_text() == "from Claude"


def open_files(pid: int) -> set[str]:
    return {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}


@pytest.fixture
def no_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the kernel refuse, in the process that is to be fenced: there are no such rules."""
    monkeypatch.setattr(landlock, "enter", lambda _: kernel.syscall("landlock", 446, -1, 0))


@pytest.mark.usefixtures("no_fence")
def test_a_fence_that_the_kernel_refuses_is_told_and_starts_nothing(tmp_path: Path) -> None:
    with FakeAnthropic(DONE) as fake:
        error = Parity(tmp_path, fake).ask().error
    assert error is not None
    assert (error.kind, error.retryable) == ("config", False)
    assert "the fence cannot be put up: [Errno 9] landlock: Bad file descriptor" in error.message
    assert fake.asked == []


def test_a_fence_around_what_is_gone_is_told_before_anything_starts(tmp_path: Path) -> None:
    with FakeAnthropic(DONE) as fake:
        parity = Parity(tmp_path, fake)
        backend, request = parity.backend(), parity.request()
        assert asyncio.run(backend.ask(request)).error is None
        request.cwd.rename(tmp_path / "elsewhere")
        missing = f"the fence cannot be put up: .*No such file.*{request.cwd}"
        with pytest.raises(ConfinementUnavailable, match=missing):
            asyncio.run(backend.ask(request))
    assert len(fake.asked) == 1


def test_a_program_that_cannot_be_run_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "claude").write_text("no program")
    monkeypatch.setattr("leanlab.backends.claude.program", lambda: tmp_path / "claude")
    with FakeAnthropic(DONE) as fake:
        error = Parity(tmp_path, fake).ask().error
    assert error is not None
    assert error.kind == "config"
    assert "claude cannot be started behind the fence: Permission denied" in error.message
