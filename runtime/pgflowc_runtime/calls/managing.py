"""Changing what there is: ending and resuming runs, deleting old ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from pgflowc_runtime import queries, run_faults
from pgflowc_runtime.call import Call, Refused, ask
from pgflowc_runtime.calls.looking import known_flows
from pgflowc_runtime.calls.naming import AskFeatures, stored_flows
from pgflowc_runtime.errors import InvalidInput
from pgflowc_runtime.flow import Flow
from pgflowc_runtime.reports import Pruned
from pgflowc_runtime.rows import ClientFeatures
from pgflowc_runtime.run_ids import RunId, parse_run_id
from pgflowc_runtime.run_input import FlowOrSlug, plain_text, slug_of

_PRUNED_AT_ONCE = 500


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
    features = yield from ask_features()
    slugs = yield from _old_runs_of(features, older_than, flows)
    pruned = Pruned(runs=0, step_states=0, step_tasks=0, workers=0)
    while features.has_prune_runs:
        batch = yield from ask(queries.prune_runs(older_than, slugs, _PRUNED_AT_ONCE))
        pruned += batch
        if batch.runs == 0:
            break
    # Dead workers, and what else is old; there are hardly any runs left to it.
    return pruned + (yield from ask(queries.prune_data_older_than(older_than, slugs)))


def count_ended(
    ask_features: AskFeatures, older_than: timedelta, flows: Sequence[FlowOrSlug] | None
) -> Call[int]:
    """Raises as `prune`."""
    slugs = yield from _old_runs_of((yield from ask_features()), older_than, flows)
    return (yield from ask(queries.count_ended(older_than, slugs)))


def _old_runs_of(
    features: ClientFeatures, older_than: timedelta, flows: Sequence[FlowOrSlug] | None
) -> Call[list[str] | None]:
    """The stored flows that are meant, None for all."""
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
    if named is None:
        return None
    known = yield from known_flows()
    slugs: list[str] = []
    for flow in named:
        stored = yield from stored_flows(slug_of(flow), features)
        if not any(one in known for one in stored):
            raise run_faults.flow_not_found(slug_of(flow), known)
        slugs += stored
    return slugs
