"""Who may ask, from where, for what: checked before any page is made.

Pages show what tools on this machine must not read, so that being on this machine is not enough.
Whoever asks holds the token, in the link that is opened first and in a cookie from then on.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    # Not no-referrer: browsers would send a form's Origin as null, and that is what is checked.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_TOKEN = "token"  # noqa: S105 - the name of a parameter
_SAFE = ("GET", "HEAD")


class Guard:
    """Wraps the application: without the token there is a stylesheet, a script and an icon."""

    def __init__(self, app: ASGIApp, *, token: str, host: str, port: int, read_only: bool) -> None:
        self._app = app
        self._token = token
        self._host = host
        self._port = port
        self._read_only = read_only
        # Cookies of one host are shared by all its ports: two dashboards must not take turns.
        self._cookie = f"leanlab_{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        answer: ASGIApp = self._refusal(Request(scope)) or self._app
        await answer(scope, receive, guarded)

    def _refusal(self, request: Request) -> Response | None:
        if not self._knows(request.headers.get("host", "")):
            return _no(421, "This dashboard does not answer to that host name. Open the link that "
                            "`leanlab serve` printed.")  # fmt: skip
        if request.url.path.startswith("/static/") and request.method in _SAFE:
            return None
        given = request.query_params.get(_TOKEN)
        if given is not None and request.method in _SAFE and self._is_token(given):
            return self._let_in(request)
        if not self._is_token(request.cookies.get(self._cookie, "")):
            return _no(403, "This dashboard opens with the link that `leanlab serve` printed.")
        if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return _no(403, "This request came from another page. Open the dashboard by itself.")
        return None if request.method in _SAFE else self._change(request)

    def _change(self, request: Request) -> Response | None:
        """What changes something comes from a page of ours: browsers name the origin on a POST."""
        if self._read_only:
            return _no(403, "This dashboard is read-only. Start it without --read-only.")
        if request.headers.get("origin") != f"http://{request.headers['host']}":
            return _no(403, "Only the dashboard's own pages can change something.")
        return None

    def _let_in(self, request: Request) -> Response:
        """Swap the token in the address for a cookie, so that it stays out of the history."""
        rest = [pair for pair in parse_qsl(request.url.query) if pair[0] != _TOKEN]
        # One slash only: an address that begins with two leads to another host.
        path = "/" + request.url.path.lstrip("/\\")
        answer = RedirectResponse(f"{path}?{urlencode(rest)}" if rest else path, 303)
        answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
        return answer

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())

    def _knows(self, host: str) -> bool:
        """A name that an attacker's name server could point here is not ours to answer to."""
        name, port = _split(host)
        if port != self._port:
            return False
        if name in _LOOPBACK or name == self._host.lower():
            return True
        return not is_loopback(self._host) and _is_address(name)


def new_token() -> str:
    return secrets.token_urlsafe(32)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _split(host: str) -> tuple[str, int]:
    """Name and port of a Host header; a port that is not given is HTTP's own."""
    name, colon, port = host.lower().rpartition(":")
    if not colon or port.endswith("]"):
        return host.lower(), 80
    return name, int(port) if port.isascii() and port.isdecimal() and len(port) < 6 else -1


def _no(status: int, words: str) -> Response:
    return PlainTextResponse(words + "\n", status)
