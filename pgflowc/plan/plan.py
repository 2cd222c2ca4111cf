"""Lock and flows to a plan: what is new, changed or gone becomes migrations, or a diagnostic says why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pgflowc.diagnostics import Diagnostic, Label, Report
from pgflowc.diagnostics.codes import generated
from pgflowc.document.referred import CronTarget
from pgflowc.graph.model import Flow
from pgflowc.plan.changes import changes, payload_changes, stored_order, undo
from pgflowc.plan.fingerprints import fingerprints
from pgflowc.plan.former_slugs import check_former_slugs
from pgflowc.plan.integrity import check_integrity, check_strays
from pgflowc.plan.lock import LOCK, FlowCode, Lock, LockedFlow, LockedVersion, locked
from pgflowc.plan.model import Migration, MigrationFormat, Plan, Verb
from pgflowc.plan.names import migration_names
from pgflowc.plan.ops import (
    ChangePayload,
    CreateFlow,
    CreateVersion,
    DropFlow,
    DropVersion,
    Op,
    OrderSteps,
    RecreateFlow,
    SetRetention,
    SetSchedule,
    SwitchVersion,
)
from pgflowc.plan.revisions import newest_revision, revision_of
from pgflowc.plan.rollout import Rollout, rollout
from pgflowc.plan.shape import FlowShape, shape_of
from pgflowc.plan.versions import alone, check_names, drop_all, of_version, stored_slug, too_long

ALLOW = "pgflowc compile --allow-data-loss"


def _no_code(slug: str, version: int, entry: LockedFlow) -> FlowCode | str:
    return f"there is no Python of version {version} of '{slug}'"


@dataclass(frozen=True, slots=True)
class Target:
    """Where migrations go, and what may be in them.

    `directory` is how messages call their place, `present` its files by name, `now` the time that names with
    timestamps begin at, `keeper` who starts the runs of schedules. `code` tells the Python of a flow as the
    lock has it, so that it can go on as a former version, or what is wrong with it. `retired` are former
    versions to delete.
    """

    directory: str
    present: Mapping[str, bytes]
    format: MigrationFormat = "plain"
    allow_data_loss: bool = False
    now: datetime | None = None
    keeper: CronTarget = "auto"
    code: Callable[[str, int, LockedFlow], FlowCode | str] = _no_code
    retired: frozenset[tuple[str, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class _Step:
    """What one flow adds to a plan. `entry` is the lock's once it is done, None when the flow is gone."""

    entry: LockedFlow | None
    migrations: tuple[Migration, ...] = ()
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
        step = _changed(flow, entry, target, report) if entry else _created(flow, target)
        steps[flow.slug] = _retired(flow, entry, step, target)
    entries = {slug: step.entry for slug, step in steps.items() if step.entry}
    check_names(flows, entries, lock, report)
    migrations = [migration for step in steps.values() for migration in step.migrations]
    # All that may be applied before workers are replaced comes before what may not.
    migrations.sort(key=lambda migration: migration.verb == "switch")
    named = _named(migrations, lock, target, report)
    check_strays(lock, {one.name for one in named}, target.directory, target.present, report)
    return Plan(
        named,
        tuple(op for step in steps.values() for op in step.noted),
        entries,
        tuple(_rollouts(named, target.format)),
    )


def _created(flow: Flow, target: Target) -> _Step:
    shape = shape_of(flow, target.keeper)
    op = CreateFlow(flow.slug, shape, cause=flow.span)
    entry = locked(flow.slug, shape, fingerprints(flow))
    return _Step(entry, (_migration("create", flow, (op,), (op.reverse,)),))


def _dropped(slug: str, entry: LockedFlow, target: Target, report: Report) -> _Step:
    if not target.allow_data_loss:
        message = f"{entry.kind} '{slug}' is in {LOCK} but has no spec"
        help: tuple[str, ...] = (
            f"`{ALLOW}` writes the migration that deletes it and its runs",
            "if the spec was renamed, restore its slug",
        )
        if entry.shape.cron is not None:
            help += (
                f"until then its schedule starts runs, and no worker takes them: `pgflowc cron pause {slug}`",
            )
        report.add(Diagnostic(generated.SPEC_GONE, message, help=help))
        return _Step(entry)
    ops: tuple[DropFlow | DropVersion | SetSchedule | SetRetention, ...] = (DropFlow(slug, entry.shape),)
    if entry.version > 1:
        ops = tuple(drop_all(slug, entry))
    back = tuple(op.reverse for op in reversed(ops))
    return _Step(None, (Migration("", "drop", slug, entry.kind, ops, back),))


def _changed(flow: Flow, entry: LockedFlow, target: Target, report: Report) -> _Step:
    check_former_slugs(flow, entry, report)
    before, after, payloads = entry.shape, shape_of(flow, target.keeper), fingerprints(flow)
    stored = stored_slug(flow.slug, entry.version)
    ops = changes(flow.slug, before, after, flow)
    if any(op.needs_drain for op in ops) and flow.on_change == "version":
        code = target.code(flow.slug, entry.version, entry)
        reason = code if isinstance(code, str) else too_long(flow.slug, entry.version + 1)
        if isinstance(code, str) or reason:
            _refuse(flow, ops, report, reason)
            return _Step(entry)
        return _versioned(flow, entry, code, after, ops, payloads)
    if any(op.needs_drain for op in ops) and flow.on_change == "recreate":
        if not target.allow_data_loss:
            _refuse(flow, ops, report)
            return _Step(entry)
        return _recreated(flow, entry, after, ops, payloads)
    ops = of_version(flow.slug, stored, ops)
    if not ops and payloads == entry.payloads:
        return _Step(entry)
    steps = {step.slug: step for step in after.steps}
    established = replace(after, steps=tuple(steps[slug] for slug in stored_order(ops, before)))
    back = undo(stored, ops, before, established)
    return _Step(
        locked(flow.slug, established, payloads, entry.version, entry.former),
        (_migration("change", flow, ops, back),) if ops else (),
        payload_changes(flow.slug, entry.payloads, payloads, flow),
    )


