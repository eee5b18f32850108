"""Guide: the steps that one example allows to all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from leanlab.trajectory.batch import equals_itself
from leanlab.trajectory.graph import grader

if TYPE_CHECKING:
    from collections.abc import Hashable

    from leanlab.trajectory.graph import Graph
    from leanlab.trajectory.way import Way

Step = tuple[int, int]
"""A function applied to an anchor's value: its place among those of its input type, and what it
makes."""
Hit = tuple[int, Any, int]
"""The place of a function, what it makes, and how far that is from the goal."""

_HIT_BYTES = 100


class Guide:
    """The steps that one example, the anchor, allows."""

    def __init__(self, way: Way, graph: Graph, goal: Any) -> None:
        self._way = way
        self._graph = graph
        self._goal = goal
        self._is_goal = grader(goal)
        self._is_plain = equals_itself(goal)
        self._ending: dict[int, list[int]] = {}
        self.allow({})

    def allow(self, distances: dict[str, dict[Hashable, int]]) -> None:
        """Allow steps to what is that near to the goal, by type and key, and no others."""
        self._distances = distances
        self._hits: dict[int, list[Hit]] = {}
        self._within: dict[tuple[int, int], list[Step]] = {}

    def ahead(self, number: int, left: int) -> list[Step]:
        """Return the steps from an anchor's value on ways of `left` functions to its goal."""
        found = self._within.get((number, left))
        if found is None:
            graph = self._graph
            functions = self._way.rows[graph.types[number]].functions
            found = self._within[number, left] = [
                (place, graph.number(made, functions[place].output_type))
                for place, made, distance in self._near(number)
                if distance < left
            ]
        return found

    def _near(self, number: int) -> list[Hit]:
        """Run all functions on a value; return what they make of it that has a distance."""
        found = self._hits.get(number)
        if found is None:
            graph = self._graph
            row = self._way.rows[graph.types[number]]
            graph.spent.take(len(row.functions))
            found = self._hits[number] = []
            row.near(graph.values[number], self._distances, found.append)
            graph.spent.keep(_HIT_BYTES * len(found))
        return found

    def ends(self, number: int) -> list[int]:
        """Return the places of the functions that make the goal of an anchor's value."""
        found = self._ending.get(number)
        if found is None:
            graph = self._graph
            row = self._way.rows[graph.types[number]]
            found = []
            if self._is_plain:
                graph.spent.take(len(row.ending))
                row.ends(graph.values[number], self._goal, self._is_goal, found.append)
            else:
                found += (one for one in row.ending if graph.leads(number, one, self._is_goal))
            self._ending[number] = found
        return found
