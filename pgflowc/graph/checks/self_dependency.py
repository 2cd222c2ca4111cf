"""A step cannot wait for itself."""

from __future__ import annotations

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import graph as codes
from pgflowc.graph.draft import Draft


def check(draft: Draft, report: Report) -> None:
    """Report steps among their own dependencies."""
    for step in draft.steps.values():
        for dependency in step.dependencies:
            if dependency.slug == step.slug:
                verb = "maps over" if dependency is step.map else "depends on"
                report.add(
                    Diagnostic(
                        codes.SELF_DEPENDENCY,
                        f"step '{step.slug}' {verb} itself",
                        dependency.span,
                        help=("remove it: a step that waits for itself never starts",),
                    )
                )
