"""Ending, resuming and deleting runs, and what an operator asks first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from pgflowc_runtime.queries.query import Query
from pgflowc_runtime.reports import Expired, Pruned
from pgflowc_runtime.rows import WorkerInfo


def cancel_run(run_id: UUID, reason: str | None) -> Query[bool]:
    """End a run; False if it was over. no_data_found for an unknown one."""
    return Query(
        "select pgflowc.cancel_run(%(run_id)s::uuid, %(reason)s::text) as done",
        {"run_id": run_id, "reason": reason},
        lambda rows: bool(rows[0]["done"]),
    )


def retry_run(run_id: UUID) -> Query[bool]:
    """Resume a failed run; False if it is not failed. no_data_found for an unknown one."""
    return Query(
        "select pgflowc.retry_run(%(run_id)s::uuid) as done",
        {"run_id": run_id},
        lambda rows: bool(rows[0]["done"]),
    )


def prune_data_older_than(age: timedelta, flow_slugs: Sequence[str] | None) -> Query[Pruned]:
    """Delete runs that ended longer ago, of these flows (None: all), and dead workers."""
    return Query(
        """
        select p.deleted_runs as runs, p.deleted_step_states as step_states,
               p.deleted_step_tasks as step_tasks, p.deleted_workers as workers
        from pgflow.prune_data_older_than(%(age)s::interval, %(flow_slugs)s::text[]) p
        """,
        {"age": age, "flow_slugs": None if flow_slugs is None else list(flow_slugs)},
        lambda rows: Pruned(**rows[0]),
    )


def prune_runs(age: timedelta, flow_slugs: Sequence[str] | None, limit: int) -> Query[Pruned]:
    """Delete up to `limit` runs that ended longer ago, of these flows (None: all)."""
    return Query(
        """
        select p.runs, p.step_states, p.step_tasks, 0 as workers
        from pgflowc.prune_runs(%(age)s::interval, %(flow_slugs)s::text[], %(limit)s) p
        """,
        {"age": age, "flow_slugs": None if flow_slugs is None else list(flow_slugs), "limit": limit},
        lambda rows: Pruned(**rows[0]),
    )


def count_ended(age: timedelta, flow_slugs: Sequence[str] | None) -> Query[int]:
    """How many runs of these flows (None: all) ended longer ago."""
    return Query(
        """
        select count(*) as runs
        from pgflow.runs r
        where r.started_at < now() - %(age)s::interval
          and (r.completed_at < now() - %(age)s::interval or r.failed_at < now() - %(age)s::interval)
          and (%(flow_slugs)s::text[] is null or r.flow_slug = any (%(flow_slugs)s::text[]))
        """,
        {"age": age, "flow_slugs": None if flow_slugs is None else list(flow_slugs)},
        lambda rows: int(rows[0]["runs"]),
    )


def prune_expired(limit: int) -> Query[list[Expired]]:
    """Delete up to `limit` runs of each flow that are older than its retention; none while another does."""
    return Query(
        """
        select p.flow_slug, p.runs, p.step_tasks
        from pgflowc.prune_expired(%(limit)s) p
        """,
        {"limit": limit},
        lambda rows: [Expired(**row) for row in rows],
    )


def known_workers() -> Query[list[WorkerInfo]]:
    """Every worker on record, the latest first."""
    return Query(
        """
        select w.worker_id, w.queue_name, w.function_name, w.started_at, w.last_heartbeat_at,
               w.deprecated_at, w.stopped_at,
               w.stopped_at is null and w.last_heartbeat_at > clock_timestamp() - interval '30 s' as alive
        from pgflow.workers w
        order by w.started_at desc, w.worker_id
        """,
        {},
        lambda rows: [WorkerInfo(**row) for row in rows],
    )


def waiting_tasks() -> Query[dict[str, int]]:
    """Queue -> messages that a worker could take now; queues without any are left out. Lower case."""
    return Query(
        """
        select lower(m.queue_name) as queue_name, m.queue_visible_length
        from pgmq.metrics_all() m
        where m.queue_visible_length > 0
        """,
        {},
        lambda rows: {row["queue_name"]: row["queue_visible_length"] for row in rows},
    )
