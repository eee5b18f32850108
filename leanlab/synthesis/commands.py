"""`leanlab synth`: the command group of program synthesis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from leanlab.synthesis.lint import Report

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
        keys = ("id", "name", "domain", "summary", "shortest", "longest", "step")
        typer.echo(json.dumps([{key: getattr(one, key) for key in keys} for one in TARGETS]))
        return
    for one in TARGETS:
        typer.echo(f"{one.id or '-':6} {one.name:23} {one.domain:7} {one.lengths}")
        typer.echo(f"{'':6} {one.summary}")


@app.command("data")
def make_data(
    target: Annotated[str, typer.Argument(help="Name or id of a target.", metavar="TARGET")],
    length: Annotated[int, typer.Option("--length", help="Characters in each string.")],
    out: Annotated[
        Path, typer.Option("--out", help="Folder to write: a new one, or one written so before.")
    ],
    train: Annotated[int, typer.Option("--train", help="Strings to learn from.")] = 100,
    val: Annotated[int, typer.Option("--val", help="Strings to choose by.")] = 100,
    test: Annotated[int, typer.Option("--test", help="Strings to be scored on.")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", help="Another seed draws other strings.")] = 42,
    test_length: Annotated[
        int, typer.Option("--test-length", help="Length of the test strings; 0: the same.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Write train.txt, val.txt, test.txt, domain.txt and meta.json: the same bytes everywhere.

    Example: leanlab synth data dyck2 --length 40 --out words
    """
    import json

    from leanlab.labkit import ConfigError
    from leanlab.synthesis import data

    if out.exists() and not data.is_made(out):
        raise ConfigError(f"--out {out} holds something else already; name a new folder.")
    sizes = {"train": train, "val": val, "test": test, "seed": seed, "test_length": test_length}
    made = data.generate({"target": target, "length": length, **sizes})
    made.write(out)
    if as_json:
        typer.echo(json.dumps(made.meta, sort_keys=True))
        return
    counts = ", ".join(f"{name} {made.meta[name]}" for name in data.NAMES)
    typer.echo(f"{out}: {made.meta['target']} at length {length}, {counts}")
    if "note" in made.meta:
        typer.echo(made.meta["note"])


@app.command("lint")
def lint_data(
    folder: Annotated[
        Path, typer.Argument(help="Folder with train, val and test, or one file.", metavar="DIR")
    ],
    as_json: Json = False,
) -> None:
    """Find faults in labelled strings, and measure how far cheap shortcuts get.

    Exits 1 when there is a fault, or a shortcut is right on more than 75% of new strings.

    Example: leanlab synth lint labs/parity/data
    """
    import msgspec

    from leanlab.synthesis.lint import lint

    report = lint(folder)
    if as_json:
        typer.echo(msgspec.json.encode(msgspec.to_builtins(report) | {"clean": report.clean}))
    else:
        typer.echo("\n".join(_told(report)))
    raise typer.Exit(0 if report.clean else 1)


def _told(report: Report) -> list[str]:
    lines = [", ".join(f"{name} {size} lines" for name, size in report.sizes.items())]
    lines += [f"✗ {problem}" for problem in report.problems]
    lines += [f"- {note}" for note in report.notes]
    if not report.problems:
        lines.append("✓ no repetition, overlap or conflict, and even labels")
    lines.append(
        f"shortcuts, fitted on {report.fitted_on} strings, chosen on {report.chosen_on}, measured "
        f"on {report.measured_on}; one label for all is right on {report.constant:.1%}:"
    )
    for each in sorted(report.shortcuts, key=lambda each: -each.accuracy):
        mark = "✗" if each.flagged else "✓"
        share = f"{each.accuracy:6.1%} ± {each.standard_error:.1%}"
        lines.append(f"{mark} {share}  {each.family}: {each.name}")
    return lines


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
