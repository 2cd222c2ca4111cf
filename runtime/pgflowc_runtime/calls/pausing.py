"""Holding the queues of flows, and flows with what holds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pgflowc_runtime import queries, run_faults, telemetry
from pgflowc_runtime.call import Call, Refused, ask
from pgflowc_runtime.calls import looking
from pgflowc_runtime.calls.looking import known_flows
from pgflowc_runtime.calls.starting import Starter
from pgflowc_runtime.errors import SchemaError
from pgflowc_runtime.queries import Query
from pgflowc_runtime.reports import Health
from pgflowc_runtime.rows import FlowInfo, FlowWithSteps
from pgflowc_runtime.run_faults import NO_DATA_FOUND
from pgflowc_runtime.run_input import FlowOrSlug, plain_text, slug_of
from pgflowc_runtime.versions import MIGRATE


def pause_queue(starter: Starter, flow: FlowOrSlug, reason: str | None) -> Call[bool]:
    """Raises FlowNotFound; SchemaError where workers could not know of it."""
    why = None if reason is None else plain_text(reason, "a reason")
    return (
        yield from _hold(starter, slug_of(flow), lambda one: queries.pause_queue(one, why), "queue.pause")
    )


def resume_queue(starter: Starter, flow: FlowOrSlug) -> Call[bool]:
    """Raises FlowNotFound; SchemaError where nothing can be paused."""
    return (yield from _hold(starter, slug_of(flow), queries.resume_queue, "queue.resume"))


def with_pauses(starter: Starter, flows: list[FlowInfo]) -> Call[list[FlowInfo]]:
    """The same flows, each with its pause."""
    features = yield from starter.ask_features()
    if not flows or not features.has_pauses:
        return flows
    try:
        pauses = yield from ask(queries.paused_queues())
    except Refused as refused:
        # A role that may only start runs still learns the rest.
        if refused.sqlstate == run_faults.INSUFFICIENT_PRIVILEGE:
            return flows
        raise
    return [replace(flow, paused=pauses[flow.slug]) if flow.slug in pauses else flow for flow in flows]


def with_pause(starter: Starter, found: FlowWithSteps) -> Call[FlowWithSteps]:
    """The same flow, with its pause."""
    [flow] = yield from with_pauses(starter, [found.flow])
    return replace(found, flow=flow)


def health_check(starter: Starter) -> Call[Health]:
    """With the pauses of its flows. Raises as `looking.health_check`."""
    health = yield from looking.health_check()
    return replace(health, flows=tuple((yield from with_pauses(starter, list(health.flows)))))


def _hold(starter: Starter, slug: str, query: Callable[[str], Query[bool]], event: str) -> Call[bool]:
    """All versions of the flow, those to come included; whether that changed anything."""
    features = yield from starter.ask_features()
    if not features.has_pauses:
        raise SchemaError("this database cannot pause queues: it has no pgflowc.pause_queue", help=MIGRATE)
    try:
        done = yield from ask(query(slug))
    except Refused as refused:
        if refused.sqlstate != NO_DATA_FOUND:
            raise
        raise run_faults.flow_not_found(slug, (yield from known_flows())) from None
    if done:
        telemetry.emit(event, {}, {"flow_slug": slug})
    return done
