"""What the database refuses for now is sent again, counted; tasks of unknown steps are left to others."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import psycopg
import pytest

from pgflowc_runtime import telemetry

_GATE = """
    create sequence gate;
    create function stumble() returns trigger language plpgsql as $$
    begin
      if old.flow_slug = 'stony' and new.status = 'completed' and nextval('public.gate') <= 4 then
        raise exception 'could not serialize access' using errcode = '{state}';
      end if;
      return new;
    end $$;
    create trigger stumble before update on pgflow.step_tasks for each row execute function stumble();
"""


def echo(input: Any, ctx: Any) -> Any:
    return input


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
async def test_a_refused_outcome_is_sent_again_and_holds_up_no_other_flow(bench, step, caplog, state) -> None:
    stony, smooth = bench.flow("stony", step("only")), bench.flow("smooth", step("only"))
    bench.rows(_GATE.format(state=state))
    retries: list[Any] = []
    telemetry.attach("retries", ["outcome.retry"], lambda *event: retries.append(event[1:]))
    try:
        async with bench.working((stony, {"only": echo}), (smooth, {"only": echo})) as worker:
            run_id = await bench.client.start_flow(stony, {"n": 1})
            await bench.until(lambda: retries)
            assert (await bench.run(smooth)).status == "completed"
            assert worker.unready() == {}
            run = await bench.client.wait(run_id, timeout=10)
    finally:
        telemetry.detach("retries")
    assert run.output == {"only": {"n": 1}}
    assert bench.value("select attempts_count from pgflow.step_tasks where flow_slug = 'stony'") == 1
    assert [measured["attempt"] for measured, _ in retries] == [1, 2, 3, 4]
    assert all(0 < measured["delay"] <= 5 for measured, _ in retries)
    assert retries[0][1] == {"flow_slug": "stony", "error": "could not serialize access"}
    told = [text for text in caplog.messages if "not recorded yet" in text]
    assert len(told) == 3, "the first time, then ever more rarely"
    assert "attempt 4" in told[-1]


async def test_who_holds_the_lock_of_a_run_holds_up_no_other(bench, step) -> None:
    stony, smooth = bench.flow("stony", step("only")), bench.flow("smooth", step("only"))
    gate = asyncio.Event()

    async def wait(input: Any, ctx: Any) -> Any:
        await gate.wait()
        return input

    async with bench.working((stony, {"only": wait}), (smooth, {"only": echo}), pool_size=2):
        run_ids = [await bench.client.start_flow(stony, n) for n in range(4)]
        await bench.until(
            lambda: bench.value("select count(*) from pgflow.step_tasks where status = 'started'") == 4
        )
        with psycopg.connect(bench.dsn) as holder:
            holder.execute("select from pgflow.runs where run_id = %s for update", [run_ids[0]])
            gate.set()  # all four are sent together
            assert (await bench.run(smooth)).status == "completed"
            for run_id in run_ids[1:]:
                assert (await bench.client.wait(run_id, timeout=15)).status == "completed"
            assert (await bench.client.get_run(run_ids[0])).status == "started"
        assert (await bench.client.wait(run_ids[0], timeout=15)).status == "completed"


async def test_a_conflict_of_a_handlers_own_transaction_is_an_attempt_that_failed(bench, step) -> None:
    flow = bench.flow("stony", step("only"), max_attempts=5)
    bench.rows(_GATE.format(state="40001"))

    async def handler(input: Any, ctx: Any) -> int:
        async with ctx.transaction() as connection:
            await connection.execute("select 1")
        return int(ctx.attempt)

    async with bench.working((flow, {"only": handler})):
        assert (await bench.run(flow)).output == {"only": 5}


@pytest.mark.parametrize("core", ["ours", "foreign"])
async def test_tasks_of_a_step_that_a_worker_does_not_know_wait_for_one_that_does(
    bench, step, caplog, core: str
) -> None:
    old = bench.flow("grows", step("first"))
    new = bench.flow("grows", step("first"), step("more", kind="map"), input=list[int])
    bench.rows("delete from pgflow.deps; delete from pgflow.steps where step_slug = 'more'")
    if core == "foreign":
        bench.rows("drop schema pgflowc cascade")
    claims: list[Any] = []
    async with bench.working((old, {"first": echo})):
        bench.migrate(new)
        telemetry.attach("claims", ["poll.stop"], lambda *event: claims.append(event))
        run_id = await bench.client.start_flow("grows", [1, 2, 3])
        given_back = """
            select count(*) from pgmq.q_grows q join pgflow.step_tasks t on t.message_id = q.msg_id
            where t.step_slug = 'more' and t.status = 'queued' and t.attempts_count = 0 and q.vt > now()
        """
        await bench.until(lambda: bench.value(given_back) == 3)
        telemetry.detach("claims")
        # It looks often: so it is there when the tasks are visible again, and not the other one each time.
        often = {"signal": "polling", "min_poll_interval": 20, "max_poll_interval": 40}
        async with bench.working((new, {"first": echo, "more": lambda item, ctx: item * 2}), **often):
            run = await bench.client.wait(run_id, timeout=30)
    assert run.output == {"first": [1, 2, 3], "more": [2, 4, 6]}
    assert bench.value("select max(attempts_count) from pgflow.step_tasks") == 1
    assert len(claims) < 60, "claimed again and again"
    warnings = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert len([r for r in warnings if "'more' of flow grows is not known here" in r.getMessage()]) == 1
