"""What an executor does beside calling handlers: it tells them to end, and notices those that block."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any


async def test_a_handler_that_blocks_the_loop_is_named_with_its_stack(bench, step, caplog) -> None:
    flow = bench.flow("blocking", step("only"))

    async def only(input: Any, ctx: Any) -> Any:
        deadline = time.monotonic() + 10
        while not [each for each in caplog.records if each.name == "pgflowc.watchdog"]:
            assert time.monotonic() < deadline, "nobody noticed"
            time.sleep(0.05)  # noqa: ASYNC251 (the point of the test)

    async with bench.working((flow, {"only": only})):
        run = await bench.run(flow)
        await bench.until(lambda: any("goes on after" in each.getMessage() for each in caplog.records))
    assert run.status == "completed"
    record = next(each for each in caplog.records if each.name == "pgflowc.watchdog")
    assert record.getMessage().startswith("handler blocking.only has been blocking the event loop for 1.")
    assert record.pgflow["run"] == str(run.run_id)
    assert record.pgflow_stack.startswith('  File "')
    assert "in only" in record.pgflow_stack.splitlines()[0], "what called the handler is of no interest"


async def test_handlers_learn_that_their_run_is_over(bench, step) -> None:
    flow = bench.flow("f", step("waits"), step("fails"))
    waiting = asyncio.Event()

    async def waits(input: Any, ctx: Any) -> Any:
        waiting.set()
        await ctx.cancelled.wait()
        return "ended"

    async def fails(input: Any, ctx: Any) -> Any:
        await waiting.wait()
        raise ValueError

    ended: list[bool] = []

    async def watched(input: Any, ctx: Any) -> Any:
        await waits(input, ctx)
        ended.append(True)

    async with bench.working((flow, {"waits": watched, "fails": fails}), heartbeat_interval=20):
        assert (await bench.run(flow)).status == "failed"
        await bench.until(lambda: ended)


async def test_handlers_learn_that_the_worker_stops(bench, step) -> None:
    flow = bench.flow("f", step("asynchronous"), step("plain"))
    begun = threading.Barrier(2)
    began = asyncio.Event()

    async def asynchronous(input: Any, ctx: Any) -> Any:
        began.set()
        await ctx.cancelled.wait()
        return "ended early"

    def plain(input: Any, ctx: Any) -> Any:
        begun.wait(10)
        while not ctx.cancelled.is_set():
            time.sleep(0.01)
        return "ended early"

    async with bench.working((flow, {"asynchronous": asynchronous, "plain": plain})):
        run_id = await bench.client.start_flow(flow, {})
        await began.wait()
        await asyncio.to_thread(begun.wait, 10)
    run = await bench.client.get_run(run_id)
    assert run.output == {"asynchronous": "ended early", "plain": "ended early"}


async def test_the_deadline_is_the_timeout_from_now(bench, step) -> None:
    flow = bench.flow("f", step("only", timeout=7))
    seen: list[float] = []

    async def only(input: Any, ctx: Any) -> Any:
        seen.append(ctx.deadline.timestamp() - time.time())

    async with bench.working((flow, {"only": only})):
        await bench.run(flow)
    assert 5 < seen[0] <= 7


async def test_isolation_thread_gives_an_async_handler_a_loop_that_it_may_block(bench, step) -> None:
    flow = bench.flow("f", step("only", isolation="thread"))

    async def only(input: Any, ctx: Any) -> Any:
        await asyncio.sleep(0)
        return [threading.current_thread().name, await ctx.flow_input()]

    async with bench.working((flow, {"only": only})):
        run = await bench.run(flow, {"n": 1})
    assert run.output == {"only": ["pgflowc-handler", {"n": 1}]}


async def test_large_outputs_are_told_and_too_large_ones_fail(bench, step, caplog) -> None:
    flow = bench.flow("f", step("only"))

    async def only(input: Any, ctx: Any) -> Any:
        return "x" * input

    sizes = {"output_warning_size": 1000, "output_limit_size": 2000}
    async with bench.working((flow, {"only": only}), **sizes):
        assert (await bench.run(flow, 900)).status == "completed"
        assert not [each for each in caplog.records if "the output is large" in each.getMessage()]
        assert (await bench.run(flow, 1500)).status == "completed"
        [record] = [each for each in caplog.records if "the output is large" in each.getMessage()]
        assert "(1502 bytes)" in record.getMessage()
        assert record.pgflow["step"] == "only"
        run = await bench.run(flow, 2500)
    assert run.error.startswith(
        "invalid output: 2502 bytes of JSON, more than output_limit_size (2000 bytes)"
    )
