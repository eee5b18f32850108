"""What every researcher owes its lab."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from leanlab.labkit.researcher import Brief, Proposal, Researcher, Row


class ResearcherContract:
    """Subclass it and define make and fill; score may be overridden with something true."""

    metric = "score"
    trials = 4

    def make(self) -> Researcher:
        raise NotImplementedError("return a fresh researcher")

    def fill(self, workspace: Path) -> None:
        raise NotImplementedError("write the public files that the researcher reads")

    def score(self, trial: int, code: str) -> dict[str, float]:  # noqa: ARG002
        return {self.metric: trial / 10}

    def brief(self, workspace: Path, rows: list[Row], **changes: Any) -> Brief:
        told: dict[str, Any] = {
            "workspace": workspace,
            "trial": len(rows) + 1,
            "seed": 3,
            "metric": self.metric,
            "direction": "maximize",
            "target": None,
            "params": {},
            "history": list(rows),
        }
        return Brief(**(told | changes))

    def walk(self, tmp_path: Path, *, fresh: bool) -> list[Proposal]:
        """Propose, score and remember; with a new researcher each time, as after a restart."""
        workspace = tmp_path / f"workspace-{fresh}"
        (workspace / "memory").mkdir(parents=True)
        self.fill(workspace)
        rows: list[Row] = []
        proposals: list[Proposal] = []
        researcher = self.make()
        for trial in range(1, self.trials + 1):
            researcher = self.make() if fresh else researcher
            proposal = researcher.propose(self.brief(workspace, rows))
            name = f"{trial:04d}_{proposal.slug}.py"
            (workspace / "memory" / name).write_text(proposal.code, encoding="utf-8")
            rows.append(
                Row(
                    trial=trial,
                    experiment=name,
                    sha256=hashlib.sha256(proposal.code.encode()).hexdigest(),
                    status="scored",
                    metrics=self.score(trial, proposal.code),
                    notes=proposal.notes,
                )
            )
            proposals.append(proposal)
        assert researcher.criticise(self.brief(workspace, rows)).strip()
        assert researcher.direct(self.brief(workspace, rows)).strip()
        return proposals

    def test_a_restart_changes_nothing(self, tmp_path: Path) -> None:
        assert self.walk(tmp_path, fresh=True) == self.walk(tmp_path, fresh=False)

    def test_nothing_is_proposed_twice(self, tmp_path: Path) -> None:
        codes = [proposal.code for proposal in self.walk(tmp_path, fresh=False)]
        assert len(set(codes)) == len(codes)

    def test_a_proposal_is_a_named_python_file(self, tmp_path: Path) -> None:
        for proposal in self.walk(tmp_path, fresh=False):
            compile(proposal.code, proposal.slug, "exec")
            assert proposal.slug.replace("_", "").isalnum()
            assert proposal.slug == proposal.slug.lower()

    def test_what_was_sent_back_is_not_sent_again(self, tmp_path: Path) -> None:
        workspace = tmp_path / "workspace"
        workspace.mkdir()
        self.fill(workspace)
        researcher = self.make()
        first = researcher.propose(self.brief(workspace, []))
        second = researcher.propose(self.brief(workspace, [], message="It crashed."))
        assert first.code != second.code
