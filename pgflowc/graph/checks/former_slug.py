"""A step that was renamed leaves its former slug free, and no two steps had the same one."""

from __future__ import annotations

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import graph as codes
from pgflowc.graph.draft import Draft, DraftStep


def check(draft: Draft, report: Report) -> None:
    """Report `was` where it names a step of the flow, or the same slug as another `was`."""
    first: dict[str, DraftStep] = {}
    for step in draft.steps.values():
        was = step.model.was
        if was is None:
            continue
        other = first.setdefault(was, step)
        if was == step.slug:
            _refuse(draft, step, f"step '{step.slug}' has the slug that it is said to have had", None, report)
        elif draft.has_written(was):
            still = draft.spec.key_span("steps", was)
            message = f"step '{step.slug}' cannot have been '{was}': that step is still there"
            _refuse(draft, step, message, Label(still, "here"), report)
        elif other is not step:
            before = draft.spec.value_span(*other.path, "was")
            message = f"two steps cannot both have been '{was}': '{other.slug}' and '{step.slug}'"
            _refuse(draft, step, message, Label(before, "the other one"), report)


def _refuse(draft: Draft, step: DraftStep, message: str, label: Label | None, report: Report) -> None:
    report.add(
        Diagnostic(
            codes.FORMER_SLUG,
            message,
            draft.spec.value_span(*step.path, "was"),
            labels=(label,) if label else (),
            help=("remove 'was'" if label is None else "remove 'was' here, or there what is in its way",),
        )
    )
