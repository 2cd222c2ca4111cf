"""Tells what a compilation changes of flows that databases may have already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pgflowc.plan import Migration, Plan
from pgflowc.plan.ops import CreateVersion, DropVersion, Op, OrderSteps, SwitchVersion
from pgflowc.plan.rollout import Rollout
from pgflowc.render.literals import one_line
from pgflowc.render.phases import describe_rollout


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
    if len(plan.rollouts) > 1:
        yield from _together(plan.rollouts)
    else:
        yield from (line for rollout in plan.rollouts for line in describe_rollout(rollout))
    migrated = {migration.flow for migration in plan.migrations}
    for flow in sorted({op.flow for op in plan.noted} - migrated):
        yield f"flow {flow} changes without a migration:"
        yield from (_line(op) for op in plan.noted if op.flow == flow)


def _together(rollouts: Sequence[Rollout]) -> Iterator[str]:
    """Several versions in as many steps as one: all are created before the first one is switched to."""
    pre, flip = (
        [phase.command for one in rollouts for phase in one.phases if phase.name == name and phase.command]
        for name in ("pre", "flip")
    )
    yield f"rolling out {len(rollouts)} new versions while workers and runs are alive:"
    yield f"  1. pre:    {pre[-1]}"
    yield "  2. deploy: replace the workers"
    yield f"  3. flip:   {flip[-1]}"
    yield "  `pgflowc diff` has the phases of each, with what to wait for"


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
