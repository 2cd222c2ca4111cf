"""Schedules: looking at them, holding them and starting their runs by hand."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from pgflowc_runtime import queries, run_faults
from pgflowc_runtime.call import Call, Refused, ask
from pgflowc_runtime.calls.looking import known_flows
from pgflowc_runtime.queries import Query
from pgflowc_runtime.rows import ScheduleInfo
from pgflowc_runtime.run_input import FlowOrSlug, slug_of

T = TypeVar("T")


def list_schedules() -> Call[list[ScheduleInfo]]:
    """By flow."""
    return (yield from ask(queries.schedules()))


def pause_schedule(flow: FlowOrSlug) -> Call[bool]:
    """Raises FlowNotFound, ScheduleNotFound."""
    slug = slug_of(flow)
    return (yield from _of_schedule(slug, queries.pause_schedule(slug)))


def resume_schedule(flow: FlowOrSlug) -> Call[bool]:
    """Raises FlowNotFound, ScheduleNotFound."""
    slug = slug_of(flow)
    return (yield from _of_schedule(slug, queries.resume_schedule(slug)))


def trigger_schedule(flow: FlowOrSlug) -> Call[UUID]:
    """Raises FlowNotFound, ScheduleNotFound."""
    slug = slug_of(flow)
    return (yield from _of_schedule(slug, queries.trigger_schedule(slug)))


def _of_schedule(slug: str, query: Query[T]) -> Call[T]:
    try:
        return (yield from ask(query))
    except Refused as refused:
        if refused.sqlstate != run_faults.NO_DATA_FOUND:
            raise
        known = yield from known_flows()
        if slug not in known:
            raise run_faults.flow_not_found(slug, known) from None
        scheduled = [one.flow_slug for one in (yield from ask(queries.schedules()))]
        raise run_faults.schedule_not_found(slug, scheduled) from None
