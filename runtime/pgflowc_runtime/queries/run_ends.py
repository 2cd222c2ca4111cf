"""Which runs are over: while their handlers are still busy, or because of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from pgflowc_runtime.queries.query import Query
from pgflowc_runtime.rows import ClaimedTask


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a run ended. `seconds` from its start; `error` is that of the task that failed it."""

    run_id: UUID
    flow_slug: str
    status: str
    seconds: float
    error: str | None


def ended_runs(run_ids: Iterable[UUID]) -> Query[frozenset[UUID]]:
    """Those of these runs that have completed, failed or been deleted."""
    return Query(
        """
        select u.run_id
        from unnest(%(run_ids)s::uuid[]) as u (run_id)
        where not exists (select from pgflow.runs r where r.run_id = u.run_id and r.status = 'started')
        """,
        {"run_ids": list(run_ids)},
        lambda rows: frozenset(row["run_id"] for row in rows),
    )


def runs_ended_by(tasks: Sequence[ClaimedTask]) -> Query[list[RunEnd]]:
    """The runs that ended in the transaction in which one of these tasks did."""
    return Query(
        """
        select distinct on (r.run_id) r.run_id, r.flow_slug, r.status,
               extract(epoch from coalesce(r.completed_at, r.failed_at) - r.started_at)::float8 as seconds,
               t.error_message as error
        from unnest(%(run_ids)s::uuid[], %(step_slugs)s::text[], %(task_indexes)s::int[])
             as u (run_id, step_slug, task_index)
        join pgflow.runs r on r.run_id = u.run_id
        join pgflow.step_tasks t
          on t.run_id = u.run_id and t.step_slug = u.step_slug and t.task_index = u.task_index
        where r.status <> 'started'
          and coalesce(t.completed_at, t.failed_at) = coalesce(r.completed_at, r.failed_at)
        order by r.run_id, t.error_message
        """,
        {
            "run_ids": [task.run_id for task in tasks],
            "step_slugs": [task.step_slug for task in tasks],
            "task_indexes": [task.task_index for task in tasks],
        },
        lambda rows: [RunEnd(**row) for row in rows],
    )
