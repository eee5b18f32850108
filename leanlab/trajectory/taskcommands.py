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


def evaluate_solvers(
    tasks: Annotated[Path, typer.Argument(metavar="TASKS", help="A file of tasks.")],
    solvers: Annotated[
        str,
        typer.Option(
            "--solver",
            metavar="NAME,…",
            help="Of exact, bfs, random, guided, llm, and module:Class of your own.",
        ),
    ] = "exact,bfs",
    library: OwnLibrary = None,
    trust_library: Trust = False,
    max_depth: Annotated[int, typer.Option(min=0, max=64, help="Functions, at most.")] = 8,
    max_calls: Annotated[
        int, typer.Option(min=1, help="Function calls a task, the same for every solver.")
    ] = 10_000,
    seconds: Annotated[float | None, typer.Option(min=0, help="Seconds a task, at most.")] = None,
    memory: Annotated[
        int, typer.Option(min=1, metavar="MB", help="Megabytes of the exact solver, at most.")
    ] = 2048,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Tasks at once.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the random walk.")] = 0,
    learn: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Solved tasks that guided learns from beforehand."),
    ] = None,
    backend: Annotated[str, typer.Option(help="Which backend llm asks.")] = "auto",
    model: Annotated[str | None, typer.Option(help="Which model of that backend.")] = None,
    attempts: Annotated[int, typer.Option(min=1, max=1000, help="Answers of llm a task.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Measure solvers on a file of tasks, all at the same budget.

    Example: leanlab trajectory eval tasks.jsonl --solver exact,bfs,random --max-calls 1000
    """
    import msgspec

    from leanlab.trajectory import measuring, taskfile
    from leanlab.trajectory.search import Budget

    summaries = measuring.measure(
        measuring.Plan(
            solvers=measuring.named(solvers),
            budget=Budget(
                max_depth=max_depth, max_calls=max_calls, seconds=seconds, memory_mb=memory
            ),
            seed=seed,
            jobs=jobs,
            learned=measuring.learned(learn),
            backend=backend,
            model=model,
            attempts=attempts,
        ),
        _library(library, trusted=trust_library),
        taskfile.read(tasks),
    )
    typer.echo(msgspec.json.encode(summaries).decode() if as_json else measuring.table(summaries))


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
