"""A handler in a process of its own cannot wait for a signal."""

from __future__ import annotations

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import spec as codes
from pgflowc.graph.draft import Draft


def check(draft: Draft, report: Report) -> None:
    """Report `signal` beside `isolation: process`."""
    for step in draft.steps.values():
        if step.model.isolation == "process" and step.signal is not None and not step.is_approval:
            report.add(
                Diagnostic(
                    codes.SIGNAL_IN_A_PROCESS,
                    f"the handler of step '{step.slug}' runs in a process and cannot wait for a signal",
                    draft.spec.value_span(*step.path, "isolation"),
                    labels=(Label(step.signal.span, "it should wait for this"),),
                    help=(
                        "remove 'isolation', or let a step before it wait: an 'approval' needs no handler",
                    ),
                )
            )
