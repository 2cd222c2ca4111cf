"""A long queue is worked off from one end to the other."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pgflowc_runtime import Context

TASKS = 10_000


async def test_ten_thousand_queued_tasks(bench, step) -> None:
    flow = bench.flow("long", step("only"))
    executed: Counter[int] = Counter()

    async def only(input: Any, ctx: Context[Any]) -> int:
        executed[input["n"]] += 1
        return int(input["n"]) + 1

    await bench.client.start_flows(flow, [{"n": n} for n in range(TASKS)])
    assert bench.value("select count(*) from pgmq.q_long") == TASKS
    async with bench.working((flow, {"only": only}), max_concurrency=100, batch_size=100):
        await bench.until(lambda: len(executed) == TASKS, 60)
        await bench.until(lambda: bench.value("select count(*) from pgmq.q_long") == 0)
    assert set(executed.values()) == {1}
    wrong = """
        select count(*) from pgflow.runs r join pgflow.step_tasks t using (run_id)
        where r.status <> 'completed' or t.attempts_count <> 1
           or r.output -> 'only' <> to_jsonb((r.input ->> 'n')::integer + 1)
    """
    assert bench.value(wrong) == 0
