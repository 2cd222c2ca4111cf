"""Tells what a compilation changes of flows that databases may have already."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pgflowc.plan import Plan
from pgflowc.plan.ops import Op, OrderSteps
from pgflowc.render.literals import one_line


def describe(plan: Plan, path: Callable[[str], str]) -> Iterator[str]:
    """A line for each migration that changes or deletes a flow, and below it one for each operation.

    `path` is that of a migration's file. Flows that are new have nothing that could break.
    """
    for migration in plan.migrations:
        if migration.verb == "create":
            continue
        does = "deletes" if migration.verb == "drop" else "changes"
        yield f"{path(migration.name)} {does} {migration.kind} {migration.flow}:"
        yield from (_line(op) for op in migration.up if not isinstance(op, OrderSteps))
        yield from (_line(op) for op in plan.noted if op.flow == migration.flow)
    migrated = {migration.flow for migration in plan.migrations}
    for flow in sorted({op.flow for op in plan.noted} - migrated):
        yield f"flow {flow} changes without a migration:"
        yield from (_line(op) for op in plan.noted if op.flow == flow)


def _line(op: Op) -> str:
    # On one line, and with nothing in it that a terminal would obey.
    return f"  {one_line(op.line)}"
