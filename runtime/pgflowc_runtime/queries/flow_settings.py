"""What a flow has beside its steps: a schedule, how long its runs are kept, what its tasks wait for.

JSON is passed as text. Each is set only if it is not so already.
"""

from __future__ import annotations

from pgflowc_runtime.queries.query import Query, no_rows
from pgflowc_runtime.rows import CatchUp, Overlap, SignalDeclaration, SignalDifference, SignalKind


def set_schedule(
    flow_slug: str, schedule: str, timezone: str, input: str, catch_up: CatchUp, overlap: Overlap
) -> Query[bool]:
    """Start runs by this schedule; whether that changed anything. Only where
    `ClientFeatures.has_schedules`.
    """
    return Query(
        """
        select pgflowc.set_schedule(
                 %(flow_slug)s::text, %(schedule)s::text, %(timezone)s::text, %(input)s::jsonb,
                 %(catch_up)s::text, %(overlap)s::text
               )::text as done
        where not exists (
          select from pgflowc.schedules s
          where s.flow_slug = %(flow_slug)s
            and (s.schedule, s.timezone, s.input, s.catch_up, s.overlap)
              = (%(schedule)s, %(timezone)s, %(input)s::jsonb, %(catch_up)s, %(overlap)s)
        )
        """,
        {
            "flow_slug": flow_slug,
            "schedule": schedule,
            "timezone": timezone,
            "input": input,
            "catch_up": catch_up,
            "overlap": overlap,
        },
        lambda rows: bool(rows),
    )


def remove_schedule(flow_slug: str) -> Query[bool]:
    """The flow no longer starts by itself; whether it did."""
    return Query(
        "select pgflowc.remove_schedule(%(flow_slug)s) as done",
        {"flow_slug": flow_slug},
        lambda rows: bool(rows[0]["done"]),
    )


def set_retention(flow_slug: str, completed: int | None, failed: int | None) -> Query[bool]:
    """Keep ended runs for so many seconds, None: for ever; whether that changed anything. Only where
    `ClientFeatures.has_retention`.
    """
    return Query(
        """
        select pgflowc.set_retention(%(flow_slug)s::text, w.completed, w.failed)::text as done
        from (
          select make_interval(secs => %(completed)s::integer) as completed,
                 make_interval(secs => %(failed)s::integer) as failed
        ) w
        where not exists (
          select from pgflowc.retention r
          where r.flow_slug = %(flow_slug)s
            and (r.completed, r.failed) is not distinct from (w.completed, w.failed)
        )
        """,
        {"flow_slug": flow_slug, "completed": completed, "failed": failed},
        lambda rows: bool(rows),
    )


def remove_retention(flow_slug: str) -> Query[bool]:
    """Keep ended runs for ever; whether that changed anything."""
    return Query(
        "select pgflowc.remove_retention(%(flow_slug)s) as done",
        {"flow_slug": flow_slug},
        lambda rows: bool(rows[0]["done"]),
    )


def signal_declarations(flow_slug: str) -> Query[dict[str, SignalDeclaration]]:
    """What the steps of a flow declare of their signals, by step. Only where `ClientFeatures.has_signals`."""
    return Query(
        """
        select a.step_slug, a.payload_schema, a.wait_for, a.is_approval
        from pgflowc.awaited_signals a
        where a.flow_slug = %(flow_slug)s
        """,
        {"flow_slug": flow_slug},
        lambda rows: {row["step_slug"]: SignalDeclaration(**row) for row in rows},
    )


def signal_differences(flow_slug: str, declared: str) -> Query[list[SignalDifference]]:
    """Where steps declare other signals than these, an array of objects with the columns of
    `pgflowc.awaited_signals`. Only where `ClientFeatures.has_signals`.
    """
    return Query(
        """
        select coalesce(d.step_slug, a.step_slug) as step_slug,
               a.is_approval as stored, d.is_approval as wanted
        from jsonb_to_recordset(%(declared)s::jsonb)
             as d (step_slug text, payload_schema jsonb, wait_for integer, is_approval boolean)
        full join (
          select s.step_slug, s.payload_schema, s.wait_for, s.is_approval
          from pgflowc.awaited_signals s where s.flow_slug = %(flow_slug)s
        ) a using (step_slug)
        where (d.payload_schema, d.wait_for, d.is_approval)
          is distinct from (a.payload_schema, a.wait_for, a.is_approval)
        order by 1
        """,
        {"flow_slug": flow_slug, "declared": declared},
        lambda rows: [
            SignalDifference(
                step_slug=row["step_slug"],
                was=_kind(row["stored"]),
                becomes=_kind(row["wanted"]),
            )
            for row in rows
        ],
    )


def set_signal(
    flow_slug: str, step_slug: str, payload_schema: str, wait_for: int | None, is_approval: bool
) -> Query[None]:
    """A step waits for this signal, for so many seconds; None: for ever."""
    return Query(
        """
        select pgflowc.set_signal(%(flow_slug)s::text, %(step_slug)s::text, %(payload_schema)s::jsonb,
                                  %(wait_for)s::integer, %(is_approval)s)
        """,
        {
            "flow_slug": flow_slug,
            "step_slug": step_slug,
            "payload_schema": payload_schema,
            "wait_for": wait_for,
            "is_approval": is_approval,
        },
        no_rows,
    )


def remove_signal(flow_slug: str, step_slug: str) -> Query[None]:
    """A step declares no signal any more."""
    return Query(
        "select pgflowc.remove_signal(%(flow_slug)s::text, %(step_slug)s::text)",
        {"flow_slug": flow_slug, "step_slug": step_slug},
        no_rows,
    )


def forget_traces(flow_slug: str) -> Query[None]:
    """Delete the trace contexts of the flow's runs, which are about to be deleted."""
    return Query(
        """
        delete from pgflowc.run_traces t using pgflow.runs r
        where r.flow_slug = %(flow_slug)s and t.run_id = r.run_id
        returning 1
        """,
        {"flow_slug": flow_slug},
        no_rows,
    )


def _kind(is_approval: bool | None) -> SignalKind | None:
    return None if is_approval is None else "approval" if is_approval else "signal"
