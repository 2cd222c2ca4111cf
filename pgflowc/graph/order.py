"""The order in which steps are added to the core: every step after its dependencies, ties in the order
written.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping


def topological_order(dependencies: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The keys in topological order. Every dependency must be a key; raises ValueError on a cycle."""
    index = {slug: position for position, slug in enumerate(dependencies)}
    names = list(dependencies)
    waits_for = {slug: set(needed) for slug, needed in dependencies.items()}
    dependents: dict[str, list[str]] = {slug: [] for slug in names}
    for slug, needed in waits_for.items():
        for dependency in needed:
            dependents[dependency].append(slug)
    ready = [index[slug] for slug in names if not waits_for[slug]]
    ordered: list[str] = []
    while ready:
        slug = names[heapq.heappop(ready)]
        ordered.append(slug)
        for dependent in dependents[slug]:
            waits_for[dependent].discard(slug)
            if not waits_for[dependent]:
                heapq.heappush(ready, index[dependent])
    if len(ordered) != len(names):
        raise ValueError("the dependencies have a cycle")
    return tuple(ordered)
