"""`leanlab try`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leanlab.cli.shared import (
    AllowUnsandboxed,
    Json,
    RequireTier,
    Sets,
    expected,
    lab_of,
    option,
)


@expected
def try_file(
    lab: Annotated[str, typer.Argument(help="Path of a lab, or a name under labs/.")],
    file: Annotated[Path, typer.Argument(help="Your experiment.")],
    notes: Annotated[str, option("--notes", help="What it tries; the ledger keeps it.")] = "",
    sets: Sets = None,
    json: Json = False,
    require_tier: RequireTier = None,
    allow_unsandboxed: AllowUnsandboxed = False,
) -> None:
    """Score and record an experiment of your own.

    Status 1 when it has no score.

    Example: leanlab try labs/parity labs/parity/experiments/sample.py
    """
    import msgspec

    from leanlab.console import in_words, ordered
    from leanlab.memory import printable
    from leanlab.running import Options, to_the_end, try_experiment

    opened = lab_of(lab, None, sets)
    options = Options(require_tier=require_tier, allow_unsandboxed=allow_unsandboxed)
    work = try_experiment(
        opened, file, options, lambda event: typer.echo(getattr(event, "text", ""), err=True), notes
    )
    record = to_the_end(work)
    if json:
        typer.echo(msgspec.json.encode(record).decode())
    else:
        words = in_words(ordered(record.metrics, opened.config.objective.metric))
        text = words or (record.error.text if record.error else "")
        typer.echo(f"trial {record.trial}: {record.status}: {printable(text)}")
    if record.status != "scored":
        raise typer.Exit(1)
