"""A database with the core alone, as other members of the family install it: workers use what is there."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from pgflowc_runtime import PermanentFailure, RetryAfter, SchemaError
from pgflowc_runtime.versions import check_versions


async def test_a_worker_does_without_our_schemas_and_says_so(bench, step, caplog) -> None:
    flow = bench.flow("foreign", step("items"), step("each", "items", kind="map", max_attempts=2))
    bench.rows("drop schema pgflowc cascade")
    bench.rows("drop function pgflow.recover_stalled_tasks")
    bench.rows("drop function pgmq.enable_notify_insert")
    attempts: list[int] = []

    async def each(item: int, ctx: Any) -> int:
        attempts.append(ctx.attempt)
        if item == 1 and ctx.attempt == 1:
            raise ValueError("once more")
        return item

    handlers = {"items": lambda input, ctx: [0, 1, 2], "each": each}
    with caplog.at_level(logging.WARNING):
        async with bench.working((flow, handlers), min_poll_interval=20, max_poll_interval=100):
            run = await bench.run(flow)
    assert run.output == {"each": [0, 1, 2]}
    assert sorted(attempts) == [1, 1, 1, 2]
    assert any("polling instead of notifications" in message for message in caplog.messages)
    assert any("using the core's" in message for message in caplog.messages)


async def test_an_early_core_is_refused_by_its_name(bench, step) -> None:
    flow = bench.flow("foreign", step("only"))
    bench.rows("drop schema pgflowc cascade")
    bench.rows("drop function pgflow.track_worker_function")
    bench.rows("alter type pgflow.step_task_record drop attribute flow_input cascade")
    with pytest.raises(SchemaError) as caught:
        async with bench.working((flow, {"only": lambda input, ctx: input})):
            pass
    assert str(caught.value).endswith(
        "too old for pgflowc's workers: it has no pgflow.track_worker_function"
        " and no pgflow.step_task_record.flow_input"
    )
    assert "upgrade schema pgflow" in str(caught.value.help)


async def test_pgmqs_own_notifications_wake_it(bench, step) -> None:
    flow = bench.flow("foreign", step("only"))
    bench.rows("drop schema pgflowc cascade")
    polls = {"min_poll_interval": 60_000, "max_poll_interval": 60_000, "notify_throttle": 100}
    async with bench.working((flow, {"only": lambda input, ctx: input}), **polls):
        # The throttle swallows all but the first notification of the burst.
        ids = [await bench.client.start_flow(flow, {"n": n}) for n in range(20)]
        runs = [await bench.client.wait(run_id, timeout=20) for run_id in ids]
    assert [run.output for run in runs] == [{"only": {"n": n}} for n in range(20)]
    [throttle] = bench.rows("select throttle_interval_ms from pgmq.notify_insert_throttle")
    assert throttle == (100,)


async def test_what_handlers_ask_for_is_done_without_batches(bench, step) -> None:
    flow = bench.flow("foreign", step("only", max_attempts=5, base_delay=1000))
    bench.rows("drop schema pgflowc cascade")
    attempts: list[int] = []

    async def only(input: Any, ctx: Any) -> None:
        attempts.append(ctx.attempt)
        if ctx.attempt < 3:
            raise RetryAfter(0)
        raise PermanentFailure("no use")

    async with bench.working((flow, {"only": only}), min_poll_interval=20, max_poll_interval=100):
        run = await bench.run(flow)
    assert attempts == [1, 2, 3]
    assert (run.error or "").startswith("PermanentFailure: no use")
    [task] = await bench.client.list_step_tasks(run.run_id)
    assert (task.status, task.attempts) == ("failed", 3)


async def test_the_claim_of_four_arguments(bench, step) -> None:
    flow = bench.flow("Later", step("only"))
    bench.rows("drop schema pgflowc cascade")
    body = bench.value("select pg_get_functiondef('pgflow.start_tasks(text, bigint[], uuid)'::regprocedure)")
    bench.rows("drop function pgflow.start_tasks(text, bigint[], uuid, text)")
    bench.rows("drop function pgflow.start_tasks(text, bigint[], uuid)")
    bench.rows(body.replace("worker_id uuid)", "worker_id uuid, queue_name text)", 1))
    async with bench.working((flow, {"only": lambda input, ctx: input}), min_poll_interval=20):
        assert (await bench.run(flow, {"n": 1})).output == {"only": {"n": 1}}


async def test_stalled_tasks_are_recovered_by_the_cores_own_function(bench, step) -> None:
    flow = bench.flow("foreign", step("only", max_attempts=3))
    bench.rows("drop function pgflow.recover_stalled_tasks")
    begun = asyncio.Event()

    async def only(input: Any, ctx: Any) -> int:
        if ctx.attempt == 1:
            begun.set()
            await asyncio.Event().wait()
        return int(ctx.attempt)

    async with bench.working((flow, {"only": only}), recovery_interval=50, drain_timeout=0):
        run_id = await bench.client.start_flow(flow, {})
        await begun.wait()
        bench.rows("update pgflow.step_tasks set queued_at = now() - interval '1 h'")
        bench.rows("update pgflow.step_tasks set started_at = now() - interval '1 h'")
        assert (await bench.client.wait(run_id, timeout=20)).output == {"only": 2}


def test_versions_that_are_too_old_name_the_command() -> None:
    check_versions({"core": 1, "helpers": 1, "pgflowc": 1, "pgmq": 11300})
    check_versions({})
    with pytest.raises(
        SchemaError, match="the database has version 0 of 'core', this pgflowc needs 1"
    ) as caught:
        check_versions({"core": 0})
    assert caught.value.help == "run `pgflowc db up`"
