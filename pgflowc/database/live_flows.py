"""The flows of a live database, in the form that the lock and plans have them.

Read from the pgflow tables alone, whichever member of the family made them: columns that a core lacks have
their defaults, and what else there is (schedules, versions, pg_cron's jobs) is read where it is. Nothing here
begins a transaction: callers that need one moment for all of it read inside `snapshot`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from pgflowc.document.referred import CronTarget
from pgflowc.graph.model import FlowOptions, Retention
from pgflowc.plan.shape import CronShape, FlowShape, SignalShape, StepShape
from pgflowc.plan.state import State, StateFlow
from pgflowc_language.schedules import UTC_NAMES
from pgflowc_runtime.cron_command import started_by

_TABLES = ("pgflow.flows", "pgflow.steps", "pgflow.deps")
# A column that a core lacks is one that it could not fill.
_FLOWS = """
select f.flow_slug, to_jsonb(f) from pgflow.flows f
where %(slugs)s::text[] is null or f.flow_slug = any (%(slugs)s) order by f.flow_slug collate "C"
"""
_STEPS = """
select s.flow_slug, to_jsonb(s) from pgflow.steps s
where %(slugs)s::text[] is null or s.flow_slug = any (%(slugs)s)
order by s.flow_slug, s.step_index, s.step_slug
"""
_DEPS = """
select d.flow_slug, d.step_slug, array_agg(d.dep_slug order by d.dep_slug collate "C") from pgflow.deps d
where %(slugs)s::text[] is null or d.flow_slug = any (%(slugs)s) group by 1, 2
"""
_SCHEDULES = "select s.flow_slug, to_jsonb(s) from pgflowc.schedules s"
_RETENTIONS = """
select r.flow_slug, extract(epoch from r.completed)::bigint, extract(epoch from r.failed)::bigint
from pgflowc.retention r
"""
_SIGNALS = """
select a.flow_slug, a.step_slug, a.payload_schema, a.wait_for, a.is_approval from pgflowc.awaited_signals a
"""
_VERSIONS = """
select v.name, v.version, v.flow_slug, v.current_since is not null
from pgflowc.flow_versions v order by v.name collate "C", v.version
"""
_JOBS = """
select j.jobname, j.schedule, z.timezone, j.command, j.active from cron.job j
cross join (
  -- As pgflowc._pg_cron_timezone, which may not be there.
  select coalesce(
    (select nullif(s.setting, '') from pg_catalog.pg_settings s where s.name = 'cron.timezone'), 'GMT'
  ) as timezone
) z
where starts_with(j.jobname, 'pgflow_') and j.database = pg_catalog.current_database() order by j.jobid
"""


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """A stored flow, `slug`, that is a version of the flow `name`; runs start on the `current` one."""

    name: str
    version: int
    slug: str
    current: bool


@dataclass(frozen=True, slots=True)
class LiveFlow:
    """A flow as a database stores it: dependencies sorted, `kind` a flow where the core knows no jobs.

    `version` is there for flows that have several. The schedule of a name is that of its current version.
    `paused` says that the schedule starts nothing for now. `notes` name what a shape cannot say: one line
    each, for people.
    """

    slug: str
    shape: FlowShape
    version: LiveVersion | None = None
    paused: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveDatabase:
    """The flows by slug, and what the database can say of them.

    `core`: whether there are tables of flows at all. `kinds`: whether it tells jobs from flows. `keepers`:
    where it may keep schedules, `worker` for our own table.
    """

    flows: Mapping[str, LiveFlow] = field(default_factory=dict)
    core: bool = True
    kinds: bool = True
    keepers: frozenset[CronTarget] = frozenset()
    unread: frozenset[CronTarget] = frozenset()
    """Where schedules may be that the role must not read."""

    @property
    def named(self) -> dict[str, LiveFlow]:
        """The flows by name: of those with versions the current one."""
        return {
            flow.version.name if flow.version else slug: flow
            for slug, flow in self.flows.items()
            if flow.version is None or flow.version.current
        }

    def versions(self, name: str) -> tuple[LiveFlow, ...]:
        """The versions of a flow that has several, oldest first."""
        found = [flow for flow in self.flows.values() if flow.version and flow.version.name == name]
        return tuple(sorted(found, key=lambda flow: flow.version.version if flow.version else 0))


def state_of_database(live: LiveDatabase, title: str = "database") -> State:
    """What compares with specs and locks: each name with the definition that its runs start on."""
    return State(
        title,
        {
            name: StateFlow(
                flow.shape,
                stored=flow.slug,
                version=flow.version.version if flow.version else 1,
                notes=(*flow.notes, *_paused(flow)),
            )
            for name, flow in live.named.items()
        },
        live.kinds,
        schedules=not live.unread,
    )


def read_live_flows(connection: psycopg.Connection, slugs: Sequence[str] | None = None) -> LiveDatabase:
    """All flows of the database, or those with these names or slugs as far as they are there; reads only.

    A database without the tables of a core has none. Raises psycopg.Error as statements do.
    """
    if not all(_is_there(connection, table) for table in _TABLES):
        return LiveDatabase(core=False, kinds=False)
    versions = _versions(connection)
    if slugs is not None:
        slugs = [*slugs, *(one.slug for one in versions.values() if one.name in slugs)]
    wanted = {"slugs": slugs}
    depends_on = {(flow, step): tuple(deps) for flow, step, deps in connection.execute(_DEPS, wanted)}
    steps: dict[str, list[dict[str, Any]]] = {}
    for slug, row in connection.execute(_STEPS, wanted):
        steps.setdefault(slug, []).append(row)
    rows: dict[str, dict[str, Any]] = dict(connection.execute(_FLOWS, wanted).fetchall())
    own = _may_read(connection, "pgflowc.schedules")
    schedules: dict[str, dict[str, Any]] = dict(connection.execute(_SCHEDULES).fetchall()) if own else {}
    retentions: dict[str, Retention] = {}
    if _may_read(connection, "pgflowc.retention"):
        retentions = {name: Retention(*times) for name, *times in connection.execute(_RETENTIONS)}
    signals = _signals(connection)
    cron = _may_read(connection, "cron.job")
    jobs = {name: rest for name, *rest in connection.execute(_JOBS)} if cron else {}
    keepers: tuple[tuple[CronTarget, bool, str], ...] = (
        ("worker", own, "pgflowc"),
        ("pg_cron", cron, "cron"),
    )
    flows = {}
    for slug, row in rows.items():
        version = versions.get(slug)
        name = version.name if version else slug
        kept = (
            (None, None)
            if version and not version.current
            else (schedules.get(name), jobs.get(f"pgflow_{name}"))
        )
        shapes = tuple(
            _step(one, depends_on.get((slug, one["step_slug"]), ()), signals.get((slug, one["step_slug"])))
            for one in steps.get(slug, [])
        )
        notes = tuple(_queues(slug, steps.get(slug, [])))
        flows[slug] = _flow(slug, version, row, shapes, notes, *kept, retentions.get(name))
    return LiveDatabase(
        flows,
        kinds=_has_column(connection, "pgflow.flows", "flow_type"),
        keepers=frozenset(keeper for keeper, there, _ in keepers if there),
        unread=frozenset(
            keeper for keeper, there, schema in keepers if not there and _is_closed(connection, schema)
        ),
    )


def _paused(flow: LiveFlow) -> Iterator[str]:
    if flow.paused:
        yield "its schedule is paused"


def canonical(value: Any) -> str:
    """The JSON text of a value as specs and locks have it."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _versions(connection: psycopg.Connection) -> dict[str, LiveVersion]:
    if not _may_read(connection, "pgflowc.flow_versions"):
        return {}
    return {row[2]: LiveVersion(*row) for row in connection.execute(_VERSIONS)}


