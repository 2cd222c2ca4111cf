"""Steps that wait for each other never start. Each knot of cycles is reported once, by one of its shortest cycles."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import graph as codes
from pgflowc.graph.draft import Dependency, Draft

_MOST_SHOWN = 12


def check(draft: Draft, report: Report) -> None:
    """Report every group of steps that lie on common cycles."""
    edges = {
        step.slug: {
            dependency.slug: dependency
            for dependency in step.dependencies
            if dependency.slug in draft.steps and dependency.slug != step.slug
        }
        for step in draft.steps.values()
    }
    for knot in _knots(edges):
        report.add(_describe(_shortest_cycle(edges, knot), edges))


def _knots(edges: Mapping[str, Mapping[str, Dependency]]) -> list[list[str]]:
    """The strongly connected components of more than one step, each in the order written (Tarjan, without recursion)."""
    position = {slug: index for index, slug in enumerate(edges)}
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    knots: list[list[str]] = []
    for root in edges:
        if root in number:
            continue
        work = [(root, iter(edges[root]))]
        number[root] = lowest[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        while work:
            slug, remaining = work[-1]
            for target in remaining:
                if target not in number:
                    number[target] = lowest[target] = len(number)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(edges[target])))
                    break
                if target in on_stack:
                    lowest[slug] = min(lowest[slug], number[target])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    lowest[parent] = min(lowest[parent], lowest[slug])
                if lowest[slug] == number[slug]:
                    knot: list[str] = []
                    while not knot or knot[-1] != slug:
                        knot.append(stack.pop())
                        on_stack.discard(knot[-1])
                    if len(knot) > 1:
                        knots.append(sorted(knot, key=position.__getitem__))
    return knots


def _shortest_cycle(edges: Mapping[str, Mapping[str, Dependency]], knot: list[str]) -> list[str]:
    """A shortest cycle through the knot's first step: each waits for the next, the last for the first."""
    start, members = knot[0], set(knot)
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while True:
        slug = waiting.popleft()
        for target in edges[slug]:
            if target == start:
                cycle = [slug]
                while cycle[-1] != start:
                    cycle.append(came_from[cycle[-1]])
                return cycle[::-1]
            if target in members and target not in came_from:
                came_from[target] = slug
                waiting.append(target)


def _describe(cycle: list[str], edges: Mapping[str, Mapping[str, Dependency]]) -> Diagnostic:
    around = [*cycle, cycle[0]]
    path = " -> ".join(
        around if len(around) <= _MOST_SHOWN else [*around[: _MOST_SHOWN - 2], "...", around[0]]
    )
    pairs = list(zip(cycle, around[1:], strict=True))
    labels = tuple(Label(edges[a][b].span, f"'{a}' waits for '{b}'") for a, b in pairs[1:_MOST_SHOWN])
    first = edges[pairs[0][0]][pairs[0][1]]
    return Diagnostic(
        codes.CYCLE,
        f"these steps wait for each other: {path}",
        first.span,
        label=f"'{pairs[0][0]}' waits for '{pairs[0][1]}'",
        labels=labels,
        help=("remove one of these dependencies, or move what they share into a step of its own",),
    )
