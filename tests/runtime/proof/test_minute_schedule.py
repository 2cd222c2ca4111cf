"""A schedule in real time, as workers keep it: the slots of a minute or two start one run each, on time."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from typing import Any

import pytest

# It waits for a full minute, so it runs only where the tests of pg_cron do.
pytestmark = pytest.mark.skipif(
    "PGFLOWC_TEST_PG_BIN" not in os.environ, reason="PGFLOWC_TEST_PG_BIN is not set: this waits for a minute"
)


async def test_three_workers_start_each_slot_of_a_minute_once(bench, step) -> None:
    def note(input: Any, ctx: Any) -> Any:
        return input

    flow = bench.flow("tick", step("only"))
    bench.rows("""select pgflowc.set_schedule('tick', '* * * * *', p_input => '{"by": "the minute"}')""")
    async with AsyncExitStack() as workers:
        for _ in range(3):
            await workers.enter_async_context(bench.working((flow, {"only": note})))
        ended = "select 1 from pgflow.runs where status = 'completed'"
        await bench.until(lambda: bench.rows(ended), seconds=75)
        # Those that stand by look two and a half to three seconds later.
        looked = "select max(slot) < clock_timestamp() - interval '4 s' from pgflowc.schedule_slots"
        await bench.until(lambda: bench.value(looked))
    slots = bench.rows(
        """
        select extract(second from l.slot) = 0, r.started_at - l.slot < '1 s', r.input ->> 'by'
        from pgflowc.schedule_slots l left join pgflow.runs r on r.run_id = l.run_id
        """
    )
    # Two if the minute was over while it looked.
    assert slots in ([(True, True, "the minute")], [(True, True, "the minute")] * 2)
    assert bench.value("select count(*) from pgflow.runs") == len(slots)
