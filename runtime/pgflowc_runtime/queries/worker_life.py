"""The worker's own row, its wake-ups, and the recovery of tasks that others left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from pgflowc_runtime.queries.query import Query, Row, no_rows
from pgflowc_runtime.rows import Look

WAKEUP_CHANNEL = "pgflowc_wakeup"
FLOWS_CHANNEL = "pgflowc_flows"
"""Where changes of definitions are told."""


def still_there() -> Query[None]:
    """Nothing: whether anybody answers."""
    return Query("select 1 as one", {}, no_rows)


def track_worker_function(function_name: str) -> Query[None]:
    """Record the deployment's name."""
    return Query(
        "select pgflow.track_worker_function(%(function_name)s)", {"function_name": function_name}, no_rows
    )


def workers(ids: Mapping[str, UUID], function_name: str) -> Query[frozenset[str]]:
    """Register one worker per queue (`ids`: queue -> worker id), or renew its heartbeat; returns the
    deprecated queues.

    Registers again when somebody pruned the row, since tasks can only be claimed for a registered worker.
    """
    return Query(
        """
        insert into pgflow.workers as w (worker_id, queue_name, function_name)
        select u.worker_id, u.queue_name, %(function_name)s
        from unnest(%(worker_ids)s::uuid[], %(queue_names)s::text[]) as u (worker_id, queue_name)
        order by u.worker_id
        on conflict (worker_id) do update set last_heartbeat_at = clock_timestamp()
        returning w.queue_name, w.deprecated_at is not null as deprecated
        """,
        {"worker_ids": list(ids.values()), "queue_names": list(ids), "function_name": function_name},
        lambda rows: frozenset(row["queue_name"] for row in rows if row["deprecated"]),
    )


def mark_worker_stopped(worker_ids: Sequence[UUID]) -> Query[None]:
    """Say that these workers have stopped."""
    return Query(
        "select pgflow.mark_worker_stopped(u.worker_id) from unnest(%(worker_ids)s::uuid[]) as u (worker_id)",
        {"worker_ids": list(worker_ids)},
        no_rows,
    )


def enable_wakeup(queue_name: str, patience: float) -> Query[None]:
    """Make inserts into this queue wake waiting workers; nothing if they do already.

    Raises LockNotAvailable after `patience` seconds: adding the trigger waits for every transaction that has
    written to the queue, and whoever writes next waits behind it.
    """
    return Query(
        """
        select pgflowc.enable_wakeup(%(queue_name)s)
        where set_config('lock_timeout', %(patience)s, true) is not null
        """,
        {"queue_name": queue_name, "patience": f"{patience * 1000:.0f}ms"},
        no_rows,
    )


def queues_without_wakeup(queue_names: Sequence[str]) -> Query[list[str]]:
    """Those of these queues whose inserts do not wake waiting workers."""
    return Query(
        """
        with queues as materialized (
          select u.name, to_regclass(format('pgmq.%%I', pgmq.format_table_name(u.name, 'q'))) as queue
          from unnest(%(queue_names)s::text[]) as u (name)
        )
        select q.name
        from queues q
        where not exists (
          select from pg_catalog.pg_trigger t where t.tgrelid = q.queue and t.tgname = 'pgflowc_wakeup'
        )
        """,
        {"queue_names": list(queue_names)},
        lambda rows: [row["name"] for row in rows],
    )


def enable_notify_insert(queue_name: str, throttle_ms: int, patience: float) -> Query[None]:
    """Make inserts into this queue notify with pgmq's own trigger; nothing if they do already.

    Raises LockNotAvailable as `enable_wakeup` does.
    """
    return Query(
        """
        select pgmq.enable_notify_insert(%(queue_name)s, %(throttle_ms)s)
        where set_config('lock_timeout', %(patience)s, true) is not null
          and not exists (
            select from pg_catalog.pg_trigger t
            where t.tgname = 'trigger_notify_queue_insert_listeners'
              and t.tgrelid = to_regclass(format('pgmq.%%I', pgmq.format_table_name(%(queue_name)s, 'q')))
          )
        """,
        {
            "queue_name": queue_name,
            "throttle_ms": throttle_ms,
            "patience": f"{patience * 1000:.0f}ms",
        },
        no_rows,
    )


def announce_wait(queue_names: Sequence[str], worker_id: UUID, ttl_ms: int) -> Query[Look]:
    """Say that this worker waits on these queues for the next `ttl_ms`, and look once more."""
    return Query(
        """
        select w.writers_in_flight, w.next_due_ms
        from pgflowc.announce_wait(%(queue_names)s::text[], %(worker_id)s, %(ttl_ms)s) w
        """,
        {"queue_names": list(queue_names), "worker_id": worker_id, "ttl_ms": ttl_ms},
        _look,
    )


def next_due(queue_names: Sequence[str]) -> Query[float | None]:
    """Seconds until there is something to do in one of these queues; 0.0 if there is now, None if nothing."""
    return Query(
        "select pgflowc.next_due(%(queue_names)s::text[]) as next_due_ms",
        {"queue_names": list(queue_names)},
        lambda rows: _seconds(rows[0]["next_due_ms"]),
    )


def _look(rows: Sequence[Row]) -> Look:
    return Look(rows[0]["writers_in_flight"], _seconds(rows[0]["next_due_ms"]))


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else max(0.0, milliseconds / 1000)


def withdraw_wait(worker_id: UUID) -> Query[None]:
    """Say that this worker waits no more, so that inserts need not notify."""
    return Query("select pgflowc.withdraw_wait(%(worker_id)s)", {"worker_id": worker_id}, no_rows)


# Recovery. One worker at a time: the others find the lock taken and have nothing to do.


def recover_stalled_tasks(stale_threshold: float) -> Query[int]:
    """Queue tasks again that were started longer ago than their timeout plus `stale_threshold` seconds."""
    return Query(
        # `case` decides before anything is recovered; a join would leave the order to the planner.
        """
        select case when l.mine then
                 (select r.recovered_count from pgflow.recover_stalled_tasks(%(stale_threshold)s) r)
               else 0 end as recovered
        from (select pg_try_advisory_xact_lock(hashtextextended('pgflowc.recovery', 0)) as mine offset 0) l
        """,
        {"stale_threshold": float(stale_threshold)},
        lambda rows: int(rows[0]["recovered"]),
    )


def requeue_stalled_tasks() -> Query[int]:
    """As `recover_stalled_tasks`, with the core's own threshold of 30 seconds."""
    return Query(
        """
        select case when l.mine then pgflow.requeue_stalled_tasks() else 0 end as recovered
        from (select pg_try_advisory_xact_lock(hashtextextended('pgflowc.recovery', 0)) as mine offset 0) l
        """,
        {},
        lambda rows: int(rows[0]["recovered"]),
    )
