"""`leanlab synth`: the command group of program synthesis."""

from __future__ import annotations

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
