"""Events of runs, sent by NOTIFY to whoever has asked for them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pgflowc_runtime.queries.query import Query, no_rows

EVENTS_CHANNEL = "pgflow_events"


def watch_events(interest: Sequence[tuple[UUID, UUID]], seconds: float) -> Query[None]:
    """Ask for events, or go on asking, for so many seconds from now: pairs of a listener and a run."""
    return Query(
        """
        select pgflow.watch_events(
          u.listener_id, p_run_id => u.run_id, p_ttl => make_interval(secs => %(seconds)s)
        )
        from unnest(%(listener_ids)s::uuid[], %(run_ids)s::uuid[]) u (listener_id, run_id)
        """,
        {
            "listener_ids": [listener_id for listener_id, _ in interest],
            "run_ids": [run_id for _, run_id in interest],
            "seconds": float(seconds),
        },
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
