"""Every SQL statement of the runtime, as values: a text, its parameters and how to read its rows.

Nothing here talks to a database: `database.py` and `client.py` execute these, async and sync. Each function
is named after the SQL function or table that it uses. Rows are read by column name, since column order
differs between cores. One file although long: it is the list of what a role needs rights for, and what a new
core must keep.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, LiteralString, TypeVar
from uuid import UUID

from pgflowc_runtime.rows import (
    Capabilities,
    ClaimedTask,
    FlowInfo,
    Look,
    Run,
    StepState,
    StepTask,
    StoredStep,
)

T = TypeVar("T")
Row = dict[str, Any]

WAKEUP_CHANNEL = "pgflowc_wakeup"


@dataclass(frozen=True, slots=True)
class Query(Generic[T]):
    """A statement to execute in a transaction of its own."""

    sql: LiteralString
    params: Mapping[str, Any]
    decode: Callable[[Sequence[Row]], T]


def _none(rows: Sequence[Row]) -> None:
    return None


# Before anything else


def capabilities() -> Query[Capabilities]:
    """What is installed. Works on any database, whatever is missing."""
    return Query(
        """
        select current_setting('server_version_num')::int as server_version,
               to_regclass('pgflow.step_tasks') is not null as core_installed,
               to_regclass('pgflowc.installed_components') is not null as has_components,
               to_regprocedure('pgflowc.start_tasks(text,bigint[],uuid)') is not null as has_start_tasks,
               to_regprocedure('pgflowc.announce_wait(text[],uuid,integer)') is not null as has_wakeup,
               to_regprocedure('pgflow.recover_stalled_tasks(double precision)') is not null as has_recover,
               to_regprocedure('pgflow.requeue_stalled_tasks()') is not null as has_requeue
        """,
        {},
        lambda rows: Capabilities(
            **{name: value for name, value in rows[0].items() if name != "has_components"},
            versions_recorded=rows[0]["has_components"],
        ),
    )


def installed_components() -> Query[dict[str, int]]:
    """Component -> version. Only where `Capabilities.versions_recorded`."""
    return Query(
        "select component, version from pgflowc.installed_components",
        {},
        lambda rows: {row["component"]: row["version"] for row in rows},
    )


def stored_steps(flow_slug: str) -> Query[tuple[StoredStep, ...] | None]:
    """A flow's steps as the database defines them, in order of definition; None if there is no such flow."""
    return Query(
        """
        select s.step_slug as slug, s.step_type as kind,
               coalesce(s.opt_max_attempts, f.opt_max_attempts) as max_attempts,
               coalesce(s.opt_timeout, f.opt_timeout) as timeout,
               array(select d.dep_slug from pgflow.deps d
                     where d.flow_slug = s.flow_slug and d.step_slug = s.step_slug
                     order by d.dep_slug) as depends_on
        from pgflow.flows f
        left join pgflow.steps s on s.flow_slug = f.flow_slug
        where f.flow_slug = %(flow_slug)s
        order by s.step_index
        """,
        {"flow_slug": flow_slug},
        _stored_steps,
    )


def _stored_steps(rows: Sequence[Row]) -> tuple[StoredStep, ...] | None:
    if not rows:
        return None
    return tuple(
        StoredStep(**{**row, "depends_on": tuple(row["depends_on"])})
        for row in rows
        if row["slug"] is not None
    )


# The worker's row


def track_worker_function(function_name: str) -> Query[None]:
    """Record the deployment's name."""
    return Query(
        "select pgflow.track_worker_function(%(function_name)s)", {"function_name": function_name}, _none
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
        _none,
    )


# Claiming

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


# Waking up


