"""Operations to SQL statements, without semicolons.

They only call functions of the core and of pgflowc. A flow is created with the statements that PgFlow's
compilers write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pgflowc.graph.model import Retention
from pgflowc.plan.ops import (
    AddStep,
    ChangeCondition,
    ChangeDependencies,
    ChangeKind,
    ChangeOption,
    ChangePayload,
    ChangeType,
    CreateFlow,
    CreateVersion,
    DropFlow,
    DropVersion,
    Op,
    OrderSteps,
    RecreateFlow,
    RemoveStep,
    RenameStep,
    SetRetention,
    SetSchedule,
    SetSignal,
    SwitchVersion,
)
from pgflowc.plan.shape import CronShape, FlowShape, SignalShape, StepShape
from pgflowc.render.literals import (
    sql_jsonb,
    sql_optional_int,
    sql_optional_interval,
    sql_text,
    sql_text_array,
)

# Names of columns and parameters in the database, where they are not those of a shape.
_PARAMETERS = {"required": "required_input_pattern", "forbidden": "forbidden_input_pattern"}


def statements(ops: Sequence[Op]) -> list[str]:
    """The statements of these operations; what needs a drained flow first makes sure that it is one."""
    drained = sorted({op.stored for op in ops if op.needs_drain})
    guards = [f"SELECT pgflowc.require_drained({sql_text(slug)})" for slug in drained]
    return [*guards, *(statement for op in ops for statement in _statements(op))]


def _statements(op: Op) -> Iterator[str]:
    flow = sql_text(op.flow)
    match op:
        case CreateFlow(shape=shape):
            yield from _create(op.flow, shape)
        case DropFlow(shape=shape):
            yield from _delete(op.flow, shape)
        case CreateVersion(slug=slug, shape=shape):
            yield from _create(slug, shape)
            yield f"SELECT pgflowc.add_version({flow}, {op.version}, {sql_text(slug)})"
        case DropVersion(slug=slug, shape=shape):
            yield f"SELECT pgflowc.remove_version({flow}, {op.version})"
            yield from _delete(slug, shape)
        case SwitchVersion(before=one, after=two, cron=cron):
            yield f"SELECT pgflowc.switch_version({flow}, {one}, {two})"
            if cron:
                yield from _schedule(op.flow, cron, by_name=True)
        case RecreateFlow(before=before, after=after):
            # A schedule that stays is only set anew: that it was paused by hand outlives the flow.
            stays = before.cron and after.cron and before.cron.is_job == after.cron.is_job
            yield from _delete(op.flow, replace(before, cron=None) if stays else before)
            yield from _create(op.flow, after)
        case ChangeOption(step=step, name=name):
            yield _change(op.flow, step, name, op.before, op.after)
        case ChangeKind():
            yield _change(op.flow, None, "flow_type", op.before, op.after)
        case ChangeType(step=step):
            yield _change(op.flow, step, "step_type", op.before, op.after)
        case ChangeDependencies(step=step):
            yield _change(op.flow, step, "deps_slugs", op.before, op.after)
        case ChangeCondition(step=step, name="required" | "forbidden" as name):
            patterns = [json.loads(one) if one is not None else None for one in (op.before, op.after)]
            yield _change(op.flow, step, _PARAMETERS[name], *patterns)
        case ChangeCondition(step=step, name=name):
            yield _change(op.flow, step, name, op.before, op.after)
        case AddStep(step=step):
            yield from _add_step(op.flow, step)
        case RemoveStep(step=step):
            yield f"SELECT pgflowc.remove_step({flow}, {sql_text(step.slug)})"
        case RenameStep(before=before, after=after):
            yield f"SELECT pgflowc.rename_step({flow}, {sql_text(before)}, {sql_text(after)})"
        case SetSignal(step=step, after=after):
            if after:
                yield _set_signal(op.flow, step, after)
            else:
                yield f"SELECT pgflowc.remove_signal({flow}, {sql_text(step)})"
        case OrderSteps(after=after):
            yield f"SELECT pgflowc.order_steps({flow}, {sql_text_array(after)})"
        case SetSchedule(before=before, after=after):
            # Setting it replaces it, if it is kept in the same place.
            if before and (after is None or before.is_job != after.is_job):
                yield _unschedule(op.flow, before)
            if after:
                yield from _schedule(op.flow, after, by_name=op.by_name)
        case SetRetention(after=kept):
            yield _set_retention(op.flow, kept) if kept else f"SELECT pgflowc.remove_retention({flow})"
        case ChangePayload():
            pass


def _create(slug: str, shape: FlowShape) -> Iterator[str]:
    flow, options = sql_text(slug), shape.options
    values = f"{options.max_attempts}, {options.base_delay}, {options.timeout}"
    yield f"SELECT pgflow.create_flow({flow}, {values})"
    for step in shape.steps:
        yield from _add_step(slug, step)
    if shape.kind == "job":
        yield f"UPDATE pgflow.flows SET flow_type = 'job' WHERE flow_slug = {flow}"  # noqa: S608 - quoted
    if shape.cron:
        yield from _schedule(slug, shape.cron)
    if shape.retention:
        yield _set_retention(slug, shape.retention)


def _delete(slug: str, shape: FlowShape) -> Iterator[str]:
    if shape.cron:
        yield _unschedule(slug, shape.cron)
    if shape.retention:
        yield f"SELECT pgflowc.remove_retention({sql_text(slug)})"
    yield f"SELECT pgflow.delete_flow_and_data({sql_text(slug)})"


def _add_step(flow: str, step: StepShape) -> Iterator[str]:
    options = (step.max_attempts, step.base_delay, step.timeout, step.start_delay)
    arguments = [sql_text(flow), sql_text(step.slug), sql_text_array(step.depends_on)]
    arguments += [*map(sql_optional_int, options), sql_text(step.kind)]
    if step.required is not None:
        arguments.append(f"required_input_pattern => {sql_jsonb(step.required)}")
    if step.forbidden is not None:
        arguments.append(f"forbidden_input_pattern => {sql_jsonb(step.forbidden)}")
    if step.when_unmet != "skip":
        arguments.append(f"when_unmet => {sql_text(step.when_unmet)}")
    if step.when_exhausted != "fail":
        arguments.append(f"when_exhausted => {sql_text(step.when_exhausted)}")
    yield f"SELECT pgflow.add_step({', '.join(arguments)})"
    if step.signal:
        yield _set_signal(flow, step.slug, step.signal)


def _set_signal(flow: str, step: str, signal: SignalShape) -> str:
    arguments = [sql_text(flow), sql_text(step), sql_jsonb(signal.payload)]
    if signal.wait_for is not None or signal.approval:
        arguments.append(sql_optional_int(signal.wait_for))
    if signal.approval:
        arguments.append("p_approval => true")
    return f"SELECT pgflowc.set_signal({', '.join(arguments)})"


def _change(flow: str, step: str | None, name: str, before: Any, after: Any) -> str:
    """The change of one value, guarded by the one that the migrations before it left."""
    values = (sql_jsonb(json.dumps({name: value})) for value in (before, after))
    if step is None:
        return f"SELECT pgflowc.change_flow({', '.join((sql_text(flow), *values))})"
    return f"SELECT pgflowc.change_step({', '.join((sql_text(flow), sql_text(step), *values))})"


def _schedule(slug: str, cron: CronShape, *, by_name: bool = False) -> Iterator[str]:
    """`by_name`: of a flow with versions, whose name is not what is stored."""
    if cron.is_job:
        function = "pgflowc.start_run" if by_name else "pgflow.start_flow"
        start = f"SELECT {function}({sql_text(slug)}, {sql_jsonb(cron.input)})"
        yield f"SELECT pgflowc.require_pg_cron({_job(slug)})"
        yield f"SELECT cron.schedule({_job(slug)}, {sql_text(cron.schedule)}, {sql_text(start)})"
        return
    arguments = [sql_text(slug), sql_text(cron.schedule), sql_text(cron.timezone), sql_jsonb(cron.input)]
    if cron.catch_up != "none":
        arguments.append(f"p_catch_up => {sql_text(cron.catch_up)}")
    if cron.overlap != "allow":
        arguments.append(f"p_overlap => {sql_text(cron.overlap)}")
    if cron.keeper != "auto":
        arguments.append(f"p_keeper => {sql_text(cron.keeper)}")
    yield f"SELECT pgflowc.set_schedule({', '.join(arguments)})"


def _unschedule(slug: str, cron: CronShape) -> str:
    if cron.is_job:
        return f"SELECT cron.unschedule({_job(slug)})"
    return f"SELECT pgflowc.remove_schedule({sql_text(slug)})"


def _set_retention(slug: str, retention: Retention) -> str:
    times = ", ".join(map(sql_optional_interval, (retention.completed, retention.failed)))
    return f"SELECT pgflowc.set_retention({sql_text(slug)}, {times})"


def _job(slug: str) -> str:
    """The name of a flow's job in pg_cron."""
    return sql_text(f"pgflow_{slug}")
