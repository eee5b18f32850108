"""The command line: one module a command, each imported light and working on first use."""

from __future__ import annotations

import typer

from leanlab.cli import (
    allow,
    check,
    export,
    listing,
    new,
    note,
    report,
    rescore,
    reset,
    run,
    seal,
    serve,
    show,
    stop,
    sweep,
    try_,
)
from leanlab.cli.groups import Groups
from leanlab.cli.shared import PLAIN, version

app = typer.Typer(cls=Groups, **PLAIN)
app.callback()(version)
app.command("run")(run.run)
app.command("new")(new.new)
app.command("check")(check.check)
app.command("seal")(seal.seal)
app.command("unseal")(seal.unseal)
app.command("list")(listing.list_labs)
app.command("show")(show.show)
app.command("try")(try_.try_file)
app.command("sweep")(sweep.sweep)
app.command("note")(note.note)
app.command("allow")(allow.allow)
app.command("report")(report.report)
app.command("export")(export.export)
app.command("rescore")(rescore.rescore)
app.command("serve")(serve.serve)
app.command("pause")(stop.pause)
app.command("resume")(stop.resume)
app.command("stop")(stop.stop)
app.command("reset")(reset.reset)


def main() -> None:
    app()
