"""Flows as the database defines them, and changing them.

A shape is what `pgflow.ensure_flow_compiled` takes, here as JSON text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

from pgflowc_runtime.queries.query import Query, Row, no_rows
from pgflowc_runtime.queries.worker_life import FLOWS_CHANNEL
from pgflowc_runtime.rows import DepInfo, FlowInfo, StepInfo


def flows(slug: str | None = None) -> Query[list[FlowInfo]]:
    """The flows and jobs in the database by slug, or the one of that slug."""
    return Query(
        # Only cores with the helpers have the column flow_type.
        """
        select f.flow_slug as slug, coalesce(to_jsonb(f) ->> 'flow_type', 'flow') as kind,
               f.opt_max_attempts as max_attempts, f.opt_base_delay as base_delay, f.opt_timeout as timeout,
               f.created_at
        from pgflow.flows f
        where %(slug)s::text is null or f.flow_slug = %(slug)s
        order by f.flow_slug
        """,
        {"slug": slug},
        lambda rows: [FlowInfo(**row) for row in rows],
    )


def steps(flow_slug: str) -> Query[tuple[StepInfo, ...]]:
    """The steps of a flow, in order of definition."""
    return Query(
        # The conditions and modes came later than the rest (to_jsonb: no column is no value).
        """
        select s.flow_slug, s.step_slug as slug, s.step_type as kind, s.step_index as index,
               s.opt_max_attempts as max_attempts, s.opt_base_delay as base_delay, s.opt_timeout as timeout,
               s.opt_start_delay as start_delay, to_jsonb(s) -> 'required_input_pattern' as required,
               to_jsonb(s) -> 'forbidden_input_pattern' as forbidden,
               coalesce(to_jsonb(s) ->> 'when_unmet', 'skip') as when_unmet,
               coalesce(to_jsonb(s) ->> 'when_exhausted', 'fail') as when_exhausted, s.created_at
        from pgflow.steps s
        where s.flow_slug = %(flow_slug)s
        order by s.step_index
        """,
        {"flow_slug": flow_slug},
        lambda rows: tuple(StepInfo(**row) for row in rows),
    )


def deps(flow_slug: str) -> Query[tuple[DepInfo, ...]]:
    """The edges between a flow's steps."""
    return Query(
        """
        select d.flow_slug, d.step_slug, d.dep_slug
        from pgflow.deps d
        where d.flow_slug = %(flow_slug)s
        order by d.step_slug, d.dep_slug
        """,
        {"flow_slug": flow_slug},
        lambda rows: tuple(DepInfo(**row) for row in rows),
    )


_SIGNALS: LiteralString = """
                 (select jsonb_agg(jsonb_build_array(a.step_slug, a.is_approval) order by a.step_slug)
                  from pgflowc.awaited_signals a where a.flow_slug = f.flow_slug),
"""
_DEFINITION: LiteralString = """
                 (select jsonb_agg(to_jsonb(s) order by s.step_slug)
                  from pgflow.steps s where s.flow_slug = f.flow_slug),
                 (select jsonb_agg(to_jsonb(d) order by d.step_slug, d.dep_slug)
                  from pgflow.deps d where d.flow_slug = f.flow_slug)
               )) as fingerprint
        from pgflow.flows f
        where f.flow_slug ~ any (%(expressions)s::text[])
        order by f.flow_slug
"""


def flow_fingerprints(expressions: Sequence[str], *, has_signals: bool) -> Query[dict[str, str]]:
    """Slug -> a text that changes with the definition, of the flows whose slugs match one of these.

    `has_signals` is `Capabilities.has_signals`. What is sent as a signal, and when, is no matter of workers.
    """
    return Query(
        "select f.flow_slug, md5(concat_ws(' ', to_jsonb(f),"
        + (_SIGNALS if has_signals else "")
        + _DEFINITION,
        {"expressions": list(expressions)},
        lambda rows: {row["flow_slug"]: row["fingerprint"] for row in rows},
    )


