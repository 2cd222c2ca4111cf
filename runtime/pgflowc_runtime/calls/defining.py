"""Flows at run time: defining them from data, changing and deleting them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgflowc_runtime import queries, run_faults
from pgflowc_runtime.call import Call, Refused, ask, whole
from pgflowc_runtime.calls.looking import known_flows
from pgflowc_runtime.calls.naming import stored_flows
from pgflowc_runtime.calls.starting import Starter
from pgflowc_runtime.errors import FlowMismatch, InvalidDefinition, SchemaError
from pgflowc_runtime.reports import Upserted
from pgflowc_runtime.rows import ClientFeatures, FlowInfo, SignalDifference
from pgflowc_runtime.run_input import FlowOrSlug, json_text, slug_of
from pgflowc_runtime.versions import MIGRATE

if TYPE_CHECKING:
    from pgflowc_runtime.definitions import Definition

# What the core's own checks say of a definition that ours let pass.
_REFUSED_DEFINITION = ("P0001", "22", "23")
_NOT_SUPPORTED = "0A000"
_UNIQUE_VIOLATION = "23505"


def upsert_flow(starter: Starter, wanted: Definition, allow_data_loss: bool) -> Call[Upserted]:
    """Raises InvalidDefinition, FlowMismatch, SchemaError where the database lacks what is wanted."""
    features = yield from starter.ask_features()
    slug = wanted.slug
    _check_features(wanted, features)
    try:
        done = yield from whole(lambda: _upsert(wanted, features, allow_data_loss))
    except Refused as refused:
        if refused.sqlstate == _NOT_SUPPORTED:
            raise SchemaError(
                refused.message, help="signals need pgflowc's own core, which `pgflowc db up` installs"
            ) from None
        if refused.sqlstate == _UNIQUE_VIOLATION:
            from pgflowc_runtime.definitions import Fault, invalid_definition

            help = "rename one of the two: their queue would be the same"
            raise invalid_definition(
                {wanted.kind: slug}, [Fault("PGF210", refused.message, (wanted.kind,), help)]
            ) from None
        if (refused.sqlstate or "").startswith(_REFUSED_DEFINITION):
            raise InvalidDefinition(f"flow '{slug}': {refused.message}") from None
        raise
    if done.status != "unchanged":
        yield from ask(queries.tell_flows())
    return done


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
        for one in dict.fromkeys([slug, *stored]):
            yield from _delete_settings(one, features)
        if features.has_versions:
            yield from ask(queries.forget_versions(slug))
        for one in stored:
            yield from ask(queries.delete_flow_and_data(one))

    yield from whole(delete)
    yield from ask(queries.tell_flows())


def _check_features(wanted: Definition, features: ClientFeatures) -> None:
    for what, is_wanted, has in (
        ("schedules", wanted.cron is not None, features.has_schedules),
        ("retention", wanted.retention is not None, features.has_retention),
        ("signals", bool(wanted.signals), features.has_signals),
    ):
        if is_wanted and not has:
            raise SchemaError(f"flow '{wanted.slug}': this database has no {what}", help=MIGRATE)


def _upsert(wanted: Definition, features: ClientFeatures, allow_data_loss: bool) -> Call[Upserted]:
    slug = wanted.slug
    yield from ask(queries.lock_definition(slug))
    if (yield from stored_flows(slug, features)) != [slug]:
        # Runs of that name start on one of them, whatever is defined here.
        raise FlowMismatch(
            f"flow '{slug}' has versions, which migrations define",
            help=f"choose another slug, or let `pgflowc flows delete {slug}` delete all of them first",
        )
    flows = yield from ask(queries.flows(slug))
    if not flows:
        yield from _create(wanted, features)
        return Upserted(status="compiled")
    # Steps that are merely given in another order are the same.
    stored = [step.slug for step in (yield from ask(queries.steps(slug)))]
    shape = json_text(wanted.shape(order=stored), slug)
    signals = yield from _signal_differences(wanted, features)
    differences = yield from ask(queries.compare_flow_shapes(slug, shape))
    differences += [
        f"step '{one.step_slug}' is {'an' if one.was == 'approval' else 'no'} approval there"
        for one in signals
        if one.changes_handler and one.step_slug in stored and one.step_slug in wanted.bodies
    ]
    if not differences:
        changed = yield from _change(wanted, flows[0], shape, signals, features)
        return Upserted(status="updated" if changed else "unchanged", differences=tuple(changed))
    if not allow_data_loss:
        raise FlowMismatch(
            f"flow '{slug}' is in the database and differs (wanted vs there): {'; '.join(differences)}",
            help="another slug keeps both; allow_data_loss=True deletes the flow and all its runs first",
        )
    if features.has_traces:
        yield from ask(queries.forget_traces(slug))
    yield from ask(queries.delete_flow_and_data(slug))
    yield from _create(wanted, features)
    return Upserted(status="recompiled", differences=tuple(differences))


def _create(wanted: Definition, features: ClientFeatures) -> Call[None]:
    yield from ask(queries.create_flow_from_shape(wanted.slug, json_text(wanted.shape(), wanted.slug)))
    if wanted.kind == "job":
        yield from ask(queries.set_flow_type(wanted.slug, wanted.kind))
    signals = yield from _signal_differences(wanted, features)
    yield from _declare(wanted, signals)
    yield from _settle(wanted, features)


def _change(
    wanted: Definition,
    flow: FlowInfo,
    shape: str,
    signals: Sequence[SignalDifference],
    features: ClientFeatures,
) -> Call[list[str]]:
    """What is changed in place; what was different."""
    changed = yield from ask(queries.set_options(wanted.slug, shape))
    if flow.kind != wanted.kind:
        yield from ask(queries.set_flow_type(wanted.slug, wanted.kind))
        changed.append(f"it was a {flow.kind}")
    yield from _declare(wanted, signals)
    changed += [f"{one.becomes or one.was} of step '{one.step_slug}'" for one in signals]
    return changed + (yield from _settle(wanted, features))


def _signal_differences(wanted: Definition, features: ClientFeatures) -> Call[list[SignalDifference]]:
    if not features.has_signals:
        return []
    declared = [
        {
            "step_slug": one.step_slug,
            "payload_schema": one.payload_schema,
            "wait_for": one.wait_for,
            "is_approval": one.is_approval,
        }
        for one in wanted.signals
    ]
    return (yield from ask(queries.signal_differences(wanted.slug, json.dumps(declared))))


def _declare(wanted: Definition, differences: Sequence[SignalDifference]) -> Call[None]:
    declared = {one.step_slug: one for one in wanted.signals}
    for difference in differences:
        step = difference.step_slug
        if step in declared:
            one = declared[step]
            yield from ask(
                queries.set_signal(
                    wanted.slug, step, json.dumps(one.payload_schema), one.wait_for, one.is_approval
                )
            )
        else:
            yield from ask(queries.remove_signal(wanted.slug, step))


def _settle(wanted: Definition, features: ClientFeatures) -> Call[list[str]]:
    """The schedule and the retention are those that are wanted; which of them were not."""
    slug, cron, keep = wanted.slug, wanted.cron, wanted.retention
    changed = []
    if features.has_schedules:
        if cron is None:
            differs = yield from ask(queries.remove_schedule(slug))
        else:
            differs = yield from ask(
                queries.set_schedule(
                    slug,
                    cron.schedule,
                    cron.timezone,
                    json_text(cron.input, slug),
                    cron.catch_up,
                    cron.overlap,
                )
            )
        changed += ["the schedule"] if differs else []
    if features.has_retention:
        if keep is None:
            differs = yield from ask(queries.remove_retention(slug))
        else:
            differs = yield from ask(queries.set_retention(slug, keep.completed, keep.failed))
        changed += ["the retention"] if differs else []
    return changed


def _delete_settings(slug: str, features: ClientFeatures) -> Call[None]:
    """What has no foreign key to the flow or to its runs."""
    if features.has_schedules:
        yield from ask(queries.remove_schedule(slug))
    if features.has_retention:
        yield from ask(queries.remove_retention(slug))
    if features.has_pauses:
        yield from ask(queries.forget_pause(slug))
    if features.has_traces:
        yield from ask(queries.forget_traces(slug))
