"""Many tasks, several workers: each task runs once, and never more at a time than allowed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from typing import Any

import pytest

from pgflowc_runtime import Context


class Gauge:
    """Counts how many are inside at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now = self.most = 0

    def __enter__(self) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.now -= 1


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_no_more_handlers_run_at_once_than_allowed(bench, step, kind: str) -> None:
    flows = [bench.flow(name, step("each", kind="map"), input=list[Any]) for name in ("one", "two")]
    gauge = Gauge()

    async def coroutine(item: Any, ctx: Context[Any]) -> None:
        with gauge:
            await asyncio.sleep(0.02)

    def plain(item: Any, ctx: Context[Any]) -> None:
        with gauge:
            time.sleep(0.02)

    handlers = {"each": coroutine if kind == "async" else plain}
    async with bench.working(*((flow, handlers) for flow in flows), max_concurrency=3):
        runs = await asyncio.gather(*(bench.run(flow, list(range(20))) for flow in flows))
    assert [run.status for run in runs] == ["completed", "completed"]
    assert gauge.most == 3


async def test_a_busy_flow_does_not_starve_another(bench, step) -> None:
    busy = bench.flow("busy", step("each", kind="map"), input=list[Any])
    other = bench.flow("other", step("only"))
    done: list[str] = []

    async def each(item: Any, ctx: Context[Any]) -> None:
        await asyncio.sleep(0.01)
        done.append("busy")

    async def only(input: Any, ctx: Context[Any]) -> None:
        done.append("other")

    async with bench.working((busy, {"each": each}), (other, {"only": only}), max_concurrency=2):
        first = await bench.client.start_flow(busy, list(range(200)))
        await bench.until(lambda: done)
        await bench.run(other)
        assert done.index("other") < 150
        await bench.client.wait(first, timeout=20)


async def test_a_burst_of_300_runs_is_worked_off(bench, step) -> None:
    flow = bench.flow("burst", step("first"), step("second", "first"))
    handlers = {"first": lambda input, ctx: input["n"], "second": lambda deps, ctx: deps["first"] + 1}
    async with bench.working((flow, handlers), max_concurrency=20):
        ids = await asyncio.gather(*(bench.client.start_flow(flow, {"n": n}) for n in range(300)))
        runs = await asyncio.gather(*(bench.client.wait(run_id, timeout=60) for run_id in ids))
    assert [run.output for run in runs] == [{"second": n + 1} for n in range(300)]
    assert bench.value("select count(*) from pgmq.q_burst") == 0


async def test_two_workers_share_a_queue_without_running_a_task_twice(bench, step) -> None:
    flow = bench.flow("shared", step("each", kind="map"), input=list[Any])
    executed: Counter[int] = Counter()
    by: Counter[str] = Counter()

    def handlers(name: str) -> dict[str, Any]:
        async def each(item: int, ctx: Context[Any]) -> int:
            executed[item] += 1
            by[name] += 1
            await asyncio.sleep(0.002)
            return item

        return {"each": each}

    async with bench.working((flow, handlers("a"))), bench.working((flow, handlers("b"))):
        run = await bench.run(flow, list(range(300)))
    assert run.output == {"each": list(range(300))}
    assert set(executed.values()) == {1}
    assert min(by["a"], by["b"]) > 20, "both worked"
    assert bench.value("select max(attempts_count) from pgflow.step_tasks") == 1
