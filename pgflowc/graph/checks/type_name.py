"""Names of payload types: those defined can be used, and those used are defined."""

from __future__ import annotations

import re

from pgflowc.diagnostics import Diagnostic, Fix, Label, Report
from pgflowc.diagnostics.codes import types as codes
from pgflowc.diagnostics.fixing import rewording
from pgflowc.graph.draft import Draft, TypeUse
from pgflowc.spec import type_text
from pgflowc_language.payload_types import SCALAR_NAMES
from pgflowc_language.words import most_hints, near_miss, one_of, quote, sure_miss

_NAME = re.compile(type_text.NAME)
_MOST_SHOWN = 6

# Words of other languages for the built-in types.
_OTHER_WORDS = {
    **dict.fromkeys(("string", "text", "varchar", "char", "email", "url"), "str"),
    **dict.fromkeys(("integer", "int4", "int8", "bigint", "smallint", "long"), "int"),
    **dict.fromkeys(("number", "double", "real", "float4", "float8"), "float"),
    **dict.fromkeys(("boolean",), "bool"),
    **dict.fromkeys(("numeric", "money"), "decimal"),
    **dict.fromkeys(("timestamp", "timestamptz"), "datetime"),
    **dict.fromkeys(("none", "nil", "void", "nothing"), "null"),
    **dict.fromkeys(("bytea", "binary", "blob"), "bytes"),
    **dict.fromkeys(("jsonb", "object", "dict", "unknown"), "json"),
    **dict.fromkeys(("list", "array", "set", "tuple", "sequence"), "[T]"),
}

# Those of them that can mean nothing else.
_SAME = {"string": "str", "integer": "int", "boolean": "bool"}


def check(draft: Draft, report: Report) -> None:
    """Report names under `types` that cannot be used, and names in types that are not defined."""
    for name in draft.types:
        if name in type_text.RESERVED:
            problem, help = (
                "is built in and cannot be defined",
                "choose another name, such as " + quote(name.title()),
            )
        elif not _NAME.fullmatch(name) or len(name) > type_text.LONGEST_NAME:
            problem, help = (
                "cannot name a type",
                "use letters, digits and underscores, and begin with a letter",
            )
        else:
            continue
        report.add(
            Diagnostic(
                codes.BAD_NAME, f"{quote(name)} {problem}", draft.spec.key_span("types", name), help=(help,)
            )
        )
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
                f"there is no type {quote(name)}",
                uses[0].span,
                label="unknown type",
                labels=tuple(Label(use.span, "here, too") for use in uses[1:_MOST_SHOWN]),
                help=(_help(name, written),) if number < hints else (),
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


def _help(name: str, written: set[str]) -> str:
    meant = _OTHER_WORDS.get(name.lower()) or near_miss(name, [*sorted(written), *SCALAR_NAMES])
    if meant:
        return f"did you mean '{meant}'?"
    return f"define it under 'types:', or use one of {one_of(SCALAR_NAMES)}"
