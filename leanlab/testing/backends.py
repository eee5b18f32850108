"""What every backend owes the loop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from leanlab.backends import Backend, Request, Result
from leanlab.lab import Lab
from leanlab.labkit.researcher import Brief
from leanlab.roles import NoteReply, WorkerReply


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
        return Request(role=role, prompt="Go on.", cwd=workspace, brief=brief, session=session)  # type: ignore[arg-type]

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
