"""Claiming tasks, recording what became of them and giving them back, with the functions of schema pgflowc.

Batches travel as text: an array literal costs a seventh of what psycopg takes for a list. Only what is news
comes back: a row for each claimed task, and for each outcome that is not plainly completed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from pgflowc_runtime.delivery import Flushed, Report, Verdict
from pgflowc_runtime.outcome import Completed, Failed, Outcome, Parked
from pgflowc_runtime.queries.query import Query
from pgflowc_runtime.rows import ClaimedTask

# How long a message without a claimable task (its run has just failed, say) is left alone.
READ_TIMEOUT_SECONDS = 5


def claim_batch(flow_slug: str, worker_id: UUID, quantity: int) -> Query[list[ClaimedTask]]:
    """Read up to `quantity` messages and start their tasks."""
    return Query(
        """
        select c.run_id, c.step_slug, c.task_index, coalesce(c.flow_input, c.input)::text, c.msg_id,
               c.attempts_count
        from pgflowc.claim_batch(%(flow_slug)s, %(worker_id)s, %(quantity)s, %(read_timeout)s) c
        """,
        {
            "flow_slug": flow_slug,
            "worker_id": worker_id,
            "quantity": quantity,
            "read_timeout": READ_TIMEOUT_SECONDS,
        },
        lambda rows: [_claimed_task(flow_slug, worker_id, *row) for row in rows],
        as_tuples=True,
    )


def finish_batch(flow_slug: str, worker_id: UUID, reports: Sequence[Report], claim: int) -> Query[Flushed]:
    """Record the outcomes of tasks of this flow, and claim up to `claim` others."""

    def decode(rows: Sequence[Any]) -> Flushed:
        verdicts: dict[int, Verdict] = {}
        tasks: list[ClaimedTask] = []
        for verdict, ordinal, *claimed in rows:
            if ordinal is None:
                tasks.append(_claimed_task(flow_slug, worker_id, *claimed))
            else:
                verdicts[ordinal - 1] = verdict
        return Flushed(verdicts, tasks)

    return Query(
        """
        select f.outcome, f.ordinal, f.run_id, f.step_slug, f.task_index,
               coalesce(f.flow_input, f.input)::text, f.msg_id, f.attempts_count
        from pgflowc.finish_batch(
               %(flow_slug)s, %(worker_id)s, %(run_ids)s::uuid[], %(step_slugs)s::text[],
               %(task_indexes)s::integer[], %(attempts)s::integer[], %(outputs)s::jsonb[], %(errors)s::text[],
               %(retry_delays)s::integer[], %(permanent)s::boolean[], %(claim)s, %(read_timeout)s,
               %(parked)s::boolean[]) f
        where f.outcome <> 'completed'
        """,
        {
            "flow_slug": flow_slug,
            "worker_id": worker_id,
            **_batch([report.task for report in reports]),
            **_outcomes([report.outcome for report in reports]),
            "claim": claim,
            "read_timeout": READ_TIMEOUT_SECONDS,
        },
        decode,
        as_tuples=True,
    )


def release_tasks(tasks: Sequence[ClaimedTask]) -> Query[int]:
    """Give claimed tasks back without spending an attempt; returns how many were still ours."""
    return Query(
        """
        select pgflowc.release_tasks(%(run_ids)s::uuid[], %(step_slugs)s::text[], %(task_indexes)s::integer[],
                                     %(worker_ids)s::uuid[], %(attempts)s::integer[]) as released
        """,
        {**_batch(tasks), "worker_ids": _plain(task.worker_id for task in tasks)},
        lambda rows: int(rows[0]["released"]),
    )


def started_tasks(worker_ids: Mapping[str, UUID]) -> Query[list[ClaimedTask]]:
    """The tasks that the database takes to be executed by these workers (`worker_ids`: flow -> id), without
    their arguments.
    """
    return Query(
        """
        select t.flow_slug, t.run_id, t.step_slug, t.task_index, t.message_id, t.last_worker_id,
               t.attempts_count
        from pgflow.runs r
        join pgflow.step_tasks t on t.run_id = r.run_id
        where r.status = 'started' and r.flow_slug = any(%(flow_slugs)s)
          and t.status = 'started' and t.last_worker_id = any(%(worker_ids)s)
        """,
        {"flow_slugs": list(worker_ids), "worker_ids": list(worker_ids.values())},
        lambda rows: [
            ClaimedTask(
                flow_slug=row["flow_slug"],
                run_id=row["run_id"],
                step_slug=row["step_slug"],
                task_index=row["task_index"],
                argument="",
                message_id=row["message_id"],
                attempt=row["attempts_count"],
                worker_id=row["last_worker_id"],
            )
            for row in rows
        ],
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
        task_params(task),
        lambda rows: rows[0]["status"] if rows else None,
    )


def task_params(task: ClaimedTask) -> dict[str, Any]:
    """What names a task and proves that it is ours."""
    return {
        "run_id": task.run_id,
        "step_slug": task.step_slug,
        "task_index": task.task_index,
        "worker_id": task.worker_id,
        "attempt": task.attempt,
    }


def _claimed_task(
    flow_slug: str,
    worker_id: UUID,
    run_id: UUID,
    step_slug: str,
    task_index: int,
    argument: str | None,
    message_id: int,
    attempt: int,
) -> ClaimedTask:
    return ClaimedTask(
        flow_slug=flow_slug,
        run_id=run_id,
        step_slug=step_slug,
        task_index=task_index,
        argument="null" if argument is None else argument,
        message_id=message_id,
        attempt=attempt,
        worker_id=worker_id,
    )


def _batch(tasks: Sequence[ClaimedTask]) -> dict[str, str]:
    return {
        "run_ids": _plain(task.run_id for task in tasks),
        "step_slugs": _quoted(task.step_slug for task in tasks),
        "task_indexes": _plain(task.task_index for task in tasks),
        "attempts": _plain(task.attempt for task in tasks),
    }


def _outcomes(outcomes: Sequence[Outcome]) -> dict[str, str | None]:
    outputs = _quoted(outcome.output if isinstance(outcome, Completed) else None for outcome in outcomes)
    if all(isinstance(outcome, Completed) for outcome in outcomes):
        return {"outputs": outputs, "errors": None, "retry_delays": None, "permanent": None, "parked": None}
    parked = [isinstance(outcome, Parked) for outcome in outcomes]
    failures = [outcome if isinstance(outcome, Failed) else None for outcome in outcomes]
    return {
        "outputs": outputs,
        "errors": _quoted(failure.error if failure else None for failure in failures),
        "retry_delays": _plain(failure.retry_delay if failure else None for failure in failures),
        "permanent": _plain(failure.permanent if failure else None for failure in failures),
        "parked": _plain(parked) if any(parked) else None,
    }


def _plain(values: Iterable[object]) -> str:
    """An array literal of values that need no quotes."""
    return "{" + ",".join(["null" if value is None else str(value) for value in values]) + "}"


def _quoted(values: Iterable[str | None]) -> str:
    """An array literal of any texts."""
    quoted = [
        "null" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        for value in values
    ]
    return "{" + ",".join(quoted) + "}"
