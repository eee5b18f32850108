"""`leanlab sweep`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leanlab.cli.run import BUDGET_ENDED, agrees_to_prepare
from leanlab.cli.shared import (
    BACKEND_HELP,
    AllowUnfenced,
    AllowUnsandboxed,
    Effort,
    Json,
    LabArgument,
    LabOption,
    Model,
    RequireTier,
    expected,
    named,
    option,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leanlab.sweep.grid import Plan

FAILED = 1


@expected
def sweep(
    lab: LabArgument = None,
    lab_option: LabOption = None,
    sets: Annotated[
        list[str] | None,
        option("--set", help="Values of a parameter of the grid.", metavar="KEY=VALUE,VALUE"),
    ] = None,
    seeds: Annotated[
        str | None,
        option("--seeds", help="The same as --set seed=…: repetitions.", metavar="N,N"),
    ] = None,
    attempts: Annotated[
        int | None,
        option("--attempts", help="At most so many for each point; else budget.trials.", min=1),
    ] = None,
    jobs: Annotated[int, option("--jobs", "-j", help="How many points at once.", min=1)] = 1,
    backend: Annotated[str | None, option("--backend", help=BACKEND_HELP)] = None,
    model: Model = None,
    effort: Effort = None,
    policy: Annotated[
        str | None,
        option("--policy", help="How attempts are chosen: erm (default), greedy, escalate."),
    ] = None,
    seed: Annotated[
        int | None, option("--seed", help="Seeds policy and researcher; else 0.")
    ] = None,
    out: Annotated[
        Path | None, option("--out", help="Folder of the results; else one in .leanlab/sweeps/.")
    ] = None,
    resume: Annotated[
        bool, option("--resume", help="Go on with the sweep in --out, or with the lab's last.")
    ] = False,
    max_usd: Annotated[
        float | None, option("--max-usd", help="End when the whole sweep has spent it.", min=0)
    ] = None,
    rows: Annotated[str | None, option("--rows", help="Parameter of the summary's rows.")] = None,
    cols: Annotated[
        str | None, option("--cols", help="Parameter of the summary's columns.")
    ] = None,
    metric: Annotated[
        str | None, option("--metric", help="What the summary shows; docs/sweep.md: which else.")
    ] = None,
    dry_run: Annotated[bool, option("--dry-run", help="Print the grid; change nothing.")] = False,
    require_tier: RequireTier = None,
    allow_unsandboxed: AllowUnsandboxed = False,
    allow_unfenced: AllowUnfenced = False,
    prepare: Annotated[
        bool, option("--prepare", help="Agree to run the lab's prepare_cmd, with the network.")
    ] = False,
    json: Json = False,
) -> None:
    """Run a grid of variants of a lab.

    Each point gets independent attempts and ends early at the target; the best attempt by the
    objective counts, and its hidden metrics are reported.

    Example: leanlab sweep labs/parity --set length=30,20 --seeds 42,43 --attempts 3 --jobs 2
    """
    from leanlab.lab import open_lab
    from leanlab.sweep import report, session
    from leanlab.sweep.conductor import Settings
    from leanlab.sweep.grid import axes_of
    from leanlab.sweep.summary import layout

    opened = open_lab(named(lab, lab_option))
    asked = session.Asked(
        axes=axes_of(opened, sets or [], seeds) if sets or seeds or not resume else None,
        attempts=attempts,
        backend=backend,
        model=model,
        effort=effort.value if effort else None,
        policy=policy,
        seed=seed,
    )
    folder, plan = (session.go_on if resume else session.begin)(opened, asked, out)
    session.check(plan, opened)
    arranged = layout(plan, rows, cols)
    if dry_run:
        typer.echo("\n".join(_describe(plan)))
        return
    settings = Settings(
        jobs=jobs,
        max_usd=max_usd,
        require_tier=require_tier,
        allow_unsandboxed=allow_unsandboxed,
        allow_unfenced=allow_unfenced,
        prepare=prepare or agrees_to_prepare(opened),
    )
    where = os.path.relpath(folder)
    typer.echo(f"{_size(plan)}; results in {where}", err=True)
    try:
        ending = session.conduct(plan, folder, settings, arranged, metric)
    except KeyboardInterrupt:
        again = shlex.join(["leanlab", "sweep", os.path.relpath(opened.folder), "--out", where])
        typer.echo(f"to go on: {again} --resume", err=True)
        raise
    typer.echo(report.encoded(ending.summary).decode() if json else report.text(ending.summary))
    if ending.budget_ended:
        raise typer.Exit(BUDGET_ENDED)
    if ending.failed:
        raise typer.Exit(FAILED)


def _size(plan: Plan) -> str:
    from leanlab.console import counted

    points = counted(len(plan.points()), "point")
    return f"{points}, at most {counted(plan.attempts, 'attempt')} each"


def _describe(plan: Plan) -> Iterator[str]:
    """Tell what would be run; a point's own plan and prompts are those of a dry run of its lab."""
    from leanlab.memory import printable

    yield f"lab        {plan.lab}"
    yield f"grid       {_size(plan)}"
    yield f"policy     {plan.policy}"
    yield f"backend    {' '.join(filter(None, (plan.backend, plan.model, plan.effort)))}"
    for point in plan.points():
        yield f"point      {printable(point.name)}"
