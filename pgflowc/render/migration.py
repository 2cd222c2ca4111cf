"""Operations to SQL.

A migration only calls functions of the core, with the statements that PgFlow's compilers write.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgflowc.graph.model import Flow, Step
from pgflowc.plan import CreateFlow, DeleteFlow, Migration
from pgflowc.render.header import origin
from pgflowc.render.literals import one_line, sql_jsonb, sql_optional_int, sql_text, sql_text_array
from pgflowc.render.templates import fill


def render_up(migration: Migration) -> str:
    """The text of the migration."""
    flow = migration.op.flow
    title = f"Creates {flow.kind} {flow.slug}"
    return fill(
        "migration.sql.jinja",
        origin=origin(flow.source).replace("#", "--", 1),
        comments=[f"{title}: {one_line(flow.description)}" if flow.description else f"{title}."],
        statements=list(_create(migration.op)),
    )


def render_down(migration: Migration) -> str:
    """The text that undoes the migration."""
    op = migration.op.reverse
    flow = migration.op.flow
    return fill(
        "migration.sql.jinja",
        origin=origin(flow.source).replace("#", "--", 1),
        comments=[f"Undoes {migration.name}: deletes {flow.kind} {flow.slug}, its queue and all its runs."],
        statements=list(_delete(op)),
    )


def _create(op: CreateFlow) -> Iterator[str]:
    flow, options = op.flow, op.flow.options
    slug = sql_text(flow.slug)
    yield (
        f"SELECT pgflow.create_flow({slug}, {options.max_attempts}, {options.base_delay}, {options.timeout})"
    )
    for step in flow.steps:
        yield f"SELECT pgflow.add_step({', '.join(_add_step_arguments(flow, step))})"
    if flow.kind == "job":
        yield f"UPDATE pgflow.flows SET flow_type = 'job' WHERE flow_slug = {slug}"  # noqa: S608 - quoted


def _add_step_arguments(flow: Flow, step: Step) -> Iterator[str]:
    yield sql_text(flow.slug)
    yield sql_text(step.slug)
    yield sql_text_array(step.depends_on)
    options = step.options
    for value in (options.max_attempts, options.base_delay, options.timeout, options.start_delay):
        yield sql_optional_int(value)
    yield sql_text(step.kind)
    condition = step.condition
    if condition.required is not None:
        yield f"required_input_pattern => {sql_jsonb(condition.required)}"
    if condition.forbidden is not None:
        yield f"forbidden_input_pattern => {sql_jsonb(condition.forbidden)}"
    if condition.when_unmet != "skip":
        yield f"when_unmet => {sql_text(condition.when_unmet)}"
    if condition.when_exhausted != "fail":
        yield f"when_exhausted => {sql_text(condition.when_exhausted)}"


def _delete(op: DeleteFlow) -> Iterator[str]:
    yield f"SELECT pgflow.delete_flow_and_data({sql_text(op.slug)})"
