"""Flows as the database defines them."""

from __future__ import annotations

from pgflowc_runtime.queries.query import Query
from pgflowc_runtime.rows import FlowInfo


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
