"""Whose core a schema pgflow holds, told by its looks: members of the family record no version of theirs."""

from __future__ import annotations

from dataclasses import dataclass, fields

import psycopg

NO_CORE = "no core of the pgflow family"
OWN_CORE = "pgflowc's own core"

# Without these tables and calls it is no core, whatever the schema is called.
_TABLES = ("flows", "steps", "deps", "runs", "step_states", "step_tasks")


@dataclass(frozen=True, slots=True)
class Looks:
    """What tells the family's members apart; each is true where it is there."""

    tables: bool  # the six that every generation has
    calls: bool  # start_flow and complete_task
    claim: bool  # start_tasks with three arguments
    claim_by_queue: bool  # start_tasks with four
    steps_name_queues: bool
    cancelled_tasks: bool
    conditions: bool
    maps: bool
    flow_types: bool
    record_attempts: bool  # attempts_count in step_task_record
    chunks: bool  # only pgflowc cuts arrays


def look(connection: psycopg.Connection) -> Looks:
    """The looks of schema pgflow; reads only."""
    row = connection.execute(
        """with columns (place) as (
             select c.relname || '.' || a.attname
             from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
             where c.relnamespace = pg_catalog.to_regnamespace('pgflow') and a.attnum > 0
               and not a.attisdropped)
           select (select count(*) = cardinality(%(tables)s::text[])
                   from pg_catalog.pg_tables where schemaname = 'pgflow' and tablename = any (%(tables)s)),
                  (select count(distinct p.proname) = 2 from pg_catalog.pg_proc p
                   where p.pronamespace = pg_catalog.to_regnamespace('pgflow')
                     and p.proname in ('start_flow', 'complete_task')),
                  pg_catalog.to_regprocedure('pgflow.start_tasks(text,bigint[],uuid)') is not null,
                  pg_catalog.to_regprocedure('pgflow.start_tasks(text,bigint[],uuid,text)') is not null,
                  exists (select from columns where place = 'step_tasks.queue_name'),
                  exists (select from pg_catalog.pg_constraint k
                          where k.conrelid = pg_catalog.to_regclass('pgflow.step_tasks') and k.contype = 'c'
                            and pg_catalog.pg_get_constraintdef(k.oid) like '%%cancelled%%'),
                  exists (select from columns where place = 'steps.when_unmet'),
                  exists (select from columns where place = 'steps.step_type'),
                  exists (select from columns where place = 'flows.flow_type'),
                  exists (select from columns where place = 'step_task_record.attempts_count'),
                  pg_catalog.to_regclass('pgflow.map_chunks') is not null""",
        {"tables": list(_TABLES)},
    ).fetchone()
    assert row is not None
    return Looks(**{field.name: bool(value) for field, value in zip(fields(Looks), row, strict=True)})


def generation(looks: Looks) -> str:
    """The core's name for people; NO_CORE when it is none."""
    if not (looks.tables and looks.calls and (looks.claim or looks.claim_by_queue)):
        return NO_CORE
    if looks.chunks:
        return OWN_CORE
    if looks.claim and looks.claim_by_queue:
        claim = "both claims"
    elif looks.claim:
        claim = "start_tasks with 3 arguments"
    else:
        claim = "start_tasks with a queue name"
    if looks.flow_types or looks.record_attempts:
        return f"pgflow of Elixir ({claim})"
    return f"pgflow of TypeScript, {_upstream(looks)} ({claim})"


def _upstream(looks: Looks) -> str:
    if looks.steps_name_queues or not looks.claim:
        return "like 0.17"
    if looks.cancelled_tasks:
        return "like 0.16"
    if looks.conditions:
        return "like 0.14"
    return "before conditions" if looks.maps else "before map steps"
