"""`leanlab reset`."""

from __future__ import annotations

import typer

from leanlab.cli.shared import LabArgument, LabOption, Sets, expected, lab_of


@expected
def reset(lab: LabArgument = None, lab_option: LabOption = None, sets: Sets = None) -> None:
    """Start a lab afresh; nothing is deleted.

    Ledger, notes and experiments are moved to archive/ in the lab.

    Example: leanlab reset labs/parity
    """
    from leanlab.archive import archive

    opened = lab_of(lab, lab_option, sets)
    moved, place = archive(opened)
    typer.echo(f"moved {moved} files to {place}" if moved else "there was nothing to move")
