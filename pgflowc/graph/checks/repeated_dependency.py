"""A dependency that is listed twice does nothing the second time."""

from __future__ import annotations

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import graph as codes
from pgflowc.document.editing import without_item
from pgflowc.graph.draft import Dependency, Draft


def check(draft: Draft, report: Report) -> None:
    """Warn of the second mention of a slug under `depends_on`."""
    for step in draft.steps.values():
        seen: dict[str, Dependency] = {}
        reported: set[str] = set()
        for index, dependency in enumerate(step.depends_on):
            first = seen.setdefault(dependency.slug, dependency)
            if first is not dependency and dependency.slug not in reported:
                reported.add(dependency.slug)
                report.add(
                    Diagnostic(
                        codes.REPEATED_DEPENDENCY,
                        f"step '{step.slug}' lists '{dependency.slug}' twice",
                        dependency.span,
                        labels=(Label(first.span, "first time"),),
                        help=("remove it, or name the step that was meant",),
                        fix=without_item(draft.spec.document, (*step.path, "depends_on"), index),
                    )
                )
