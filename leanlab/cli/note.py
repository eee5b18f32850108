"""`leanlab note`."""

from __future__ import annotations

from typing import Annotated

import typer

from leanlab.cli.shared import Sets, expected, lab_of


@expected
def note(
    lab: Annotated[str, typer.Argument(metavar="LAB", help="Path of a lab, or a name.")],
    text: Annotated[str, typer.Argument(help="One line for the next Worker.")],
    sets: Sets = None,
) -> None:
    """Steer a lab by a line of yours, before a run or in the middle of one.

    The very next Worker reads it, and those after it, until five newer ones stand before it.

    Example: leanlab note labs/parity "Try next: parity"
    """
    from leanlab import control

    control.note(lab_of(lab, None, sets), text)
    typer.echo("noted; the next Worker reads it")
