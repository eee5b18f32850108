"""A dashboard without a network, and one that listens, with a browser in front of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.testclient import TestClient

from leanlab.dashboard.app import make_app
from leanlab.dashboard.library import Library

TOKEN = "a-token-of-the-tests"
HOST = "127.0.0.1:8765"

Visit = Callable[..., TestClient]


@pytest.fixture
def visit() -> Visit:
    """Open a folder of labs as somebody who came by the link."""

    def open_(
        place: Path, *, host: str = "127.0.0.1", read_only: bool = False, by_link: bool = True
    ) -> TestClient:
        app = make_app(Library(place), token=TOKEN, host=host, port=8765, read_only=read_only)
        client = TestClient(app, base_url=f"http://{HOST}")
        if by_link:
            client.cookies.set("leanlab_8765", TOKEN)
        return client

    return open_


Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve a folder on a port of this machine, in a thread; returns the link."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(place: Path, *, read_only: bool = False) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        app = make_app(
            Library(place), token=TOKEN, host="127.0.0.1", port=port, read_only=read_only
        )
        settings = uvicorn.Config(
            app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{port}/?token={TOKEN}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(timeout=10)
