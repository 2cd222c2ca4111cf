"""Holding queues: of a paused one nothing is claimed."""

from __future__ import annotations

from pgflowc_runtime.queries.query import Query
from pgflowc_runtime.rows import Pause


def pause_queue(flow_slug: str, reason: str | None) -> Query[bool]:
    """False if it was paused; no_data_found for an unknown flow."""
    return Query(
        "select pgflowc.pause_queue(%(flow_slug)s, %(reason)s::text) as done",
        {"flow_slug": flow_slug, "reason": reason},
        lambda rows: bool(rows[0]["done"]),
    )


def resume_queue(flow_slug: str) -> Query[bool]:
    """False if it was not paused; no_data_found for an unknown flow."""
    return Query(
        "select pgflowc.resume_queue(%(flow_slug)s) as done",
        {"flow_slug": flow_slug},
        lambda rows: bool(rows[0]["done"]),
    )


def paused_queues() -> Query[dict[str, Pause]]:
    """Stored flow -> its pause, by itself or as a version. Only where `ClientFeatures.has_pauses`."""
    return Query(
        """
        select v.flow_slug, p.paused_at, p.reason
        from pgflowc.paused_queues p
        cross join lateral pgflowc.versions_of(p.flow_slug) v (flow_slug)
        order by p.paused_at desc
        """,
        {},
        lambda rows: {row["flow_slug"]: Pause(since=row["paused_at"], reason=row["reason"]) for row in rows},
    )


def forget_pause(flow_slug: str) -> Query[bool]:
    """End a pause of a flow that is about to be deleted; whether there was one."""
    return Query(
        "delete from pgflowc.paused_queues p where p.flow_slug = %(flow_slug)s returning 1 as gone",
        {"flow_slug": flow_slug},
        lambda rows: bool(rows),
    )
