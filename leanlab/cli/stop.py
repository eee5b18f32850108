"""`leanlab stop`."""

from __future__ import annotations

import os
import signal
from typing import Annotated

import typer

from leanlab.cli.shared import LabArgument, LabOption, Sets, expected, lab_of, option
from leanlab.errors import LabError


@expected
def stop(
    lab: LabArgument = None,
    lab_option: LabOption = None,
    sets: Sets = None,
    now: Annotated[
        bool, option("--now", help="Abandon the trial instead of finishing it.")
    ] = False,
) -> None:
    """End a run after its present trial, or at once.

    Example: leanlab stop labs/parity
    """
    from leanlab.lock import holder

    opened = lab_of(lab, lab_option, sets)
    pid = holder(opened)
    if pid is None:
        raise LabError(f"no run is going on in {opened.home}.")
    if now:
        os.kill(pid, signal.SIGTERM)
        typer.echo(f"process {pid} abandons its trial and ends")
    else:
        (opened.state / "stop").touch()
        typer.echo(f"process {pid} ends after its present trial")
