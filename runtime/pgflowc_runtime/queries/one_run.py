"""Statements that touch one run and nothing beside it: for tests, which drive a run by hand through its time.

The clock of a run goes forward by moving the run into the past. All its times are shifted alike, so that they
keep their order and their distances, and with them its messages, which so become visible.
"""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

from psycopg import sql

from pgflowc_runtime.queries.foreign_tasks import start_tasks
from pgflowc_runtime.queries.query import Query
from pgflowc_runtime.rows import ClaimedTask


def start_tasks_of_run(
    flow_slug: str, run_id: UUID, worker_id: UUID, quantity: int
) -> Query[list[ClaimedTask]]:
    """Read up to `quantity` visible messages of this run alone, and start their tasks.

    The attempts of the tasks are 0, as those of `start_tasks`.
    """
    claim = start_tasks(flow_slug, worker_id, quantity, names_queue=False)
    return Query(
        """
        select t.run_id, t.step_slug, t.task_index, coalesce(t.flow_input, t.input)::text as argument,
               t.msg_id
        from pgflow.start_tasks(
             %(flow_slug)s,
             array(select m.msg_id
                   from pgmq.read(%(flow_slug)s, %(vt)s, %(quantity)s,
                                  jsonb_build_object('run_id', %(run_id)s::uuid)) m),
             %(worker_id)s) t
        order by t.msg_id
        """,
        {**claim.params, "run_id": run_id},
        claim.decode,
    )


_NEXT_WAIT: LiteralString = """
    select extract(epoch from min(w.due_at) - clock_timestamp())::float8 as next_due
    from pgflowc.task_signals w
    where w.run_id = %(run_id)s
"""

_MOVE_WAITS: LiteralString = """
    update pgflowc.task_signals w
    set sent_at = w.sent_at - d, waiting_since = w.waiting_since - d, deadline = w.deadline - d,
        due_at = w.due_at - d
    from make_interval(secs => %(seconds)s) d
    where w.run_id = %(run_id)s
"""

_SETTLE: LiteralString = "select pgflowc.expire_waiting_tasks(%(flow_slug)s, %(run_id)s)"

_PARKED: LiteralString = """
    select t.step_slug, t.task_index
    from pgflow.step_tasks t
    where t.run_id = %(run_id)s and t.status = 'waiting'
    order by t.step_slug, t.task_index
"""

_OUTLOOK: LiteralString = """
    select r.status,
           (select extract(epoch from min(m.vt) - clock_timestamp())::float8
            from pgflow.step_tasks t
            join {queue} m on m.msg_id = t.message_id
            where t.run_id = r.run_id and t.status = 'queued') as next_due,
           array(select format('%%s[%%s]', t.step_slug, t.task_index)
                 from pgflow.step_tasks t
                 where t.run_id = r.run_id and t.status = 'started'
                 order by t.step_slug, t.task_index) as started,
           array(select distinct t.step_slug
                 from pgflow.step_tasks t
                 where t.run_id = r.run_id and t.status = 'waiting'
                 order by t.step_slug) as waiting
    from pgflow.runs r
    where r.run_id = %(run_id)s
"""

# One statement, since no time may come before another that it depends on, not even for a moment.
_MOVE: LiteralString = """
    with delta as (select make_interval(secs => %(seconds)s) as d),
    messages as (
      update {queue} m set vt = m.vt - d
      from delta, pgflow.step_tasks t
      where t.run_id = %(run_id)s and t.status = 'queued' and m.msg_id = t.message_id
    ),
    tasks as (
      update pgflow.step_tasks t
      set queued_at = t.queued_at - d, started_at = t.started_at - d, completed_at = t.completed_at - d,
          failed_at = t.failed_at - d
      from delta
      where t.run_id = %(run_id)s
    ),
    states as (
      update pgflow.step_states s
      set created_at = s.created_at - d, started_at = s.started_at - d, completed_at = s.completed_at - d,
          failed_at = s.failed_at - d, skipped_at = s.skipped_at - d
      from delta
      where s.run_id = %(run_id)s
    )
    update pgflow.runs r
    set started_at = r.started_at - d, completed_at = r.completed_at - d, failed_at = r.failed_at - d
    from delta
    where r.run_id = %(run_id)s
"""


def outlook(flow_slug: str) -> sql.Composed:
    """A run's `status`; `next_due`, seconds until the first of its queued tasks may be claimed (None: there
    is none); `started`, its tasks that somebody is executing; and `waiting`, the steps that wait for a
    signal. No row if there is no such run.
    """
    return sql.SQL(_OUTLOOK).format(queue=_queue(flow_slug))


def move(flow_slug: str) -> sql.Composed:
    """Let `seconds` pass for a run."""
    return sql.SQL(_MOVE).format(queue=_queue(flow_slug))


def settle_waits() -> sql.SQL:
    """See to what the run has waited for until now."""
    return sql.SQL(_SETTLE)


def next_wait() -> sql.SQL:
    """`next_due`: seconds until the next wait of the run is over, None if there is none."""
    return sql.SQL(_NEXT_WAIT)


def move_waits() -> sql.SQL:
    """Let `seconds` pass for what the run waits for."""
    return sql.SQL(_MOVE_WAITS)


def parked() -> sql.SQL:
    """The tasks of the run that wait for a signal: `step_slug`, `task_index`."""
    return sql.SQL(_PARKED)


def _queue(flow_slug: str) -> sql.Identifier:
    return sql.Identifier("pgmq", f"q_{flow_slug.lower()}")