def _flow(
    slug: str,
    version: LiveVersion | None,
    row: Mapping[str, Any],
    steps: tuple[StepShape, ...],
    queues: tuple[str, ...],
    schedule: Mapping[str, Any] | None,
    job: Sequence[Any] | None,
    retention: Retention | None,
) -> LiveFlow:
    notes = list(queues)
    cron, paused = _own_schedule(schedule) if schedule else (None, False)
    if job is not None:
        kept, off, note = _job(version.name if version else slug, slug, *job)
        if cron is None:
            cron, paused = kept, off
        elif kept is not None:
            note = f"pg_cron starts runs of it too, by the schedule {kept.schedule}"
        notes += [note] if note else []
    shape = FlowShape(
        "job" if row.get("flow_type") == "job" else "flow",
        FlowOptions(row["opt_max_attempts"], row["opt_base_delay"], row["opt_timeout"]),
        steps,
        cron,
        retention,
    )
    return LiveFlow(slug, shape, version, paused, tuple(notes))


def _signals(connection: psycopg.Connection) -> dict[tuple[str, str], SignalShape]:
    """What steps wait for, by flow and step, as far as the database knows such a thing."""
    if not _may_read(connection, "pgflowc.awaited_signals"):
        return {}
    return {
        (flow, step): SignalShape(canonical(payload), *rest)
        for flow, step, payload, *rest in connection.execute(_SIGNALS)
    }


