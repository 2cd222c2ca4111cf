"""Runs are cancelled while workers claim and execute their tasks."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID


async def test_cancelling_under_way_stops_what_runs_and_starts_nothing_more(bench, step) -> None:
    began: set[tuple[UUID, str]] = set()
    told: set[UUID] = set()

    async def patient(input: Any, ctx: Any) -> Any:
        began.add((ctx.run_id, ctx.step_slug))
        if input["patient"]:
            await asyncio.wait_for(ctx.cancelled.wait(), 15)
            told.add(ctx.run_id)
        else:
            await asyncio.sleep(0.01)

    async def after(deps: Any, ctx: Any) -> Any:
        began.add((ctx.run_id, ctx.step_slug))

    flow = bench.flow("order", step("first"), step("after", "first"))
    one = (flow, {"first": patient, "after": after})
    quick = {"max_concurrency": 4, "heartbeat_interval": 200}
    async with bench.working(one, **quick), bench.working(one, **quick):
        waiting = [await bench.client.start_flow(flow, {"patient": True}) for _ in range(4)]
        others = await bench.client.start_flows(flow, [{"patient": False}] * 80)
        await bench.until(lambda: len({run for run, _ in began}) > 20)
        done = await asyncio.gather(
            *(bench.client.cancel_run(run, reason="by hand") for run in (*waiting, *others))
        )
        # Whoever was told that a run is cancelled finds it so; the others were over.
        cancelled = {run for run, was in zip((*waiting, *others), done, strict=True) if was}
        assert cancelled >= set(waiting)
        assert len(cancelled) > len(waiting)
        # Handlers that run are told, and what they report is nobody's business any more.
        await bench.until(lambda: told == set(waiting))
        await bench.until(lambda: not bench.rows("select 1 from pgmq.q_order"))
    rows = bench.rows("select run_id, status from pgflow.runs")
    assert {run for run, status in rows if status == "failed"} == cancelled
    assert {status for _, status in rows} == {"failed", "completed"}
    never = (
        "select run_id, step_slug from pgflow.step_tasks where status = 'cancelled' and attempts_count = 0"
    )
    assert not set(bench.rows(never)) & began, "a task that was queued has not begun"
    errors = {(await bench.client.get_run(run)).error for run in waiting}
    assert errors == {"cancelled by postgres: by hand"}


async def test_what_is_returned_for_a_cancelled_run_does_not_count_after_a_retry_either(
    bench, step, caplog
) -> None:
    calls = 0
    second = asyncio.Event()

    def is_first_judged() -> bool:
        dropped = "outcome dropped: the task is no longer ours" in caplog.messages
        return dropped or bench.value("select status from pgflow.runs") != "started"

    async def deaf(input: Any, ctx: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            await second.wait()
            assert ctx.cancelled
            return "of the cancelled run"
        second.set()
        await bench.until(is_first_judged)
        return "of the retried run"

    flow = bench.flow("order", step("only"))
    async with bench.working((flow, {"only": deaf})):
        run_id = await bench.client.start_flow(flow, {})
        await bench.until(lambda: calls == 1)
        assert await bench.client.cancel_run(run_id)
        assert await bench.client.retry_run(run_id)
        run = await bench.client.wait(run_id, timeout=20)
    assert (calls, run.output) == (2, {"only": "of the retried run"})


async def test_a_retried_run_goes_on_at_its_failed_frontier(bench, step) -> None:
    calls: list[tuple[str, int]] = []
    broken = True

    def items(input: Any, ctx: Any) -> Any:
        calls.append(("items", 0))
        return [0, 1, 2, 3]

    def each(item: int, ctx: Any) -> Any:
        calls.append(("each", item))
        if broken and item == 2:
            raise ValueError("not this one")
        return item

    def last(deps: Any, ctx: Any) -> Any:
        calls.append(("last", 0))
        return deps["each"]

    flow = bench.flow("batch", step("items"), step("each", "items", kind="map"), step("last", "each"))
    async with bench.working((flow, {"items": items, "each": each, "last": last}), max_concurrency=1):
        run = await bench.run(flow)
        assert run.status == "failed"
        finished = [call for call in calls if call[0] == "each" and call[1] != 2]
        broken = False
        before = len(calls)
        assert await bench.client.retry_run(run.run_id)
        again = await bench.client.wait(run.run_id, timeout=10)
    assert again.output == {"last": [0, 1, 2, 3]}
    repeated = calls[before:]
    assert ("items", 0) not in repeated
    assert not set(finished) & set(repeated), "finished tasks of a map are kept"
    assert ("each", 2) in repeated
