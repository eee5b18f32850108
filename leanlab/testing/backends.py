"""What every backend owes the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from leanlab import events
from leanlab.backends import Backend, FailureKind, Request, Result
from leanlab.lab import Lab
from leanlab.labkit.researcher import Brief
from leanlab.labkit.tool import Tool, ToolRefused
from leanlab.roles import NoteReply, WorkerReply
from leanlab.spending import Allowance
from leanlab.tools.files import read_tool, write_tool


class BackendContract:
    """Subclass it and define lab and make; every test gets a backend of its own.

    The lab is one that the backend can work on; its Worker is expected to leave an experiment.
    """

    def lab(self, tmp_path: Path) -> Lab:
        raise NotImplementedError("return the lab to work on")

    def make(self, lab: Lab) -> Backend:
        raise NotImplementedError("return a fresh backend")

    def request(self, lab: Lab, tmp_path: Path, role: str = "worker", session: str = "") -> Request:
        from leanlab.prompts import Prompts

        workspace = tmp_path / "workspace"
        for name, content in Prompts(lab).public_files().items():
            path = workspace / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (workspace / "experiments").mkdir(exist_ok=True)
        objective = lab.config.objective
        brief = Brief(
            workspace=workspace,
            trial=1,
            seed=0,
            metric=objective.metric,
            direction=objective.direction,
            target=objective.target,
            params=lab.public_params,
            message="It crashed: mend it." if session else "",
        )
        answer = WorkerReply if role == "worker" else NoteReply
        return Request(
            role=role,  # type: ignore[arg-type]
            prompt="Go on.",
            cwd=workspace,
            brief=brief,
            session=session,
            answer=answer,
        )

    def ask(self, tmp_path: Path, *roles: str) -> list[Result]:
        lab = self.lab(tmp_path)

        async def work() -> list[Result]:
            backend = self.make(lab)
            try:
                return [await backend.ask(self.request(lab, tmp_path, role)) for role in roles]
            finally:
                await backend.close()
                await backend.close()

        return asyncio.run(work())

    def test_it_has_a_name(self, tmp_path: Path) -> None:
        backend = self.make(self.lab(tmp_path))
        assert backend.name
        assert isinstance(backend.model, str)

    def test_a_worker_leaves_an_experiment_in_the_workspace(self, tmp_path: Path) -> None:
        (result,) = self.ask(tmp_path, "worker")
        assert result.error is None, result.error
        reply = msgspec.convert(result.data, WorkerReply)
        assert reply.experiment_file is not None
        assert (tmp_path / "workspace" / reply.experiment_file).is_file()

    def test_critic_and_director_answer_with_a_text(self, tmp_path: Path) -> None:
        for result in self.ask(tmp_path, "critic", "director"):
            assert result.error is None, result.error
            assert msgspec.convert(result.data, NoteReply).text

    def test_a_fault_is_a_value_and_a_cost_is_known_or_null(self, tmp_path: Path) -> None:
        (result,) = self.ask(tmp_path, "worker")
        assert result.cost_usd is None or result.cost_usd >= 0
        assert result.tokens is None or result.tokens >= 0

    def test_a_turn_that_is_cancelled_ends_at_once(self, tmp_path: Path) -> None:
        lab = self.lab(tmp_path)

        async def work() -> float:
            backend = self.make(lab)
            loop = asyncio.get_running_loop()
            task = asyncio.create_task(backend.ask(self.request(lab, tmp_path)))
            await asyncio.sleep(0)
            start = loop.time()
            task.cancel()
            await asyncio.wait([task])
            await backend.close()
            return loop.time() - start

        assert asyncio.run(work()) < 5.0


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What a model does when it is asked: one of these."""

    tool: str = ""
    arguments: Any = None
    answer: Any = None
    """The end of the turn."""
    fault: FailureKind | None = None
    """Of its provider."""
    hang: bool = False


class _Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    word: str


