"""`leanlab trajectory data` and `eval`: files of tasks made, and solvers measured on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from leanlab.trajectory.library import FunctionLibrary

OwnLibrary = Annotated[
    Path | None,
    typer.Option(
        "--library",
        metavar="FILE",
        help="A library file, with --trust-library; else the 118 functions.",
    ),
]
Trust = Annotated[
    bool, typer.Option("--trust-library", help="Run the library's code as your own, unconfined.")
]


def make_tasks(
    counts: Annotated[
        str, typer.Option(metavar="LENGTH:COUNT,…", help="How many tasks of which lengths.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Where to write; gzipped if it ends in .gz.")
    ],
    certified: Annotated[
        bool, typer.Option("--certified", help="Only tasks with no shorter answer; it is proved.")
    ] = False,
    varied: Annotated[
        bool, typer.Option("--varied", help="No walk along which all items become alike.")
    ] = False,
    given: Annotated[int, typer.Option(min=1, max=100, help="Examples that solvers see.")] = 4,
    held_out: Annotated[int, typer.Option(min=0, max=100, help="Examples kept back.")] = 4,
    seed: Annotated[int, typer.Option(help="The same seed makes the same tasks everywhere.")] = 0,
    library: OwnLibrary = None,
    trust_library: Trust = False,
) -> None:
    """Make tasks of known lengths, with held-out examples, as JSON lines.

    Example: leanlab trajectory data --counts 1:100,2:100,3:100 --certified --out tasks.jsonl
    """
    from leanlab.trajectory import making, taskfile

    recipe = making.Recipe(
        counts=making.read_counts(counts),
        seed=seed,
        certified=certified,
        varied=varied,
        given=given,
        held_out=held_out,
    )
    records = list(making.make(_library(library, trusted=trust_library), recipe))
    taskfile.write(out, records)
    typer.echo(f"{out}: {len(records):,} tasks")


def _library(path: Path | None, *, trusted: bool) -> FunctionLibrary:
    from leanlab.trajectory.library import FunctionLibrary, LibraryError

    if path is None:
        return FunctionLibrary.default()
    if not trusted:
        raise LibraryError(
            f"{path}: the functions of a library are code, and would run as you. Read it, and if "
            "you trust it say --trust-library."
        )
    return FunctionLibrary.read(path)
