"""What a schedule passes to its runs must be an input of the flow."""

from __future__ import annotations

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import payloads as codes
from pgflowc.document import Mapping
from pgflowc.graph.conformance import Misfit, misfits
from pgflowc.graph.draft import Draft
from pgflowc.spec.example import ELLIPSIS, Written, setting
from pgflowc_language.words import quote

_SUBJECT = "the input that 'cron' passes"


def check(draft: Draft, report: Report) -> None:
    """Report every part of the cron's input that does not fit the declared input."""
    if draft.spec.model.cron is None or draft.input is None or draft.spec.is_damaged("cron"):
        return
    place = draft.spec.document.entry("cron")
    assert place is not None
    node = draft.spec.document.find("cron", "input")
    if node is None:
        # No input is an empty object, which stands nowhere.
        source, at = draft.spec.document.source, place.key_place
        empty = Mapping(source, at.start, at.end, {})
        found = list(misfits(empty, draft.input, draft.types))
    else:
        found = list(misfits(node, draft.input, draft.types))
    for misfit in found:
        report.add(_diagnostic(draft, misfit, written=node is not None))


def _diagnostic(draft: Draft, misfit: Misfit, *, written: bool) -> Diagnostic:
    span, help = misfit.span, misfit.help
    subject = f"{quote(misfit.path)} in {_SUBJECT}" if misfit.path else _SUBJECT
    if not written:
        empty = {"schedule": ELLIPSIS, "input": Written("{...}")}
        help = f"without 'input' it is an empty object: {setting(span.path, 'cron', empty)}"
    elif span.start.line != span.end.line:
        span = draft.spec.key_span("cron", "input")
    return Diagnostic(
        codes.CRON_INPUT,
        f"{subject} {misfit.what}",
        span,
        labels=(Label(draft.spec.value_span("input"), "the flow's input"),),
        help=(help,) if help else (),
        fix=misfit.fix,
    )
