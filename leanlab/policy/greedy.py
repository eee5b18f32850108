"""Memory in, one idea out: leanlab's own loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leanlab.policy import Cadence, Move

if TYPE_CHECKING:
    from leanlab.history import History


class Greedy(Cadence):
    """Improves on the best trials; drafts while nothing has scored."""

    name = "greedy"

    def ask(self, history: History) -> Move:
        if history.top:
            return Move(kind="improve", parents=(history.top[0].trial,))
        if history.last is not None and history.last.experiment_file is not None:
            return Move(kind="repair", parents=(history.last.trial,))
        return Move(kind="draft")
