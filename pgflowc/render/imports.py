"""Import statements in the order and form that ruff's isort rules want."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from pgflowc.render.layout import Group, lay_out

# Where the names come from that generated modules may use; what is not here is defined in the module or built
# in.
ORIGINS = {
    "Awaitable": "collections.abc",
    "Callable": "collections.abc",
    "dataclass": "dataclasses",
    "Decimal": "decimal",
    "Annotated": "typing",
    "Final": "typing",
    "Literal": "typing",
    "TypeAlias": "typing",
    "TypedDict": "typing",
    "UUID": "uuid",
    "Base64": "pgflowc_runtime",
    "Context": "pgflowc_runtime",
    "Flow": "pgflowc_runtime",
    "JsonValue": "pgflowc_runtime",
    "Payload": "pgflowc_runtime",
    "Registry": "pgflowc_runtime",
    "Step": "pgflowc_runtime",
    "Field": "pydantic",
    "TypeAliasType": "typing_extensions",
}
# `dt.date` and not `date`: payloads often have a field called date or time, which would hide the type in its
# class.
DATETIME = "dt"
RESERVED = frozenset({*ORIGINS, DATETIME})
_THIRD_PARTY = frozenset({"pgflowc_runtime", "pydantic", "typing_extensions"})


def import_sections(used: Iterable[str]) -> list[list[str]]:
    """The statements that import what of `used` is imported: standard library first, then the others."""
    used = set(used)
    modules: dict[str, list[str]] = {}
    for name in used & ORIGINS.keys():
        modules.setdefault(ORIGINS[name], []).append(name)
    standard = ["import datetime as dt"] if DATETIME in used else []
    standard += [from_import(module, modules[module]) for module in sorted(modules.keys() - _THIRD_PARTY)]
    others = [from_import(module, modules[module]) for module in sorted(modules.keys() & _THIRD_PARTY)]
    return [section for section in (standard, others) if section]


def from_import(module: str, names: Iterable[str]) -> str:
    """`from module import names`, sorted, over several lines if need be."""
    ordered = sorted(names, key=member_order)
    one_line = f"from {module} import {', '.join(ordered)}"
    if len(one_line) <= 88:
        return one_line
    return lay_out(f"from {module} import ", Group("", "()", tuple(ordered), exploded=True))


def from_imports(names: Mapping[tuple[str, str], str]) -> list[str]:
    """Statements that bring in names, given as module and name, under other names where the value differs."""
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
