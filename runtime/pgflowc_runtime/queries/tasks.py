"""Claiming tasks and reporting what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pgflowc_runtime.queries.query import Query, Row
from pgflowc_runtime.queries.worker_life import WAKEUP_CHANNEL
from pgflowc_runtime.rows import ClaimedTask

# How long messages stay invisible between the read and the start of their tasks, which are one statement
# here: a message without a claimable task (its run has just failed, say) is looked at again after this time.
READ_TIMEOUT_SECONDS = 5


def start_tasks(flow_slug: str, worker_id: UUID, quantity: int) -> Query[list[ClaimedTask]]:
    """Read up to `quantity` messages and start their tasks, in one statement and so in one round trip and
    commit.
    """
    return Query(
        """
        select t.*, t.input::text as input_text, t.flow_input::text as flow_input_text
        from pgflowc.start_tasks(
               %(flow_slug)s,
               array(select m.msg_id from pgmq.read(%(flow_slug)s, %(vt)s, %(quantity)s) m),
               %(worker_id)s) as t
        """,
        _claim_params(flow_slug, worker_id, quantity),
        lambda rows: [_claimed_task(row, worker_id) for row in rows],
    )


def start_tasks_of_foreign_core(flow_slug: str, worker_id: UUID, quantity: int) -> Query[list[ClaimedTask]]:
    """As `start_tasks`, on a core whose claim does not tell the attempt: `task_attempts` does, in the same
    transaction.
    """
    return Query(
        """
        select t.*, t.input::text as input_text, t.flow_input::text as flow_input_text, 0 as attempts_count
        from pgflow.start_tasks(
               %(flow_slug)s,
               array(select m.msg_id from pgmq.read(%(flow_slug)s, %(vt)s, %(quantity)s) m),
               %(worker_id)s) as t
        """,
        _claim_params(flow_slug, worker_id, quantity),
        lambda rows: [_claimed_task(row, worker_id) for row in rows],
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


def _claim_params(flow_slug: str, worker_id: UUID, quantity: int) -> dict[str, Any]:
    return {
        "flow_slug": flow_slug,
        "worker_id": worker_id,
        "quantity": quantity,
        "vt": READ_TIMEOUT_SECONDS,
    }


def _claimed_task(row: Row, worker_id: UUID) -> ClaimedTask:
    # Only a root single step has its flow's input beside an empty `input`.
    argument = row["input_text"] if row["flow_input_text"] is None else row["flow_input_text"]
    return ClaimedTask(
        flow_slug=row["flow_slug"],
        run_id=row["run_id"],
        step_slug=row["step_slug"],
        task_index=row["task_index"],
        argument="null" if argument is None else argument,
        message_id=row["msg_id"],
        attempt=row["attempts_count"],
        worker_id=worker_id,
    )


# Reporting. Each statement calls its function only while the task is ours: started, by this worker, in this
# attempt. A task that was recovered from us meanwhile belongs to another attempt, and our outcome must not
# end that one.


def complete_task(task: ClaimedTask, output: str) -> Query[bool]:
    """Complete the task with this JSON text; False, and nothing done, if it is not ours (any more)."""
    return Query(
        """
        select c.status
        from pgflow.step_tasks t
        cross join lateral pgflow.complete_task(t.run_id, t.step_slug, t.task_index, %(output)s::jsonb) c
        where t.run_id = %(run_id)s and t.step_slug = %(step_slug)s and t.task_index = %(task_index)s
          and t.status = 'started' and t.last_worker_id = %(worker_id)s and t.attempts_count = %(attempt)s
        """,
        {**_task_params(task), "output": output},
        bool,
    )


def fail_task(task: ClaimedTask, error_message: str) -> Query[bool]:
    """Fail this attempt of the task; False, and nothing done, if it is not ours (any more)."""
    return Query(
        """
        select c.status
        from pgflow.step_tasks t
        cross join lateral pgflow.fail_task(t.run_id, t.step_slug, t.task_index, %(error_message)s) c
        where t.run_id = %(run_id)s and t.step_slug = %(step_slug)s and t.task_index = %(task_index)s
          and t.status = 'started' and t.last_worker_id = %(worker_id)s and t.attempts_count = %(attempt)s
        """,
        {**_task_params(task), "error_message": error_message},
        bool,
    )


def task_status(task: ClaimedTask) -> Query[str | None]:
    """The task's status now, if its latest attempt is the one that we began; None if it is another's."""
    return Query(
        """
        select t.status
        from pgflow.step_tasks t
        where t.run_id = %(run_id)s and t.step_slug = %(step_slug)s and t.task_index = %(task_index)s
          and t.last_worker_id = %(worker_id)s and t.attempts_count = %(attempt)s
        """,
        _task_params(task),
        lambda rows: rows[0]["status"] if rows else None,
    )


def release_tasks(tasks: Sequence[ClaimedTask]) -> Query[int]:
    """Give claimed tasks back: queued, visible at once, the attempt not counted. Returns how many were still
    ours.

    Locks in the order of the core: task rows first, then their messages. Visible messages make no sound, so
    waiting workers are told.
    """
    return Query(
        """
        with released as (
          update pgflow.step_tasks t set status = 'queued', started_at = null, last_worker_id = null,
          attempts_count = t.attempts_count - 1 from unnest(%(run_ids)s::uuid[], %(step_slugs)s::text[],
          %(task_indexes)s::int[],
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


def _task_params(task: ClaimedTask) -> dict[str, Any]:
    return {
        "run_id": task.run_id,
        "step_slug": task.step_slug,
        "task_index": task.task_index,
        "worker_id": task.worker_id,
        "attempt": task.attempt,
    }
