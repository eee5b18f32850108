"""`leanlab show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from leanlab.cli.looks import note
from leanlab.cli.shared import Json, LabOption, Sets, expected, lab_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from leanlab.lab import Lab
    from leanlab.overview import Overview, Story


@expected
def show(
    lab: Annotated[
        str | None, typer.Argument(metavar="LAB", help="Path of a lab, or a name under labs/.")
    ] = None,
    trial: Annotated[int | None, typer.Argument(help="Show this trial whole.", min=1)] = None,
    lab_option: LabOption = None,
    sets: Sets = None,
    json: Json = False,
) -> None:
    """Show what a lab has come to, or one trial.

    Hidden metrics too: that a person saw them is noted in the ledger.

    Example: leanlab show labs/parity 3
    """
    import msgspec

    from leanlab.overview import history_of, overview, story

    if lab_option and lab and lab.isdigit() and trial is None:
        # With --lab, the one argument is the trial.
        trial, lab = int(lab), None
    opened = lab_of(lab, lab_option, sets)
    history = history_of(opened)
    if trial is not None:
        tale = story(opened, trial)
        note(opened, history, [tale.trial], "show")
        typer.echo(msgspec.json.encode(tale).decode() if json else "\n".join(_tell(tale)))
        return
    view = overview(opened, history)
    if view.best:
        note(opened, history, [view.best], "show")
    lines = _sum_up(opened, view)
    typer.echo(msgspec.json.encode(view).decode() if json else "\n".join(lines))


def _sum_up(lab: Lab, view: Overview) -> Iterator[str]:
    from leanlab.console import counted, in_words, number, ordered

    metric = view.objective.metric
    target = "" if view.objective.target is None else f", target {number(view.objective.target)}"
    yield f"{view.name} ({view.lab}{', ' + view.variant if view.variant else ''})"
    if lab.config.description:
        yield f"  {lab.config.description}"
    yield f"  {view.objective.direction} {metric}{target}"
    yield f"  fingerprint {view.fingerprint}, tier {view.tier or 'not known yet'}"
    statuses = ", ".join(f"{count} {status}" for status, count in view.statuses.items())
    others = view.all_trials - view.trials
    older = f"; {others} more under other rules (leanlab rescore)" if others > 0 else ""
    yield f"  {counted(view.trials, 'trial')}{': ' + statuses if statuses else ''}{older}"
    if view.running_pid:
        yield f"  running as process {view.running_pid}"
    for record in view.top:
        words = in_words(ordered(record.metrics, metric))
        yield f"  trial {record.trial}: {words}  {record.experiment_file}"
    for role in ("director", "critic"):
        if lab.note_file(role).is_file():
            yield f"  {role.capitalize()}: {lab.note_file(role)}"


def _tell(tale: Story) -> Iterator[str]:
    from leanlab.console import counted, in_words
    from leanlab.memory import printable

    record = tale.trial
    yield f"trial {record.trial}: {record.status}, {record.experiment_file or 'no experiment'}"
    if record.metrics:
        yield f"  {in_words(record.metrics)}"
    for evaluation in tale.evaluations:
        yield f"  scored again, {evaluation.status}: {in_words(evaluation.metrics)}"
    cost = "unknown" if record.cost_usd is None else f"${record.cost_usd:.4f}"
    yield (
        f"  {record.ts}, {' '.join(filter(None, (record.backend, record.model)))}, cost {cost}, "
        f"tier {record.tier}{', untrusted' if record.untrusted else ''}"
    )
    parents = ", ".join(map(str, record.parents)) or "none"
    back = f"sent back {counted(record.fixes, 'time')}"
    yield f"  move {record.move or 'none'}, parents {parents}, {back}"
    for title, text in (
        ("notes", record.notes),
        ("error", record.error.text if record.error else ""),
        *((turn.role, turn.text) for turn in tale.notes),
    ):
        if text:
            yield f"  {title}:"
            yield from (f"    {line}" for line in printable(text).splitlines())
    yield ""
    yield printable(tale.code).rstrip() if tale.code is not None else "(its file is gone)"
