"""An idle worker takes what is due when it is due: it does not wait for its next look."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pgflowc_runtime import RetryAfter

NOTIFIED = {"notify_fallback_interval": 60_000}
POLLING = {"signal": "polling", "min_poll_interval": 30_000, "max_poll_interval": 30_000}
LATEST = 0.5


@pytest.mark.parametrize("config", [NOTIFIED, POLLING], ids=["notified", "polling"])
async def test_delayed_jobs_retries_and_start_delays_begin_on_time(bench, step, config) -> None:
    # When each is due at the earliest, and when it began.
    due: dict[str, float] = {}
    began: dict[str, float] = {}

    def once(input: Any, ctx: Any) -> Any:
        if ctx.attempt == 1:
            due["retried"] = time.time() + 1
            raise RetryAfter(1)
        note(input, ctx)

    def note(input: Any, ctx: Any) -> Any:
        began[ctx.flow_slug] = time.time()

    job = bench.flow("job", step("only"))
    retried = bench.flow("retried", step("only"), max_attempts=2)
    slow = bench.flow("slow", step("only", start_delay=1))
    # Started before the worker comes, so that one that polls has no reason to look.
    due["job"] = time.time() + 1.5
    await bench.client.enqueue("job", {}, delay_seconds=1.5)
    due["slow"] = time.time() + 1
    await bench.client.start_flow(slow, {})
    await bench.client.start_flow(retried, {})
    async with bench.working(
        (job, {"only": note}), (retried, {"only": once}), (slow, {"only": note}), **config
    ):
        await bench.until(lambda: began.keys() == {"job", "slow", "retried"}, seconds=6)
    late = {name: began[name] - due[name] for name in began}
    # The clocks of two processes of one machine are compared; a failure takes a moment to be recorded.
    assert all(
        -0.05 < seconds < LATEST + (0.3 if name == "retried" else 0) for name, seconds in late.items()
    ), late


async def test_what_is_enqueued_while_it_sleeps_for_something_later_is_taken_first(bench, step) -> None:
    began: list[tuple[Any, float]] = []

    def note(input: Any, ctx: Any) -> Any:
        began.append((input, time.time()))

    job = bench.flow("job", step("only"))
    await bench.client.enqueue_in(job, "later", 3)
    async with bench.working((job, {"only": note}), **NOTIFIED):
        asleep = """
            select exists (select from pgflowc.waiting_workers where expires_at > now())
               and max(query_start) < clock_timestamp() - interval '0.1 s'
            from pg_stat_activity
            where application_name like 'pgflowc worker%' and datname = current_database()
        """
        await bench.until(lambda: bench.value(asleep))
        sooner = datetime.now(UTC) + timedelta(seconds=0.8)
        run_id = await bench.client.enqueue(job, "sooner", scheduled_at=sooner)
        [task] = await bench.client.list_step_tasks(run_id)
        assert task.status == "queued", "the run exists at once"
        await bench.until(lambda: len(began) == 2)
    assert [what for what, _ in began] == ["sooner", "later"]
    assert -0.05 < began[0][1] - sooner.timestamp() < LATEST
