"""Events of runs, sent by NOTIFY to whoever has asked for them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pgflowc_runtime.queries.query import Query, no_rows

EVENTS_CHANNEL = "pgflow_events"


def watch_events(listener_id: UUID, run_ids: Sequence[UUID], seconds: float) -> Query[None]:
    """Ask for the events of these runs, or go on asking, for so many seconds from now."""
    return Query(
        """
        select pgflow.watch_events(
          %(listener_id)s::uuid, p_run_id => u.run_id, p_ttl => make_interval(secs => %(seconds)s)
        )
        from unnest(%(run_ids)s::uuid[]) u (run_id)
        """,
        {"listener_id": listener_id, "run_ids": list(run_ids), "seconds": float(seconds)},
        no_rows,
    )


def unwatch_events(listener_id: UUID) -> Query[None]:
    """Ask no more."""
    return Query("select pgflow.unwatch_events(%(listener_id)s::uuid)", {"listener_id": listener_id}, no_rows)


def probe(text: str) -> Query[None]:
    """Send a text on the channel, to see whether it arrives."""
    return Query(
        "select pg_notify(%(channel)s, %(text)s)", {"channel": EVENTS_CHANNEL, "text": text}, no_rows
    )
