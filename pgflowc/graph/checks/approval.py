"""An approval has no handler, so nothing about one can be said, and it times out only if its wait ends."""

from __future__ import annotations

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import limits
from pgflowc.diagnostics.codes import spec as codes
from pgflowc.graph.draft import Draft, DraftStep
from pgflowc.spec import StepModel
from pgflowc.spec.example import ELLIPSIS, setting
from pgflowc_language.keys import HANDLER_KEYS


def check(draft: Draft, report: Report) -> None:
    """Report what only a handler could use beside `approval`, and `on_timeout` for a wait without end."""
    for step in draft.steps.values():
        if isinstance(step.model, StepModel) and draft.spec.document.entry(*step.path, "approval"):
            for key in HANDLER_KEYS:
                if draft.spec.document.entry(*step.path, key):
                    report.add(_refusal(draft, step, key))
            _check_timeout(draft, step, report)


def _refusal(draft: Draft, step: DraftStep, key: str) -> Diagnostic:
    return Diagnostic(
        codes.APPROVAL_WITH_HANDLER,
        f"step '{step.slug}' is an approval and has no '{key}'",
        draft.spec.key_span(*step.path, key),
        labels=(Label(draft.spec.key_span(*step.path, "approval"), "no handler is called"),),
        help=(_cure(step, key),),
    )


def _cure(step: DraftStep, key: str) -> str:
    path = step.span.path
    match key:
        case "output":
            payload = setting(path, "approval", {"payload": ELLIPSIS})
            return f"its output is the signal's payload: declare that, '{payload}'"
        case "when_exhausted":
            return f"say what happens without a signal: '{setting(path, 'approval', {'on_timeout': 'skip'})}'"
        case "timeout":
            return f"say how long it waits: '{setting(path, 'approval', {'wait_for': '2d'})}'"
        case "map":
            return "for a signal per element, let the handler of the map step wait for a 'signal'"
        case "signal":
            return "keep 'approval' if the signal completes the step, 'signal' if a handler waits for it"
        case _:
            return "remove it, or give the step a handler that waits: 'signal' in place of 'approval'"


def _check_timeout(draft: Draft, step: DraftStep, report: Report) -> None:
    approval = step.model.approval if isinstance(step.model, StepModel) else None
    if approval is None or approval.on_timeout is None or approval.wait_for is not None:
        return
    if not draft.spec.is_damaged(*step.path, "approval", "wait_for"):
        report.add(
            Diagnostic(
                limits.ENDLESS_WAIT,
                f"step '{step.slug}' waits for ever, so its 'on_timeout' never happens",
                draft.spec.key_span(*step.path, "approval", "on_timeout"),
                help=("add 'wait_for', or remove 'on_timeout'",),
            )
        )
