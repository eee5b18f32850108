"""What a run uses against what it may use: dollars, tokens, seconds; of the run and of a trial."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    from leanlab.config import Budget
    from leanlab.history import History
    from leanlab.lab import Lab

Number = TypeVar("Number", float | None, int | None)


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """What one turn may use; None means no bound."""

    usd: float | None = None
    tokens: int | None = None
    seconds: float | None = None

    def exceeded(self, usd: float | None, tokens: int | None) -> str:
        """Name the bound that a turn's use has reached; empty when none is."""
        if self.usd is not None and usd is not None and usd >= self.usd:
            return f"the turn used ${usd:.6g}, and ${self.usd:.6g} was left"
        if self.tokens is not None and tokens is not None and tokens >= self.tokens:
            return f"the turn used {tokens:,} tokens, and {self.tokens:,} were left"
        return ""


class Unrecorded(msgspec.Struct, frozen=True, kw_only=True):
    """What was used and is in no record yet, on disk in case the run is cut off.

    The ledger's totals tell the next run whether a record took it in after all.
    """

    usd: float | None = None
    tokens: int | None = None
    ledger_usd: float = 0.0
    ledger_tokens: int = 0


class Spending:
    """The account of a run. What is used goes into the next record, exactly once.

    What a run that was killed had used without a record is in the next run's first record, and
    counts against no budget of that run.
    """

    def __init__(self, lab: Lab, history: History, budget: Budget) -> None:
        self._file = lab.state / "unrecorded.json"
        self._history = history
        self._budget = budget
        self._start = time.monotonic()
        self._open = self._left_over()
        self._usd_before = history.cost_usd + (self._open.usd or 0.0)
        self._tokens_before = history.tokens + (self._open.tokens or 0)
        self._trial_begun = self._used()

    def begin(self) -> None:
        """A trial, or a turn of Critic or Director, begins: its own budget is whole."""
        self._trial_begun = self._used()

    def use(self, usd: float | None, tokens: int | None) -> None:
        """Note what was used, as soon as it is known."""
        if usd is None and tokens is None:
            return
        self._open = Unrecorded(
            usd=_sum(self._open.usd, usd),
            tokens=_sum(self._open.tokens, tokens),
            ledger_usd=self._history.cost_usd,
            ledger_tokens=self._history.tokens,
        )
        unfinished = self._file.with_name(".unrecorded.json.part")
        unfinished.write_bytes(msgspec.json.encode(self._open))
        unfinished.replace(self._file)

    def held(self, seconds: float) -> None:
        """The run was paused so long: that time is nobody's."""
        self._start += seconds

    def due(self) -> tuple[float | None, int | None]:
        """Dollars and tokens that the next record has to carry."""
        return self._open.usd, self._open.tokens

    def recorded(self) -> None:
        """The record is in the ledger."""
        self._open = Unrecorded()
        self._file.unlink(missing_ok=True)

    def allowance(self) -> Allowance:
        """What the next turn may use: the least of what run and trial have left."""
        budget, (usd, tokens, seconds) = self._budget, self._used()
        usd_before, tokens_before, _ = self._trial_begun
        return Allowance(
            usd=_least(_left(budget.usd, usd), _left(budget.trial_usd, usd - usd_before)),
            tokens=_least(
                _left(budget.tokens, tokens), _left(budget.trial_tokens, tokens - tokens_before)
            ),
            seconds=_left(budget.seconds, seconds),
        )

    def run_over(self) -> str:
        """Name the budget of the run that is used up; empty when none is."""
        limits = self._budget.usd, self._budget.tokens, self._budget.seconds
        return _over("budget", ("usd", "tokens", "seconds"), self._used(), limits)

    def trial_over(self) -> str:
        """The same for the trial at hand."""
        limits = self._budget.trial_usd, self._budget.trial_tokens
        used = tuple(now - then for now, then in zip(self._used(), self._trial_begun, strict=True))
        return _over("the trial's budget", ("usd", "tokens"), used[:2], limits)

    def _used(self) -> tuple[float, int, float]:
        usd = self._history.cost_usd + (self._open.usd or 0.0) - self._usd_before
        tokens = self._history.tokens + (self._open.tokens or 0) - self._tokens_before
        return usd, tokens, time.monotonic() - self._start

    def _left_over(self) -> Unrecorded:
        try:
            found = msgspec.json.decode(self._file.read_bytes(), type=Unrecorded)
        except (OSError, msgspec.DecodeError):
            return Unrecorded()
        known = found.ledger_usd, found.ledger_tokens
        here = self._history.cost_usd, self._history.tokens
        return found if known == here else Unrecorded()


def _over(
    what: str,
    names: tuple[str, ...],
    used: tuple[float, ...],
    limits: tuple[float | None, ...],
) -> str:
    for name, spent, limit in zip(names, used, limits, strict=True):
        if limit is not None and spent >= limit:
            return f"{what} used up: {spent:.6g} of {limit:g} {name}"
    return ""


def _sum(a: Number, b: Number) -> Number:
    """Add what is known; None only when neither is."""
    return b if a is None else a if b is None else a + b


def _left(limit: Number, used: float) -> Number:
    return None if limit is None else max(type(limit)(0), limit - used)  # type: ignore[return-value]


def _least(a: Number, b: Number) -> Number:
    return b if a is None else a if b is None else min(a, b)
