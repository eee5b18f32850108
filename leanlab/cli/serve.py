"""`leanlab serve`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from leanlab.cli.shared import expected, option


@expected
def serve(
    labs: Annotated[
        str, typer.Argument(metavar="LABS", help="A lab, or a folder of labs; without, this one.")
    ] = ".",
    port: Annotated[
        int | None,
        option("--port", help="Port; without, the first free one from 8765.", min=0, max=65535),
    ] = None,
    host: Annotated[
        str, option("--host", help="Address to listen on; another one opens it to the network.")
    ] = "127.0.0.1",
    open_: Annotated[
        bool | None,
        option("--open/--no-open", help="Open a browser; by default only from a terminal."),
    ] = None,
    read_only: Annotated[
        bool, option("--read-only", help="Show, and change nothing: no control, no reveal.")
    ] = False,
) -> None:
    """Show labs in a browser, live while they run.

    The link that it prints holds a token; nothing is shown without it.

    Example: leanlab serve labs
    """
    from leanlab.dashboard.serving import serve as serve_labs
    from leanlab.lab import find_lab

    place = Path(labs) if Path(labs).is_dir() else find_lab(labs)
    serve_labs(
        place,
        host=host,
        port=port,
        read_only=read_only,
        open_browser=sys.stdout.isatty() if open_ is None else open_,
        say=lambda text: typer.echo(text),
    )
