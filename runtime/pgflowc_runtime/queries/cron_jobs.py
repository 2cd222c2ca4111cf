"""Schedules that are nothing but jobs of the extension pg_cron, called `pgflow_` and the flow's slug, as
migrations of the family name them. (Those of `pgflowc.schedules` that it fires have a job `pgflowc_`.)
"""

from __future__ import annotations

from collections.abc import Sequence

from pgflowc_runtime.queries.query import Query, Row
from pgflowc_runtime.rows import ScheduleInfo


def keeps_cron_jobs() -> Query[bool]:
    """Whether pg_cron is installed in this database, and this role may look at its jobs."""
    return Query(
        """
        -- In this order: a name cannot be looked up in a schema that is closed.
        select case when to_regnamespace('cron') is null then false
                    when not has_schema_privilege('cron', 'usage') then false
                    when to_regclass('cron.job') is null then false
                    else has_table_privilege('cron.job', 'select') end as readable
        """,
        {},
        lambda rows: bool(rows[0]["readable"]),
    )


def cron_jobs() -> Query[list[ScheduleInfo]]:
    """By flow. pg_cron makes up for nothing, looks for no overlap, and tells of no runs."""
    return Query(
        """
        select substr(j.jobname, 8) as flow_slug, j.schedule, j.active, clock_timestamp() as now,
               pgflowc._pg_cron_timezone() as timezone,
               exists (
                 select from pgflow.flows f where f.flow_slug = substr(j.jobname, 8)
               ) as flow_exists
        from cron.job j
        where starts_with(j.jobname, 'pgflow_') and j.database = current_database()
        order by 1
        """,
        {},
        _schedules,
    )


def set_cron_job_active(flow_slug: str, active: bool) -> Query[bool]:
    """Whether that changed anything."""
    return Query(
        """
        select cron.alter_job(j.jobid, active => %(active)s) is not null as done
        from cron.job j
        where j.jobname = 'pgflow_' || %(flow_slug)s and j.database = current_database()
          and j.active <> %(active)s
        """,
        {"flow_slug": flow_slug, "active": active},
        lambda rows: bool(rows),
    )


def cron_job_command(flow_slug: str) -> Query[str | None]:
    """What the job of this flow executes; None without one."""
    return Query(
        """
        select j.command from cron.job j
        where j.jobname = 'pgflow_' || %(flow_slug)s and j.database = current_database()
        """,
        {"flow_slug": flow_slug},
        lambda rows: str(rows[0]["command"]) if rows else None,
    )


def _schedules(rows: Sequence[Row]) -> list[ScheduleInfo]:
    return [
        ScheduleInfo(
            flow_slug=row["flow_slug"],
            schedule=row["schedule"],
            timezone=row["timezone"],
            input=None,
            catch_up="none",
            overlap="allow",
            paused_at=None,
            settled_until=row["now"],
            flow_exists=row["flow_exists"],
            last_slot=None,
            last_run_id=None,
            last_status=None,
            keeper="pg_cron",
            active=row["active"],
            recorded=False,
        )
        for row in rows
    ]
