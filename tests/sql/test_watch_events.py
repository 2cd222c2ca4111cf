"""pgflow.watch_events, unwatch_events: events by NOTIFY, and only while somebody wants them."""

from __future__ import annotations

import json
from uuid import uuid4


def notifications(listener, count: int) -> list[dict]:
    return [json.loads(n.payload) for n in listener.connection.notifies(timeout=10, stop_after=count)]


def pending(core, listener) -> list[dict]:
    """What has been sent so far: everything before a notification of our own."""
    core.do("select pg_notify('pgflow_events', '\"end\"')")
    found: list[dict] = []
    for notification in listener.connection.notifies(timeout=10):
        if notification.payload == '"end"':
            break
        found.append(json.loads(notification.payload))
    return found


def test_nothing_is_sent_while_nobody_watches(core, another) -> None:
    listener = another()
    listener.do("listen pgflow_events")
    core.flow("f", "a")
    core.start("f")
    core.work("f")
    assert pending(core, listener) == []


def test_a_watcher_of_everything(core, another) -> None:
    listener = another()
    listener.do("listen pgflow_events")
    listener.do("select pgflow.watch_events(p_listener_id => %s)", uuid4())
    core.flow("f", "a")
    run_id = core.start("f", {"x": 1})
    first, second = notifications(listener, 2)
    assert first["event"] == "run:started"
    assert first["topic"] == f"pgflow:run:{run_id}"
    assert first["flow_slug"] == "f"
    assert first["payload"]["input"] == {"x": 1}
    assert second["event"] == "step:a:started"


def test_watchers_of_a_flow_and_of_a_run(core, another) -> None:
    listener, me = another(), uuid4()
    listener.do("listen pgflow_events")
    core.flow("f", "a")
    core.flow("g", "a")
    watched = core.start("g")
    listener.do("select pgflow.watch_events(%s, p_flow_slug => 'f')", me)
    listener.do("select pgflow.watch_events(%s, p_run_id => %s)", me, watched)
    other = core.start("g")
    run_id = core.start("f")
    core.work("g")
    topics = {event["topic"] for event in pending(core, listener)}
    assert topics == {f"pgflow:run:{run_id}", f"pgflow:run:{watched}"}
    assert core.run(other)["status"] == "completed"
    listener.do("select pgflow.unwatch_events(%s)", me)
    core.work("f")
    assert pending(core, listener) == []


def test_a_watch_expires(core, another) -> None:
    listener = another()
    listener.do("listen pgflow_events")
    listener.do("select pgflow.watch_events(%s, p_ttl => '-1 second')", uuid4())
    core.flow("f", "a")
    core.start("f")
    assert pending(core, listener) == []


def test_a_large_payload_is_cut(core, another) -> None:
    listener = another()
    listener.do("listen pgflow_events")
    listener.do("select pgflow.watch_events(%s)", uuid4())
    core.flow("f", "a")
    run_id = core.start("f", {"x": "y" * 10_000})
    first, _ = notifications(listener, 2)
    assert first["truncated"] is True
    assert "input" not in first["payload"]
    assert first["payload"]["run_id"] == str(run_id)


def test_dead_watches_are_cleared(core) -> None:
    core.do("select pgflow.watch_events(%s, p_ttl => '-2 hours')", uuid4())
    core.do("select pgflow.watch_events(%s, p_ttl => '-1 minute')", uuid4())
    core.do("select pgflow.unwatch_events(%s)", uuid4())
    assert core.value("select count(*) from pgflow.event_listeners") == 1
