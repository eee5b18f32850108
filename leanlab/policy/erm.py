"""Empirical risk minimisation over independent attempts, after LLM-ERM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leanlab.policy import Cadence, Move

if TYPE_CHECKING:
    from leanlab.history import History
    from leanlab.policy import Advisor


class Erm(Cadence):
    """Drafts without memory, each as if it were the first; the best on the objective counts.

    No Critic and no Director: what they say would tie the attempts together. The objective is
    a validation metric, so the choice among attempts never looks at a test score.
    """

    name = "erm"

    def ask(self, history: History) -> Move:  # noqa: ARG002 - independence is the point
        return Move(kind="draft", memory=False)

    def due(self, history: History) -> list[Advisor]:  # noqa: ARG002
        return []
