"""An idle worker is woken by what happens, not by the clock, and falls back where it cannot be told."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import psycopg
import pytest

from pgflowc_runtime import WaitTimeout


def echo(input: Any, ctx: Any) -> Any:
    return input


async def asleep(bench, seconds: float = 0.1) -> None:
    """Until a worker waits for notifications and has not said anything to the database for a while."""
    await bench.until(
        lambda: bench.value(
            """
            select exists (select from pgflowc.waiting_workers where expires_at > now())
               and max(query_start) < clock_timestamp() - make_interval(secs => %s)
            from pg_stat_activity
            where application_name like 'pgflowc worker%%' and datname = current_database()
            """,
            seconds,
        )
    )


async def test_a_sleeping_worker_is_woken_by_a_start(bench, step) -> None:
    flow = bench.flow("wake", step("only"))
    async with bench.working((flow, {"only": echo}), notify_fallback_interval=60_000):
        took = []
        for n in range(5):
            await asleep(bench)
            began = time.monotonic()
            await bench.run(flow, {"n": n})
            took.append(time.monotonic() - began)
    assert sorted(took)[2] < 0.25, took


async def test_every_flow_of_a_sleeping_worker_can_wake_it(bench, step) -> None:
    flows = [bench.flow(f"Wake_{n}", step("only")) for n in range(5)]
    async with bench.working(*((flow, {"only": echo}) for flow in flows), notify_fallback_interval=60_000):
        for flow in flows:
            assert (await bench.run(flow)).status == "completed"


async def test_nothing_is_missed_when_starts_and_sleeps_alternate_quickly(bench, step) -> None:
    flow = bench.flow("race", step("only"))
    async with bench.working((flow, {"only": echo}), notify_fallback_interval=60_000):
        for n in range(100):
            run_id = await bench.client.start_flow(flow, {"n": n})
            assert (await bench.client.wait(run_id, timeout=10)).status == "completed"
            # Shifts the next start across the worker's announcement.
            await asyncio.sleep((n % 10) / 2000)


async def test_a_start_that_was_under_way_when_the_worker_fell_asleep_is_seen(bench, step) -> None:
    flow = bench.flow("late", step("only"))
    bench.rows("select pgflowc.enable_wakeup('late')")
    with psycopg.connect(bench.dsn) as connection:
        # Inserted before anybody has announced that he waits, so nobody will be notified.
        [row] = connection.execute("select run_id from pgflow.start_flow('late', '{}')").fetchall()
        async with bench.working((flow, {"only": echo}), notify_fallback_interval=60_000):
            await bench.until(lambda: bench.rows("select 1 from pgflowc.waiting_workers"))
            connection.commit()
            assert (await bench.client.wait(row[0], timeout=5)).status == "completed"


async def test_a_long_transaction_keeps_a_worker_neither_from_starting_nor_from_working(
    bench, step, monkeypatch
) -> None:
    monkeypatch.setattr("pgflowc_runtime.listener._SHORTEST_PAUSE_SECONDS", 0.05)
    flow = bench.flow("held", step("only"))
    with psycopg.connect(bench.dsn) as connection:
        # Adding the trigger would have to wait for this.
        connection.execute("select run_id from pgflow.start_flow('held', '{}')")
        async with bench.working((flow, {"only": echo}), notify_fallback_interval=60_000) as worker:
            assert (await bench.run(flow)).status == "completed"
            await bench.until(lambda: worker.unready() == {}, seconds=5)
            connection.commit()
            await bench.until(
                lambda: bench.rows("select 1 from pg_trigger where tgname = 'pgflowc_wakeup'"), seconds=5
            )


async def test_a_polling_worker_sends_and_needs_no_notifications(bench, step) -> None:
    flow = bench.flow("poll", step("first"), step("second", "first"))
    config = {"signal": "polling", "min_poll_interval": 50, "max_poll_interval": 200}
    async with bench.working((flow, {"first": echo, "second": echo}), **config):
        assert (await bench.run(flow)).status == "completed"
        assert bench.value("select count(*) from pgflowc.waiting_workers") == 0
        listening = (
            "select 1 from pg_stat_activity where query ilike 'listen%' and application_name ~ 'worker'"
        )
        assert bench.rows(listening) == []
    assert bench.value("select count(*) from pg_trigger where tgname = 'pgflowc_wakeup'") == 0


async def test_dependents_are_taken_at_once_by_a_polling_worker(bench, step) -> None:
    names = [f"s{n}" for n in range(6)]
    steps = [step(name, *names[max(0, n - 1) : n]) for n, name in enumerate(names)]
    flow = bench.flow("chain", *steps)
    config = {"signal": "polling", "min_poll_interval": 1000, "max_poll_interval": 1000}
    async with bench.working((flow, dict.fromkeys(names, echo)), **config):
        began = time.monotonic()
        await bench.run(flow)
        assert time.monotonic() - began < 3.0, "six polls would take six seconds"


async def test_a_lost_listening_connection_is_made_again(bench, step, caplog) -> None:
    flow = bench.flow("relisten", step("only"))
    listening = (
        "select pid from pg_stat_activity where datname = current_database()"
        " and query like '%pg_try_advisory_lock(%'"  # the scheduler asks there
        " and query not like '%pg_stat_activity%'"  # this, whose last session may still be ending
    )
    async with bench.working((flow, {"only": echo}), notify_fallback_interval=60_000):
        await bench.until(lambda: bench.rows(listening))
        [(pid,)] = bench.rows(listening)
        bench.rows("select pg_terminate_backend(%s)", pid)
        assert (await bench.run(flow)).status == "completed"
        await bench.until(lambda: bench.rows(listening) not in ([], [(pid,)]))
        await asleep(bench)
        assert (await bench.run(flow)).status == "completed"
    assert any("listening connection lost" in message for message in caplog.messages)


async def test_a_stopped_worker_does_not_stay_announced(bench, step) -> None:
    flow = bench.flow("bye", step("only"))
    async with bench.working((flow, {"only": echo})):
        await asleep(bench)
    assert bench.value("select count(*) from pgflowc.waiting_workers") == 0
    with pytest.raises(WaitTimeout):
        await bench.client.start_flow_sync(flow, {}, timeout=0.1)


async def test_an_idle_worker_is_quiet(bench, step, caplog) -> None:
    flow = bench.flow("quiet", step("only"))
    with caplog.at_level(logging.INFO):
        async with bench.working((flow, {"only": echo}), heartbeat_interval=60_000, recovery_interval=60_000):
            await asleep(bench)
            caplog.clear()
            # Nothing is asked of the database, nothing is logged.
            await asleep(bench, seconds=1.5)
            assert caplog.messages == []


@pytest.mark.parametrize("hours", [-26, 26])
async def test_a_wrong_clock_of_the_workers_machine_does_no_harm(
    bench, step, monkeypatch, hours: int
) -> None:
    """What is due, late or expired is for the database's clock to say; timeouts count what passes here."""
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + hours * 3600)
    flow = bench.flow("skewed", step("first"), step("second", "first", start_delay=1), max_attempts=2)
    seen: list[float] = []

    async def first(input: Any, ctx: Any) -> Any:
        seen.append(ctx.deadline.timestamp() - time.time())
        if ctx.attempt == 1:
            raise ConnectionError
        return input

    async with bench.working(
        (flow, {"first": first, "second": echo}),
        recovery_interval=50,
        stale_threshold=0,
        heartbeat_interval=50,
    ):
        run = await bench.run(flow)
    assert run.status == "completed"
    assert len(seen) == 2
    assert all(9 < left <= 10 for left in seen)
    assert bench.value("select max(attempts_count) from pgflow.step_tasks where step_slug = 'second'") == 1


@pytest.mark.parametrize(("how", "listening"), [("notify", 1), ("polling", 0)])
async def test_an_idle_worker_has_one_connection_that_listens(bench, step, how: str, listening: int) -> None:
    flows = [bench.flow(f"f{n}", step("only")) for n in range(5)]
    bench.rows("select pgflowc.set_schedule('f0', '0 0 1 1 *')")
    idle = """
        select count(*) filter (where query ~* 'listen|pg_try_advisory_lock\\('), count(*)
        from pg_stat_activity
        where application_name = 'pgflowc worker pgflowc' and datname = current_database()
    """
    async with bench.working(*((flow, {"only": echo}) for flow in flows), signal=how, pool_size=2):
        await bench.until(lambda: bench.rows(idle)[0][0] == listening)
        assert bench.rows(idle)[0][1] <= 2 + listening
