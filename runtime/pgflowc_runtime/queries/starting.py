"""Starting runs: the statements that a caller's own connection may execute as well, through any driver.

So they return text, which no driver's or framework's own settings decode.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pgflowc_runtime.queries.query import Query, Row
from pgflowc_runtime.rows import ClientFeatures, ExistingRun


def client_features() -> Query[ClientFeatures]:
    """Which of the functions that only some databases have are there."""
    return Query(
        """
        select to_regprocedure('pgflowc.start_run(text,jsonb,uuid,timestamptz)') is not null as has_start_run,
               to_regprocedure('pgflowc.start_flow_batch(text,jsonb[],uuid[])') is not null
                 as has_start_flow_batch,
               to_regprocedure('pgflow.delay_run(text,uuid,integer)') is not null as has_delay_run,
               to_regprocedure('pgflowc.remove_schedule(text)') is not null as has_schedules,
               to_regprocedure('pgflowc.pause_queue(text,text)') is not null as has_pauses,
               to_regproc('pgflowc.prune_runs') is not null as has_prune_runs,
               to_regproc('pgflowc.remove_retention') is not null as has_retention,
               to_regproc('pgflowc.set_signal') is not null as has_signals,
               to_regclass('pgflowc.run_traces') is not null as has_traces,
               to_regprocedure('pgflowc.versions_of(text)') is not null as has_versions,
               to_regprocedure('pgflow.watch_events(uuid,text,uuid,interval)') is not null
                 and to_regprocedure('realtime.send(jsonb,text,text,boolean)') is null as sends_notifications
        """,
        {},
        lambda rows: ClientFeatures(**rows[0]),
    )


def start_flow(flow_slug: str, input: str, run_id: UUID) -> Query[UUID]:
    """Start a run of a stored flow with this JSON text as its input; unique_violation if the id is taken."""
    return Query(
        """
        select r.run_id::text as run_id
        from pgflow.start_flow(%(flow_slug)s::text, %(input)s::jsonb, %(run_id)s::uuid) r
        """,
        {"flow_slug": flow_slug, "input": input, "run_id": run_id},
        _run_id,
    )


def start_current(name: str, input: str, run_id: UUID) -> Query[UUID]:
    """`start_flow` on the current version of the flow of that name."""
    return Query(
        """
        select r.run_id::text as run_id
        from pgflow.start_flow(
          pgflowc.current_flow(%(flow_slug)s::text), %(input)s::jsonb, %(run_id)s::uuid
        ) r
        """,
        {"flow_slug": name, "input": input, "run_id": run_id},
        _run_id,
    )


def start_run(
    flow_slug: str, input: str, run_id: UUID, at: datetime | None, delay: float | None
) -> Query[UUID]:
    """Start a run, at a time or after a delay in seconds if given; the run of that id if it is the same.

    unique_violation if it is another.
    """
    return Query(
        # A delay is counted from the database's clock: that of the caller may be wrong.
        """
        select r.run_id::text as run_id
        from pgflowc.start_run(
          %(flow_slug)s::text, %(input)s::jsonb, %(run_id)s::uuid,
          coalesce(
            %(at)s::timestamptz, clock_timestamp() + make_interval(secs => %(delay)s::double precision)
          )
        ) r
        """,
        {"flow_slug": flow_slug, "input": input, "run_id": run_id, "at": at, "delay": delay},
        _run_id,
    )


def start_flow_delayed(
    flow_slug: str, input: str, run_id: UUID, at: datetime | None, delay: float | None
) -> Query[UUID]:
    """`start_run` for databases without it: whole seconds, and unique_violation if the id is taken."""
    return Query(
        """
        select r.run_id::text as run_id,
               pgflow.delay_run(r.flow_slug, r.run_id, greatest(0, ceil(coalesce(
                 extract(epoch from %(at)s::timestamptz - clock_timestamp()), %(delay)s::double precision
               )))::integer) as delayed
        from pgflow.start_flow(%(flow_slug)s::text, %(input)s::jsonb, %(run_id)s::uuid) r
        """,
        {"flow_slug": flow_slug, "input": input, "run_id": run_id, "at": at, "delay": delay},
        _run_id,
    )


def start_flow_batch(flow_slug: str, inputs: Sequence[str], run_ids: Sequence[UUID]) -> Query[list[UUID]]:
    """Start a run for each input, all or none."""
    return Query(
        """
        select b.run_id::text as run_id
        from pgflowc.start_flow_batch(%(flow_slug)s::text, %(inputs)s::jsonb[], %(run_ids)s::uuid[])
          as b (run_id)
        """,
        {"flow_slug": flow_slug, "inputs": list(inputs), "run_ids": list(run_ids)},
        _run_ids,
    )


def start_flow_each(flow_slug: str, inputs: Sequence[str], run_ids: Sequence[UUID]) -> Query[list[UUID]]:
    """`start_flow_batch` for databases without it."""
    return Query(
        """
        select r.run_id::text as run_id
        from unnest(%(inputs)s::jsonb[], %(run_ids)s::uuid[]) with ordinality u (input, run_id, n)
        cross join lateral pgflow.start_flow(%(flow_slug)s::text, u.input, u.run_id) r
        order by u.n
        """,
        {"flow_slug": flow_slug, "inputs": list(inputs), "run_ids": list(run_ids)},
        _run_ids,
    )


def existing_runs(
    flow_slugs: Sequence[str], inputs: Sequence[str], run_ids: Sequence[UUID]
) -> Query[dict[UUID, ExistingRun]]:
    """Those of the ids that are taken, and whether by a run of these flows with the input beside it."""
    return Query(
        """
        select r.run_id::text as run_id, r.flow_slug, left(r.input::text, 200) as input,
               case when r.flow_slug = any (%(flow_slugs)s::text[]) and r.input = u.input then 1 else 0 end
                 as same
        from unnest(%(inputs)s::jsonb[], %(run_ids)s::uuid[]) u (input, run_id)
        join pgflow.runs r on r.run_id = u.run_id
        """,
        {"flow_slugs": list(flow_slugs), "inputs": list(inputs), "run_ids": list(run_ids)},
        _existing,
    )


def _run_id(rows: Sequence[Row]) -> UUID:
    return UUID(rows[0]["run_id"])


def _run_ids(rows: Sequence[Row]) -> list[UUID]:
    return [UUID(row["run_id"]) for row in rows]


def _existing(rows: Sequence[Row]) -> dict[UUID, ExistingRun]:
    return {
        UUID(row["run_id"]): ExistingRun(
            flow_slug=row["flow_slug"], input=row["input"], same=bool(row["same"])
        )
        for row in rows
    }
