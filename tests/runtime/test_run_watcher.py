"""Following runs: by notifications, by polling, and through lost connections."""

from __future__ import annotations

import asyncio
import time
import types
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from pgflowc_runtime import (
    AsyncClient,
    Client,
    ConfigurationError,
    DatabaseUnavailable,
    InvalidTime,
    RunEvent,
    RunNotFound,
    WaitTimeout,
)
from pgflowc_runtime import run_watcher as module
from pgflowc_runtime.event_feed import EventFeed, Subscription
from pgflowc_runtime.queries import Query

LISTENERS = """
    select pid from pg_stat_activity
    where application_name = 'pgflowc client' and datname = current_database() and query ilike 'listen %'
"""


@pytest.fixture
def flow(bench, step):
    return bench.flow(
        "report", step("items", max_attempts=2), step("each", "items", kind="map"), step("sum", "each")
    )


@pytest.fixture
async def watching(core_dsn: str) -> AsyncIterator[AsyncClient]:
    """A client that hears of changes by notifications: it looks by itself only every ten minutes."""
    client = AsyncClient(core_dsn)
    yield client
    await client.close()


@pytest.fixture
def only_notified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is notified looks for no other reason, and whoever is not never does."""
    monkeypatch.setattr(module, "pauses", lambda longest=600.0: iter(lambda: 600.0, None))


async def listening(bench) -> None:
    """Wait until somebody listens and is known to."""
    await bench.until(lambda: bench.rows(LISTENERS))


def told(events: list[RunEvent]) -> list[str]:
    return [f"{event.name} {event.step_slug}" if event.step_slug else event.name for event in events]


async def test_every_transition_is_told_in_order(watching, only_notified, flow, bench) -> None:
    run_id = await watching.start_flow(flow, {})
    events: list[RunEvent] = []
    async with watching.watch(run_id) as watcher, asyncio.timeout(20):
        async for event in watcher:
            events.append(event)
            if told(events)[-1] in ("snapshot", "step:completed items"):
                await listening(bench)
                await bench.until(lambda: watcher._subscription.live)
                bench.work("report", {"items": [1, 2], "each": 1, "sum": 2}, rounds=1)
            elif told(events)[-1] == "step:completed each":
                bench.work("report", {"sum": 2})
    assert told(events)[0] == "snapshot"
    assert [text for text in told(events) if "progress" not in text] == [
        "snapshot",
        "step:completed items",
        "step:started each",
        "step:completed each",
        "step:started sum",
        "step:completed sum",
        "run:completed",
    ]
    assert events[0].run.status == "started"
    assert events[-1].run.output == {"sum": 2}
    assert events[-1].at == events[-1].run.completed_at
    assert watcher.states[run_id] == events[-1].state == await watching.get_run_with_states(run_id)
    assert events[1].step is not None
    assert events[1].step.output == [1, 2]


async def test_interest_ends_with_the_watcher(watching, flow, bench) -> None:
    run_id = await watching.start_flow(flow, {})
    async with watching.watch(run_id) as watcher:
        assert (await anext(watcher)).name == "snapshot"
        assert bench.value("select count(*) from pgflow.event_listeners") == 1
    assert bench.value("select count(*) from pgflow.event_listeners") == 0


async def test_many_runs_are_followed_and_some_join_later(client, flow, bench) -> None:
    ids = await client.start_flows(flow, [{}] * 3)
    late = await client.start_flow(flow, {})

    def follow() -> dict[uuid.UUID, list[str]]:
        seen: dict[uuid.UUID, list[str]] = {}
        with Client(bench.dsn) as blocking, blocking.watch(*ids[:2], str(ids[2])) as watcher:
            for event in watcher:
                seen.setdefault(event.run_id, []).append(event.name)
                if len(seen) == 3 and late not in watcher.states and not seen.get(late):
                    seen[late] = []
                    watcher.add(late)
                    watcher.remove(ids[0])
                    bench.work("report", {"items": [], "sum": 0})
            assert set(watcher.states) == {*ids, late}
        return seen

    seen = await asyncio.wait_for(asyncio.to_thread(follow), 30)
    assert [seen[run_id][-1] for run_id in ids] == ["snapshot", "run:completed", "run:completed"]
    assert seen[late] in (["snapshot"], ["snapshot", *seen[late][1:-1], "run:completed"])


async def test_a_watcher_resynchronises_after_a_lost_connection(watching, flow, bench) -> None:
    run_id = await watching.start_flow(flow, {})
    events: list[RunEvent] = []
    async with watching.watch(run_id) as watcher, asyncio.timeout(30):
        events.append(await anext(watcher))
        await bench.until(lambda: watcher._subscription.live)
        # Every connection of the client is cut, and things happen while nobody listens.
        cut = (
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgflowc client'"
        )
        bench.rows(f"{cut} and datname = current_database()")
        bench.work("report", {"items": [1], "each": 1}, rounds=2)
        while events[-1].name != "step:completed" or events[-1].step_slug != "each":
            events.append(await anext(watcher))
        # It listens again.
        await bench.until(lambda: watcher._subscription.live)
        bench.work("report", {"sum": 1})
        events += [event async for event in watcher]
    assert told(events)[-1] == "run:completed"


async def test_retries_and_progress_are_seen(watching, flow, bench) -> None:
    run_id = await watching.start_flow(flow, {})
    async with watching.watch(run_id) as watcher, asyncio.timeout(20):
        await anext(watcher)
        bench.work("report", {"items": ValueError("not yet")}, rounds=1)
        event = await anext(watcher)
        assert (event.name, event.step_slug) == ("step:progress", "items")
        assert event.step is not None
        assert (event.step.error, event.step.attempts) == ("not yet", 1)


async def test_ended_runs_are_told_once(watching, flow, bench) -> None:
    run_id = await watching.start_flow(flow, {})
    await watching.cancel_run(run_id)
    events = [event async for event in watching.watch(run_id)]
    assert told(events) == ["snapshot"]
    assert events[0].run.finished
    assert [event async for event in watching.watch()] == []


async def test_a_run_that_goes_away_is_told(watching, flow, bench) -> None:
    run_id = await watching.start_flow(flow, {})
    async with watching.watch(run_id) as watcher, asyncio.timeout(20):
        await anext(watcher)
        await watching.delete_flow(flow)
        assert [event.name async for event in watcher] == ["run:deleted"]
    with pytest.raises(RunNotFound):
        await anext(watching.watch(run_id))


@pytest.mark.parametrize(
    "obstacle",
    [
        # Supabase: events go elsewhere.
        "create schema realtime; create function realtime.send(jsonb, text, text, boolean) returns void "
        "language sql as ''",
        # An older member of the family.
        "drop function pgflow.watch_events",
    ],
    ids=["supabase", "no events"],
)
async def test_without_notifications_it_polls(connect, flow, bench, obstacle: str) -> None:
    bench.rows(obstacle)
    client = connect(bench.dsn)
    waiting = asyncio.create_task(client.start_flow_sync(flow, {}, timeout=20))
    await bench.until(lambda: bench.rows("select 1 from pgflow.runs"))
    bench.work("report", {"items": [1], "sum": 3})
    assert (await waiting).output == {"sum": 3}
    assert bench.rows(LISTENERS) == []
    await client.close()


async def test_events_that_supabase_broadcasts_can_be_passed_on(connect, only_notified, flow, bench) -> None:
    bench.rows(
        "create schema realtime; create table realtime.messages (topic text); "
        "create function realtime.send(jsonb, text, text, boolean) returns void "
        "language sql as 'insert into realtime.messages values ($3)'"
    )
    client = connect(bench.dsn)
    run_id = await client.start_flow(flow, {})
    waiting = asyncio.create_task(client.wait(run_id, timeout=20))
    bench.work("report", {"items": [1], "sum": 3})
    # Nobody notifies and nobody polls: without the broadcast it would wait in vain.
    while not waiting.done():
        for (topic,) in bench.rows("select distinct topic from realtime.messages"):
            assert await call(client, "realtime:" + topic)
        await asyncio.sleep(0.01)
    assert (await waiting).output == {"sum": 3}
    assert not await call(client, "room:1")
    await client.close()


async def call(client: Any, topic: str) -> bool:
    """`hear` of either kind of client."""
    heard = client.hear(topic)
    return bool(await heard if asyncio.iscoroutine(heard) else heard)


async def test_a_run_that_ends_wakes_whoever_waits(watching, only_notified, flow, bench) -> None:
    waiting = asyncio.create_task(watching.start_flow_sync(flow, {}, timeout=20))
    await bench.until(lambda: bench.rows("select 1 from pgflow.runs") and watching._event_feed().live)
    begun = time.monotonic()
    bench.work("report", {"items": [], "sum": 0})
    assert (await waiting).status == "completed"
    assert time.monotonic() - begun < 10


async def test_waiting_outlives_an_outage(client, flow, bench) -> None:
    name = bench.value("select current_database()")
    admin = type(bench)(bench.dsn.replace(name, "postgres"))
    run_id = await client.start_flow(flow, {})
    waiting = asyncio.create_task(client.wait(run_id, timeout=30))
    await bench.until(lambda: bench.rows("select 1 from pgflow.event_listeners"))
    admin.rows(f"alter database {name} allow_connections false")
    admin.rows("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", name)
    await asyncio.sleep(0.2)  # an outage takes a while
    assert not waiting.done()
    admin.rows(f"alter database {name} allow_connections true")
    bench.work("report", {"items": [], "sum": 0})
    assert (await waiting).status == "completed"


async def test_nobody_waits_for_a_database_that_was_never_there(connect) -> None:
    client = connect("host=/nonexistent")
    for call in (client.wait(uuid.uuid4()), client.start_flow_sync("x")):
        with pytest.raises(DatabaseUnavailable):
            await call
    await client.close()


async def test_waiting_in_vain_leaves_nothing_behind(client, flow, bench) -> None:
    run_id = await client.start_flow(flow, {})
    for timeout in (0, 0.05):
        with pytest.raises(WaitTimeout):
            await client.wait(run_id, timeout=timeout)
    for timeout in ("3", float("nan")):
        with pytest.raises(InvalidTime, match="a timeout is seconds or None, not"):
            await client.wait(run_id, timeout=timeout)
    assert bench.value("select count(*) from pgflow.event_listeners") == 0


async def test_many_wait_on_one_connection(watching, flow, bench) -> None:
    waiting = [asyncio.create_task(watching.start_flow_sync(flow, {}, timeout=30)) for _ in range(20)]
    await bench.until(lambda: bench.value("select count(*) from pgflow.runs") == 20)
    await listening(bench)
    assert len(bench.rows(LISTENERS)) == 1
    bench.work("report", {"items": [], "sum": 0})
    runs: list[Any] = await asyncio.gather(*waiting)
    assert {run.status for run in runs} == {"completed"}


async def test_a_closed_client_says_so(connect, core_dsn) -> None:
    client = connect(core_dsn)
    await client.list_flows()
    await client.close()
    await client.close()
    for call in (client.list_flows(), client.start_flow_sync("x"), client.start_flow("x")):
        with pytest.raises(ConfigurationError, match="this client is closed"):
            await call


def test_closing_ends_what_waits_in_other_threads(flow, bench) -> None:
    client = Client(bench.dsn)
    run_id = client.start_flow(flow, {})
    # A watcher that nobody closes is closed with the client.
    assert next(client.watch(run_id)).name == "snapshot"
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(client.wait, run_id)
        deadline = time.monotonic() + 30
        while bench.value("select count(*) from pgflow.event_listeners") < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        client.close()
        with pytest.raises(ConfigurationError, match="this client is closed"):
            waiting.result(10)
    assert bench.value("select count(*) from pgflow.event_listeners") == 0


def test_a_watcher_may_outlive_its_client(flow, bench) -> None:
    client = Client(bench.dsn)
    run_id = client.start_flow(flow, {})
    with client.watch(run_id) as watcher:
        assert next(watcher).name == "snapshot"
        client.close()
        with pytest.raises(ConfigurationError, match="this client is closed"):
            next(watcher)
        with pytest.raises(ConfigurationError, match="this client is closed"):
            watcher.add(run_id)
    assert bench.value("select count(*) from pgflow.event_listeners") == 0


async def test_interest_that_is_renewed_while_it_ends_is_taken_back(flow, bench) -> None:
    renewing, gate = asyncio.Event(), asyncio.Event()
    told = 0

    async def execute(query: Query[Any]) -> None:
        nonlocal told
        told += "pgflow.watch_events" in query.sql
        if "pgflow.watch_events" in query.sql and told == 2:  # the listener's own
            renewing.set()
            await gate.wait()
        async with await psycopg.AsyncConnection.connect(bench.dsn, autocommit=True) as connection:
            await connection.execute(query.sql, query.params)

    async def features() -> Any:
        return types.SimpleNamespace(sends_notifications=True)

    feed = EventFeed(bench.dsn, execute, features)
    async with Subscription(feed, [await bench.client.start_flow(flow, {})]):
        await asyncio.wait_for(renewing.wait(), 20)
    gate.set()
    await bench.until(lambda: feed.live)
    assert bench.value("select count(*) from pgflow.event_listeners") == 0
    await feed.close()


def test_whoever_comes_while_a_client_is_closed_waits_for_nothing(flow, bench) -> None:
    for _ in range(5):
        client = Client(bench.dsn)
        run_id = client.start_flow(flow, {})
        client.hear("the loop is there")

        def waits() -> bool:
            try:
                while True:
                    client.hear(f"pgflow:run:{run_id}")  # noqa: B023 - ends before the next round
            except ConfigurationError as error:
                return "this client is closed" in str(error)

        with ThreadPoolExecutor(4) as threads:
            waiting = [threads.submit(waits) for _ in range(4)]
            client.close()
            assert all(one.result(20) for one in waiting)
