"""Rules on undirected graphs, written as their edges: u12v23 joins vertex 12 and vertex 23."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leanlab.synthesis.targets.target import Target, distinct

if TYPE_CHECKING:
    from leanlab.synthesis.stream import Stream
    from leanlab.synthesis.targets.target import Label

TOKEN = 6
VERTICES = 100
SPREAD = 6
"""How many different numbers of components and vertices the graphs of a label have."""
TRIES = 40
Edge = tuple[int, int]


def edges_of(x: str) -> list[Edge]:
    """Return the edges that a string names, in its order."""
    tokens = (x[i : i + TOKEN] for i in range(0, len(x), TOKEN))
    return [(int(token[1:3]), int(token[4:6])) for token in tokens]


def threshold(edges: int) -> int:
    """Return the number of independent cycles that graph_has_cycle's positives exceed."""
    return max(1, edges // 6)


def cyclomatic(edges: list[Edge]) -> int:
    """Return E - V + C, the number of independent cycles, of the vertices that have an edge."""
    parent = {vertex: vertex for edge in edges for vertex in edge}

    def root(vertex: int) -> int:
        while parent[vertex] != vertex:
            parent[vertex] = vertex = parent[parent[vertex]]
        return vertex

    joined = 0
    for u, v in edges:
        a, b = root(u), root(v)
        joined += a != b
        parent[a] = b
    return len(edges) - joined


def _has_many_cycles(x: str) -> int:
    edges = edges_of(x)
    return int(cyclomatic(edges) > threshold(len(edges)))


def _draw(_: Label, length: int, value: int, count: int, stream: Stream) -> list[str]:
    """Draw graphs one or two cycles on either side of the threshold, with matching vertex counts.

    The edges are given, so V and the cycles leave the number of components: a positive has one or
    three more of them than a negative of as many vertices. Trees that grow by one vertex at a time
    and cycles that are closed at random make leaves and degrees alike.
    """
    edges = length // TOKEN

    def make() -> str | None:
        beyond = stream.below(2)
        cycles = threshold(edges) + (1 + beyond if value else -beyond)
        vertices = edges - threshold(edges) + beyond + 1 + stream.below(SPREAD)
        components = vertices - edges + cycles
        graph = _graph(vertices, components, cycles, stream)
        if graph is None and value:
            # Few edges do not reach so many vertices with so many cycles: one component, then.
            graph = _graph(edges + 1 - cycles, 1, cycles, stream)
        return _written(graph, stream) if graph else None

    return distinct(make, count)


def _graph(vertices: int, components: int, cycles: int, stream: Stream) -> list[Edge] | None:
    """Draw a graph without loops, double edges and lone vertices; None where there is none."""
    if vertices > VERTICES or vertices < 2 * components:
        return None
    component = [i // 2 for i in range(2 * components)]
    component += [stream.below(components) for _ in range(vertices - 2 * components)]
    members: list[list[int]] = [[] for _ in range(components)]
    found: dict[Edge, None] = {}
    for vertex, which in enumerate(component):
        if members[which]:
            found[members[which][stream.below(len(members[which]))], vertex] = None
        members[which].append(vertex)
    for _ in range(cycles * TRIES):
        if len(found) == vertices - components + cycles:
            return list(found)
        u = stream.below(vertices)
        near = members[component[u]]
        v = near[stream.below(len(near))]
        if u != v:
            found[min(u, v), max(u, v)] = None
    return list(found) if len(found) == vertices - components + cycles else None


def _written(edges: list[Edge], stream: Stream) -> str:
    """Give the vertices random names, and the edges a random order and direction."""
    names = stream.sample(VERTICES, VERTICES)
    stream.shuffle(edges)
    turned = ((v, u) if stream.below(2) else (u, v) for u, v in edges)
    return "".join(f"u{names[u]:02}v{names[v]:02}" for u, v in turned)


GRAPHS = (
    Target(
        id="fn_aa",
        name="graph_has_cycle",
        domain="edges",
        summary="the graph has more independent cycles, E - V + C, than max(1, E // 6)",
        shortest=30,
        longest=600,
        step=TOKEN,
        rule=lambda _: _has_many_cycles,
        draw=_draw,
    ),
)
