"""Signals: sending them, and a handler's wait for its own."""

from __future__ import annotations

from uuid import UUID

from pgflowc_runtime.queries.query import Query
from pgflowc_runtime.rows import Awaited, ClaimedTask


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
