"""One turn of a role: ask the model, call its tools, ask again, until it has answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leanlab import events
from leanlab.backends import Failure, Result
from leanlab.backends.answers import WrongForm, read, submit_tool
from leanlab.backends.calling import call
from leanlab.backends.openai.faults import FAULTS, failure_of
from leanlab.backends.speech import Speech

if TYPE_CHECKING:
    from leanlab.backends import Request
    from leanlab.backends.openai.wire import Call, Wire
    from leanlab.backends.prices import Prices, Usage
    from leanlab.backends.sessions import Session, Sessions
    from leanlab.config import RoleChoice

_REMINDERS = 2


class Turn:
    """What a turn has come to so far. It can be asked for a result at any moment."""

    def __init__(
        self,
        wire: Wire,
        settings: RoleChoice,
        prices: Prices,
        request: Request,
        session: Session,
        sessions: Sessions,
    ) -> None:
        self._wire = wire
        self._settings = settings
        self._prices = prices
        self._request = request
        self._session = session
        self._sessions = sessions
        self._submitted: list[Any] = []
        self._tools = (*request.tools, submit_tool(request.answer, self._submitted))
        self._text = ""
        self._speech = Speech(request)
        self._usd: float | None = None
        self._tokens: int | None = None

    def result(self, error: Failure | None = None) -> Result:
        return Result(
            data=self._submitted[-1] if self._submitted else None,
            text=self._text,
            session=self._session.id,
            cost_usd=self._usd,
            tokens=self._tokens,
            error=error,
        )

    async def run(self) -> Result:
        if self._request.allowance.usd is not None and not self._prices.known:
            message = (
                "nobody knows what this model costs here, so a budget in dollars cannot hold. "
                "Set one in tokens instead (--max-tokens), or name a price list: "
                "roles.<role>.prices."
            )
            return self.result(Failure(kind="config", message=message))
        # The same prompt again, after a fault: what was said since is paid for, and stays.
        if self._session.asked != self._request.prompt:
            self._session.items.append(self._wire.prompt(self._request.prompt))
            self._session.asked = self._request.prompt
            self._sessions.save(self._session)
        error = await self._converse()
        if error is None or not error.retryable:
            self._session.asked = ""
            self._sessions.save(self._session)
        return self.result(error)

    async def _converse(self) -> Failure | None:
        reminders = _REMINDERS
        for _ in range(self._settings.max_turns):
            if over := self._request.allowance.exceeded(self._usd, self._tokens):
                return Failure(kind="budget", message=f"{over}.")
            try:
                reply = await self._wire.ask(
                    self._session.items, self._tools, self._most_tokens(), self._speech.say
                )
            except FAULTS as error:
                return failure_of(error)
            self._speech.flush()
            self._text = reply.text
            self._use(reply.usage)
            if reply.failure is not None:
                return reply.failure
            # With what the tools say, at once: a history of calls without answers is refused.
            self._add(*reply.items, *[await self._answer(wanted) for wanted in reply.calls])
            if self._submitted:
                return None
            if reply.calls:
                continue
            missing = self._missing()
            if not missing:
                return None
            if not reminders:
                return Failure(kind="no_output", message=missing)
            reminders -= 1
            self._add(self._wire.prompt(f"{missing} Call submit_result with the answer."))
        message = f"no answer after {self._settings.max_turns} turns of the model (max_turns)."
        return Failure(kind="max_turns", message=message)

    async def _answer(self, wanted: Call) -> Any:
        arguments = wanted.arguments.encode("utf-8", "replace")
        called = await call(self._tools, wanted.name, arguments, self._request)
        return self._wire.answer(wanted, called.text)

    def _missing(self) -> str:
        """What is wrong with an answer in plain text; empty when it will do."""
        try:
            read(None, self._text, self._request.answer)
        except WrongForm as error:
            return str(error)
        return ""

    def _add(self, *items: Any) -> None:
        self._session.items += items
        self._sessions.save(self._session)

    def _use(self, usage: Usage | None) -> None:
        if usage is None:
            return
        cost = self._prices.cost(usage)
        self._tokens = (self._tokens or 0) + usage.tokens
        if cost is not None:
            self._usd = (self._usd or 0.0) + cost
        self._request.emit(
            events.Used(
                role=self._request.role,
                trial=self._request.brief.trial,
                tokens=usage.tokens,
                cost_usd=cost,
            )
        )

    def _most_tokens(self) -> int | None:
        """The setting's, or what the budget has left."""
        allowed = self._request.allowance.tokens
        bounds = [self._settings.max_output_tokens]
        bounds.append(None if allowed is None else allowed - (self._tokens or 0))
        return min((bound for bound in bounds if bound is not None), default=None)