def tell_flows() -> Query[None]:
    """Tell workers that serve flows by patterns that there is something new, beside any core."""
    return Query("select pg_notify(%(channel)s, '')", {"channel": FLOWS_CHANNEL}, no_rows)


def lock_definition(flow_slug: str) -> Query[None]:
    """The lock that ensure_flow_compiled takes, until the end of the transaction."""
    return Query(
        "select pg_advisory_xact_lock(1, hashtext(lower(%(flow_slug)s)))", {"flow_slug": flow_slug}, no_rows
    )


def compare_flow_shapes(flow_slug: str, shape: str) -> Query[list[str]]:
    """How the stored flow differs from the shape."""
    return Query(
        """
        select pgflow._compare_flow_shapes(
          %(shape)s::jsonb, pgflow._get_flow_shape(%(flow_slug)s)
        ) as differences
        """,
        {"flow_slug": flow_slug, "shape": shape},
        lambda rows: list(rows[0]["differences"]),
    )


def create_flow_from_shape(flow_slug: str, shape: str) -> Query[None]:
    """Define a flow that is not there."""
    return Query(
        "select pgflow._create_flow_from_shape(%(flow_slug)s, %(shape)s::jsonb)",
        {"flow_slug": flow_slug, "shape": shape},
        no_rows,
    )


def set_flow_type(flow_slug: str, kind: str) -> Query[None]:
    """Make it a flow or a job; only where the helpers are installed."""
    return Query(
        "update pgflow.flows f set flow_type = %(kind)s where f.flow_slug = %(flow_slug)s returning 1",
        {"flow_slug": flow_slug, "kind": kind},
        no_rows,
    )


def set_options(flow_slug: str, shape: str) -> Query[list[str]]:
    """Give a stored flow and its steps the shape's options; what had other ones: `flow`, or step slugs."""
    return Query(
        """
        with shape as (
          select %(shape)s::jsonb as shape
        ),
        flow as (
          update pgflow.flows f
          set opt_max_attempts = (o.options ->> 'maxAttempts')::integer,
              opt_base_delay = (o.options ->> 'baseDelay')::integer,
              opt_timeout = (o.options ->> 'timeout')::integer
          from (select shape -> 'options' as options from shape) o
          where f.flow_slug = %(flow_slug)s
            and (f.opt_max_attempts, f.opt_base_delay, f.opt_timeout) is distinct from
              ((o.options ->> 'maxAttempts')::integer, (o.options ->> 'baseDelay')::integer,
               (o.options ->> 'timeout')::integer)
          returning f.flow_slug
        ),
        steps as (
          update pgflow.steps s
          set opt_max_attempts = (o.options ->> 'maxAttempts')::integer,
              opt_base_delay = (o.options ->> 'baseDelay')::integer,
              opt_timeout = (o.options ->> 'timeout')::integer,
              opt_start_delay = (o.options ->> 'startDelay')::integer
          from (
            select e.step ->> 'slug' as slug, coalesce(e.step -> 'options', '{}') as options
            from shape, jsonb_array_elements(shape.shape -> 'steps') e (step)
          ) o
          where s.flow_slug = %(flow_slug)s and s.step_slug = o.slug
            and (s.opt_max_attempts, s.opt_base_delay, s.opt_timeout, s.opt_start_delay) is distinct from
              ((o.options ->> 'maxAttempts')::integer, (o.options ->> 'baseDelay')::integer,
               (o.options ->> 'timeout')::integer, (o.options ->> 'startDelay')::integer)
          returning s.step_slug, s.step_index
        )
        select changed from (
          select 'options of the flow' as changed, -1 as place from flow
          union all
          select 'options of step ''' || step_slug || '''', step_index from steps
        ) c
        order by place
        """,
        {"flow_slug": flow_slug, "shape": shape},
        _changed,
    )


def delete_flow_and_data(flow_slug: str) -> Query[None]:
    """Delete the flow, its queue and everything of its runs."""
    return Query("select pgflow.delete_flow_and_data(%(flow_slug)s)", {"flow_slug": flow_slug}, no_rows)


def _changed(rows: Sequence[Row]) -> list[str]:
    return [row["changed"] for row in rows]
