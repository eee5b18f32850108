"""`leanlab check`."""

from __future__ import annotations

import typer

from leanlab.cli.shared import Json, LabArgument, LabOption, Sets, expected, named, pairs


@expected
def check(
    lab: LabArgument = None,
    lab_option: LabOption = None,
    sets: Sets = None,
    json: Json = False,
) -> None:
    """Look whether a lab is fit to run.

    A line for each look, status 1 if something is wrong. Nothing is written.

    Example: leanlab check labs/parity
    """
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
