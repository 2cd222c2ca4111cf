"""Changing what there is: definitions at run time, ending and resuming runs, deleting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from pgflowc_runtime import queries, run_faults
from pgflowc_runtime.call import Call, Refused, ask, whole
from pgflowc_runtime.calls.looking import known_flows
from pgflowc_runtime.calls.naming import AskFeatures, stored_flows
from pgflowc_runtime.calls.starting import Starter
from pgflowc_runtime.definition import Definition, invalid_definition, parse_definition
from pgflowc_runtime.definition_faults import Fault
from pgflowc_runtime.errors import FlowMismatch, InvalidDefinition, InvalidInput
from pgflowc_runtime.flow import Flow
from pgflowc_runtime.reports import Pruned, Upserted
from pgflowc_runtime.run_ids import RunId, parse_run_id
from pgflowc_runtime.run_input import FlowOrSlug, json_text, plain_text, slug_of

_PRUNED_AT_ONCE = 500
# What the core's own checks say of a definition that ours let pass.
_REFUSED_DEFINITION = ("P0001", "22", "23")


def upsert_flow(definition: Definition | Mapping[str, Any], allow_data_loss: bool) -> Call[Upserted]:
    """Raises InvalidDefinition, FlowMismatch."""
    wanted = parse_definition(definition)
    slug = wanted.slug
    try:
        shape = json_text(wanted.shape(), f"flow '{slug}'")
    except InvalidInput as error:
        raise invalid_definition({wanted.kind: slug}, [Fault("PGF104", str(error))]) from None
    try:
        done = yield from whole(lambda: _upsert(slug, wanted.kind, shape, allow_data_loss))
        if done.status != "unchanged":
            yield from ask(queries.tell_flows())
        return done
    except Refused as refused:
        if (refused.sqlstate or "").startswith(_REFUSED_DEFINITION):
            raise InvalidDefinition(f"flow '{slug}': {refused.message}") from None
        raise


def _upsert(slug: str, kind: str, shape: str, allow_data_loss: bool) -> Call[Upserted]:
    yield from ask(queries.lock_definition(slug))
    flows = yield from ask(queries.flows(slug))
    if not flows:
        yield from _create(slug, kind, shape)
        return Upserted(status="compiled")
    differences = yield from ask(queries.compare_flow_shapes(slug, shape))
    if not differences:
        changed = yield from ask(queries.set_options(slug, shape))
        if flows[0].kind != kind:
            yield from ask(queries.set_flow_type(slug, kind))
            changed.append(f"it was a {flows[0].kind}")
        return Upserted(status="updated" if changed else "unchanged", differences=tuple(changed))
    if not allow_data_loss:
        raise FlowMismatch(
            f"flow '{slug}' is in the database and differs: {'; '.join(differences)}",
            help="another slug keeps both; allow_data_loss=True deletes the flow and all its runs first",
        )
    yield from ask(queries.delete_flow_and_data(slug))
    yield from _create(slug, kind, shape)
    return Upserted(status="recompiled", differences=tuple(differences))


def _create(slug: str, kind: str, shape: str) -> Call[None]:
    yield from ask(queries.create_flow_from_shape(slug, shape))
    if kind == "job":
        yield from ask(queries.set_flow_type(slug, kind))


def delete_flow(starter: Starter, flow: FlowOrSlug) -> Call[None]:
    """With all its versions. Raises FlowNotFound."""
    slug = slug_of(flow)
    features = yield from starter.ask_features()

    def delete() -> Call[None]:
        yield from ask(queries.lock_definition(slug))
        stored = yield from stored_flows(slug, features)
        known = yield from known_flows()
        if not any(one in known for one in stored):
            raise run_faults.flow_not_found(slug, known)
        if features.has_schedules:
            yield from ask(queries.remove_schedule(slug))
        for one in stored if features.has_pauses else ():
            yield from ask(queries.forget_pause(one))
        if features.has_versions:
            yield from ask(queries.forget_versions(slug))
        for one in stored:
            yield from ask(queries.delete_flow_and_data(one))

    yield from whole(delete)
    yield from ask(queries.tell_flows())


def cancel_run(run_id: RunId, reason: str | None) -> Call[bool]:
    """Raises RunNotFound, InvalidRunId."""
    wanted = parse_run_id(run_id)
    why = None if reason is None else plain_text(reason, "a reason")
    try:
        return (yield from ask(queries.cancel_run(wanted, why)))
    except Refused as refused:
        if refused.sqlstate == run_faults.NO_DATA_FOUND:
            raise run_faults.run_not_found(wanted) from None
        raise


def retry_run(run_id: RunId) -> Call[bool]:
    """Raises RunNotFound, InvalidRunId."""
    wanted = parse_run_id(run_id)
    try:
        return (yield from ask(queries.retry_run(wanted)))
    except Refused as refused:
        if refused.sqlstate == run_faults.NO_DATA_FOUND:
            raise run_faults.run_not_found(wanted) from None
        raise


def prune(
    ask_features: AskFeatures, older_than: timedelta, flows: Sequence[FlowOrSlug] | None
) -> Call[Pruned]:
    """Raises FlowNotFound, InvalidInput for what is no age, or a negative one."""
    age: Any = older_than
    if not isinstance(age, timedelta):
        raise InvalidInput(
            f"older_than is a timedelta, not a {type(age).__name__}", help="for example timedelta(days=30)"
        )
    if age < timedelta(0):
        raise InvalidInput("runs cannot be older than the future: older_than is negative")
    # One flow is a list of one; a text would be one of its letters.
    named: Any = [flows] if isinstance(flows, str | Flow) else flows
    if not isinstance(named, Iterable | None):
        raise InvalidInput(f"flows are a list of flows, not a {type(named).__name__}")
    slugs: list[str] | None = None
    features = yield from ask_features()
    if named is not None:
        known = yield from known_flows()
        slugs = []
        for flow in named:
            stored = yield from stored_flows(slug_of(flow), features)
            if not any(one in known for one in stored):
                raise run_faults.flow_not_found(slug_of(flow), known)
            slugs += stored
    pruned = Pruned(runs=0, step_states=0, step_tasks=0, workers=0)
    while features.has_prune_runs:
        batch = yield from ask(queries.prune_runs(older_than, slugs, _PRUNED_AT_ONCE))
        pruned += batch
        if batch.runs < _PRUNED_AT_ONCE:
            break
    # Dead workers, and what else is old; there are hardly any runs left to it.
    return pruned + (yield from ask(queries.prune_data_older_than(older_than, slugs)))
