"""`leanlab report`."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leanlab.cli.looks import note
from leanlab.cli.shared import LabArgument, LabOption, Sets, expected, lab_of, option

if TYPE_CHECKING:
    from leanlab.history import History
    from leanlab.records import Trial


class Form(StrEnum):
    """What --format takes."""

    HTML = "html"
    MD = "md"
    BOTH = "both"


@expected
def report(
    lab: LabArgument = None,
    lab_option: LabOption = None,
    sets: Sets = None,
    out: Annotated[
        Path | None,
        option("--out", help="Folder to write to; the lab's .leanlab/report if not given."),
    ] = None,
    form: Annotated[
        Form, option("--format", help="html, md (with its chart), or both.")
    ] = Form.BOTH,
) -> None:
    """Write what a lab has come to: what was tried, what won and why, how far to believe it.

    The best trial's hidden metrics too: that a person saw them is noted in the ledger.

    Example: leanlab report labs/parity --out parity-report
    """
    from leanlab.report import write_report

    opened = lab_of(lab, lab_option, sets)
    folder = out or opened.state / "report"

    def noted(history: History, best: Trial) -> None:
        note(opened, history, [best], "report")

    for path in write_report(opened, folder, form.value, noted):
        typer.echo(os.path.relpath(path))
