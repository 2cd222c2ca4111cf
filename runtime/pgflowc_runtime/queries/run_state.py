"""Runs, their steps and tasks."""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

from pgflowc_runtime.queries.query import Query
from pgflowc_runtime.rows import Run, StepState, StepTask

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
