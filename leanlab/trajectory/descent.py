"""Descent: depth-first search over some examples at once, for the first trajectory of a length.

Steps are tried in the order of the library, so that what is found first is what breadth-first
search finds first; and where something is found, most vectors are never looked at.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING

from leanlab.trajectory.graph import NOTHING
from leanlab.trajectory.vectors import apart, collapsed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.trajectory.graph import Graph
    from leanlab.trajectory.search import Task
    from leanlab.trajectory.vectors import Guide, Vector

_VECTOR_BYTES = 200


class Descent:
    """The vectors of some examples of a task, the guide's anchor first."""

    def __init__(self, guide: Guide, graph: Graph, task: Task, examples: Sequence[int]) -> None:
        self._guide = guide
        self._graph = graph
        self._start = [graph.number(task.input.items[one], task.input.type) for one in examples]
        self._goals = [graph.goal(task.output.items[one]) for one in examples[1:]]
        self._apart = apart((guide.goal, *self._goals))

    def find(self, bound: int, *, whole: bool) -> tuple[int, ...] | None:
        """Return the first trajectory of bound functions, by their places; None if there is none.

        whole says that these are all the examples, and that no shorter trajectory solves them: then
        a vector that does not lead to the goals in some steps does not in fewer. Fewer examples may
        have goals that are nearer.
        """
        if bound == 1:
            last = self._last(self._start[0], self._start[1:])
            return None if last is None else (last,)
        # Vectors that lead nowhere in that many functions, by how many are left.
        start = {tuple(self._start): bound}
        tried: list[dict[Vector, int]] = [start] * bound if whole else [{} for _ in range(bound)]
        path: list[int] = []
        trail = [(iter(self._guide.ahead(self._start[0], bound)), self._start[1:])]
        while trail:
            steps, others = trail[-1]
            left = bound - len(trail)
            failed = tried[left]
            for place, anchor in steps:
                made = self._made(others, place)
                if made is None:
                    continue
                vector = (anchor, *made)
                if failed.get(vector, 0) >= left or collapsed(vector, self._apart):
                    continue
                failed[vector] = left
                self._graph.spent.keep(_VECTOR_BYTES)
                if left > 1:
                    path.append(place)
                    trail.append((iter(self._guide.ahead(anchor, left)), made))
                    break
                last = self._last(anchor, made)
                if last is not None:
                    return (*path, place, last)
            else:
                trail.pop()
                if path:
                    path.pop()
        return None

    def _made(self, others: list[int], place: int) -> list[int] | None:
        """Apply a function to the other examples; None where it makes nothing of one of them."""
        rows = self._graph.rows
        made = []
        for number in others:
            other = rows[number][place]
            if other is None:
                other = self._graph.cell(number, place)
            if other == NOTHING:
                return None
            made.append(other)
        return made

    def _last(self, anchor: int, others: list[int]) -> int | None:
        """Return the place of the first function that leads to every goal."""
        leads = self._graph.leads
        for place in self._guide.ends(anchor):
            if all(map(leads, others, repeat(place), self._goals)):
                return place
        return None
