"""Descent: depth-first search over some examples at once, for the first trajectory of a length.

Steps are tried in the order of the library, so that what is found first is what breadth-first
search finds first; and where something is found, most vectors are never looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leanlab.trajectory.graph import NOTHING, grader
from leanlab.trajectory.vectors import apart, collapsed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.trajectory.graph import Graph
    from leanlab.trajectory.guide import Guide
    from leanlab.trajectory.search import Task
    from leanlab.trajectory.vectors import Vector

_VECTOR_BYTES = 200


class Descent:
    """The vectors of some examples of a task, the guide's anchor first."""

    def __init__(self, guide: Guide, graph: Graph, task: Task, examples: Sequence[int]) -> None:
        self._guide = guide
        self._graph = graph
        self._start = [graph.number(task.input.items[one], task.input.type) for one in examples]
        self._graders = [grader(task.output.items[one]) for one in examples[1:]]
        self._goals = [task.output.items[one] for one in examples]

    def find(self, bound: int, *, whole: bool) -> tuple[int, ...] | None:
        """Return the first trajectory of bound functions, by their places; None if there is none.

        whole says that these are all the examples, and that no shorter trajectory solves them: then
        a vector that does not lead to the goals in some steps does not in fewer. Fewer examples may
        have goals that are nearer.
        """
        start = tuple(self._start)
        if bound == 2:
            return self._last_two(start)
        pairs = apart(self._goals)
        # Vectors that lead nowhere in that many functions, by how many are left.
        nowhere: list[dict[Vector, int]] = (
            [{start: bound}] * bound if whole else [{} for _ in range(bound)]
        )
        path: list[int] = []
        trail = [(iter(self._guide.ahead(start[0], bound)), start[1:])]
        while trail:
            steps, others = trail[-1]
            left = bound - len(trail)
            failed = nowhere[left]
            for place, anchor in steps:
                vector = self._made(anchor, others, place)
                if not vector or failed.get(vector, 0) >= left or collapsed(vector, pairs):
                    continue
                failed[vector] = left
                self._graph.spent.keep(_VECTOR_BYTES)
                if left > 2:
                    path.append(place)
                    trail.append((iter(self._guide.ahead(anchor, left)), vector[1:]))
                    break
                last = self._last_two(vector)
                if last:
                    return (*path, place, *last)
            else:
                trail.pop()
                if path:
                    path.pop()
        return None

    def _made(self, anchor: int, others: Sequence[int], place: int) -> Vector | None:
        """Apply a function to the other examples, too; None where it makes nothing of one."""
        rows = self._graph.rows
        made = [anchor]
        for number in others:
            other = rows[number].get(place)
            if other is None:
                other = self._graph.cell(number, place)
            if other == NOTHING:
                return None
            made.append(other)
        return tuple(made)

    def _last_two(self, vector: Vector) -> tuple[int, int] | None:
        """Return the places of the first two functions that lead to every goal."""
        cell, leads = self._graph.cell, self._graph.leads
        for place, anchor in self._guide.ahead(vector[0], 2):
            ends = self._guide.ends(anchor)
            for number, is_goal in zip(vector[1:], self._graders, strict=True):
                other = cell(number, place)
                ends = [one for one in ends if other != NOTHING and leads(other, one, is_goal)]
                if not ends:
                    break
            else:
                return place, ends[0]
        return None
