"""What the overview and a lab's page show: pure views of what is on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from leanlab.dashboard import controls, plots
from leanlab.dashboard.comparison import spark
from leanlab.dashboard.inside import Gone, NotShown, read_inside
from leanlab.dashboard.lineage import Lineage, lineage
from leanlab.dashboard.moments import Moment, merged
from leanlab.dashboard.stream import Place, latest
from leanlab.dashboard.table import Query, Table, table
from leanlab.memory import printable
from leanlab.records import RoleTurn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.config import Objective
    from leanlab.dashboard.controls import Control
    from leanlab.dashboard.index import Index
    from leanlab.dashboard.library import Shelf
    from leanlab.dashboard.plots import Effort, Progress
    from leanlab.lab import Lab

_NOTES = 20
_TABS = 5
_TABLE = 3
"""Metrics in the table; with more of them what else it tells would be out of sight."""


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A lab in the overview."""

    shelf: Shelf
    objective: Objective | None
    best: int | None
    """The trial's number."""
    value: float | None
    trials: int
    """Under the present rules."""
    failed: int
    cost_usd: float | None
    last_ts: str
    spark: str
    """The best so far, as a path in a box of 1000 by 40."""


def card(shelf: Shelf) -> Card:
    index = shelf.index
    if shelf.lab is None or index is None:
        return Card(
            shelf=shelf, objective=None, best=None, value=None, trials=0, failed=0, cost_usd=None,
            last_ts="", spark="",
        )  # fmt: skip
    objective = shelf.lab.config.objective
    return Card(
        shelf=shelf,
        objective=objective,
        best=index.best,
        value=None if index.best is None else index.best_metrics()[objective.metric],
        trials=sum(index.counts),
        failed=len(index.failed()),
        cost_usd=known_cost(index),
        last_ts=index.last_ts,
        spark=spark(index),
    )


def known_cost(index: Index) -> float | None:
    """What is known to have been spent; None when no record names a price."""
    any_known = index.cost_usd > 0 or any(cost == cost for cost in index.cost)
    return index.cost_usd if any_known else None


Shown = Callable[[int, str], bool]


def shown_in(lab: Lab, index: Index) -> Shown:
    """Tell whether a metric of a trial may be seen: revealed to all, or seen by a person before."""
    revealed, seen = set(lab.config.revealed), index.revealed

    def shown(trial: int, metric: str) -> bool:
        return metric in revealed or (trial, metric) in seen

    return shown


def seen_of(lab: Lab, index: Index, metric: str) -> list[int]:
    """Rows whose value of the metric may be seen."""
    rows = index.scored(metric)
    if metric in lab.config.revealed:
        return rows
    return [row for row in rows if (index.trials[row], metric) in index.revealed]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What a Critic or Director says now, and what it said before."""

    role: str
    text: str
    """As the file stands; a person may have edited it."""
    missing: str
    earlier: tuple[RoleTurn, ...]


class LabPage(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of a lab that has been opened."""

    card: Card
    lab: Lab
    index: Index
    objective: Objective
    columns: tuple[str, ...]
    """Metrics: the objective's, other revealed ones, hidden ones."""
    tabs: frozenset[str]
    """Those that the chart offers at once, the present one among them."""
    hidden: frozenset[str]
    unseen: tuple[str, ...]
    """Metrics of the best trial that were not shown to anybody yet."""
    seen: dict[str, float]
    """Hidden metrics of the best trial that a person has seen."""
    progress: Progress
    time: Effort
    cost: Effort | None
    """None when nothing was spent, as far as is known."""
    seconds: float
    tokens: int
    lineage: Lineage
    notes: tuple[Note, ...]
    moments: tuple[Moment, ...]
    place: Place
    table: Table
    controls: tuple[Control, ...]


def lab_page(shelf: Shelf, metric: str, query: Query) -> LabPage:
    lab, index = shelf.opened()
    columns = columns_of(lab, index)
    shown = shown_in(lab, index)
    chosen = metric if metric in columns else columns[0]
    hidden = frozenset(columns) - set(lab.config.revealed)
    seen, unseen = _hidden_of_best(index, hidden, shown)
    moments, place = latest(lab.state / "events.jsonl", lab.config.revealed)
    spent = known_cost(index)
    return LabPage(
        card=card(shelf),
        lab=lab,
        index=index,
        objective=lab.config.objective,
        columns=columns,
        tabs=frozenset((*columns[:_TABS], chosen)),
        hidden=hidden,
        unseen=unseen,
        seen=seen,
        progress=plots.progress(index, chosen, seen_of(lab, index, chosen)),
        time=plots.effort(index, index.propose, index.evaluate, plots.duration),
        cost=plots.effort(index, index.cost, None, plots.dollars) if spent else None,
        seconds=sum(index.propose) + sum(index.evaluate),
        tokens=index.tokens_used,
        lineage=lineage(index),
        notes=_notes(lab, index),
        moments=merged(moments),
        place=place,
        table=table(index, columns[:_TABLE], query, shown),
        controls=tuple(controls.offered(shelf)),
    )


def _hidden_of_best(
    index: Index, hidden: frozenset[str], shown: Shown
) -> tuple[dict[str, float], tuple[str, ...]]:
    """The best trial's hidden metrics: what a person has seen, and the names of the others."""
    if index.best is None:
        return {}, ()
    metrics = index.best_metrics()
    names = sorted(hidden & metrics.keys())
    seen = {name: metrics[name] for name in names if shown(index.best, name)}
    return seen, tuple(name for name in names if name not in seen)


def columns_of(lab: Lab, index: Index) -> tuple[str, ...]:
    """The objective's metric, then the revealed ones, then the hidden ones by name."""
    revealed = [name for name in lab.config.revealed[1:] if name in index.metrics]
    hidden = sorted(set(index.metrics) - set(lab.config.revealed))
    return (lab.config.objective.metric, *revealed, *hidden)


def _notes(lab: Lab, index: Index) -> tuple[Note, ...]:
    said = index.notes(_NOTES)
    return tuple(_note(lab, role, said) for role in ("director", "critic"))


def _note(lab: Lab, role: str, said: Sequence[RoleTurn]) -> Note:
    text, missing = "", ""
    try:
        text = printable(read_inside(lab.home, lab.note_file(role).name)).strip()
    except Gone:
        pass  # It has said nothing yet.
    except NotShown as reason:
        missing = str(reason)
    earlier = [turn for turn in said if turn.role == role]
    if earlier and printable(earlier[0].text).strip() == text:
        earlier = earlier[1:]
    return Note(role=role, text=text, missing=missing, earlier=tuple(earlier))
