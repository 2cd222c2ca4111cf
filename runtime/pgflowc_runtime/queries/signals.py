"""Signals: sending them, and a handler's wait for its own."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pgflowc_runtime.queries.query import Query
from pgflowc_runtime.rows import Awaited, ClaimedTask, SignalKind, WaitingTask


def consume_task_signal(task: ClaimedTask, wait_for: float | None) -> Query[Awaited]:
    """The task's signal, or that it waits; `wait_for` in seconds, None: as declared."""
    return Query(
        """
        select s.status, s.payload::text as payload, s.seconds_left
        from pgflowc.consume_task_signal(%(run_id)s::uuid, %(step_slug)s::text, %(task_index)s::integer,
                                         %(attempt)s::integer, %(wait_for)s::float8) s
        """,
        {
            "run_id": task.run_id,
            "step_slug": task.step_slug,
            "task_index": task.task_index,
            "attempt": task.attempt,
            "wait_for": wait_for,
        },
        lambda rows: Awaited(
            status=rows[0]["status"],
            payload=rows[0]["payload"] or "null",
            seconds_left=rows[0]["seconds_left"],
        ),
    )


def signal_task(run_id: UUID, step_slug: str, payload: str, task_index: int) -> Query[str]:
    """Send a signal, `payload` being JSON text; what became of it."""
    return Query(
        """
        select pgflowc.signal_task(%(run_id)s::uuid, %(step_slug)s::text, %(payload)s::jsonb,
                                   %(task_index)s::integer) as delivery
        """,
        {"run_id": run_id, "step_slug": step_slug, "payload": payload, "task_index": task_index},
        lambda rows: str(rows[0]["delivery"]),
    )


def waiting_tasks(
    flow_slugs: Sequence[str], step_slug: str | None, kind: SignalKind | None, limit: int
) -> Query[list[WaitingTask]]:
    """The tasks that wait for a signal, those that have waited longest first; of these flows, if any are
    given. Only where `ClientFeatures.has_signals`.
    """
    return Query(
        # A handler that has read its signal, or whose time is over, is no longer waiting.
        """
        select w.run_id, w.flow_slug, w.step_slug, w.task_index,
               case when a.is_approval then 'approval' else 'signal' end as kind,
               w.waiting_since as since, w.deadline as until
        from pgflowc.task_signals w
        join pgflow.runs r on r.run_id = w.run_id and r.status = 'started'
        join pgflow.step_tasks t
          on t.run_id = w.run_id and t.step_slug = w.step_slug and t.task_index = w.task_index
        left join pgflowc.awaited_signals a on a.flow_slug = w.flow_slug and a.step_slug = w.step_slug
        where w.waiting_since is not null
          and (t.status = 'waiting'
               or t.status = 'started' and w.sent_at is null
                  and coalesce(w.deadline > clock_timestamp(), true))
          and (%(flow_slugs)s::text[] = '{}' or w.flow_slug = any (%(flow_slugs)s::text[]))
          and (%(step_slug)s::text is null or w.step_slug = %(step_slug)s)
          and (%(kind)s::text is null or coalesce(a.is_approval, false) = (%(kind)s = 'approval'))
        order by w.waiting_since, w.run_id, w.step_slug, w.task_index
        limit %(limit)s
        """,
        {"flow_slugs": list(flow_slugs), "step_slug": step_slug, "kind": kind, "limit": limit},
        lambda rows: [WaitingTask(**row) for row in rows],
    )
