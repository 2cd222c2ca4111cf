"""Recursive types need an end, and an object on the way round."""

from __future__ import annotations

from pgflowc.diagnostics import Diagnostic, Report
from pgflowc.diagnostics.codes import types as codes
from pgflowc.graph.draft import Draft
from pgflowc.spec.example import example, setting
from pgflowc_language.endless_types import endless_types


def check(draft: Draft, report: Report) -> None:
    """Report names that lead back to themselves without an object, and types without any finite value."""
    for one in endless_types(draft.types):
        span = draft.type_span(one.name)
        if one.is_alias:
            code = codes.RECURSIVE_ALIAS
            help = f"put an object between: {setting(span.path, one.name, {'children': [one.name]})}"
        else:
            code = codes.ENDLESS
            ends = example(span.path, f"{one.name} | null"), example(span.path, [one.name])
            help = f"give it an end: {' or '.join(ends)}"
        report.add(Diagnostic(code, one.message, span, help=(help,)))
