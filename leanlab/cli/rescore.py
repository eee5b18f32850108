"""`leanlab rescore`."""

from __future__ import annotations

import typer

from leanlab.cli.shared import (
    AllowUnsandboxed,
    LabArgument,
    LabOption,
    RequireTier,
    Sets,
    expected,
    lab_of,
)


@expected
def rescore(
    lab: LabArgument = None,
    lab_option: LabOption = None,
    sets: Sets = None,
    require_tier: RequireTier = None,
    allow_unsandboxed: AllowUnsandboxed = False,
) -> None:
    """Score earlier experiments again.

    Those that were scored under other rules count again under the present ones.

    Example: leanlab rescore labs/parity
    """
    from leanlab.console import Console, in_words
    from leanlab.running import Options, to_the_end
    from leanlab.running import rescore as score_again

    opened = lab_of(lab, lab_option, sets)
    options = Options(require_tier=require_tier, allow_unsandboxed=allow_unsandboxed)
    with Console() as console:
        added = to_the_end(score_again(opened, options, console))
    metric = opened.config.objective.metric
    for record in added:
        shown = {metric: record.metrics[metric]} if metric in record.metrics else {}
        typer.echo(f"trial {record.trial}: {record.status} {in_words(shown)}".rstrip())
    typer.echo(f"{len(added)} experiments scored again")
