"""Tells what a compilation changes of flows that databases may have already."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pgflowc.plan import Migration, Plan
from pgflowc.plan.ops import CreateVersion, DropVersion, Op, OrderSteps, SwitchVersion
from pgflowc.plan.rollout import Rollout
from pgflowc.render.literals import one_line


def describe(plan: Plan, path: Callable[[str], str]) -> Iterator[str]:
    """A line for each migration that changes or deletes a flow, and below it one for each operation.

    `path` is that of a migration's file. Flows that are new have nothing that could break.
    """
    for migration in plan.migrations:
        if migration.verb == "create":
            continue
        yield f"{path(migration.name)} {_does(migration)}"
        for op in migration.up:
            match op:
                case CreateVersion():
                    yield from (f"  {one_line(change)}" for change in op.changes)
                case OrderSteps() | SwitchVersion():
                    pass
                case DropVersion() if migration.verb == "retire":
                    pass
                case _:
                    yield _line(op)
        yield from (_line(op) for op in plan.noted if op.flow == migration.flow)
    for rollout in plan.rollouts:
        yield from describe_rollout(rollout)
    migrated = {migration.flow for migration in plan.migrations}
    for flow in sorted({op.flow for op in plan.noted} - migrated):
        yield f"flow {flow} changes without a migration:"
        yield from (_line(op) for op in plan.noted if op.flow == flow)


def describe_rollout(rollout: Rollout) -> Iterator[str]:
    """The phases of a rollout, numbered, each with the command or the query that it needs."""
    yield f"rolling out version {rollout.after} of {rollout.flow} while workers and runs are alive:"
    for number, phase in enumerate(rollout.phases, 1):
        yield f"  {number}. {phase.name + ':':<7} {phase.title}"
        if phase.command:
            yield f"             {phase.command}"
        if phase.gate:
            yield f"             {phase.gate}  -- 0, before you go on"


def _does(migration: Migration) -> str:
    flow = f"{migration.kind} {migration.flow}"
    match migration.verb:
        case "drop":
            return f"deletes {flow}:"
        case "version":
            return f"creates version {migration.version} of {flow}, for new runs alone:"
        case "switch":
            return f"lets runs of {flow} start on version {migration.version}"
        case "retire":
            return f"deletes version {migration.version} of {flow}"
        case _:
            return f"changes {flow}:"


def _line(op: Op) -> str:
    # On one line, and with nothing in it that a terminal would obey.
    return f"  {one_line(op.line)}"
