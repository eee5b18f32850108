"""`leanlab export`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from leanlab.cli.looks import note
from leanlab.cli.shared import LabArgument, LabOption, Sets, expected, lab_of, option


class Form(StrEnum):
    """What --format takes."""

    CSV = "csv"
    JSONL = "jsonl"


@expected
def export(
    lab: LabArgument = None,
    lab_option: LabOption = None,
    sets: Sets = None,
    form: Annotated[Form, option("--format", help="csv or jsonl.")] = Form.CSV,
    out: Annotated[
        Path | None, option("--out", help="File to write; standard output if not given.")
    ] = None,
    hidden: Annotated[
        bool, option("--hidden", help="Hidden metrics too; the ledger notes that they were seen.")
    ] = False,
) -> None:
    """Write the ledger as a flat table: trials, further evaluations, turns of Critic and Director.

    In a csv, text that a spreadsheet would take for a formula begins with an apostrophe.

    Example: leanlab export labs/parity --format csv --out parity.csv
    """
    from leanlab.console import counted
    from leanlab.export import export as write
    from leanlab.export import scored_trials
    from leanlab.overview import history_of

    opened = lab_of(lab, lab_option, sets)
    history = history_of(opened)
    if hidden:
        note(opened, history, scored_trials(opened), "export")
    if out is None:
        write(opened, history, sys.stdout, form.value, hidden=hidden)
        return
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            count = write(opened, history, file, form.value, hidden=hidden)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    typer.echo(f"{out}: {counted(count, 'row')}")
