"""What to run against a difference from a fresh install: a statement, or where to find one."""

from __future__ import annotations

from pgflowc.database.catalogue import Difference
from pgflowc.database.components import COMPONENTS, functions_sql


def remedy(difference: Difference) -> str:
    """SQL or a command that mends `difference`; "" where nothing is to be mended, or a person has to look."""
    if difference.problem == "unexpected":
        return ""
    match difference.kind:
        case "function":
            return _function(difference)
        case "privilege":
            return f"grant {difference.name};"
        case "constraint":
            return _constraint(difference)
        case "index":
            return _index(difference)
        case "column" if difference.problem == "missing" and not difference.expected.startswith("place "):
            table, _, column = difference.name.rpartition(".")
            return f"alter table {table} add column {column} {difference.expected};"
        case "schema":
            component = "core" if difference.name == "pgflow" else difference.name
            return f"pgflowc db sql --component {component} | psql --single-transaction"
        case "table" | "type" if difference.problem == "missing":
            component = "core" if difference.name.startswith("pgflow.") else "pgflowc"
            return f"its definition from `pgflowc db sql --component {component}`"
    return ""


def _function(difference: Difference) -> str:
    name = difference.name.partition("(")[0]
    owners = [one for one in COMPONENTS if f"create or replace function {name}(" in functions_sql(one)]
    return "; ".join(
        f"pgflowc db sql --component {owner} --functions | psql --single-transaction" for owner in owners
    )


def _constraint(difference: Difference) -> str:
    table, _, name = difference.name.rpartition(".")
    drop = f"drop constraint {name}, " if difference.problem == "different" else ""
    return f"alter table {table} {drop}add constraint {name} {difference.expected};"


def _index(difference: Difference) -> str:
    # The index of a key belongs to its constraint, which is listed itself; those are named so.
    if difference.name.endswith(("_pkey", "_key")):
        return ""
    drop = f"drop index {difference.name}; " if difference.problem == "different" else ""
    return f"{drop}{difference.expected};"
