"""Schedules: what the scheduler reads and starts, and what people look at and change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pgflowc_runtime.queries.query import Query, no_rows
from pgflowc_runtime.rows import Schedule, ScheduleInfo, Timetable

# One scheduler for each database; advisory locks are the database's own. The number only has to be ours.
_LEADER_KEY = 0x7067666C6F776373
_DEPUTY_KEY = _LEADER_KEY + 1

SCHEDULES_CHANNEL = "pgflowc_schedules"
"""Whatever changes a schedule says so there."""


def timetable(*, elect: bool, stands_by: bool = False) -> Query[Timetable]:
    """The schedules of flows that exist and are not paused, and the database's time.

    `elect`: become the leader, if nobody is, until this connection ends; else the deputy, unless there is one
    (`stands_by`: this connection is).
    """
    return Query(
        """
        select e.leads, e.deputizes, clock_timestamp() as now, pg_postmaster_start_time() as up_since,
               s.flow_slug, s.schedule, s.timezone, s.catch_up, s.settled_until, s.keeper
        from (
          select l.leads,
                 case when %(elect)s and not %(stands_by)s and not l.leads
                   then pg_try_advisory_lock(%(deputy)s) else false end as deputizes
          from (select case when %(elect)s then pg_try_advisory_lock(%(leader)s) else false end as leads) l
        ) e
        left join (
          select a.flow_slug, a.schedule, a.timezone, a.catch_up, a.settled_until,
                 -- Its jobs are gone with the extension.
                 case when exists (select from pg_extension x where x.extname = 'pg_cron') then a.fired_by
                   else 'worker' end as keeper
          from pgflowc.schedules a
          where a.paused_at is null
            and exists (select from pgflow.flows f where f.flow_slug = pgflowc.current_flow(a.flow_slug))
        ) s on true
        order by s.flow_slug
        """,
        {"elect": elect, "stands_by": stands_by, "leader": _LEADER_KEY, "deputy": _DEPUTY_KEY},
        lambda rows: Timetable(
            leads=rows[0]["leads"],
            deputizes=rows[0]["deputizes"],
            now=rows[0]["now"],
            up_since=rows[0]["up_since"],
            schedules=tuple(
                Schedule(**{name: row[name] for name in Schedule.__dataclass_fields__})
                for row in rows
                if row["flow_slug"] is not None
            ),
        ),
    )


def lead() -> Query[bool]:
    """Become the leader, if nobody is, until this connection ends."""
    return Query(
        "select pg_try_advisory_lock(%(leader)s) as leads",
        {"leader": _LEADER_KEY},
        lambda rows: bool(rows[0]["leads"]),
    )


def leave_deputy() -> Query[None]:
    """Let somebody else be the deputy, and tell everybody."""
    return Query(
        "select pg_advisory_unlock(%(deputy)s), pg_notify(%(channel)s, '')",
        {"deputy": _DEPUTY_KEY, "channel": SCHEDULES_CHANNEL},
        no_rows,
    )


def start_slots(
    schedule: Schedule, slots: Sequence[datetime], until: datetime
) -> Query[list[tuple[datetime, UUID | None]]]:
    """Start the runs of slots that nobody else has started; nothing up to `until` starts one later. Each slot
    that this settled with its run, None for one that was left out.
    """
    return Query(
        """
        select t.slot, t.run_id
        from pgflowc.start_slots(
          %(flow_slug)s, %(schedule)s, %(timezone)s, %(slots)s::timestamptz[], %(until)s::timestamptz
        ) t
        """,
        {
            "flow_slug": schedule.flow_slug,
            "schedule": schedule.schedule,
            "timezone": schedule.timezone,
            "slots": list(slots),
            "until": until,
        },
        lambda rows: [(row["slot"], row["run_id"]) for row in rows],
    )


def relieve_pg_cron(
    schedule: Schedule, slots: Sequence[datetime]
) -> Query[list[tuple[datetime, UUID | None]]]:
    """Start the runs of slots that pg_cron should have started, and keep the schedule; as `start_slots`."""
    return Query(
        """
        select t.slot, t.run_id
        from pgflowc.relieve_pg_cron(%(flow_slug)s, %(schedule)s, %(slots)s::timestamptz[]) t
        """,
        {"flow_slug": schedule.flow_slug, "schedule": schedule.schedule, "slots": list(slots)},
        lambda rows: [(row["slot"], row["run_id"]) for row in rows],
    )


def schedules() -> Query[list[ScheduleInfo]]:
    """Every schedule with its last run, by flow."""
    return Query(
        """
        select s.flow_slug, s.schedule, s.timezone, s.input, s.catch_up, s.overlap, s.paused_at,
               s.settled_until,
               -- Its jobs are gone with the extension.
               case when exists (select from pg_extension x where x.extname = 'pg_cron') then s.fired_by
                 else 'worker' end as keeper,
               exists (select from pgflow.flows f where f.flow_slug = pgflowc.current_flow(s.flow_slug))
                 as flow_exists,
               l.slot as last_slot, l.run_id as last_run_id, r.status as last_status
        from pgflowc.schedules s
        left join lateral (
          select o.slot, o.run_id from pgflowc.schedule_slots o
          where o.flow_slug = s.flow_slug and o.run_id is not null
          order by o.slot desc limit 1
        ) l on true
        left join pgflow.runs r on r.run_id = l.run_id
        order by s.flow_slug
        """,
        {},
        lambda rows: [ScheduleInfo(**row) for row in rows],
    )


def pause_schedule(flow_slug: str) -> Query[bool]:
    """False if it was paused; no_data_found for a flow without a schedule."""
    return Query(
        "select pgflowc.pause_schedule(%(flow_slug)s) as done",
        {"flow_slug": flow_slug},
        lambda rows: bool(rows[0]["done"]),
    )


def resume_schedule(flow_slug: str) -> Query[bool]:
    """False if it was not paused; no_data_found for a flow without a schedule."""
    return Query(
        "select pgflowc.resume_schedule(%(flow_slug)s) as done",
        {"flow_slug": flow_slug},
        lambda rows: bool(rows[0]["done"]),
    )


def trigger_schedule(flow_slug: str) -> Query[UUID]:
    """Start a run as the schedule would; no_data_found for a flow without a schedule."""
    return Query(
        "select pgflowc.trigger_schedule(%(flow_slug)s) as run_id",
        {"flow_slug": flow_slug},
        lambda rows: UUID(str(rows[0]["run_id"])),
    )
