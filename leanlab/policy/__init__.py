"""Pure decisions by ask and tell: what to try next, which roles are due, when to stop."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from leanlab.errors import ConfigError

if TYPE_CHECKING:
    from leanlab.config import LabConfig
    from leanlab.history import History
    from leanlab.records import Trial

Advisor = Literal["critic", "director"]


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What the next trial is to be."""

    kind: Literal["draft", "improve", "repair"]
    parents: tuple[int, ...] = ()
    """The trials to build on, best first."""
    memory: bool = True
    """False for an attempt that knows nothing of earlier ones."""
    offline: bool = False
    """True where the offline researcher is to answer, whatever the run's backend is."""


class Policy(Protocol):
    """Decides from the history and from what it was told; touches nothing."""

    name: str
    offline_first: bool
    """Whether moves may ask for the offline researcher beside the run's own backend."""

    def ask(self, history: History) -> Move:
        """Choose the next trial's move."""
        ...

    def tell(self, record: Trial) -> None:
        """Learn of a trial of this run."""
        ...

    def abstained(self) -> None:
        """Learn that nothing was proposed for the last move, and no trial used up."""
        ...

    def due(self, history: History) -> list[Advisor]:
        """Return the roles whose turn it is after the last trial, the Critic first."""
        ...

    def stop(self) -> str | None:
        """Return why the run should end now, or None."""
        ...


class Cadence:
    """When Critic and Director are due, and the objective's target: what policies share."""

    offline_first = False

    def __init__(self, config: LabConfig) -> None:
        self._config = config
        self._reached: Trial | None = None

    def tell(self, record: Trial) -> None:
        objective = self._config.objective
        if record.status == "scored" and objective.reached(record.metrics[objective.metric]):
            self._reached = record

    def abstained(self) -> None:
        """The same move again would come to the same: the loop ends the run."""

    def due(self, history: History) -> list[Advisor]:
        """The cadence counts the ledger's trials; the Critic needs a scored one to look at."""
        if history.last is None:
            return []
        roles: list[Advisor] = []
        critic, director = self._config.critic_every, self._config.director_every
        if critic and history.trials % critic == 0 and history.last.status == "scored":
            roles.append("critic")
        if director and history.trials % director == 0:
            roles.append("director")
        return roles

    def stop(self) -> str | None:
        return "target reached" if self._reached else None


def make(name: str, config: LabConfig) -> Policy:
    """Return the policy of that name."""
    from leanlab.policy.erm import Erm
    from leanlab.policy.escalate import Escalate
    from leanlab.policy.greedy import Greedy

    policies: dict[str, type[Greedy | Erm]] = {"greedy": Greedy, "erm": Erm, "escalate": Escalate}
    if name not in policies:
        near = difflib.get_close_matches(name, policies, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(policies)}."
        raise ConfigError(f"there is no policy {name!r}. {hint}")
    return policies[name](config)
