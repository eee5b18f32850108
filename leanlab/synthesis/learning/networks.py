"""Functions of lists of edges that learned programs carry; see pieces.py."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, var-annotated"


def components(edges):
    groups = {v: {v} for edge in edges for v in edge}
    for u, v in edges:
        if groups[u] is not groups[v]:
            groups[u] |= groups[v]
            for w in groups[v]:
                groups[w] = groups[u]
    return len({id(group) for group in groups.values()})


def vertices(edges):
    return len({v for edge in edges for v in edge})


def degrees(edges):
    ends = [v for edge in edges for v in edge]
    return sorted(ends.count(v) for v in set(ends))


def triangles(edges):
    near = {v: set() for edge in edges for v in edge}
    for u, v in edges:
        if u != v:
            near[u].add(v)
            near[v].add(u)
    return sum(len(near[u] & near[v]) for u in near for v in near[u]) // 6


def odd_cycles(edges):
    doubled = [((u, i), (v, 1 - i)) for u, v in edges for i in (0, 1)]
    return 2 * components(edges) - components(doubled)


def distances(edges, start):
    near = {v: set() for edge in edges for v in edge}
    for u, v in edges:
        near[u].add(v)
        near[v].add(u)
    known, fresh = {start: 0}, [start]
    while fresh:
        u = fresh.pop(0)
        for v in near[u] - set(known):
            known[v] = known[u] + 1
            fresh.append(v)
    return known


def longest_distance(edges):
    return max((max(distances(edges, v).values()) for e in edges for v in e), default=0)


def largest_component(edges):
    return max((len(distances(edges, v)) for e in edges for v in e), default=0)
