"""Which trial came from which: a chart by generation, and the best trial's line of descent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from leanlab.dashboard import charts
from leanlab.dashboard.charts import Tick
from leanlab.dashboard.index import STATUSES

if TYPE_CHECKING:
    from leanlab.dashboard.index import Index

MOST = 300
HEIGHT = 240.0
"""However many generations there are: what stands below the chart does not move."""
_TOP = 18.0


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A trial in the tree."""

    x: float
    y: float
    trial: int
    scored: bool
    descent: bool
    """Whether the best trial came from it, or is it."""
    words: str


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """From a parent to a child."""

    x1: float
    y1: float
    x2: float
    y2: float
    descent: bool


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """The tree; generations go down, trials go right."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
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
        index.trials[row]: _node(index, row, x, _TOP + index.generation[row] * lane, onward)
        for row in sorted(kept)
    }
    links = [
        Link(x1=parent.x, y1=parent.y, x2=node.x, y2=node.y,
             descent=node.descent and parent.descent)
        for node in nodes.values()
        for parent in _present(index, node.trial, nodes)
    ]  # fmt: skip
    return Lineage(
        nodes=tuple(nodes.values()),
        links=tuple(sorted(links, key=lambda link: link.descent)),
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


def _node(index: Index, row: int, x: charts.Scale, y: float, descent: set[int]) -> Node:
    trial = index.trials[row]
    status = STATUSES[index.status[row]]
    parents = ", ".join(map(str, index.parents.get(row, ())))
    origin = f"from trial {parents}" if parents else "a first draft"
    return Node(
        x=x(trial),
        y=y,
        trial=trial,
        scored=status == "scored",
        descent=trial in descent,
        words=f"Trial {trial}: {status.replace('_', ' ')}, {origin}",
    )


def _present(index: Index, trial: int, nodes: dict[int, Node]) -> list[Node]:
    row = index.row(trial)
    parents = index.parents.get(row, ()) if row is not None else ()
    return [nodes[parent] for parent in parents if parent in nodes]
