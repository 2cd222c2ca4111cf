"""Claiming tasks and reporting what became of them with the functions of the contract alone, for a core
without schema pgflowc.

Each report calls its function only while the task is ours: started, by this worker, in this attempt. A task
that was recovered from us meanwhile belongs to another attempt, and our outcome must not end that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString
from uuid import UUID

from pgflowc_runtime.queries.query import Query, no_rows
from pgflowc_runtime.queries.tasks import READ_TIMEOUT_SECONDS, task_params
from pgflowc_runtime.queries.worker_life import WAKEUP_CHANNEL
from pgflowc_runtime.rows import ClaimedTask

_OURS: LiteralString = """
    with ours as materialized (
      select t.run_id, t.step_slug, t.task_index
      from pgflow.step_tasks t
      where t.run_id = %(run_id)s and t.step_slug = %(step_slug)s and t.task_index = %(task_index)s
        and t.status = 'started' and t.last_worker_id = %(worker_id)s and t.attempts_count = %(attempt)s
    )
"""
_CLAIMED: LiteralString = """
    select t.run_id, t.step_slug, t.task_index, coalesce(t.flow_input, t.input)::text as argument, t.msg_id
    from pgflow.start_tasks(
         %(flow_slug)s,
         array(select m.msg_id from pgmq.read(%(flow_slug)s, %(vt)s, %(quantity)s) m),
         %(worker_id)s
"""


def start_tasks(
    flow_slug: str, worker_id: UUID, quantity: int, *, names_queue: bool
) -> Query[list[ClaimedTask]]:
    """Read up to `quantity` messages and start their tasks, in one statement and so in one round trip.

    `names_queue`: the core's claim takes the queue's name as its fourth argument. The attempts of the tasks
    are 0: not every core's claim tells them, but `task_attempts` does, in the same transaction.
    """
    return Query(
        _CLAIMED + (", lower(%(flow_slug)s)" if names_queue else "") + ") t order by t.msg_id",
        {
            "flow_slug": flow_slug,
            "worker_id": worker_id,
            "quantity": quantity,
            "vt": READ_TIMEOUT_SECONDS,
        },
        lambda rows: [
            ClaimedTask(
                flow_slug=flow_slug,
                run_id=row["run_id"],
                step_slug=row["step_slug"],
                task_index=row["task_index"],
                argument="null" if row["argument"] is None else row["argument"],
                message_id=row["msg_id"],
                attempt=0,
                worker_id=worker_id,
            )
            for row in rows
        ],
    )


def task_attempts(flow_slug: str, message_ids: Sequence[int]) -> Query[dict[int, int]]:
    """Message id -> attempts begun."""
    return Query(
        """
        select t.message_id, t.attempts_count from pgflow.step_tasks t
        where t.flow_slug = %(flow_slug)s and t.message_id = any(%(message_ids)s)
        """,
        {"flow_slug": flow_slug, "message_ids": list(message_ids)},
        lambda rows: {row["message_id"]: row["attempts_count"] for row in rows},
    )


def complete_task(task: ClaimedTask, output: str) -> Query[str | None]:
    """Complete the task with this JSON text; its status then, None and nothing done if it is not ours."""
    return Query(
        _OURS  # noqa: S608 (a constant)
        + """
        select c.status
        from ours t
        cross join lateral pgflow.complete_task(t.run_id, t.step_slug, t.task_index, %(output)s::jsonb) c
        """,
        {**task_params(task), "output": output},
        _status,
    )


def restore_attempts(task: ClaimedTask) -> Query[None]:
    """Say the true number of attempts again, now that the task is over."""
    return Query(
        """
        update pgflow.step_tasks t set attempts_count = %(attempt)s
        where t.run_id = %(run_id)s and t.step_slug = %(step_slug)s and t.task_index = %(task_index)s
        returning t.run_id
        """,
        task_params(task),
        no_rows,
    )


def fail_task(task: ClaimedTask, error_message: str) -> Query[str | None]:
    """Fail this attempt; the task's status then, None and nothing done if it is not ours (any more)."""
    return Query(
        _OURS  # noqa: S608 (a constant)
        + """
        select c.status
        from ours t
        cross join lateral pgflow.fail_task(t.run_id, t.step_slug, t.task_index, %(error_message)s) c
        """,
        {**task_params(task), "error_message": error_message},
        _status,
    )


def set_attempts(task: ClaimedTask, attempts: int) -> Query[bool]:
    """Change the number of attempts of a task that is ours; False if it is not."""
    return Query(
        _OURS  # noqa: S608 (a constant)
        + """
        update pgflow.step_tasks t set attempts_count = %(attempts)s
        from ours o
        where t.run_id = o.run_id and t.step_slug = o.step_slug and t.task_index = o.task_index
        returning t.run_id
        """,
        {**task_params(task), "attempts": attempts},
        bool,
    )


def set_vt(task: ClaimedTask, seconds: int) -> Query[None]:
    """Let the task's message become visible after so long."""
    return Query(
        "select 1 from pgmq.set_vt(%(flow_slug)s, %(message_id)s, %(seconds)s)",
        {"flow_slug": task.flow_slug, "message_id": task.message_id, "seconds": seconds},
        no_rows,
    )


def hide_queued(task: ClaimedTask, seconds: int) -> Query[None]:
    """`set_vt` for a task that has just been given back; nothing if it was not ours to give."""
    return Query(
        """
        select v.msg_id
        from pgflow.step_tasks t
        cross join lateral pgmq.set_vt(t.flow_slug, t.message_id, %(seconds)s) v
        where t.run_id = %(run_id)s and t.step_slug = %(step_slug)s and t.task_index = %(task_index)s
          and t.status = 'queued' and t.attempts_count = %(attempt)s - 1
        """,
        {**task_params(task), "seconds": seconds},
        no_rows,
    )


def requeue_tasks(tasks: Sequence[ClaimedTask]) -> Query[int]:
    """Give claimed tasks back: queued, visible at once, the attempt not counted. Returns how many were still
    ours.

    Locks in the order of the core: task rows first, then their messages. Visible messages make no sound, so
    waiting workers are told.
    """
    return Query(
        """
        with released as (
          update pgflow.step_tasks t
          set status = 'queued', started_at = null, last_worker_id = null,
              attempts_count = t.attempts_count - 1
          from unnest(%(run_ids)s::uuid[], %(step_slugs)s::text[], %(task_indexes)s::int[],
                      %(worker_ids)s::uuid[], %(attempts)s::int[])
               as u (run_id, step_slug, task_index, worker_id, attempt)
          where t.run_id = u.run_id and t.step_slug = u.step_slug and t.task_index = u.task_index
            and t.status = 'started' and t.last_worker_id = u.worker_id and t.attempts_count = u.attempt
          returning t.flow_slug, t.message_id
        ), visible as (
          select r.flow_slug from released r cross join lateral pgmq.set_vt(r.flow_slug, r.message_id, 0)
        ), told as materialized (
          select pg_notify(%(channel)s, q.flow_slug) from (select distinct v.flow_slug from visible v) q
        )
        select (select count(*) from released) as released, (select count(*) from told) as told
        """,
        {
            "run_ids": [task.run_id for task in tasks],
            "step_slugs": [task.step_slug for task in tasks],
            "task_indexes": [task.task_index for task in tasks],
            "worker_ids": [task.worker_id for task in tasks],
            "attempts": [task.attempt for task in tasks],
            "channel": WAKEUP_CHANNEL,
        },
        lambda rows: int(rows[0]["released"]),
    )


def _status(rows: Sequence[Any]) -> str | None:
    return rows[0]["status"] if rows else None
