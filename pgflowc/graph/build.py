"""Specs to flows: drafts are made, every check looks at every draft, and what passed them all is frozen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pgflowc.diagnostics import Report
from pgflowc.document import Mapping, Path, Scalar
from pgflowc.document import Sequence as ListNode
from pgflowc.document.referred import EXTRA_MODES, ExtraModes, Referred
from pgflowc.graph.checks import check_flow, check_project
from pgflowc.graph.draft import Dependency, Draft, DraftStep
from pgflowc.graph.json_schema import SchemaReader
from pgflowc.graph.model import Condition, Cron, ExtraFields, Flow, Retention, Signal, Step, StepOptions
from pgflowc.graph.notation import Reader
from pgflowc.graph.order import topological_order
from pgflowc.spec import FlowModel, PerformModel, Spec, StepModel
from pgflowc_language.payload_types import ANY, PayloadType

# From here on Python writes numbers with an exponent.
_EXPONENT_FROM = 1e16


def build(
    specs: Sequence[Spec], report: Report, referred: Referred | None = None, extra: ExtraModes = EXTRA_MODES
) -> tuple[Flow, ...]:
    """The flows of a project that passed every check, by slug; checks that compare flows are included.

    `referred` holds the files that the specs name, `extra` says what they do with fields that types do not
    name unless they say it themselves.
    """
    referred = referred or Referred()
    flows: list[Flow] = []
    drafts: list[Draft] = []
    refused: set[Draft] = set()
    for spec in specs:
        own = Report()
        draft = _draft(spec, referred, own)
        check_flow(draft, own)
        drafts.append(draft)
        if own.has_errors or spec.damaged:
            refused.add(draft)
        report.extend(own.sorted())
    refused |= check_project(drafts, report)
    flows = [_freeze(draft, extra) for draft in drafts if draft not in refused]
    return tuple(sorted(flows, key=lambda flow: flow.slug))


def _draft(spec: Spec, referred: Referred, report: Report) -> Draft:
    schemas = SchemaReader(referred, frozenset(_entries(spec, "types")), report)
    reader = Reader(report, schemas)
    types = {name: reader.read(entry.value, within=name) for name, entry in _entries(spec, "types").items()}
    input_ = _type(spec, reader, ("input",))
    steps = {step.slug: step for step in _steps(spec, reader)}
    return Draft(
        spec=spec,
        kind="flow" if isinstance(spec.model, FlowModel) else "job",
        slug=spec.slug,
        slug_span=spec.value_span(*spec.slug_path),
        types={**types, **schemas.named},
        type_uses=tuple(reader.uses),
        input=input_,
        steps=steps,
        derived=schemas.spans,
        classes=tuple(reader.classes),
        referred=referred,
    )


def _entries(spec: Spec, *path: str) -> dict[str, Any]:
    node = spec.document.find(*path)
    return node.entries if isinstance(node, Mapping) else {}


def _type(spec: Spec, reader: Reader, path: Path) -> PayloadType | None:
    """The payload type declared at `path`, None when there is none."""
    node = spec.document.find(*path)
    return None if node is None or spec.is_damaged(*path) else reader.read(node)


def _steps(spec: Spec, reader: Reader) -> list[DraftStep]:
    if isinstance(spec.model, FlowModel):
        return [_step(spec, reader, slug, ("steps", slug), body) for slug, body in spec.model.steps.items()]
    body = spec.model.perform
    return [_step(spec, reader, body.step or spec.model.job, ("perform",), body)]


def _step(spec: Spec, reader: Reader, slug: str, path: Path, model: StepModel | PerformModel) -> DraftStep:
    signal = _signal(spec, reader, path, model)
    output = _type(spec, reader, (*path, "output"))
    if signal and signal.approval:
        output = None if spec.is_damaged(*path, "approval", "payload") else signal.payload
    return DraftStep(
        slug=slug,
        span=spec.key_span(*path),
        path=path,
        model=model,
        depends_on=_dependencies(spec, (*path, "depends_on")) if isinstance(model, StepModel) else (),
        map=_map_source(spec, (*path, "map")) if isinstance(model, StepModel) else None,
        # Without knowing whether it is a map step, nobody knows what dependents get.
        output=ANY if output is not None and spec.is_damaged(*path, "map") else output,
        signal=signal,
    )


def _signal(spec: Spec, reader: Reader, path: Path, model: StepModel | PerformModel) -> Signal | None:
    """What the step waits for; of both keys, which is a fault, the one that leaves it without a handler."""
    approval = model.approval if isinstance(model, StepModel) else None
    written = approval or model.signal
    if written is None:
        return None
    key = "approval" if approval else "signal"
    payload = _type(spec, reader, (*path, key, "payload"))
    return Signal(payload or ANY, written.wait_for, spec.key_span(*path, key), approval=approval is not None)


def _dependencies(spec: Spec, path: Path) -> tuple[Dependency, ...]:
    node = spec.document.find(*path)
    items = node.items if isinstance(node, ListNode) else ()
    return tuple(
        Dependency(item.value, item.span)
        for item in items
        if isinstance(item, Scalar) and isinstance(item.value, str)
    )


def _map_source(spec: Spec, path: Path) -> Dependency | None:
    node = spec.document.find(*path)
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return Dependency(node.value, node.span)
    return None


def _freeze(draft: Draft, usual: ExtraModes) -> Flow:
    order = topological_order(
        {slug: [dependency.slug for dependency in step.dependencies] for slug, step in draft.steps.items()}
    )
    model, extra, keep = draft.spec.model, draft.spec.model.extra_fields, draft.spec.model.retention
    return Flow(
        slug=draft.slug,
        kind=draft.kind,
        description=model.description,
        options=draft.options,
        types=draft.types,
        input=draft.input,
        steps=tuple(_freeze_step(draft.spec, draft.steps[slug]) for slug in order),
        source=draft.spec.document.path,
        span=draft.slug_span,
        version=model.version,
        cron=_cron(draft),
        on_change=model.on_change or "version",
        extra=ExtraFields(
            extra.in_ if extra and extra.in_ else usual[0], extra.out if extra and extra.out else usual[1]
        ),
        retention=Retention(keep.completed, keep.failed) if keep else None,
    )


def _cron(draft: Draft) -> Cron | None:
    cron = draft.spec.model.cron
    if cron is None:
        return None
    span = draft.spec.value_span("cron", "schedule")
    return Cron(cron.schedule, cron.timezone, _canonical(cron.input), span, cron.catch_up, cron.overlap)


def _freeze_step(spec: Spec, step: DraftStep) -> Step:
    model = step.model
    approval = model.approval if isinstance(model, StepModel) else None
    exhausted = approval.on_timeout if approval else model.when_exhausted
    condition = Condition(
        required=None if model.if_ is None else _canonical(model.if_),
        forbidden=None if model.if_not is None else _canonical(model.if_not),
        when_unmet=model.when_unmet or "skip",
        when_exhausted=exhausted or "fail",
    )
    has_condition = condition.required is not None or condition.forbidden is not None
    return Step(
        slug=step.slug,
        kind="map" if step.map else "single",
        depends_on=tuple(dependency.slug for dependency in step.dependencies),
        options=StepOptions(model.max_attempts, model.base_delay, model.timeout, model.start_delay),
        condition=condition,
        output=step.output,
        description=model.description,
        handler=model.handler,
        # A cascading skip takes the dependents with it; only the plain one leaves them without this output.
        may_be_skipped=(has_condition and condition.when_unmet == "skip")
        or condition.when_exhausted == "skip",
        span=step.span,
        was=model.was,
        isolation=model.isolation,
        handler_span=spec.value_span(*step.path, "handler") if model.handler else None,
        was_span=spec.value_span(*step.path, "was") if model.was else None,
        signal=step.signal,
    )


def _canonical(value: Any) -> str:
    """JSON text that is the same for the same JSON, also when it was stored meanwhile."""
    value = _as_stored(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _as_stored(value: Any) -> Any:
    """PostgreSQL keeps all digits of a number: 1e30 is an integer there, and comes back as one."""
    match value:
        case dict():
            return {key: _as_stored(one) for key, one in value.items()}
        case list():
            return [_as_stored(one) for one in value]
        case float() if abs(value) >= _EXPONENT_FROM:
            return int(Decimal(repr(value)))
        case _:
            return value
