"""A map step has one source and nothing beside it."""

from __future__ import annotations

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import graph as codes
from pgflowc.graph.draft import Draft


def check(draft: Draft, report: Report) -> None:
    """Report map steps with `depends_on`."""
    for step in draft.steps.values():
        if step.map is None or not step.depends_on:
            continue
        if all(dependency.slug == step.map.slug for dependency in step.depends_on):
            help = "remove 'depends_on': a map step waits for its source anyway"
        else:
            help = "let one step combine what is needed into a list, and map over that step"
        report.add(
            Diagnostic(
                codes.MAP_SOURCES,
                f"map step '{step.slug}' can only depend on its source",
                draft.spec.key_span(*step.path, "depends_on"),
                labels=(Label(step.map.span, "its source"),),
                help=(help,),
            )
        )
