"""Steps that wait for each other never start. Each knot of cycles is reported once, by one of its shortest
cycles.
"""

from __future__ import annotations

from collections.abc import Mapping

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import graph as codes
from pgflowc.graph.draft import Dependency, Draft
from pgflowc_language.knots import MOST_SHOWN, cycles, shown


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
    for cycle in cycles(edges):
        report.add(_describe(cycle, edges))


def _describe(cycle: list[str], edges: Mapping[str, Mapping[str, Dependency]]) -> Diagnostic:
    around = [*cycle, cycle[0]]
    pairs = list(zip(cycle, around[1:], strict=True))
    labels = tuple(Label(edges[a][b].span, f"'{a}' waits for '{b}'") for a, b in pairs[1:MOST_SHOWN])
    first = edges[pairs[0][0]][pairs[0][1]]
    return Diagnostic(
        codes.CYCLE,
        f"these steps wait for each other: {shown(cycle)}",
        first.span,
        label=f"'{pairs[0][0]}' waits for '{pairs[0][1]}'",
        labels=labels,
        help=("remove one of these dependencies, or move what they share into a step of its own",),
    )
