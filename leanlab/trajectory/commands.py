"""`leanlab trajectory`: the command group of trajectory discovery."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from leanlab.trajectory.asking import Question
    from leanlab.trajectory.search import Answer

app = typer.Typer(help="Sequences of functions, found by example.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Library = Annotated[
    Path | None,
    typer.Option("--library", metavar="FILE", help="A library file; else the 118 functions."),
]
Trust = Annotated[
    bool,
    typer.Option("--trust-library", help="Run the library's code as your own, unconfined."),
]


@app.callback()
def _group() -> None:
    """Sequences of functions, found by example."""


@app.command("solve")
def solve_task(
    given: Annotated[
        str, typer.Option("--input", metavar="LIST", help="Inputs, as a Python or JSON list.")
    ],
    wanted: Annotated[
        str, typer.Option("--output", metavar="LIST", help="One output for each input.")
    ],
    library: Library = None,
    trust_library: Trust = False,
    solver_name: Annotated[
        str, typer.Option("--solver", metavar="NAME", help="exact, bfs or random.")
    ] = "exact",
    max_depth: Annotated[int, typer.Option(min=0, max=64, help="Functions, at most.")] = 8,
    max_calls: Annotated[int | None, typer.Option(min=0, help="Function calls, at most.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="Seconds, at most.")] = None,
    memory: Annotated[
        int, typer.Option(min=1, metavar="MB", help="Megabytes of the exact solver, at most.")
    ] = 2048,
    seed: Annotated[int, typer.Option(help="Of the random walk.")] = 0,
    every: Annotated[
        bool, typer.Option("--all", help="Every shortest trajectory, the best first.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Find a shortest sequence of functions from the inputs to the outputs.

    Or say that none of at most --max-depth functions exists, which is then proved, or that a
    budget ended first. The exit status is 0, 1 and 3.

    Example: leanlab trajectory solve --input '[3, 1, 2]' --output '[9, 1, 4]'
    """
    import msgspec

    from leanlab.trajectory.asking import Question
    from leanlab.trajectory.interchange import encode, read_literal
    from leanlab.trajectory.search import Budget

    question = Question(
        input=encode(read_literal(given, where="--input")),
        output=encode(read_literal(wanted, where="--output")),
        budget=Budget(max_depth=max_depth, max_calls=max_calls, seconds=seconds, memory_mb=memory),
        solver=solver_name,
        seed=seed,
        every=every,
    )
    answer = _answered(question, library, trusted=trust_library)
    typer.echo(msgspec.json.encode(answer).decode() if as_json else _told(answer))
    raise typer.Exit(_STATUS[type(answer).__name__])


_STATUS = {"Solved": 0, "Refuted": 1, "Exhausted": 3}


def _answered(question: Question, library: Path | None, *, trusted: bool) -> Answer:
    from leanlab.trajectory import asking, confined
    from leanlab.trajectory.library import DEFAULT, FunctionLibrary

    if library is not None and not trusted:
        return confined.answered(question, library)
    return asking.answered(question, FunctionLibrary.read(library or DEFAULT))


def _told(answer: Answer) -> str:
    from leanlab.trajectory.search import Exhausted, Refuted

    cost = f"{answer.calls:,} calls, {answer.seconds:.3f} s"
    if isinstance(answer, Exhausted):
        known = (
            f"none of at most {answer.refuted} functions exists"
            if answer.refuted >= 0
            else "nothing is known"
        )
        return f"unknown: the budget of {answer.budget} ended first; {known} ({cost})"
    if isinstance(answer, Refuted):
        length = "any length" if answer.any_length else f"at most {answer.depth} functions"
        return f"none: no trajectory of {length} exists ({cost})"
    lines = [", ".join(names) or "(the output is the input)" for names in answer.trajectories]
    length = f"{len(answer.functions)} function{'s' * (len(answer.functions) != 1)}"
    what = "shortest" if answer.shortest else "found, and not proved shortest"
    if answer.complete:
        what = f"all {len(lines):,} of this length"
    return "\n".join([*lines, f"{length}, {what} ({cost})"])