def _step(
    row: Mapping[str, Any], depends_on: tuple[str, ...], signal: SignalShape | None = None
) -> StepShape:
    required, forbidden = row.get("required_input_pattern"), row.get("forbidden_input_pattern")
    return StepShape(
        slug=row["step_slug"],
        kind="map" if row.get("step_type") == "map" else "single",
        depends_on=depends_on,
        max_attempts=row.get("opt_max_attempts"),
        base_delay=row.get("opt_base_delay"),
        timeout=row.get("opt_timeout"),
        start_delay=row.get("opt_start_delay"),
        required=None if required is None else canonical(required),
        forbidden=None if forbidden is None else canonical(forbidden),
        when_unmet=row.get("when_unmet", "skip"),
        when_exhausted=row.get("when_exhausted", "fail"),
        signal=signal,
    )


def _own_schedule(row: Mapping[str, Any]) -> tuple[CronShape, bool]:
    cron = CronShape(
        row["schedule"],
        row["timezone"],
        canonical(row["input"]),
        row.get("keeper", "auto"),
        row.get("catch_up", "none"),
        row.get("overlap", "allow"),
    )
    return cron, row.get("paused_at") is not None


def _job(
    name: str, slug: str, schedule: str, timezone: str, command: str, active: bool
) -> tuple[CronShape | None, bool, str]:
    """The schedule that a job of pg_cron is, whether it is paused, and what is to be said about it."""
    started = started_by(command)
    if started is None or started.flow not in (name, slug):
        return None, False, f"pg_cron's job pgflow_{name} does something else than start a run: {command}"
    zone = "UTC" if timezone in UTC_NAMES else timezone
    return CronShape(schedule, zone, canonical(started.input), "pg_cron"), not active, ""


def _queues(slug: str, steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Queues of steps, which only some cores have."""
    for step in steps:
        queue = step.get("queue_name")
        if queue is not None and queue.lower() != slug.lower():
            yield f"step {step['step_slug']} uses a queue of its own, {queue}"


def _is_there(connection: psycopg.Connection, table: str) -> bool:
    return _truth(connection, "select pg_catalog.to_regclass(%s) is not null", table)


def _may_read(connection: psycopg.Connection, table: str) -> bool:
    schema = table.partition(".")[0]
    # Where the schema is closed, the name of a table in it cannot even be looked up.
    usage = "select pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace(%s)::oid, 'usage')"
    return (
        _truth(connection, usage, schema)
        and _is_there(connection, table)
        and _truth(connection, "select pg_catalog.has_table_privilege(%s, 'select')", table)
    )


def _is_closed(connection: psycopg.Connection, schema: str) -> bool:
    """Whether the schema is there: what could not be read in it may say something."""
    return _truth(connection, "select pg_catalog.to_regnamespace(%s) is not null", schema)


def _has_column(connection: psycopg.Connection, table: str, column: str) -> bool:
    query = """select exists (select from pg_catalog.pg_attribute a
               where a.attrelid = pg_catalog.to_regclass(%s) and a.attname = %s and not a.attisdropped)"""
    return _truth(connection, query, table, column)


def _truth(connection: psycopg.Connection, query: str, *values: str) -> bool:
    row = connection.execute(query.encode(), values).fetchone()
    return row is not None and bool(row[0])
