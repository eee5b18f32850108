"""`leanlab check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from leanlab.cli.shared import (
    Json,
    LabArgument,
    LabOption,
    Sets,
    expected,
    fail,
    lab_of,
    named,
    option,
    pairs,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leanlab.attacks import Finding


@expected
def check(
    lab: LabArgument = None,
    lab_option: LabOption = None,
    sets: Sets = None,
    attack: Annotated[
        bool,
        option("--attack", help="Play every known attack against a copy of the lab, instead."),
    ] = False,
    control: Annotated[
        bool,
        option("--control", help="With --attack: show where each of them wins, if it is safe."),
    ] = False,
    only: Annotated[
        list[int] | None,
        option("--only", help="With --attack: the attack of this number.", metavar="N"),
    ] = None,
    json: Json = False,
) -> None:
    """Look whether a lab is fit to run.

    A line for each look, status 1 if something is wrong. Nothing is written. With --attack, a line
    for each attack that an experiment could try, put before the sample in a copy of the lab and
    run by the real evaluator: resisted, or what it won and what to do; status 1 if any won. An
    open lab cannot promise to resist them all: what it cannot is told apart, and has status 0.

    Example: leanlab check labs/parity
    """
    if (control or only) and not attack:
        fail("--control and --only say more about attacks: give --attack too")
    if attack:
        _attack(lab, lab_option, sets, control=control, only=only, json=json)
        return
    import msgspec

    from leanlab.checks import check as look
    from leanlab.memory import printable

    findings = []
    for finding in look(named(lab, lab_option), pairs(sets)):
        findings.append(finding)
        if not json:
            text = printable(finding.text).replace("\n", "\n  ")
            typer.echo(f"{finding.mark} {finding.what}: {text}")
    if json:
        typer.echo(msgspec.json.encode(findings).decode())
    if any(finding.mark == "✗" for finding in findings):
        raise typer.Exit(1)


def _attack(
    lab: str | None,
    lab_option: str | None,
    sets: list[str] | None,
    *,
    control: bool,
    only: list[int] | None,
    json: bool,
) -> None:
    import msgspec

    from leanlab.attacks import run_attacks

    opened = lab_of(lab, lab_option, sets)
    findings = run_attacks(opened, pairs(sets), control=control, numbers=only or None)
    made = list(findings) if json else list(_told(findings))
    if json:
        typer.echo(msgspec.json.encode(made).decode())
    else:
        _count(made, is_native=opened.is_native)
    if any(finding.failed for finding in made):
        raise typer.Exit(1)


def _count(made: list[Finding], *, is_native: bool) -> None:
    from leanlab.attacks.promises import REMEDY, not_promised

    won, failed = (sum(getattr(one, name) for one in made) for name in ("won", "failed"))
    line = f"{len(made)} attacks, {len(made) - won} resisted, "
    if is_native:
        typer.echo(f"{line}{won} won")
        return
    typer.echo(f"{line}{won - failed} won what an open lab cannot promise, {failed} won more")
    lost = not_promised((one.number, one.verdict) for one in made if one.won and not one.promised)
    if lost:
        typer.echo(f"This open lab cannot promise {lost}. To promise it, {REMEDY}.")
    if not failed:
        typer.echo("What an open lab does promise was kept.")


def _told(findings: Iterable[Finding]) -> Iterable[Finding]:
    from leanlab.memory import printable

    for one in findings:
        mark = "✗" if one.failed else "⚠" if one.won else "✓"
        line = f"{mark} {one.number} {one.title}: {one.verdict}, tier {one.tier}"
        if one.validated is False:
            line += "; validate.py refuses it too"
        if one.failed:
            line += f"; it won {one.prize}: {one.evidence}. To resist: {one.remedy}"
        elif one.won:
            line += f"; not promised: {one.evidence}"
        if one.control_words:
            line += f"; control: {f'{one.control}, ' if one.control else ''}{one.control_words}"
        typer.echo(printable(line).replace("\n", " "))
        yield one
