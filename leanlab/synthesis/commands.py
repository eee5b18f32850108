"""`leanlab synth`: the command group of program synthesis."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Program synthesis from labelled strings.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.callback()
def _group() -> None:
    """Program synthesis from labelled strings."""


@app.command("targets")
def list_targets(as_json: Json = False) -> None:
    """List the hidden rules that data can be made for.

    Example: leanlab synth targets
    """
    import json

    from leanlab.synthesis.targets import TARGETS

    if as_json:
        facts = [{"id": one.id, "name": one.name, "shortest": one.shortest} for one in TARGETS]
        typer.echo(json.dumps(facts))
        return
    for one in TARGETS:
        typer.echo(f"{one.id:6} {one.name:20} from {one.shortest} characters")


@app.command("learn")
def learn(
    train: Annotated[Path, typer.Argument(help="Labelled strings: lines `x -> y`, CSV or TSV.")],
    val: Annotated[Path | None, typer.Option(help="Labelled strings to choose by.")] = None,
    test: Annotated[Path | None, typer.Option(help="Labelled strings to report on.")] = None,
    predict: Annotated[Path | None, typer.Option(help="Strings to label, one a line.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where --predict writes a label a line.")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="How long to search, about. Default: some ten seconds.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the rule behind labelled strings, and say how far it can be trusted.

    Example: leanlab synth learn train.txt --val val.txt --test test.txt
    """
    from leanlab.synthesis import learncommand

    asked = learncommand.Asked(
        train=train, val=val, test=test, predict=predict, out=out, seconds=seconds
    )
    typer.echo(learncommand.run(asked, as_json=as_json))
