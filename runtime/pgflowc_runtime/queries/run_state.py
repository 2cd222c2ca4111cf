"""Runs, their steps and tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from pgflowc_runtime.pages import Cursor
from pgflowc_runtime.queries.query import Query, Row
from pgflowc_runtime.rows import Run, RunStatus, StepState, StepTask, StepWait

_RUN: LiteralString = """
    select r.run_id, r.flow_slug, r.status, r.input, r.output, r.remaining_steps, r.started_at,
    r.completed_at,
           r.failed_at,
           case when r.status = 'failed' then coalesce(
             (select s.error_message from pgflow.step_states s
              where s.run_id = r.run_id and s.status = 'failed' order by s.failed_at limit 1),
             (select t.error_message from pgflow.step_tasks t
              where t.run_id = r.run_id and t.status = 'cancelled' limit 1)
           ) end as error
    from pgflow.runs r
"""


def runs_by_id(run_ids: Sequence[UUID]) -> Query[dict[UUID, Run]]:
    """Those of these runs that there are."""
    return Query(
        _RUN + "where r.run_id = any (%(run_ids)s::uuid[])",
        {"run_ids": list(run_ids)},
        lambda rows: {row["run_id"]: Run(**row) for row in rows},
    )


def run_status(run_id: UUID) -> Query[RunStatus | None]:
    """A run's status alone: what a waiting client asks for again and again."""
    return Query(
        "select r.status from pgflow.runs r where r.run_id = %(run_id)s",
        {"run_id": run_id},
        lambda rows: rows[0]["status"] if rows else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs; None, and no flow, is any. `input` is JSON text that the run's input must contain.

    From `since` on, and before `until`; `after` is where the page before ended.
    """

    flow_slugs: tuple[str, ...] = ()
    status: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    input: str | None = None
    after: Cursor | None = None


def runs(wanted: RunFilter, limit: int) -> Query[list[Run]]:
    """Runs, the latest first."""
    # Only the conditions that there are: a plan for all of them at once would use no index.
    conditions: list[LiteralString] = ["true"]
    of_kind: LiteralString = "true"
    params: dict[str, Any] = {"limit": limit}
    if len(wanted.flow_slugs) == 1:
        conditions.append("r.flow_slug = %(flow_slug)s::text")
        params["flow_slug"] = wanted.flow_slugs[0]
    elif wanted.flow_slugs:
        conditions.append("r.flow_slug = any (%(flow_slugs)s::text[])")
        params["flow_slugs"] = list(wanted.flow_slugs)
    if wanted.kind is not None:
        of_kind = "coalesce(to_jsonb(f) ->> 'flow_type', 'flow') = %(kind)s::text"
        params["kind"] = wanted.kind
    if wanted.status is not None:
        conditions.append("r.status = %(status)s::text")
        params["status"] = wanted.status
    if wanted.since is not None:
        conditions.append("r.started_at >= %(since)s::timestamptz")
        params["since"] = wanted.since
    if wanted.until is not None:
        conditions.append("r.started_at < %(until)s::timestamptz")
        params["until"] = wanted.until
    if wanted.input is not None:
        conditions.append("r.input @> %(input)s::jsonb")
        params["input"] = wanted.input
    if wanted.after is not None:
        # The time again by itself: that is what an index can use.
        conditions.append("r.started_at <= %(after)s::timestamptz")
        conditions.append("(r.started_at, r.run_id) < (%(after)s::timestamptz, %(after_id)s::uuid)")
        params |= {"after": wanted.after.started_at, "after_id": wanted.after.run_id}
    if wanted.flow_slugs or wanted.status is not None or wanted.input is not None:
        if wanted.kind is not None:
            conditions.append(
                f"r.flow_slug in (select f.flow_slug from pgflow.flows f where {of_kind})"  # noqa: S608
            )
        where = " and ".join(conditions)
    else:
        # The index on runs is by flow and time: the latest of each flow, and of those the latest. With a
        # condition that few runs meet it would be walked to its end.
        of_flow = " and ".join(["r.flow_slug = f.flow_slug", *conditions])
        latest = f"where {of_flow} order by r.started_at desc, r.run_id desc limit %(limit)s"
        where = f"""
            r.run_id in (
              select l.run_id
              from pgflow.flows f
              cross join lateral (select r.run_id, r.started_at from pgflow.runs r {latest}) l
              where {of_kind}
              order by l.started_at desc, l.run_id desc
              limit %(limit)s
            )
        """  # noqa: S608 - of constants, which LiteralString proves
    return Query(
        f"{_RUN} where {where} order by r.started_at desc, r.run_id desc limit %(limit)s",
        params,
        lambda rows: [Run(**row) for row in rows],
    )


_STEP_STATE: LiteralString = """
    select ss.run_id, ss.step_slug, s.step_type as kind, ss.status, ss.initial_tasks, ss.remaining_tasks,
           ss.remaining_deps, ss.output, ss.skip_reason, ss.created_at, ss.started_at, ss.completed_at,
           ss.failed_at, ss.skipped_at,
           coalesce(s.opt_max_attempts, f.opt_max_attempts) as max_attempts,
           array(select d.dep_slug from pgflow.deps d
                 where d.flow_slug = ss.flow_slug and d.step_slug = ss.step_slug
                 order by d.dep_slug) as depends_on,
           coalesce(t.completed, 0) as tasks_completed, coalesce(t.failed, 0) as tasks_failed,
           coalesce(t.waiting, 0) as tasks_waiting,
           coalesce(t.attempts, 0) as attempts,
           coalesce(ss.error_message, case when ss.status = 'started' then t.error end) as error
    from pgflow.step_states ss
    join pgflow.steps s on s.flow_slug = ss.flow_slug and s.step_slug = ss.step_slug
    join pgflow.flows f on f.flow_slug = ss.flow_slug
    left join lateral (
      select count(*) filter (where st.status = 'completed') as completed,
             count(*) filter (where st.status = 'failed') as failed,
             count(*) filter (where st.status = 'waiting') as waiting,
             max(st.attempts_count) as attempts,
             (array_agg(st.error_message order by st.task_index)
               filter (where st.error_message is not null and st.status <> 'completed'))[1] as error
      from pgflow.step_tasks st
      where st.run_id = ss.run_id and st.step_slug = ss.step_slug
    ) t on true
"""


def step_states(run_ids: Sequence[UUID]) -> Query[dict[UUID, tuple[StepState, ...]]]:
    """The steps of each of these runs, in order of definition; runs without steps are not in it."""
    return Query(
        _STEP_STATE + "where ss.run_id = any (%(run_ids)s::uuid[]) order by ss.run_id, s.step_index",
        {"run_ids": list(run_ids)},
        _step_states,
    )


def _step_states(rows: Sequence[Row]) -> dict[UUID, tuple[StepState, ...]]:
    states: dict[UUID, list[StepState]] = {}
    for row in rows:
        state = StepState(**{**row, "depends_on": tuple(row["depends_on"])})
        states.setdefault(state.run_id, []).append(state)
    return {run_id: tuple(steps) for run_id, steps in states.items()}


def step_waits(run_ids: Sequence[UUID]) -> Query[dict[tuple[UUID, str], StepWait]]:
    """What steps of these runs wait for, by run and step. Only where tasks can wait."""
    return Query(
        """
        select w.run_id, w.step_slug, min(w.waiting_since) as since, min(w.deadline) as until,
               case when coalesce(bool_or(a.is_approval), false) then 'approval' else 'signal' end as kind
        from pgflowc.task_signals w
        join pgflow.step_tasks t
          on t.run_id = w.run_id and t.step_slug = w.step_slug and t.task_index = w.task_index
        left join pgflowc.awaited_signals a on a.flow_slug = t.flow_slug and a.step_slug = t.step_slug
        where w.run_id = any (%(run_ids)s::uuid[]) and t.status = 'waiting'
        group by w.run_id, w.step_slug
        """,
        {"run_ids": list(run_ids)},
        lambda rows: {
            (row["run_id"], row["step_slug"]): StepWait(
                kind=row["kind"], since=row["since"], until=row["until"]
            )
            for row in rows
        },
    )


def due_steps(run_id: UUID) -> Query[dict[str, datetime]]:
    """When steps begin whose tasks no worker may take yet. Only where `pgflowc.due_steps` is."""
    return Query(
        "select d.step_slug, d.due_at from pgflowc.due_steps(%(run_id)s::uuid) d",
        {"run_id": run_id},
        lambda rows: {row["step_slug"]: row["due_at"] for row in rows},
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