def _recreated(
    flow: Flow, entry: LockedFlow, after: FlowShape, ops: Sequence[Op], payloads: Mapping[str, str]
) -> _Step:
    lines = tuple(op.change for op in ops if not isinstance(op, OrderSteps))
    stored, of_name = stored_slug(flow.slug, entry.version), tuple[Op, ...]()
    before, then = entry.shape, after
    if entry.version > 1:
        of_name = tuple(
            op for op in of_version(flow.slug, stored, ops) if isinstance(op, SetSchedule | SetRetention)
        )
        before, then = alone(before), alone(after)
    op = RecreateFlow(stored, before, then, lines, cause=flow.span)
    back = (*(one.reverse for one in reversed(of_name)), op.reverse)
    return _Step(
        locked(flow.slug, after, payloads, entry.version, entry.former),
        (_migration("change", flow, (op, *of_name), back),),
    )


def _versioned(
    flow: Flow,
    entry: LockedFlow,
    code: FlowCode,
    after: FlowShape,
    ops: Sequence[Op],
    payloads: Mapping[str, str],
) -> _Step:
    """The flow gets a new version, and its runs that are alive keep theirs."""
    slug, version = flow.slug, entry.version + 1
    lines = tuple(op.change for op in ops if not isinstance(op, OrderSteps | SetSchedule | SetRetention))
    create = CreateVersion(slug, version, stored_slug(slug, version), alone(after), lines, cause=flow.span)
    of_name = tuple(
        op for op in of_version(slug, "", ops, by_name=True) if isinstance(op, SetSchedule | SetRetention)
    )
    # The first switch is when pg_cron has to learn that the name is not what is stored.
    cron = entry.cron if entry.version == 1 and entry.cron == after.cron else None
    cron = cron if cron and cron.is_job else None
    switch = SwitchVersion(slug, entry.version, version, cron, cause=flow.span)
    former = LockedVersion(entry.version, entry.kind, entry.options, entry.steps, code)
    back = (*(op.reverse for op in reversed(of_name)), switch.reverse)
    return _Step(
        locked(slug, after, payloads, version, (*entry.former, former)),
        (
            replace(_migration("version", flow, (create,), (create.reverse,)), version=version),
            replace(_migration("switch", flow, (switch, *of_name), back), version=version),
        ),
    )


def _retired(flow: Flow, before: LockedFlow | None, step: _Step, target: Target) -> _Step:
    """The step without the former versions that are to go, as far as they were former ones before."""
    entry = step.entry
    former = before.former if before else ()
    gone = [one for one in former if (flow.slug, one.version) in target.retired]
    if entry is None or not gone:
        return step
    kept = tuple(one for one in entry.former if one not in gone)
    migrations = []
    for one in gone:
        op = DropVersion(flow.slug, one.version, stored_slug(flow.slug, one.version), one.shape)
        migration = replace(_migration("retire", flow, (op,), (op.reverse,)), version=one.version)
        migrations.append(migration)
    entry = locked(flow.slug, entry.shape, entry.payloads, entry.version, kept)
    return replace(step, entry=entry, migrations=(*step.migrations, *migrations))


def _rollouts(migrations: Sequence[Migration], format: MigrationFormat) -> Iterator[Rollout]:
    created = {(one.flow, one.version): one.name for one in migrations if one.verb == "version"}
    for one in migrations:
        if one.verb == "switch":
            create = created[one.flow, one.version]
            tool = None if format == "plain" else format
            yield rollout(one.flow, one.version - 1, one.version, create, one.name, tool)


def _migration(verb: Verb, flow: Flow, up: tuple[Op, ...], down: tuple[Op, ...]) -> Migration:
    return Migration("", verb, flow.slug, flow.kind, up, down, flow.description, flow.source)


def _named(
    migrations: Sequence[Migration], lock: Lock, target: Target, report: Report
) -> tuple[Migration, ...]:
    recorded = {migration.name for migration in lock.migrations}
    titles = [migration.title for migration in migrations]
    names = migration_names(titles, target.present, recorded, target.format, target.now)
    ordered = sorted(
        (replace(one, name=names[one.title]) for one in migrations),
        key=lambda one: int(one.name.partition("_")[0]),
    )
    if target.format != "alembic" or not ordered:
        return tuple(ordered)
    follows = newest_revision(target.directory, target.present, {f"{one.name}.py" for one in ordered}, report)
    chain = [follows, *(revision_of(one.name) for one in ordered)]
    return tuple(replace(one, follows=before) for one, before in zip(ordered, chain, strict=False))


def _refuse(flow: Flow, ops: Sequence[Op], report: Report, reason: str = "") -> None:
    """Report the change; `reason` is what keeps it from becoming a version."""
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
                f"it cannot become a version of its own: {reason}",
                "or write `on_change: drain`: the migration waits for runs to end; finished ones stay",
                f"or `on_change: recreate`, and run `{ALLOW}`: all its runs are deleted",
            ),
        )
    )
