"""Schedules: looking at them, holding them and starting their runs by hand."""

from __future__ import annotations

import json
from uuid import UUID

from pgflowc_runtime import queries, run_faults
from pgflowc_runtime.call import Call, Refused, ask
from pgflowc_runtime.calls.looking import known_flows
from pgflowc_runtime.cron_command import started_by
from pgflowc_runtime.errors import NotFound
from pgflowc_runtime.queries import Query
from pgflowc_runtime.rows import ScheduleInfo
from pgflowc_runtime.run_ids import new_run_id
from pgflowc_runtime.run_input import FlowOrSlug, slug_of


def list_schedules() -> Call[list[ScheduleInfo]]:
    """By flow: those that workers keep, and pg_cron's."""
    own = yield from ask(queries.schedules())
    return sorted([*own, *(yield from _cron_jobs())], key=lambda one: (one.flow_slug, one.keeper))


def pause_schedule(flow: FlowOrSlug) -> Call[bool]:
    """Raises FlowNotFound, ScheduleNotFound."""
    slug = slug_of(flow)
    return (yield from _switch(slug, queries.pause_schedule(slug), active=False))


def resume_schedule(flow: FlowOrSlug) -> Call[bool]:
    """Raises FlowNotFound, ScheduleNotFound."""
    slug = slug_of(flow)
    return (yield from _switch(slug, queries.resume_schedule(slug), active=True))


def trigger_schedule(flow: FlowOrSlug) -> Call[UUID]:
    """Raises FlowNotFound, ScheduleNotFound."""
    slug = slug_of(flow)
    try:
        return (yield from ask(queries.trigger_schedule(slug)))
    except Refused as refused:
        if refused.sqlstate != run_faults.NO_DATA_FOUND:
            raise
        return (yield from _trigger_job(slug))


def _trigger_job(slug: str) -> Call[UUID]:
    """Start what a job of pg_cron starts. Its command is read, not executed: it may be anybody's."""
    command = (yield from ask(queries.cron_job_command(slug))) if (yield from _reads_cron_jobs()) else None
    if command is None:
        raise (yield from _missing(slug)) from None
    started = started_by(command)
    if started is None or started.flow != slug:
        raise run_faults.job_not_understood(slug) from None
    return (yield from ask(queries.start_current(started.flow, json.dumps(started.input), new_run_id())))


def _switch(slug: str, query: Query[bool], *, active: bool) -> Call[bool]:
    """Change a schedule of ours, else make a job of pg_cron `active` or not."""
    try:
        return (yield from ask(query))
    except Refused as refused:
        if refused.sqlstate != run_faults.NO_DATA_FOUND:
            raise
        if any(job.flow_slug == slug for job in (yield from _cron_jobs())):
            return (yield from ask(queries.set_cron_job_active(slug, active)))
        raise (yield from _missing(slug)) from None


def _cron_jobs() -> Call[list[ScheduleInfo]]:
    if not (yield from _reads_cron_jobs()):
        return []
    return (yield from ask(queries.cron_jobs()))


def _reads_cron_jobs() -> Call[bool]:
    return (yield from ask(queries.keeps_cron_jobs()))


def _missing(slug: str) -> Call[NotFound]:
    known = yield from known_flows()
    if slug not in known:
        return run_faults.flow_not_found(slug, known)
    scheduled = [one.flow_slug for one in (yield from list_schedules())]
    return run_faults.schedule_not_found(slug, scheduled)
