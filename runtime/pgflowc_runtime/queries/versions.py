"""Names with several stored flows. Only where `ClientFeatures.has_versions`."""

from __future__ import annotations

from pgflowc_runtime.queries.query import Query, no_rows


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
