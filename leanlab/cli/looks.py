"""Hidden metrics that a command shows to a person, noted in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from leanlab.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leanlab.history import History
    from leanlab.lab import Lab
    from leanlab.records import Trial


def note(lab: Lab, history: History, shown: Iterable[Trial], command: str) -> None:
    """Note that hidden metrics were shown; where that cannot be written, say so and go on."""
    from leanlab.bench import unrevealed
    from leanlab.ledger import Ledger

    due = []
    for record in shown:
        if reveal := unrevealed(lab, history.revealed, record, command, ""):
            history.add(reveal)
            due.append(reveal)
    ledger = Ledger(lab.results)
    try:
        for reveal in due:
            ledger.append(reveal)
    except LedgerError as error:
        typer.echo(f"leanlab: the look was not noted: {error}", err=True)
