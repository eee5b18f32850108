"""`leanlab run`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leanlab.cli.shared import (
    BACKEND_HELP,
    AllowUnfenced,
    AllowUnsandboxed,
    Effort,
    LabArgument,
    LabOption,
    Model,
    RequireTier,
    Sets,
    expected,
    lab_of,
    option,
)
from leanlab.errors import ConfigError

if TYPE_CHECKING:
    from leanlab.lab import Lab

BUDGET_ENDED = 3


@expected
def run(
    lab: LabArgument = None,
    lab_option: LabOption = None,
    n: Annotated[int | None, option("--n", "-n", help="How many trials.", min=0)] = None,
    backend: Annotated[str, option("--backend", help=BACKEND_HELP)] = "auto",
    model: Model = None,
    effort: Effort = None,
    policy: Annotated[
        str | None, option("--policy", help="How trials are chosen: greedy, erm, escalate.")
    ] = None,
    sets: Sets = None,
    max_usd: Annotated[
        float | None, option("--max-usd", help="End when so much was spent.", min=0)
    ] = None,
    max_tokens: Annotated[
        int | None, option("--max-tokens", help="End when so many tokens were used.", min=0)
    ] = None,
    max_time: Annotated[
        str | None, option("--max-time", help="End after so long: 90s, 30m, 2h.")
    ] = None,
    seed: Annotated[int, option("--seed", help="Seeds policy and researcher.")] = 0,
    dry_run: Annotated[
        bool, option("--dry-run", help="Print every prompt and the plan; change nothing.")
    ] = False,
    require_tier: RequireTier = None,
    allow_unsandboxed: AllowUnsandboxed = False,
    allow_unfenced: AllowUnfenced = False,
    record: Annotated[
        Path | None, option("--record", help="Write every request and answer into a new file.")
    ] = None,
    replay: Annotated[
        Path | None, option("--replay", help="Have a recorded file answer: no key, no network.")
    ] = None,
    prepare: Annotated[
        bool, option("--prepare", help="Agree to run the lab's prepare_cmd, with the network.")
    ] = False,
) -> None:
    """Run a lab's loop: propose, evaluate, remember.

    Running again goes on from the ledger.

    Example: leanlab run --lab labs/parity -n 3
    """
    from leanlab.running import Options

    opened = lab_of(lab, lab_option, sets)
    options = Options(
        trials=n,
        backend=backend,
        model=model,
        effort=effort.value if effort else None,
        policy=policy,
        seed=seed,
        max_usd=max_usd,
        max_tokens=max_tokens,
        max_seconds=seconds(max_time),
        require_tier=require_tier,
        allow_unsandboxed=allow_unsandboxed,
        prepare=prepare or (not dry_run and agrees_to_prepare(opened)),
        allow_unfenced=allow_unfenced,
        record=record,
        replay=replay,
    )
    if dry_run:
        from leanlab.dryrun import describe

        for line in describe(opened, options):
            typer.echo(line)
        return
    from leanlab.console import Console
    from leanlab.running import run_lab, to_the_end

    with Console() as console:
        summary = to_the_end(run_lab(opened, options, console))
    if summary.end.kind == "budget":
        raise typer.Exit(BUDGET_ENDED)


def agrees_to_prepare(lab: Lab) -> bool:
    """Ask in a terminal; elsewhere only --prepare says yes."""
    import sys

    from leanlab.evaluator.prepare import due
    from leanlab.memory import printable

    command = due(lab)
    if command is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    return typer.confirm(
        f"{lab.folder} has to be prepared first. Run this once, with the network and your rights?\n"
        f"  {printable(command)}\n"
    )


def seconds(text: str | None) -> float | None:
    """Read a duration such as 90s, 30m or 2h; a bare number is seconds."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if match is None:
        raise ConfigError(f"--max-time {text}: write a duration such as 90s, 30m or 2h.")
    return float(match.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3600}[match.group(2)]
