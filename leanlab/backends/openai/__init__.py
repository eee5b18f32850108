"""OpenAI, and every server that speaks one of its two APIs: the tools are called from here."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from leanlab.backends import Failure, Result
from leanlab.backends.prices import Prices
from leanlab.backends.sessions import Sessions
from leanlab.errors import ConfigError

if TYPE_CHECKING:
    from leanlab.backends import Request
    from leanlab.backends.openai.wire import Wire
    from leanlab.config import RoleChoice
    from leanlab.lab import Lab

DEFAULT_MODEL = "gpt-5-mini"
KEY = "OPENAI_API_KEY"
URL = "OPENAI_BASE_URL"


class OpenAIBackend:
    """A loop of its own around one model: it asks, calls tools, and asks again."""

    name = "openai"
    unfenced = False

    def __init__(self, lab: Lab, settings: RoleChoice) -> None:
        url = settings.base_url or os.environ.get(URL) or None
        variable = settings.key or KEY
        # A key of the user's goes to a server that lab.json names only where it names the key too.
        sent = settings.key or not settings.base_url
        self._key = os.environ.get(variable, "") if sent else ""
        if not self._key and (settings.key or not url):
            raise ConfigError(
                f"backend openai needs a key, and {variable} is not set. Set it, or name a local "
                f"server by roles.<role>.base_url in lab.json or {URL} (docs/backends.md)."
            )
        if not settings.model and url:
            raise ConfigError(
                f"which model of {url}? Say --model NAME, or roles.<role>.model in lab.json."
            )
        if settings.code_interpreter and lab.config.propose != "code":
            raise ConfigError(
                'code_interpreter is for "propose": "code": its machine does not see the lab.'
            )
        self.model = settings.model or DEFAULT_MODEL
        self._settings = _at(settings, url)
        self._web = lab.config.web
        self._sessions = Sessions(lab.state / "sessions")
        self._wire: Wire | None = None

    async def ask(self, request: Request) -> Result:
        from leanlab.backends.openai.turn import Turn

        wire = self._connect()
        session = (
            self._sessions.load(request.session, wire.form)
            if request.session
            else self._sessions.new(wire.form)
        )
        if session is None:
            lost = f"the conversation {request.session} is not to be found."
            return Result(error=Failure(kind="session_lost", message=lost))
        turn = Turn(wire, self._settings, self._prices, request, session, self._sessions)
        try:
            async with asyncio.timeout(request.allowance.seconds):
                return await turn.run()
        except TimeoutError:
            return turn.result(Failure(kind="budget", message="the time of the run is used up"))

    def _connect(self) -> Wire:
        if self._wire is not None:
            return self._wire
        from openai import AsyncOpenAI

        from leanlab.backends.openai.chat import Chat
        from leanlab.backends.openai.responses import Responses

        # No retries in there: a pause is for the loop to make, where it can be seen.
        self._client = AsyncOpenAI(
            api_key=self._key or "none",
            base_url=self._settings.base_url,
            timeout=self._settings.timeout,
            max_retries=0,
        )
        self._prices = Prices(self.model, str(self._client.base_url), self._settings.prices)
        wire: Wire
        if self._settings.api == "chat":
            wire = Chat(self._client, self.model, self._settings)
        else:
            wire = Responses(self._client, self.model, self._settings, web=self._web)
        self._wire = wire
        return wire

    async def close(self) -> None:
        if self._wire is not None:
            self._wire = None
            await self._client.close()


def _at(settings: RoleChoice, url: str | None) -> RoleChoice:
    """Fill in where the server is, and the API that such a server has for certain."""
    from msgspec.structs import replace

    return replace(settings, base_url=url, api=settings.api or ("chat" if url else "responses"))
