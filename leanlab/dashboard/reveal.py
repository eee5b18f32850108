"""Showing a trial's hidden metrics to a person, which the ledger notes before it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab.errors import LabError
from leanlab.ledger import Ledger

if TYPE_CHECKING:
    from leanlab.dashboard.library import Shelf


def reveal(shelf: Shelf, trial: int) -> None:
    """Record the look, once for each metric; raises LedgerError when that cannot be written.

    From then on every page shows these values: what a person has seen is what the ledger says.
    """
    from leanlab.bench import unrevealed

    lab, index = shelf.opened()
    row = index.row(trial)
    if row is None:
        raise LabError(f"{lab.results} has no trial {trial}.")
    (record,) = index.records([row])
    # Of the present rules where it was scored again: these are the values that pages show.
    record = msgspec.structs.replace(record, metrics=index.metrics_of(row))
    if due := unrevealed(lab, index.revealed, record, "serve", ""):
        Ledger(lab.results).append(due)
        index.refresh()
