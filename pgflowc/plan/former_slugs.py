"""`was` names steps that there were: with a slip in it, a renamed step would be replaced."""

from __future__ import annotations

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import generated
from pgflowc.diagnostics.fixing import respelling
from pgflowc.graph.model import Flow
from pgflowc.plan.lock import LOCK, LockedFlow
from pgflowc_language.words import near_miss, one_of, quote

_MOST_SHOWN = 8


def check_former_slugs(flow: Flow, entry: LockedFlow, report: Report) -> None:
    """Report new steps that are said to have had slugs that no step of the flow had; see `changes._renamed`
    for what `was` does where it is right, and where it has been done.
    """
    stored = [step.slug for step in entry.shape.steps]
    known = {*stored, *(step.slug for one in entry.former for step in one.shape.steps)}
    kept = {step.slug for step in flow.steps}
    gone = [slug for slug in stored if slug not in kept]
    for step in flow.steps:
        if step.was is None or step.slug in known or step.was in known:
            continue
        meant = near_miss(step.was, gone)
        if meant:
            help = f"did you mean '{meant}'?"
        elif 0 < len(gone) <= _MOST_SHOWN:
            help = f"the steps that are gone: {one_of(map(quote, gone), 'and')}"
        else:
            help = "remove 'was': this step is a new one"
        report.add(
            Diagnostic(
                generated.NO_FORMER_STEP,
                f"step '{step.slug}' cannot have been {quote(step.was)}: {LOCK} knows no such step",
                step.was_span or step.span,
                help=(help,),
                fix=respelling(step.was_span, step.was, gone) if step.was_span else None,
            )
        )
