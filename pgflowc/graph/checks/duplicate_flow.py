"""Slugs name flows in the database, and in lower case their queues: each can be used once in a project."""

from __future__ import annotations

from collections.abc import Sequence

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import graph as codes
from pgflowc.graph.draft import Draft


def check(drafts: Sequence[Draft], report: Report) -> set[Draft]:
    """Report the second use of a slug, across files too; returns all flows that share one."""
    first_use: dict[str, Draft] = {}
    refused: set[Draft] = set()
    for draft in sorted(drafts, key=lambda draft: draft.slug_span):
        if draft.spec.is_damaged(*draft.spec.slug_path):
            continue
        first = first_use.setdefault(draft.slug.lower(), draft)
        if first is draft:
            continue
        refused |= {first, draft}
        same = first.slug == draft.slug
        report.add(
            Diagnostic(
                codes.DUPLICATE_FLOW if same else codes.SAME_QUEUE,
                f"the slug '{draft.slug}' is used by another {first.kind}"
                if same
                else f"the slug '{draft.slug}' differs from '{first.slug}' only in capital letters",
                draft.slug_span,
                labels=(Label(first.slug_span, "first used here"),),
                help=(
                    "rename one of the two"
                    if same
                    else "rename one of the two: their queue would be the same",
                ),
            )
        )
    return refused
