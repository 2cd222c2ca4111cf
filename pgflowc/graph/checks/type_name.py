"""Names of payload types: those defined can be used, and those used are defined."""

from __future__ import annotations

from pgflowc.diagnostics import Diagnostic, Fix, Label, Report
from pgflowc.diagnostics.codes import types as codes
from pgflowc.diagnostics.fixing import rewording
from pgflowc.graph.draft import Draft, TypeUse
from pgflowc_language.payload_types import SCALAR_NAMES
from pgflowc_language.type_names import SPEC, fault_of_name, meant_by, unknown_type
from pgflowc_language.words import most_hints, sure_miss

_MOST_SHOWN = 6

# Words of other languages for the built-in types that can mean nothing else.
_SAME = {"string": "str", "integer": "int", "boolean": "bool"}


def check(draft: Draft, report: Report) -> None:
    """Report names under `types` that cannot be used, and names in types that are not defined."""
    for name in draft.types:
        if fault := fault_of_name(name):
            message, help = fault
            span = draft.spec.key_span("types", name)
            report.add(Diagnostic(codes.BAD_NAME, message, span, help=(help,)))
    known = draft.spec.document.find("types")
    written = set(getattr(known, "entries", ()))
    unknown: dict[str, list[TypeUse]] = {}
    for use in draft.type_uses:
        if use.name not in written and not draft.spec.document.may_hold("types", use.name):
            unknown.setdefault(use.name, []).append(use)
    hints = most_hints(len(written))
    for number, (name, uses) in enumerate(unknown.items()):
        report.add(
            Diagnostic(
                codes.UNKNOWN_NAME,
                unknown_type(name),
                uses[0].span,
                label="unknown type",
                labels=tuple(Label(use.span, "here, too") for use in uses[1:_MOST_SHOWN]),
                help=(meant_by(name, written, SPEC),) if number < hints else (),
                fix=_fix(name, uses, written) if number < hints else None,
            )
        )


def _fix(name: str, uses: list[TypeUse], written: set[str]) -> Fix | None:
    """The same word for all uses, if it is certain: a slip, or another language's word for the very type."""
    meant = sure_miss(name, [*sorted(written), *SCALAR_NAMES]) or _SAME.get(name.lower())
    if meant is None:
        return None
    fixes = [rewording(use.span, name, meant) for use in uses]
    edits = [edit for fix in fixes if fix for edit in fix.edits]
    return Fix(tuple(edits), certain=True) if len(edits) == len(uses) else None
