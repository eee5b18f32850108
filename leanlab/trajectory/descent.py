"""Descent: depth-first search over some examples at once, for the first trajectory of a length.

Steps are tried in the order of the library, so that what is found first is what breadth-first
search finds first; and where something is found, most vectors are never looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leanlab.trajectory.graph import NOTHING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leanlab.trajectory.graph import Graph
    from leanlab.trajectory.search import Task
    from leanlab.trajectory.vectors import Guide, Step

_VECTOR_BYTES = 200


class Descent:
    """The vectors of some examples of a task, the guide's anchor first."""

    def __init__(self, guide: Guide, graph: Graph, task: Task, examples: Sequence[int]) -> None:
        self._guide = guide
        self._graph = graph
        self._start = [graph.number(task.input.items[one], task.input.type) for one in examples]
        self._goals = [graph.goal(task.output.items[one]) for one in examples[1:]]
        self._all_apart = len({*self._goals, guide.goal}) == len(examples)
        """Whether no two of the examples end alike: then none may ever become one."""

    def find(self, bound: int, *, whole: bool) -> tuple[Step, ...] | None:
        """Return the first trajectory of bound functions, None where there is none.

        whole says that these are all the examples, and that no shorter trajectory solves them: then
        a vector that does not lead to the goals in some steps does not in fewer. Fewer examples may
        have goals that are nearer.
        """
        if bound == 1:
            last = self._last(self._start[0], self._start[1:])
            return None if last is None else (last,)
        tried: list[dict[tuple[int, ...], int]] = (
            [{}] * bound if whole else [{} for _ in range(bound)]
        )
        guide, child = self._guide, self._child
        path: list[Step] = []
        trail = [(iter(guide.ahead(self._start[0], bound)), self._start[1:])]
        while trail:
            steps, others = trail[-1]
            left = bound - len(trail)
            failed = tried[left]
            for step in steps:
                made = child(others, step)
                if made is None:
                    continue
                vector = (step.made, *made)
                if failed.get(vector, 0) >= left:
                    continue
                failed[vector] = left
                self._graph.spent.keep(_VECTOR_BYTES)
                if left > 1:
                    path.append(step)
                    trail.append((iter(guide.ahead(step.made, left)), made))
                    break
                last = self._last(step.made, made)
                if last is not None:
                    return (*path, step, last)
            else:
                trail.pop()
                if path:
                    path.pop()
        return None

    def _child(self, others: list[int], step: Step) -> list[int] | None:
        """Apply a step to every other example; None where that cannot lead to the goals."""
        rows, place = self._graph.rows, step.place
        made = []
        for number in others:
            other = rows[number][place]
            if other is None:
                other = self._graph.cell(number, place)
            if other == NOTHING:
                return None
            made.append(other)
        if self._all_apart and (step.made in made or len(set(made)) < len(made)):
            return None
        return made

    def _last(self, anchor: int, others: list[int]) -> Step | None:
        """Return the first step that leads to every goal."""
        leads = self._graph.leads
        for step in self._guide.ends(anchor):
            if all(map(leads, others, [step.place] * len(others), self._goals)):
                return step
        return None
