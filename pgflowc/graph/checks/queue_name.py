"""A flow's queue has the flow's slug as its name, and pgmq limits names of queues."""

from __future__ import annotations

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import limits
from pgflowc.graph.draft import Draft
from pgflowc_language.slugs import MAX_FLOW_LENGTH


def check(draft: Draft, report: Report) -> None:
    """Report a slug that is longer than a queue's name may be."""
    if len(draft.slug) > MAX_FLOW_LENGTH:
        report.add(
            Diagnostic(
                limits.QUEUE_NAME_TOO_LONG,
                f"this slug has {len(draft.slug)} characters, and queue names allow {MAX_FLOW_LENGTH}",
                draft.slug_span,
                help=("choose a shorter slug",),
            )
        )
