"""The addresses of the dashboard, and what answers each."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from leanlab.dashboard import controls, pages, stream, views
from leanlab.dashboard.comparison import compare_page
from leanlab.dashboard.inside import NotShown
from leanlab.dashboard.reveal import reveal
from leanlab.dashboard.security import Guard
from leanlab.dashboard.table import Query
from leanlab.dashboard.trial import artifact_of, trial_page
from leanlab.errors import LeanlabError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from leanlab.dashboard.comparison import Axis
    from leanlab.dashboard.library import Library, Shelf

_MAX_FORM = 1 << 16
_MANY = 2.0
"""Seconds between looks at all labs, for the pages that show them all."""


def make_app(library: Library, *, token: str, host: str, port: int, read_only: bool) -> Starlette:
    """The application behind its guard."""
    pages.prepare()
    site = Dashboard(library, read_only=read_only)
    guard = Middleware(Guard, token=token, host=host, port=port, read_only=read_only)
    return Starlette(
        routes=[
            Route("/", site.overview),
            Route("/events", site.all_events),
            Route("/compare", site.compare),
            Route("/lab/{key}", site.lab),
            Route("/lab/{key}/events", site.events),
            Route("/lab/{key}/trial/{number:int}", site.trial),
            Route("/lab/{key}/trial/{number:int}/artifact/{place:int}", site.artifact),
            Route("/lab/{key}/trial/{number:int}/reveal", site.reveal, methods=["POST"]),
            Route("/lab/{key}/control/{name}", site.control, methods=["POST"]),
            Mount("/static", StaticFiles(directory=pages.STATIC)),
        ],
        middleware=[guard],
        exception_handlers={HTTPException: _problem, LeanlabError: _problem},
    )


class Dashboard:
    """Answers requests. Endpoints that are plain functions run in threads, under one lock."""

    def __init__(self, library: Library, *, read_only: bool) -> None:
        self._library = library
        self._read_only = read_only

    def overview(self, _: Request) -> Response:
        with self._library.lock:
            shelves = self._library.shelves()
            cards = [views.card(shelf) for shelf in shelves]
            state = self._library.state_of(shelves)
            return self._page("overview", cards=cards, state=state, place=self._library.place)

    def lab(self, request: Request) -> Response:
        with self._library.lock:
            shelf = self._shelf(request)
            # Taken before the page is made: what happens meanwhile is told by the stream.
            state = self._library.state(shelf)
            if shelf.lab is None:
                return self._page("broken", shelf=shelf, state=state)
            asked = request.query_params
            page = views.lab_page(shelf, asked.get("metric", ""), Query.of(asked))
            return self._page("lab", page=page, shelf=shelf, state=state)

    def trial(self, request: Request) -> Response:
        with self._library.lock:
            shelf = self._shelf(request)
            page = trial_page(shelf, request.path_params["number"])
            if page is None:
                raise HTTPException(404, f"{shelf.name} has no such trial.")
            return self._page("trial", page=page, shelf=shelf)

    def artifact(self, request: Request) -> Response:
        with self._library.lock:
            shelf = self._shelf(request)
            try:
                asked = request.path_params
                found = artifact_of(shelf, asked["number"], asked["place"])
            except NotShown as reason:
                raise HTTPException(404, str(reason)) from reason
        kind = "application/octet-stream"
        return StreamingResponse(found.chunks(), media_type=kind, headers=found.headers())

    def compare(self, request: Request) -> Response:
        axes: dict[str, Axis] = {"evaluations": "evaluations", "usd": "usd"}
        axis = axes.get(request.query_params.get("x", ""), "trials")
        with self._library.lock:
            shelves = self._library.shelves()
            wanted = request.query_params.getlist("lab")
            page = compare_page(shelves, wanted, axis)
            return self._page("compare", page=page, state=self._library.state_of(shelves))

    async def control(self, request: Request) -> Response:
        typed = await _typed(request)
        return await run_in_threadpool(self._control, request, typed)

    def _control(self, request: Request, typed: dict[str, str]) -> Response:
        with self._library.lock:
            shelf = self._shelf(request)
            asked = controls.named(request.path_params["name"])
            if asked is None:
                raise HTTPException(404, "There is no such control.")
            asked.act(shelf.opened()[0], typed.get("text", ""))
            return _back(_home(shelf))

    async def reveal(self, request: Request) -> Response:
        typed = await _typed(request)
        return await run_in_threadpool(self._reveal, request, typed)

    def _reveal(self, request: Request, typed: dict[str, str]) -> Response:
        number = request.path_params["number"]
        with self._library.lock:
            shelf = self._shelf(request)
            reveal(shelf, number)
        home = _home(shelf)
        return _back(home if typed.get("back") == "lab" else f"{home}/trial/{number}")

    def events(self, request: Request) -> Response:
        with self._library.lock:
            shelf = self._shelf(request)
        revealed = shelf.lab.config.revealed if shelf.lab else ()
        # A browser that comes back names the last event it saw; a new page, where it was made.
        since = request.headers.get("last-event-id") or request.query_params.get("since", "")
        place = stream.Place.of(since) or stream.Place()

        async def state() -> str:
            return self._library.state(shelf)

        path = shelf.home / ".leanlab" / "events.jsonl"
        known = request.query_params.get("state", "")
        return _streaming(stream.stream(path, place, revealed, state, known))

    def all_events(self, request: Request) -> Response:
        def look() -> str:
            with self._library.lock:
                return self._library.state_of(self._library.shelves())

        async def state() -> str:
            return await run_in_threadpool(look)

        known = request.query_params.get("state", "")
        return _streaming(stream.stream(None, stream.Place(), (), state, known, look=_MANY))

    def _shelf(self, request: Request) -> Shelf:
        shelf = self._library.shelf(request.path_params["key"])
        if shelf is None:
            raise HTTPException(404, "There is no such lab here.")
        return shelf

    def _page(self, name: str, **values: object) -> Response:
        return HTMLResponse(pages.render(name, read_only=self._read_only, **values))


def _streaming(content: AsyncIterator[bytes]) -> Response:
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(content, media_type="text/event-stream", headers=headers)


async def _typed(request: Request) -> dict[str, str]:
    """A small form's fields; the first of each name."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM:
            raise HTTPException(413, "That is too long.")
    return {key: values[0] for key, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _home(shelf: Shelf) -> str:
    return f"/lab/{quote(shelf.key)}"


def _back(address: str) -> Response:
    return RedirectResponse(address, 303)


def _problem(_: Request, error: Exception) -> Response:
    """Every expected fault as a page that says it, with a way back."""
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.CONFLICT
    words = error.detail if isinstance(error, HTTPException) else str(error)
    page = pages.render("problem", status=int(status), words=words, read_only=True)
    return HTMLResponse(page, int(status))
