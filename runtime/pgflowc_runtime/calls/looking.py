"""Looking at flows, runs and workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar, get_args
from uuid import UUID

from pgflowc_runtime import queries, run_faults
from pgflowc_runtime.call import Call, Refused, ask
from pgflowc_runtime.calls.naming import AskFeatures, stored_flows
from pgflowc_runtime.errors import InvalidInput, InvalidTime
from pgflowc_runtime.pages import Cursor, RunPage
from pgflowc_runtime.queries import Query
from pgflowc_runtime.queries.run_state import RunFilter
from pgflowc_runtime.queries.signals import waiting_tasks
from pgflowc_runtime.reports import Health
from pgflowc_runtime.rows import (
    FlowVersion,
    FlowWithSteps,
    Run,
    RunStatus,
    RunWithStates,
    SignalKind,
    StepInfo,
    StepState,
    StepTask,
    StepWait,
    WaitingTask,
    WorkerInfo,
)
from pgflowc_runtime.run_faults import INSUFFICIENT_PRIVILEGE
from pgflowc_runtime.run_ids import RunId, parse_run_id
from pgflowc_runtime.run_input import FlowOrSlug, json_text, plain_text, slug_of
from pgflowc_runtime.versions import check_capabilities, check_versions

LARGEST_PAGE = 10_000
# No such table, schema or function.
_NOT_THERE = ("42P01", "3F000", "42883")

T = TypeVar("T")


def known_flows() -> Call[list[str]]:
    """The slugs of all flows."""
    flows = yield from ask(queries.flows())
    return [flow.slug for flow in flows]


def get_run(run_id: RunId) -> Call[Run]:
    """Raises RunNotFound, InvalidRunId."""
    wanted = parse_run_id(run_id)
    found = yield from ask(queries.runs_by_id([wanted]))
    if wanted not in found:
        raise run_faults.run_not_found(wanted)
    return found[wanted]


def get_run_with_states(run_id: RunId) -> Call[RunWithStates]:
    """Raises RunNotFound, InvalidRunId."""
    wanted = parse_run_id(run_id)
    found = yield from runs_with_states([wanted])
    if wanted not in found:
        raise run_faults.run_not_found(wanted)
    state = found[wanted]
    if not any(step.status == "started" for step in state.steps):
        return state
    due = yield from _where_there_is(queries.due_steps(wanted), {})
    return replace(state, steps=tuple(replace(step, due=due.get(step.step_slug)) for step in state.steps))


def runs_with_states(run_ids: Sequence[UUID]) -> Call[dict[UUID, RunWithStates]]:
    """Those of these runs that there are.

    The steps are read after the runs: they may know more than their run, but never less.
    """
    runs = yield from ask(queries.runs_by_id(run_ids))
    states = yield from _states(list(runs))
    return {run_id: RunWithStates(run=run, steps=states.get(run_id, ())) for run_id, run in runs.items()}


def list_step_states(run_id: RunId) -> Call[tuple[StepState, ...]]:
    """Empty for an unknown run."""
    wanted = parse_run_id(run_id)
    return (yield from _states([wanted])).get(wanted, ())


def _states(run_ids: Sequence[UUID]) -> Call[dict[UUID, tuple[StepState, ...]]]:
    states = yield from ask(queries.step_states(run_ids))
    waiting = [run_id for run_id, steps in states.items() if any(step.tasks_waiting for step in steps)]
    if not waiting:
        return states
    waits = yield from _where_there_is(queries.step_waits(waiting), {})
    return {run_id: with_waits(steps, waits) for run_id, steps in states.items()}


def _where_there_is(query: Query[T], otherwise: T) -> Call[T]:
    """The answer, or `otherwise`: another core knows nothing of what is asked, or has it in its own way, and
    whoever may not look at it still learns the rest.
    """
    try:
        return (yield from ask(query))
    except Refused as refused:
        if refused.sqlstate in (INSUFFICIENT_PRIVILEGE, *_NOT_THERE):
            return otherwise
        raise


def with_waits(steps: Sequence[StepState], waits: dict[tuple[UUID, str], StepWait]) -> tuple[StepState, ...]:
    """The steps of a run with what they wait for, which is given by run and step."""
    return tuple(replace(step, wait=waits.get((step.run_id, step.step_slug))) for step in steps)


def run_status(run_id: UUID) -> Call[RunStatus]:
    """Raises RunNotFound."""
    status = yield from ask(queries.run_status(run_id))
    if status is None:
        raise run_faults.run_not_found(run_id)
    return status


def with_timezone(time: datetime) -> datetime:
    """The time itself; raises InvalidTime if it does not say where it is that late (or is only a date)."""
    if getattr(time, "tzinfo", None) is None or time.utcoffset() is None:
        raise InvalidTime(
            f"{time!s} is no time with a timezone", help="for example datetime.now(UTC) + timedelta(hours=1)"
        )
    return time


def list_runs(
    ask_features: AskFeatures,
    flow: FlowOrSlug | None,
    status: RunStatus | None,
    kind: str | None,
    since: datetime | None,
    until: datetime | None,
    input: Any,
    limit: int,
    after: Cursor | str | None,
) -> Call[RunPage]:
    """One page. Raises InvalidInput for a limit out of bounds or no such status, and its kinds."""
    for value, known in ((status, get_args(RunStatus)), (kind, ("flow", "job"))):
        if value is not None and value not in known:
            raise InvalidInput(f"'{value}' is none of {', '.join(known)}")
    size = _page_size(limit, "runs")
    wanted = RunFilter(
        flow_slugs=() if flow is None else (yield from _stored(ask_features, flow)),
        status=status,
        kind=kind,
        since=None if since is None else with_timezone(since),
        until=None if until is None else with_timezone(until),
        input=None if input is None else json_text(input, "the input to look for"),
        after=None if after is None else Cursor.parse(after),
    )
    # One more than asked for tells whether there is a next page.
    runs = yield from ask(queries.runs(wanted, size + 1))
    last = runs[size - 1] if len(runs) > size else None
    return RunPage(tuple(runs[:size]), None if last is None else Cursor(last.started_at, last.run_id))


def list_waiting(
    ask_features: AskFeatures,
    flow: FlowOrSlug | None,
    step: str | None,
    kind: SignalKind | None,
    limit: int,
) -> Call[list[WaitingTask]]:
    """Empty where no task can wait. Raises InvalidInput for a limit out of bounds or no such kind."""
    if kind is not None and kind not in get_args(SignalKind):
        raise InvalidInput(f"'{kind}' is none of {', '.join(get_args(SignalKind))}")
    size = _page_size(limit, "tasks")
    if not (yield from ask_features()).has_signals:
        return []
    slugs = () if flow is None else (yield from _stored(ask_features, flow))
    wanted = None if step is None else plain_text(step, "the slug of a step")
    return (yield from ask(waiting_tasks(slugs, wanted, kind, size)))


def _page_size(limit: Any, of: str) -> int:
    if not isinstance(limit, int) or not 1 <= limit <= LARGEST_PAGE:
        raise InvalidInput(f"a page has 1 to {LARGEST_PAGE} {of}, not {limit!r}")
    return int(limit)


def list_versions(ask_features: AskFeatures) -> Call[list[FlowVersion]]:
    """Of all flows, by name and version."""
    features = yield from ask_features()
    found = queries.flow_versions if features.has_versions else queries.flows_without_versions
    return (yield from ask(found()))


def list_step_tasks(run_id: RunId, step_slug: str | None) -> Call[list[StepTask]]:
    """Empty for an unknown run."""
    step = None if step_slug is None else plain_text(step_slug, "the slug of a step")
    return (yield from ask(queries.step_tasks(parse_run_id(run_id), step)))


def get_flow(ask_features: AskFeatures, flow: FlowOrSlug) -> Call[FlowWithSteps]:
    """The current version. Raises FlowNotFound."""
    slug, *_ = yield from _stored(ask_features, flow)
    found = yield from ask(queries.flows(slug))
    if not found:
        raise run_faults.flow_not_found(slug, (yield from known_flows()))
    steps = yield from ask(queries.steps(slug))
    deps = yield from ask(queries.deps(slug))
    if (yield from ask_features()).has_signals:
        steps = yield from _with_signals(slug, steps)
    return FlowWithSteps(flow=found[0], steps=steps, deps=deps)


def _with_signals(slug: str, steps: tuple[StepInfo, ...]) -> Call[tuple[StepInfo, ...]]:
    try:
        signals = yield from ask(queries.signal_declarations(slug))
    except Refused as refused:
        # A role that may only start runs still learns the rest.
        if refused.sqlstate == INSUFFICIENT_PRIVILEGE:
            return steps
        raise
    return tuple(replace(step, signal=signals.get(step.slug)) for step in steps)


def flow_exists(ask_features: AskFeatures, flow: FlowOrSlug) -> Call[bool]:
    """Whether the database has the flow."""
    slug, *_ = yield from _stored(ask_features, flow)
    return bool((yield from ask(queries.flows(slug))))


def _stored(ask_features: AskFeatures, flow: FlowOrSlug) -> Call[tuple[str, ...]]:
    """What is stored of a flow, its current version first."""
    name = slug_of(flow)
    return tuple((yield from stored_flows(name, (yield from ask_features()))))


def check_schema() -> Call[dict[str, int]]:
    """The components' versions. Raises SchemaError if they are none that this runtime knows."""
    capabilities = yield from ask(queries.capabilities())
    check_capabilities(capabilities)
    if not capabilities.versions_recorded:
        return {}
    try:
        versions = yield from ask(queries.installed_components())
    except Refused as refused:
        # A role that may only start runs cannot see the versions.
        if refused.sqlstate == INSUFFICIENT_PRIVILEGE:
            return {}
        raise
    check_versions(versions)
    return versions


