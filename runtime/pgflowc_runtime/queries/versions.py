"""Names with several stored flows. Only where `ClientFeatures.has_versions`."""

from __future__ import annotations

from typing import LiteralString

from pgflowc_runtime.queries.query import Query, no_rows
from pgflowc_runtime.rows import FlowVersion


def versions_of(name: str) -> Query[list[str]]:
    """The stored flows of a name, the current one first; the name itself if it has no versions."""
    return Query(
        """
        select v.slug
        from pgflowc.versions_of(%(name)s::text) as v (slug)
        order by v.slug = pgflowc.current_flow(%(name)s::text) desc, v.slug
        """,
        {"name": name},
        lambda rows: [row["slug"] for row in rows],
    )


def forget_versions(name: str) -> Query[None]:
    """The name, or the stored flow, has no versions any more."""
    return Query(
        """
        delete from pgflowc.flow_versions v
        where v.name = %(name)s::text or v.flow_slug = %(name)s::text
        returning 1
        """,
        {"name": name},
        no_rows,
    )


_ALIVE: LiteralString = """
    (select count(*) from pgflow.runs r
     where r.flow_slug = f.flow_slug and r.status = 'started') as alive_runs
    from pgflow.flows f
"""


def flow_versions() -> Query[list[FlowVersion]]:
    """Every stored flow with the name and version that it is, by name and version, with its alive runs."""
    return Query(
        """
        select coalesce(v.name, f.flow_slug) as name, coalesce(v.version, 1) as version, f.flow_slug,
               v.flow_slug is null or v.current_since is not null as is_current,
        """
        + _ALIVE
        + """
        left join pgflowc.flow_versions v on v.flow_slug = f.flow_slug
        order by name, version
        """,
        {},
        lambda rows: [FlowVersion(**row) for row in rows],
    )


def flows_without_versions() -> Query[list[FlowVersion]]:
    """`flow_versions` for databases without them."""
    return Query(
        "select f.flow_slug as name, 1 as version, f.flow_slug, true as is_current,"
        + _ALIVE
        + "order by f.flow_slug",
        {},
        lambda rows: [FlowVersion(**row) for row in rows],
    )