class ModelContract(BackendContract):
    """For a backend that asks a model. Define play too: have the model act so, one act an answer.

    A Worker has the tools read and write, or what its backend has in their place. The last act
    is repeated for ever. faults names the kinds that its provider can be made to show.
    """

    faults: tuple[FailureKind, ...] = ()

    def play(self, *acts: Act) -> None:
        raise NotImplementedError("have the model act so")

    def request(self, lab: Lab, tmp_path: Path, role: str = "worker", session: str = "") -> Request:
        """With hands for a Worker."""
        asked = super().request(lab, tmp_path, role, session)
        tools = (read_tool(asked.cwd), write_tool(asked.cwd)) if role == "worker" else ()
        return msgspec.structs.replace(asked, tools=tools)

    def turn(
        self, tmp_path: Path, *acts: Act, change: Callable[[Request], Request] = lambda r: r
    ) -> tuple[Result, list[str], list[events.AnyEvent]]:
        """Play one Critic's turn with a tool `echo`; return result, words echoed, and events."""
        self.play(*acts)
        heard: list[str] = []
        seen: list[events.AnyEvent] = []
        lab = self.lab(tmp_path)

        async def echo(said: _Word) -> str:
            if said.word == "secret":
                raise ToolRefused("that is not for you.")
            heard.append(said.word)
            return said.word

        tool = Tool(name="echo", description="Say it again.", arguments=_Word, run=echo)
        base = self.request(lab, tmp_path, "critic")
        request = change(msgspec.structs.replace(base, tools=(tool,), emit=seen.append))

        async def work() -> Result:
            backend = self.make(lab)
            try:
                return await backend.ask(request)
            finally:
                await backend.close()

        return asyncio.run(work()), heard, seen

    def test_a_model_calls_tools_and_answers(self, tmp_path: Path) -> None:
        result, heard, seen = self.turn(
            tmp_path,
            Act(tool="echo", arguments={"word": "hello"}),
            Act(answer={"text": "Done."}),
        )
        assert result.error is None, result.error
        assert result.data == {"text": "Done."} or "Done." in result.text
        assert result.session
        assert heard == ["hello"]
        called = [event for event in seen if isinstance(event, events.ToolCalled)]
        assert (called[0].tool, "hello" in called[0].arguments) == ("echo", True)
        told = [event for event in seen if isinstance(event, events.Used)]
        assert sum(event.tokens or 0 for event in told) == (result.tokens or 0) > 0

    def test_what_a_tool_refuses_the_model_hears_of(self, tmp_path: Path) -> None:
        result, heard, seen = self.turn(
            tmp_path,
            Act(tool="echo", arguments={"word": "secret"}),
            Act(tool="echo", arguments={"wrd": "hello"}),
            Act(answer={"text": "Done."}),
        )
        assert result.error is None, result.error
        assert heard == []
        refused = [event for event in seen if isinstance(event, events.ToolAnswered)]
        assert [event.refused for event in refused][:2] == [True, True]

    def test_no_path_leads_out_of_the_workspace(self, tmp_path: Path) -> None:
        outside = tmp_path / "outside.txt"
        outside.write_text("the labels")
        acts = [
            Act(tool=tool, arguments={"file": path} | more)
            for path in ("../outside.txt", str(outside))
            for tool, more in (("read", {}), ("write", {"content": "mine"}))
        ]
        self.play(*acts, Act(answer={"experiment_file": None}))
        seen: list[events.AnyEvent] = []
        lab = self.lab(tmp_path)
        request = msgspec.structs.replace(self.request(lab, tmp_path), emit=seen.append)

        async def work() -> Result:
            backend = self.make(lab)
            try:
                return await backend.ask(request)
            finally:
                await backend.close()

        assert asyncio.run(work()).error is None
        told = [event for event in seen if isinstance(event, events.ToolAnswered)]
        # Where the answer is a tool's too, it comes last.
        assert [event.refused for event in told[: len(acts)]] == [True] * len(acts)
        assert "the labels" not in " ".join(event.text for event in told)
        assert outside.read_text() == "the labels"

    def test_an_answer_of_the_wrong_form_can_be_mended(self, tmp_path: Path) -> None:
        result, _, _ = self.turn(
            tmp_path, Act(answer={"text": 3}), Act(answer={"text": "In words."})
        )
        assert result.error is None, result.error
        assert result.data == {"text": "In words."} or "In words." in result.text

    def test_another_process_can_go_on_with_a_session(self, tmp_path: Path) -> None:
        first, _, _ = self.turn(tmp_path, Act(answer={"text": "One."}))
        again, _, _ = self.turn(
            tmp_path,
            Act(answer={"text": "Two."}),
            change=lambda request: msgspec.structs.replace(request, session=first.session),
        )
        assert again.error is None, again.error
        assert again.session

    def test_a_session_that_is_gone_is_a_failure(self, tmp_path: Path) -> None:
        result, _, _ = self.turn(
            tmp_path,
            Act(answer={"text": "One."}),
            change=lambda request: msgspec.structs.replace(
                request, session="00000000-0000-0000-0000-000000000000"
            ),
        )
        assert result.error is not None
        assert (result.error.kind, result.error.retryable) == ("session_lost", False)

    def test_a_turn_ends_when_its_budget_is_used_up(self, tmp_path: Path) -> None:
        result, heard, _ = self.turn(
            tmp_path,
            Act(tool="echo", arguments={"word": "hello"}),
            change=lambda request: msgspec.structs.replace(request, allowance=Allowance(tokens=1)),
        )
        assert result.error is not None
        assert (result.error.kind, result.error.retryable) == ("budget", False)
        assert len(heard) <= 1
        assert result.tokens

    def test_each_fault_of_a_provider_is_a_failure_of_its_kind(self, tmp_path: Path) -> None:
        waits = {"rate_limit", "overloaded", "server", "network", "timeout"}
        for kind in self.faults:
            result, _, _ = self.turn(tmp_path, Act(fault=kind))
            assert result.error is not None, kind
            assert (result.error.kind, result.error.retryable) == (kind, kind in waits)
            assert result.error.message

    def test_a_model_that_hangs_is_left_at_once(self, tmp_path: Path) -> None:
        self.play(Act(hang=True))
        lab = self.lab(tmp_path)

        async def work() -> float:
            backend = self.make(lab)
            loop = asyncio.get_running_loop()
            task = asyncio.create_task(backend.ask(self.request(lab, tmp_path)))
            await asyncio.sleep(0.5)
            start = loop.time()
            task.cancel()
            await asyncio.wait([task])
            await backend.close()
            return loop.time() - start

        assert asyncio.run(work()) < 5.0
