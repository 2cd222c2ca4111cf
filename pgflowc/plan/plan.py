"""Lock and flows to a plan: what is new, changed or gone becomes migrations, or a diagnostic says why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import generated
from pgflowc.document.referred import CronTarget
from pgflowc.graph.model import Flow
from pgflowc.plan.changes import changes, payload_changes, stored_order, undo
from pgflowc.plan.fingerprints import fingerprints
from pgflowc.plan.integrity import check_integrity, check_strays
from pgflowc.plan.lock import LOCK, Lock, LockedFlow, locked
from pgflowc.plan.model import Migration, MigrationFormat, Plan, Verb
from pgflowc.plan.names import migration_names
from pgflowc.plan.ops import ChangePayload, CreateFlow, DropFlow, Op, OrderSteps, RecreateFlow
from pgflowc.plan.revisions import newest_revision, revision_of
from pgflowc.plan.shape import FlowShape, shape_of

ALLOW = "pgflowc compile --allow-data-loss"


@dataclass(frozen=True, slots=True)
class Target:
    """Where migrations go, and what may be in them.

    `directory` is how messages call their place, `present` its files by name, `now` the time that names with
    timestamps begin at, `keeper` who starts the runs of schedules.
    """

    directory: str
    present: Mapping[str, bytes]
    format: MigrationFormat = "plain"
    allow_data_loss: bool = False
    now: datetime | None = None
    keeper: CronTarget = "worker"


@dataclass(frozen=True, slots=True)
class _Step:
    """What one flow adds to a plan. `entry` is the lock's once it is done, None when the flow is gone."""

    entry: LockedFlow | None
    migration: Migration | None = None
    noted: tuple[ChangePayload, ...] = ()


def plan(lock: Lock, flows: Sequence[Flow], target: Target, report: Report) -> Plan:
    """The migrations that `flows` (sorted by slug) need beyond those of the lock.

    Reported are changes that runs alive would not survive and that the spec does not say how to make,
    deletions that nobody allowed, recorded migrations that are missing or were edited, and, as a warning,
    flows of the lock that have no spec.
    """
    check_integrity(lock, target.directory, target.present, report)
    specified = {flow.slug for flow in flows}
    steps = {
        slug: _dropped(slug, entry, target, report)
        for slug, entry in sorted(lock.flows.items())
        if slug not in specified
    }
    for flow in flows:
        entry = lock.flows.get(flow.slug)
        steps[flow.slug] = _changed(flow, entry, target, report) if entry else _created(flow, target)
    migrations = [step.migration for step in steps.values() if step.migration]
    named = _named(migrations, lock, target, report)
    check_strays(lock, {one.name for one in named}, target.directory, target.present, report)
    return Plan(
        named,
        tuple(op for step in steps.values() for op in step.noted),
        {slug: step.entry for slug, step in steps.items() if step.entry},
    )


def _created(flow: Flow, target: Target) -> _Step:
    shape = shape_of(flow, target.keeper)
    op = CreateFlow(flow.slug, shape, cause=flow.span)
    entry = locked(flow.slug, shape, fingerprints(flow))
    return _Step(entry, _migration("create", flow, (op,), (op.reverse,)))


def _dropped(slug: str, entry: LockedFlow, target: Target, report: Report) -> _Step:
    if not target.allow_data_loss:
        message = f"{entry.kind} '{slug}' is in {LOCK} but has no spec"
        help = (
            f"`{ALLOW}` writes the migration that deletes it and its runs",
            "if the spec was renamed, restore its slug",
        )
        report.add(Diagnostic(generated.SPEC_GONE, message, help=help))
        return _Step(entry)
    op = DropFlow(slug, entry.shape)
    return _Step(None, Migration("", "drop", slug, entry.kind, (op,), (op.reverse,)))


def _changed(flow: Flow, entry: LockedFlow, target: Target, report: Report) -> _Step:
    before, after, payloads = entry.shape, shape_of(flow, target.keeper), fingerprints(flow)
    ops = changes(flow.slug, before, after, flow)
    if any(op.needs_drain for op in ops) and flow.on_change != "drain":
        if flow.on_change == "version" or not target.allow_data_loss:
            _refuse(flow, ops, report)
            return _Step(entry)
        return _recreated(flow, before, after, ops, payloads)
    if not ops and payloads == entry.payloads:
        return _Step(entry)
    steps = {step.slug: step for step in after.steps}
    established = replace(after, steps=tuple(steps[slug] for slug in stored_order(ops, before)))
    back = undo(flow.slug, ops, before, established)
    return _Step(
        locked(flow.slug, established, payloads),
        _migration("change", flow, ops, back) if ops else None,
        payload_changes(flow.slug, entry.payloads, payloads, flow),
    )


def _recreated(
    flow: Flow, before: FlowShape, after: FlowShape, ops: Sequence[Op], payloads: Mapping[str, str]
) -> _Step:
    lines = tuple(op.change for op in ops if not isinstance(op, OrderSteps))
    op = RecreateFlow(flow.slug, before, after, lines, cause=flow.span)
    return _Step(locked(flow.slug, after, payloads), _migration("change", flow, (op,), (op.reverse,)))


def _migration(verb: Verb, flow: Flow, up: tuple[Op, ...], down: tuple[Op, ...]) -> Migration:
    return Migration("", verb, flow.slug, flow.kind, up, down, flow.description, flow.source)


def _named(
    migrations: Sequence[Migration], lock: Lock, target: Target, report: Report
) -> tuple[Migration, ...]:
    recorded = {migration.name for migration in lock.migrations}
    wanted = [(migration.verb, migration.flow) for migration in migrations]
    names = migration_names(wanted, target.present, recorded, target.format, target.now)
    ordered = sorted(
        (replace(one, name=names[one.verb, one.flow]) for one in migrations),
        key=lambda one: int(one.name.partition("_")[0]),
    )
    if target.format != "alembic" or not ordered:
        return tuple(ordered)
    follows = newest_revision(target.directory, target.present, {f"{one.name}.py" for one in ordered}, report)
    chain = [follows, *(revision_of(one.name) for one in ordered)]
    return tuple(replace(one, follows=before) for one, before in zip(ordered, chain, strict=False))


def _refuse(flow: Flow, ops: Sequence[Op], report: Report) -> None:
    breaking = [op for op in ops if op.needs_drain]
    first = breaking[0]
    headline = f"{first.subject}: {first.text}" if first.text else f"{first.subject} is removed"
    more = f", and {len(breaking) - 1} more" if len(breaking) > 1 else ""
    labels = tuple(Label(op.cause or flow.span, f"{op.subject}: {op.text or 'removed'}") for op in breaking)
    if flow.on_change == "recreate":
        report.add(
            Diagnostic(
                generated.DATA_LOSS,
                f"changing {flow.kind} '{flow.slug}' with 'on_change: recreate' deletes all its runs",
                flow.span,
                labels=labels,
                help=(f"if they may go: `{ALLOW}`; otherwise write `on_change: drain`",),
            )
        )
        return
    report.add(
        Diagnostic(
            generated.CHANGED_DEFINITION,
            f"{flow.kind} '{flow.slug}' changes in a way that runs alive would not survive: {headline}{more}",
            flow.span,
            labels=labels if len(labels) > 1 or labels[0].span != flow.span else (),
            help=(
                "write `on_change: drain`: the migration is refused while runs are alive; finished ones stay",
                f"or `on_change: recreate`, and run `{ALLOW}`: all its runs are deleted",
                f"or leave the {flow.kind} as it is, and give the changed one another name",
            ),
        )
    )