def list_workers(include_stopped: bool) -> Call[list[WorkerInfo]]:
    """Those alive, or all that are recorded."""
    workers = yield from ask(queries.known_workers())
    return [worker for worker in workers if include_stopped or worker.alive]


def health_check() -> Call[Health]:
    """Raises DatabaseUnavailable and SchemaError; what is merely amiss is a problem of the report."""
    components = yield from check_schema()
    capabilities = yield from ask(queries.capabilities())
    flows = yield from ask(queries.flows())
    workers = yield from list_workers(include_stopped=False)
    waiting = yield from _waiting_tasks()
    served = {worker.queue_name.lower() for worker in workers if worker.deprecated_at is None}
    return Health(
        problems=tuple(
            f"flow '{flow.slug}': {waiting[flow.slug.lower()]} waiting, and no worker serves it"
            for flow in flows
            if waiting.get(flow.slug.lower()) and flow.slug.lower() not in served
        ),
        server_version=capabilities.server_version,
        components=components,
        flows=tuple(flows),
        workers=tuple(workers),
    )


def _waiting_tasks() -> Call[dict[str, int]]:
    try:
        return (yield from ask(queries.waiting_tasks()))
    except Refused as refused:
        # Whoever may not look at the queues still learns the rest.
        if refused.sqlstate == INSUFFICIENT_PRIVILEGE:
            return {}
        raise
