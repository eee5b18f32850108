"""The offline researcher first; a model only when it has nothing more to propose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab.policy.greedy import Greedy

if TYPE_CHECKING:
    from leanlab.config import LabConfig
    from leanlab.history import History
    from leanlab.policy import Move


class Escalate(Greedy):
    """Chooses as greedy does. All roles are played offline until the researcher abstains.

    That it did is read from the ledger, where another backend has proposed under this policy: so a
    run that goes on does not fall back. A run that was cut off between the two asks it once more,
    and it abstains again.
    """

    name = "escalate"
    offline_first = True

    def __init__(self, config: LabConfig) -> None:
        super().__init__(config)
        self._abstained = False

    def ask(self, history: History) -> Move:
        others = history.proposers.get(self.name, set()) - {"offline"}
        return msgspec.structs.replace(
            super().ask(history), offline=not (self._abstained or others)
        )

    def abstained(self) -> None:
        self._abstained = True
