"""`leanlab stop`, `leanlab pause` and `leanlab resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from leanlab.cli.shared import LabArgument, LabOption, Sets, expected, lab_of, option


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
    from leanlab import control

    pid = control.stop(lab_of(lab, lab_option, sets), now=now)
    when = "abandons its trial and ends" if now else "ends after its present trial"
    typer.echo(f"process {pid} {when}")


@expected
def pause(lab: LabArgument = None, lab_option: LabOption = None, sets: Sets = None) -> None:
    """Let a run wait after its present trial.

    It goes on with `leanlab resume`; the time in between is not counted against --max-time.

    Example: leanlab pause labs/parity
    """
    from leanlab import control

    pid = control.pause(lab_of(lab, lab_option, sets))
    typer.echo(f"process {pid} waits after its present trial")


@expected
def resume(lab: LabArgument = None, lab_option: LabOption = None, sets: Sets = None) -> None:
    """Let a paused run go on.

    A run that has ended goes on with `leanlab run`.

    Example: leanlab resume labs/parity
    """
    from leanlab import control

    pid = control.resume(lab_of(lab, lab_option, sets))
    typer.echo(f"process {pid} goes on")
