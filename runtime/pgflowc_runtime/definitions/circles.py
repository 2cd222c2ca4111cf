"""Circles in what waits for what, or consists of what: one of the shortest for each knot of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping

Edges = Mapping[str, Collection[str]]


def circles(edges: Edges) -> Iterator[list[str]]:
    """A circle through the first node of each group of nodes that lie on common circles: each leads to the
    next, the last to the first. Every target must be a key of `edges`.
    """
    after = {node: set(targets) for node, targets in edges.items()}
    before: dict[str, set[str]] = {node: set() for node in edges}
    for node, targets in after.items():
        for target in targets:
            before[target].add(node)
    # What is on no circle goes first, from both ends.
    left = dict.fromkeys(edges)
    for ahead, behind in ((after, before), (before, after)):
        free = [node for node in left if not ahead[node]]
        while free:
            node = free.pop()
            del left[node]
            for other in behind[node]:
                ahead[other].discard(node)
                if not ahead[other] and other in left:
                    free.append(other)
    while left:
        node = next(iter(left))
        circle = _circle(edges, left, node)
        if circle is None:  # It lies between two knots.
            del left[node]
            continue
        yield circle
        for one in _reached(node, after, left) & _reached(node, before, left):
            del left[one]


def _circle(edges: Edges, among: Collection[str], start: str) -> list[str] | None:
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        node = waiting.popleft()
        for target in edges[node]:
            if target == start:
                found = [node]
                while found[-1] != start:
                    found.append(came_from[found[-1]])
                return found[::-1]
            if target in among and target not in came_from:
                came_from[target] = node
                waiting.append(target)
    return None


def _reached(start: str, edges: Mapping[str, set[str]], among: Collection[str]) -> set[str]:
    found, waiting = {start}, [start]
    while waiting:
        for target in edges[waiting.pop()]:
            if target in among and target not in found:
                found.add(target)
                waiting.append(target)
    return found
