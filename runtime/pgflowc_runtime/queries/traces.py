"""Trace contexts, from whoever starts a run to its handlers. Only in databases with our schema."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pgflowc_runtime.queries.query import Query


def keeps_traces() -> Query[bool]:
    """Whether there is a place for them, and we may write there."""
    return Query(
        """
        select case when to_regclass('pgflowc.run_traces') is null then 0
                    when has_table_privilege('pgflowc.run_traces', 'insert, delete') then 1
                    else 0 end as keeps
        """,
        {},
        lambda rows: bool(rows[0]["keeps"]),
    )


def keep_traces(run_ids: Sequence[UUID], carrier: str) -> Query[None]:
    """Remember the context for runs that are about to start; a few of long ago are forgotten."""
    return Query(
        """
        with old as (
          delete from pgflowc.run_traces t
          where t.run_id in (
            select o.run_id from pgflowc.run_traces o
            where o.created_at < now() - interval '30 days'
            order by o.created_at limit 20
            for update skip locked
          )
        )
        insert into pgflowc.run_traces (run_id, carrier)
        select u.run_id, %(carrier)s::text from unnest(%(run_ids)s::uuid[]) u (run_id)
        on conflict do nothing
        returning run_id::text
        """,
        {"run_ids": list(run_ids), "carrier": carrier},
        lambda rows: None,
    )


def trace_of(run_id: UUID) -> Query[str | None]:
    """The context of whoever started the run; None if there was none."""
    return Query(
        "select t.carrier from pgflowc.run_traces t where t.run_id = %(run_id)s",
        {"run_id": run_id},
        lambda rows: str(rows[0]["carrier"]) if rows else None,
    )
