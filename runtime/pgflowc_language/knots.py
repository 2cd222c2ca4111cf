"""Knots of a directed graph: groups of nodes that lie on common cycles, and a short cycle through each."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping

Edges = Mapping[str, Collection[str]]
MOST_SHOWN = 12
"""Nodes of a cycle in a message."""


def knots(edges: Edges) -> list[list[str]]:
    """The strongly connected components that contain a cycle, nodes in the order of `edges`.

    Every target must be a key of `edges`. Tarjan's algorithm, without recursion: flows may be thousands of
    steps long.
    """
    position = {node: index for index, node in enumerate(edges)}
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[list[str]] = []
    for root in edges:
        if root in number:
            continue
        number[root] = lowest[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        work = [(root, iter(edges[root]))]
        while work:
            node, remaining = work[-1]
            for target in remaining:
                if target not in number:
                    number[target] = lowest[target] = len(number)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(edges[target])))
                    break
                if target in on_stack:
                    lowest[node] = min(lowest[node], number[target])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    lowest[parent] = min(lowest[parent], lowest[node])
                if lowest[node] == number[node]:
                    knot: list[str] = []
                    while not knot or knot[-1] != node:
                        knot.append(stack.pop())
                        on_stack.discard(knot[-1])
                    if len(knot) > 1 or node in edges[node]:
                        found.append(sorted(knot, key=position.__getitem__))
    return found


def cycles(edges: Edges) -> Iterator[list[str]]:
    """A shortest cycle for each knot."""
    return (shortest_cycle(edges, knot) for knot in knots(edges))


def shortest_cycle(edges: Edges, knot: Collection[str]) -> list[str]:
    """A shortest cycle through the knot's first node: each leads to the next, the last to the first."""
    start, members = next(iter(knot)), set(knot)
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while True:
        node = waiting.popleft()
        for target in edges[node]:
            if target == start:
                cycle = [node]
                while cycle[-1] != start:
                    cycle.append(came_from[cycle[-1]])
                return cycle[::-1]
            if target in members and target not in came_from:
                came_from[target] = node
                waiting.append(target)


def shown(cycle: list[str]) -> str:
    """`a -> b -> a`, shortened when it is long."""
    around = [*cycle, cycle[0]]
    return " -> ".join(around if len(around) <= MOST_SHOWN else [*around[: MOST_SHOWN - 2], "...", around[0]])