def enable_wakeup(queue_name: str) -> Query[None]:
    """Make inserts into this queue wake waiting workers; nothing if they do already.

    Raises LockNotAvailable after a second: adding the trigger waits for every transaction that has inserted,
    and whoever inserts next waits behind it.
    """
    return Query(
        """
        select pgflowc.enable_wakeup(%(queue_name)s)
        where set_config('lock_timeout', '1s', true) is not null
        """,
        {"queue_name": queue_name},
        _none,
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


def _look(rows: Sequence[Row]) -> Look:
    next_due_ms = rows[0]["next_due_ms"]
    return Look(rows[0]["writers_in_flight"], None if next_due_ms is None else max(0.0, next_due_ms / 1000))


def withdraw_wait(worker_id: UUID) -> Query[None]:
    """Say that this worker waits no more, so that inserts need not notify."""
    return Query("select pgflowc.withdraw_wait(%(worker_id)s)", {"worker_id": worker_id}, _none)


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


# Runs

_RUN: LiteralString = """
    select r.run_id, r.flow_slug, r.status, r.input, r.output, r.remaining_steps, r.started_at,
    r.completed_at,
           r.failed_at,
           case when r.status = 'failed' then
             (select s.error_message from pgflow.step_states s
              where s.run_id = r.run_id and s.status = 'failed' order by s.failed_at limit 1)
           end as error
    from pgflow.runs r
"""


def start_flow(flow_slug: str, input: str, run_id: UUID | None) -> Query[UUID]:
    """Start a run with this JSON text as its input."""
    return Query(
        "select r.run_id from pgflow.start_flow(%(flow_slug)s, %(input)s::jsonb, %(run_id)s::uuid) r",
        {"flow_slug": flow_slug, "input": input, "run_id": run_id},
        lambda rows: rows[0]["run_id"],
    )


def run(run_id: UUID) -> Query[Run | None]:
    """One run."""
    return Query(
        _RUN + "where r.run_id = %(run_id)s",
        {"run_id": run_id},
        lambda rows: Run(**rows[0]) if rows else None,
    )


def run_status(run_id: UUID) -> Query[str | None]:
    """A run's status alone: what a waiting client asks for again and again."""
    return Query(
        "select r.status from pgflow.runs r where r.run_id = %(run_id)s",
        {"run_id": run_id},
        lambda rows: rows[0]["status"] if rows else None,
    )


def runs(flow_slug: str | None, status: str | None, limit: int) -> Query[list[Run]]:
    """Runs, the latest first."""
    return Query(
        _RUN
        + """
        where (%(flow_slug)s::text is null or r.flow_slug = %(flow_slug)s)
          and (%(status)s::text is null or r.status = %(status)s)
        order by r.started_at desc, r.run_id
        limit %(limit)s
        """,
        {"flow_slug": flow_slug, "status": status, "limit": limit},
        lambda rows: [Run(**row) for row in rows],
    )


def step_states(run_id: UUID) -> Query[tuple[StepState, ...]]:
    """The steps of a run, in order of definition."""
    return Query(
        """
        select ss.run_id, ss.step_slug, s.step_type as kind, ss.status, ss.initial_tasks, ss.remaining_tasks,
               ss.remaining_deps, ss.output, ss.skip_reason, ss.created_at, ss.started_at, ss.completed_at,
               ss.failed_at, ss.skipped_at,
               coalesce(s.opt_max_attempts, f.opt_max_attempts) as max_attempts,
               array(select d.dep_slug from pgflow.deps d
                     where d.flow_slug = ss.flow_slug and d.step_slug = ss.step_slug
                     order by d.dep_slug) as depends_on,
               coalesce(t.completed, 0) as tasks_completed, coalesce(t.failed, 0) as tasks_failed,
               coalesce(t.attempts, 0) as attempts,
               coalesce(ss.error_message, case when ss.status = 'started' then t.error end) as error
        from pgflow.step_states ss
        join pgflow.steps s on s.flow_slug = ss.flow_slug and s.step_slug = ss.step_slug
        join pgflow.flows f on f.flow_slug = ss.flow_slug
        left join lateral (
          select count(*) filter (where st.status = 'completed') as completed,
                 count(*) filter (where st.status = 'failed') as failed,
                 max(st.attempts_count) as attempts,
                 (array_agg(st.error_message order by st.task_index)
                   filter (where st.error_message is not null and st.status <> 'completed'))[1] as error
          from pgflow.step_tasks st
          where st.run_id = ss.run_id and st.step_slug = ss.step_slug
        ) t on true
        where ss.run_id = %(run_id)s
        order by s.step_index
        """,
        {"run_id": run_id},
        lambda rows: tuple(StepState(**{**row, "depends_on": tuple(row["depends_on"])}) for row in rows),
    )


def step_tasks(run_id: UUID, step_slug: str | None) -> Query[list[StepTask]]:
    """The tasks of a run, or of one of its steps, by step and index."""
    return Query(
        """
        select t.run_id, t.step_slug, t.task_index, t.status, t.attempts_count as attempts, t.output,
               t.error_message as error, t.message_id, t.last_worker_id as worker_id, t.queued_at,
               t.started_at, t.completed_at, t.failed_at
        from pgflow.step_tasks t
        join pgflow.steps s on s.flow_slug = t.flow_slug and s.step_slug = t.step_slug
        where t.run_id = %(run_id)s and (%(step_slug)s::text is null or t.step_slug = %(step_slug)s)
        order by s.step_index, t.task_index
        """,
        {"run_id": run_id, "step_slug": step_slug},
        lambda rows: [StepTask(**row) for row in rows],
    )


def flow_input(run_id: UUID) -> Query[str | None]:
    """The JSON text of a run's input."""
    return Query(
        "select r.input::text as input from pgflow.runs r where r.run_id = %(run_id)s",
        {"run_id": run_id},
        lambda rows: rows[0]["input"] if rows else None,
    )


# Flows


def flows(slug: str | None = None) -> Query[list[FlowInfo]]:
    """The flows and jobs in the database by slug, or the one of that slug."""
    return Query(
        # Only cores with the helpers have the column flow_type.
        """
        select f.flow_slug as slug, coalesce(to_jsonb(f) ->> 'flow_type', 'flow') as kind,
               f.opt_max_attempts as max_attempts, f.opt_base_delay as base_delay, f.opt_timeout as timeout,
               f.created_at
        from pgflow.flows f
        where %(slug)s::text is null or f.flow_slug = %(slug)s
        order by f.flow_slug
        """,
        {"slug": slug},
        lambda rows: [FlowInfo(**row) for row in rows],
    )
