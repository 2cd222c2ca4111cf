"""What the database has, read before anything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

from pgflowc_runtime.queries.query import Query, Row
from pgflowc_runtime.rows import Capabilities, SignalKind, StoredFlow, StoredStep


def capabilities() -> Query[Capabilities]:
    """What is installed. Works on any database, whatever is missing."""
    return Query(
        """
        select current_setting('server_version_num')::int as server_version,
               to_regclass('pgflow.step_tasks') is not null as core_installed,
               to_regclass('pgflowc.installed_components') is not null as has_components,
               to_regprocedure('pgflow.start_tasks(text,bigint[],uuid)') is null as start_names_queue,
               to_regproc('pgflowc.claim_batch') is not null
                 and to_regproc('pgflowc.finish_batch') is not null as has_batches,
               to_regproc('pgflowc.release_tasks') is not null as has_release,
               to_regprocedure('pgflowc.announce_wait(text[],uuid,integer)') is not null as has_wakeup,
               to_regprocedure('pgmq.enable_notify_insert(text,integer)') is not null as has_pgmq_notify,
               to_regprocedure('pgflow.recover_stalled_tasks(double precision)') is not null as has_recover,
               to_regprocedure('pgflow.requeue_stalled_tasks()') is not null as has_requeue,
               to_regproc('pgflowc.start_slots') is not null as has_schedules,
               to_regproc('pgflowc.prune_expired') is not null as has_retention,
               to_regprocedure('pgflowc.next_due(text[])') is not null as has_next_due,
               to_regclass('pgflowc.task_signals') is not null as has_signals,
               exists (
                 select from pg_catalog.pg_proc p
                 where p.pronamespace = to_regnamespace('pgflow') and p.proname = 'create_flow'
                   and p.prosrc ~ 'pgflowc_flows'
               ) as tells_flows,
               array(
                 select 'pgflow.' || n.name from unnest(%(needed)s::text[]) as n (name)
                 where not exists (
                   select from pg_catalog.pg_proc p
                   where p.pronamespace = to_regnamespace('pgflow') and p.proname = n.name
                 )
                 union all
                 select 'pgflow.step_task_record.flow_input'
                 where not exists (
                   select from pg_catalog.pg_attribute a
                   where a.attrelid = to_regclass('pgflow.step_task_record') and a.attname = 'flow_input'
                     and not a.attisdropped
                 )
               ) as lacking
        """,
        {"needed": ["track_worker_function", "mark_worker_stopped"]},
        lambda rows: Capabilities(
            **{name: value for name, value in rows[0].items() if name not in ("has_components", "lacking")},
            versions_recorded=rows[0]["has_components"],
            lacking=tuple(rows[0]["lacking"]),
        ),
    )


def installed_components() -> Query[dict[str, int]]:
    """Component -> version. Only where `Capabilities.versions_recorded`."""
    return Query(
        "select component, version from pgflowc.installed_components",
        {},
        lambda rows: {row["component"]: row["version"] for row in rows},
    )


def declared_signals(flows: Sequence[str] | None = None) -> Query[dict[tuple[str, str], SignalKind]]:
    """The steps that declare a signal, by flow and step; only those of these flows, if they are given. Only
    where `Capabilities.has_signals`.
    """
    return Query(
        """
        select a.flow_slug, a.step_slug, a.is_approval
        from pgflowc.awaited_signals a
        where %(flows)s::text[] is null or a.flow_slug = any (%(flows)s::text[])
        """,
        {"flows": None if flows is None else list(flows)},
        lambda rows: {
            (row["flow_slug"], row["step_slug"]): "approval" if row["is_approval"] else "signal"
            for row in rows
        },
    )


# Whole rows, because the columns are not the same in every core.
_STORED: LiteralString = """
        select to_jsonb(f) as flow, to_jsonb(s) as step,
               coalesce(s.opt_max_attempts, f.opt_max_attempts) as max_attempts,
               coalesce(s.opt_timeout, f.opt_timeout) as timeout,
               array(select d.dep_slug from pgflow.deps d
                     where d.flow_slug = s.flow_slug and d.step_slug = s.step_slug
                     order by d.dep_slug) as depends_on
        from pgflow.flows f
        left join pgflow.steps s on s.flow_slug = f.flow_slug
        where f.flow_slug = any (%(slugs)s::text[])
        order by f.flow_slug, s.step_index
"""


def stored_flow(slug: str) -> Query[StoredFlow | None]:
    """A flow and its steps as the database defines them, in order of definition; None if there is none."""
    return Query(_STORED, {"slugs": [slug]}, _stored_flow)


def stored_flows(slugs: Sequence[str]) -> Query[dict[str, StoredFlow]]:
    """Those of these flows that are there, by slug."""
    return Query(_STORED, {"slugs": list(slugs)}, _stored_flows)


def _stored_flows(rows: Sequence[Row]) -> dict[str, StoredFlow]:
    by_slug: dict[str, list[Row]] = {}
    for row in rows:
        by_slug.setdefault(row["flow"]["flow_slug"], []).append(row)
    found = {slug: _stored_flow(own) for slug, own in by_slug.items()}
    return {slug: flow for slug, flow in found.items() if flow is not None}


def _stored_flow(rows: Sequence[Row]) -> StoredFlow | None:
    if not rows:
        return None
    found = [row for row in rows if row["step"] is not None]
    steps = tuple(
        StoredStep(
            slug=row["step"]["step_slug"],
            kind=row["step"]["step_type"],
            depends_on=tuple(row["depends_on"]),
            max_attempts=row["max_attempts"],
            timeout=row["timeout"],
        )
        for row in found
    )
    pairs = tuple((row["step"], row["depends_on"]) for row in found)
    return StoredFlow(row=rows[0]["flow"], steps=steps, rows=pairs)
