"""Which trial came from which: a chart by generation, and the best trial's line of descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab.dashboard import charts
from leanlab.dashboard.charts import Mark, Tick
from leanlab.dashboard.index import STATUSES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from leanlab.dashboard.index import Index

MOST = 300
HEIGHT = 240.0
"""However many generations there are: what stands below the chart does not move."""
_TOP = 18.0


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """The tree; generations go down, trials go right. Paths have x in thousandths of the width."""

    marks: tuple[Mark, ...]
    links: str
    """From parents to children."""
    best_links: str
    """Those by which the best trial came."""
    scored: str
    failures: str
    best: str
    """The best trial, and those it came from."""
    lanes: tuple[Tick, ...]
    descent: tuple[int, ...]
    """The best trial last; one parent a step, the first where there are more."""
    left_out: int


def lineage(index: Index) -> Lineage:
    """The newest trials and all that the best one came from."""
    rows = [row for row in range(len(index)) if index.counts[row]]
    descent = [] if index.best is None else ancestors(index, index.best)
    onward = set(descent)
    kept = {*rows[-MOST:], *(row for trial in descent if (row := index.row(trial)) is not None)}
    x = charts.across(
        min((index.trials[row] for row in kept), default=0),
        max((index.trials[row] for row in kept), default=1),
    )
    lowest = max((index.generation[row] for row in kept), default=0)
    lane = (HEIGHT - 2 * _TOP) / max(1, lowest)
    nodes = {
        index.trials[row]: _mark(index, row, x, _TOP + index.generation[row] * lane)
        for row in sorted(kept)
    }
    links = [
        (parent, child)
        for child in nodes.values()
        for parent in _present(index, child.trial, nodes)
    ]
    scored = [mark for trial, mark in nodes.items() if _is_scored(index, trial)]
    return Lineage(
        marks=tuple(nodes.values()),
        links=_lines(pair for pair in links if not _both(pair, onward)),
        best_links=_lines(pair for pair in links if _both(pair, onward)),
        scored=charts.dots((mark.x, mark.y) for mark in scored if mark.trial not in onward),
        failures=charts.dashes(
            (mark.x, mark.y) for mark in nodes.values() if not _is_scored(index, mark.trial)
        ),
        best=charts.dots((mark.x, mark.y) for mark in scored if mark.trial in onward),
        lanes=tuple(
            Tick(at=_TOP + generation * lane, label=str(generation))
            for generation in range(0, lowest + 1, 1 + lowest // 8)
        ),
        descent=tuple(descent),
        left_out=len(rows) - len(nodes),
    )


def ancestors(index: Index, trial: int) -> list[int]:
    """The trial's line of descent, the oldest first, itself last."""
    line = {trial: None}  # In order, and quick to ask.
    while True:
        row = index.row(trial)
        parents = index.parents.get(row, ()) if row is not None else ()
        if not parents or parents[0] in line:
            return [*line][::-1]
        trial = parents[0]
        line[trial] = None


def children(index: Index, trial: int) -> list[int]:
    return [index.trials[row] for row, parents in index.parents.items() if trial in parents]


def _mark(index: Index, row: int, x: charts.Scale, y: float) -> Mark:
    parents = ", ".join(map(str, index.parents.get(row, ())))
    origin = f"from trial {parents}" if parents else "a first draft"
    status = STATUSES[index.status[row]].replace("_", " ")
    trial = index.trials[row]
    return Mark(x=x(trial), y=round(y, 2), trial=trial, words=f"{status}, {origin}")


def _is_scored(index: Index, trial: int) -> bool:
    row = index.row(trial)
    return row is not None and not index.status[row]


def _present(index: Index, trial: int, nodes: dict[int, Mark]) -> list[Mark]:
    row = index.row(trial)
    parents = index.parents.get(row, ()) if row is not None else ()
    return [nodes[parent] for parent in parents if parent in nodes]


def _both(pair: tuple[Mark, Mark], trials: set[int]) -> bool:
    return pair[0].trial in trials and pair[1].trial in trials


def _lines(pairs: Iterable[tuple[Mark, Mark]]) -> str:
    return "".join(f"M{a.x * 10:g} {a.y:g}L{b.x * 10:g} {b.y:g}" for a, b in pairs)
