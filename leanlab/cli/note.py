"""`leanlab note`."""

from __future__ import annotations

from typing import Annotated

import typer

from leanlab.cli.shared import Sets, expected, lab_of
from leanlab.errors import ConfigError


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
    from leanlab.lab import make_home
    from leanlab.ledger import Ledger
    from leanlab.records import Note

    line = " ".join(text.split())
    if not line:
        raise ConfigError("the note is empty. Say in a line what the next Worker should try.")
    opened = lab_of(lab, None, sets)
    make_home(opened)
    Ledger(opened.results).append(Note(run="person", text=line))
    typer.echo("noted; the next Worker reads it")
