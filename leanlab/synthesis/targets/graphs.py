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
FEW = 16
"""With fewer edges two cycles more would show in the leaves."""
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
    """Draw graphs one or two cycles on either side of the threshold, with the same vertex counts.

    The edges are given, so V and the cycles leave the number of components: a positive has one or
    three more of them than a negative of as many vertices. Trees that grow by one vertex at a time
    and cycles that are closed at random make leaves and degrees alike. Five edges allow no such
    pair: there the positives have four vertices, and the negatives more.
    """
    edges = length // TOKEN
    limit = threshold(edges)
    margins = [margin for margin in (1, 2) if _vertices(edges, limit, margin)]
    if edges < FEW:
        del margins[1:]

    def make() -> str | None:
        margin = margins[stream.below(len(margins))] if margins else 1
        cycles = limit + (margin if value else 1 - margin)
        counts = _vertices(edges, limit, margin)
        # Without a common count the graphs are connected.
        vertices = counts[stream.below(len(counts))] if counts else edges + 1 - cycles
        tries = (_graph(vertices, edges, cycles, stream) for _ in range(TRIES))
        graph = next(filter(None, tries), None)
        return _written(graph, stream) if graph else None

    return distinct(make, count)


def _vertices(edges: int, limit: int, margin: int) -> range:
    """Return vertex counts that graphs with limit + margin and limit + 1 - margin cycles can have.

    A negative has at least one component. A positive has most vertices when all its components but
    one are single edges and the cycles are in that one; n vertices hold (n - 1)(n - 2) / 2.
    """
    least = edges - limit + margin
    cycles = limit + margin
    n = 3
    while (n - 1) * (n - 2) // 2 < cycles:
        n += 1
    most = min(2 * (edges - cycles) + 2 - n, VERTICES)
    return range(least, min(most, least + SPREAD - 1) + 1)


def _graph(vertices: int, edges: int, cycles: int, stream: Stream) -> list[Edge] | None:
    """Try to draw a graph without loops, double edges and lone vertices."""
    components = vertices - edges + cycles
    component = [i // 2 for i in range(2 * components)]
    component += [stream.below(components) for _ in range(vertices - 2 * components)]
    members: list[list[int]] = [[] for _ in range(components)]
    found: dict[Edge, None] = {}
    for vertex, which in enumerate(component):
        if members[which]:
            found[members[which][stream.below(len(members[which]))], vertex] = None
        members[which].append(vertex)
    for _ in range(cycles * TRIES):
        if len(found) == edges:
            return list(found)
        u = stream.below(vertices)
        near = members[component[u]]
        v = near[stream.below(len(near))]
        if u != v:
            found[min(u, v), max(u, v)] = None
    return list(found) if len(found) == edges else None


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
