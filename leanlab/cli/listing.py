"""`leanlab list`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leanlab.cli.shared import Json, expected


@expected
def list_labs(
    folder: Annotated[
        Path, typer.Argument(help="Where to look: a folder of labs, or one that has labs/.")
    ] = Path(),
    json: Json = False,
) -> None:
    """List labs and variants, with their best.

    Example: leanlab list
    """
    import msgspec

    from leanlab.console import counted, number
    from leanlab.errors import LabError
    from leanlab.overview import labs_below, overview

    if not folder.is_dir():
        raise LabError(f"there is no folder {folder}.")
    views = [overview(lab) for lab in labs_below(folder)]
    if json:
        typer.echo(msgspec.json.encode(views).decode())
        return
    if not views:
        typer.echo(f"no lab in {folder.resolve()}; a lab is a folder with a lab.json")
    for view in views:
        metric = view.objective.metric
        best = f"best {metric} {number(view.best.metrics[metric])}" if view.best else "no score"
        running = f", running as {view.running_pid}" if view.running_pid else ""
        typer.echo(f"{view.named}: {counted(view.trials, 'trial')}, {best}{running}")
