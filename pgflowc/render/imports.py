"""Import statements in the order and form that ruff's isort rules want."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Mapping

from pgflowc.render.layout import Group, lay_out

# Where the names come from that generated modules may use; what is not here is defined in the module, a class
# of the user for `$python`, or built in.
ORIGINS = {
    "Awaitable": "collections.abc",
    "Callable": "collections.abc",
    "dataclass": "dataclasses",
    "Annotated": "typing",
    "Final": "typing",
    "Literal": "typing",
    "TypeAlias": "typing",
    "TypedDict": "typing",
    "UUID": "uuid",
    "Base64": "pgflowc_runtime",
    "Context": "pgflowc_runtime",
    "ExactDecimal": "pgflowc_runtime",
    "Flow": "pgflowc_runtime",
    "JsonValue": "pgflowc_runtime",
    "Payload": "pgflowc_runtime",
    "Registry": "pgflowc_runtime",
    "SignalContext": "pgflowc_runtime",
    "Step": "pgflowc_runtime",
    "Field": "pydantic",
    "TypeAliasType": "typing_extensions",
}
# `dt.date` and not `date`: payloads often have a field called date or time, which would hide the type in its
# class.
DATETIME = "dt"
# Decimal stays reserved: a class of that name beside ExactDecimal would mislead.
RESERVED = frozenset({*ORIGINS, DATETIME, "Decimal"})

Imported = Mapping[tuple[str, str], str]
"""Names to import, as module and name, and what they are called here."""


def standard_imports(used: Iterable[str]) -> tuple[list[str], dict[tuple[str, str], str]]:
    """What of `used` comes from elsewhere: whole statements, and names to import."""
    used = set(used)
    statements = ["import datetime as dt"] if DATETIME in used else []
    return statements, {(ORIGINS[name], name): name for name in used & ORIGINS.keys()}


def import_sections(found: Imported, own: Collection[str], statements: Iterable[str] = ()) -> list[list[str]]:
    """The import statements of a module: the standard library (which `statements` belong to), other packages,
    and those of `own`.
    """
    sections: list[dict[tuple[str, str], str]] = [{}, {}, {}]
    for (module, name), as_ in found.items():
        top = module.partition(".")[0]
        # Linters have the same list. It differs between versions, but not in modules that handlers live in.
        place = 0 if top in sys.stdlib_module_names else 2 if top in own else 1
        sections[place][module, name] = as_
    texts = [from_imports(section) for section in sections]
    texts[0] = [*statements, *texts[0]]
    return [section for section in texts if section]


def from_import(module: str, names: Iterable[str]) -> str:
    """`from module import names`, sorted, over several lines if need be."""
    ordered = sorted(names, key=member_order)
    one_line = f"from {module} import {', '.join(ordered)}"
    if len(one_line) <= 88:
        return one_line
    return lay_out(f"from {module} import ", Group("", "()", tuple(ordered), exploded=True))


def from_imports(names: Imported) -> list[str]:
    """Statements that bring in names, under other names where they are called otherwise here."""
    plain: dict[str, list[str]] = {}
    statements = []
    for (module, name), as_ in names.items():
        if name == as_:
            plain.setdefault(module, []).append(name)
        else:
            order = (module_order(module), member_order(name))
            statements.append((order, f"from {module} import {name} as {as_}"))
    for module, members in plain.items():
        order = (module_order(module), min(map(member_order, members)))
        statements.append((order, from_import(module, members)))
    return [statement for _, statement in sorted(statements)]


def module_order(module: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sorts modules: digits by value, case ignored."""
    return (natural_order(module.lower()), module)


def member_order(name: str) -> tuple[int, tuple[tuple[int, int, str], ...], str]:
    """Sorts imported names: constants, classes, then the rest; digits by value, case ignored."""
    kind = 0 if len(name) > 1 and name.isupper() else 1 if name[:1].isupper() else 2
    return (kind, natural_order(name.lower()), name)


def natural_order(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts texts with their digits by value: `a2` before `a10`."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)
