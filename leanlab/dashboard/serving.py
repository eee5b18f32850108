"""Starts the dashboard on a port of this machine, and ends it on Ctrl-C."""

from __future__ import annotations

import contextlib
import socket
import webbrowser
from typing import TYPE_CHECKING

from leanlab.dashboard.app import make_app
from leanlab.dashboard.library import Library
from leanlab.dashboard.security import is_loopback, new_token
from leanlab.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PORT = 8765
_TRIES = 20


def serve(
    place: Path,
    *,
    host: str,
    port: int | None,
    read_only: bool,
    open_browser: bool,
    say: Callable[[str], None],
) -> None:
    """Serve the labs at a place until interrupted. Without a port, the first free one is taken."""
    import uvicorn

    listening = _listen(host, port)
    with listening:
        actual = listening.getsockname()[1]
        token = new_token()
        named = f"[{host}]" if ":" in host and not host.startswith("[") else host
        shown = "127.0.0.1" if named in ("0.0.0.0", "[::]") else named  # noqa: S104
        link = f"http://{shown}:{actual}/?token={token}"
        app = make_app(Library(place), token=token, host=named, port=actual, read_only=read_only)
        say(f"leanlab serves {place.resolve()}{', read-only' if read_only else ''}; Ctrl-C ends it")
        say(link)
        if not is_loopback(host):
            say(f"whoever reaches {host} and has this link sees the labs; it travels unencrypted")
        if open_browser:
            webbrowser.open(link)
        settings = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False,
            timeout_graceful_shutdown=1, lifespan="off",
        )  # fmt: skip
        # uvicorn raises the interrupt again once its connections are closed.
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(settings).run(sockets=[listening])


def _listen(host: str, port: int | None) -> socket.socket:
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    ports = range(PORT, PORT + _TRIES) if port is None else (port,)
    reason = ""
    for each in ports:
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((bare, each))
        except OSError as error:
            listening.close()
            reason = error.strerror or str(error)
            continue
        return listening
    where = f"{host}:{ports[0]}" if port is not None else f"{host}, ports {PORT} and up"
    raise ConfigError(f"cannot listen on {where}: {reason}. Choose another: --port 0 takes any.")
