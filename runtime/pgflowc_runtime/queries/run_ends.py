"""Which runs are over while their handlers are still busy."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from pgflowc_runtime.queries.query import Query


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
