"""A database with the core alone, as other members of the family install it: workers use what is there."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from pgflowc_runtime import SchemaError
from pgflowc_runtime.versions import check_versions


async def test_a_worker_does_without_our_schemas_and_says_so(bench, step, caplog) -> None:
    flow = bench.flow("foreign", step("items"), step("each", "items", kind="map", max_attempts=2))
    bench.rows("drop schema pgflowc cascade")
    bench.rows("drop function pgflow.recover_stalled_tasks")
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
