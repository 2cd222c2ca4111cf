"""What a handler writes in `ctx.transaction()` is there exactly when its step is completed."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from pgflowc_runtime import Context


@pytest.fixture
def effects(bench) -> Any:
    """What handlers have written, as a function."""
    bench.rows("create table effects (attempt integer)")
    return lambda: [row[0] for row in bench.rows("select attempt from effects order by attempt")]


def made_late(bench) -> None:
    """As if the time of what is started were over."""
    bench.rows("update pgflow.step_tasks set queued_at = now() - interval '3 m' where status = 'started'")
    bench.rows("update pgflow.step_tasks set started_at = now() - interval '3 m' where status = 'started'")


@pytest.mark.parametrize("kind", ["coroutine", "thread"])
async def test_what_was_written_commits_with_the_output(bench, step, effects, kind: str) -> None:
    flow = bench.flow("pay", step("first"), step("second", "first"))
    seen: list[Any] = []

    async def coroutine(input: Any, ctx: Context[Any]) -> Any:
        async with ctx.transaction() as conn:
            await conn.execute("insert into effects values (1)")
        seen.append(effects())
        return "paid"

    def thread(input: Any, ctx: Context[Any]) -> Any:
        with ctx.transaction_in_thread() as conn:
            conn.execute("insert into effects values (1)")
        seen.append(effects())
        return "paid"

    handlers = {"first": coroutine if kind == "coroutine" else thread, "second": lambda deps, ctx: deps}
    async with bench.working((flow, handlers)):
        run = await bench.run(flow)
    assert run.output == {"second": {"first": "paid"}}
    assert seen == [[]], "the end of the block is not the commit"
    assert effects() == [1]


@pytest.mark.parametrize("kind", ["coroutine", "thread"])
@pytest.mark.parametrize("where", ["in the block", "after it", "in the output"])
async def test_a_failed_attempt_leaves_nothing(bench, step, effects, kind: str, where: str) -> None:
    flow = bench.flow("pay", step("only"), max_attempts=2)

    def after(ctx: Context[Any]) -> Any:
        if where == "after it" and ctx.attempt == 1:
            raise ValueError("no")
        return "a\x00b" if where == "in the output" and ctx.attempt == 1 else "paid"

    async def coroutine(input: Any, ctx: Context[Any]) -> Any:
        async with ctx.transaction() as conn:
            await conn.execute("insert into effects values (%s)", [ctx.attempt])
            if where == "in the block" and ctx.attempt == 1:
                raise ValueError("no")
        return after(ctx)

    def thread(input: Any, ctx: Context[Any]) -> Any:
        with ctx.transaction_in_thread() as conn:
            conn.execute("insert into effects values (%s)", [ctx.attempt])
            if where == "in the block" and ctx.attempt == 1:
                raise ValueError("no")
        return after(ctx)

    async with bench.working((flow, {"only": coroutine if kind == "coroutine" else thread})):
        run = await bench.run(flow)
    assert run.output == {"only": "paid"}
    assert effects() == [2]


@pytest.mark.parametrize("kind", ["coroutine", "thread"])
async def test_an_attempt_that_lost_its_task_writes_nothing(bench, step, effects, kind: str, caplog) -> None:
    flow = bench.flow("stolen", step("only"), max_attempts=3)
    started, release = threading.Event(), threading.Event()

    def hold(ctx: Context[Any]) -> None:
        if ctx.attempt == 1:
            started.set()
            assert release.wait(20)

    async def coroutine(input: Any, ctx: Context[Any]) -> Any:
        async with ctx.transaction() as conn:
            await conn.execute("insert into effects values (%s)", [ctx.attempt])
        await asyncio.to_thread(hold, ctx)
        return ctx.attempt

    def thread(input: Any, ctx: Context[Any]) -> Any:
        with ctx.transaction_in_thread() as conn:
            conn.execute("insert into effects values (%s)", [ctx.attempt])
        hold(ctx)
        return ctx.attempt

    handlers = {"only": coroutine if kind == "coroutine" else thread}
    async with bench.working((flow, handlers), recovery_interval=100, stale_threshold=0):
        run_id = await bench.client.start_flow(flow, {})
        await bench.until(started.is_set)
        made_late(bench)
        run = await bench.client.wait(run_id, timeout=20)
        release.set()
        await bench.until(lambda: any("no longer ours" in message for message in caplog.messages))
    assert run.output == {"only": 2}
    assert effects() == [2]


async def test_a_handler_out_of_time_writes_nothing_even_if_it_refuses_to_end(bench, step, effects) -> None:
    flow = bench.flow("slow", step("only", timeout=1))
    errors: list[BaseException] = []

    async def only(input: Any, ctx: Context[Any]) -> Any:
        async with ctx.transaction() as conn:
            await conn.execute("insert into effects values (1)")
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:
                try:
                    await asyncio.sleep(0.05)
                except asyncio.CancelledError:
                    continue
            try:
                await conn.execute("insert into effects values (2)")
            except psycopg.Error as error:
                errors.append(error)
                raise

    async with bench.working((flow, {"only": only})):
        run = await bench.run(flow)
        assert run.error is not None
        assert run.error.startswith("timed out after 1 s")
        await bench.until(lambda: errors)
    assert effects() == []


async def test_a_connection_that_is_lost_costs_no_attempt(bench, step, effects) -> None:
    flow = bench.flow("cut", step("only"))

    async def only(input: Any, ctx: Context[Any]) -> Any:
        async with ctx.transaction() as conn:
            await conn.execute("insert into effects values (%s)", [ctx.attempt])
            cursor = await conn.execute("select pg_backend_pid()")
            [pid] = await cursor.fetchone()
        if not cut:
            cut.append(pid)
            bench.rows("select pg_terminate_backend(%s)", pid)
        return "paid"

    cut: list[int] = []
    async with bench.working((flow, {"only": only})):
        run = await bench.run(flow)
    assert run.output == {"only": "paid"}
    assert effects() == [1]


@pytest.mark.parametrize("kind", ["coroutine", "thread"])
async def test_connections_that_are_lost_in_the_block_or_in_the_pool_cost_no_attempt(
    bench, step, effects, kind: str
) -> None:
    flow = bench.flow("cut", step("only"))
    meeting = threading.Barrier(2)
    pids: set[int] = set()
    cut: set[str] = set()

    def cuts(input: Any) -> bool:
        """Whether this is the first attempt of that run; all connections of handlers are gone then."""
        if input["cuts"] and input["id"] not in cut:
            cut.add(input["id"])
            for pid in pids:
                bench.rows("select pg_terminate_backend(%s, 5000)", pid)
            return True
        return False

    def in_thread(input: Any, ctx: Context[Any]) -> Any:
        with ctx.transaction_in_thread() as conn:
            pids.add(conn.info.backend_pid)
            if input["meet"]:
                meeting.wait(10)
            cuts(input)
            conn.execute("insert into effects values (%s)", [ctx.attempt])
        return "paid"

    async def only(input: Any, ctx: Context[Any]) -> Any:
        async with ctx.transaction() as conn:
            pids.add(conn.info.backend_pid)
            if input["meet"]:
                await asyncio.to_thread(meeting.wait, 10)
            cuts(input)
            await conn.execute("insert into effects values (%s)", [ctx.attempt])
        return "paid"

    handler = only if kind == "coroutine" else in_thread
    async with bench.working((flow, {"only": handler})):
        # Two connections rest in the pool afterwards; the third run loses both.
        both = [{"id": number, "meet": True, "cuts": False} for number in "ab"]
        runs = await asyncio.gather(*(bench.run(flow, input) for input in both))
        runs.append(await bench.run(flow, {"id": "c", "meet": False, "cuts": True}))
    assert [run.output for run in runs] == [{"only": "paid"}] * 3
    assert effects() == [1, 1, 1]


async def test_connections_that_are_lost_again_and_again_are_counted_at_last(bench, step, effects) -> None:
    flow = bench.flow("closes", step("only"))
    calls: list[int] = []

    async def only(input: Any, ctx: Context[Any]) -> Any:
        calls.append(ctx.attempt)
        async with ctx.transaction() as conn:
            await conn.close()

    async with bench.working((flow, {"only": only})):
        run = await bench.run(flow)
    assert "the connection is closed" in (run.error or "")
    assert calls == [1] * 6


async def test_one_transaction_an_attempt_and_a_commit_of_its_own_is_refused(bench, step, effects) -> None:
    flow = bench.flow("twice", step("only"))

    async def only(input: Any, ctx: Context[Any]) -> Any:
        async with ctx.transaction() as conn:
            await conn.execute("insert into effects values (1)")
            with pytest.raises(psycopg.ProgrammingError):
                await conn.commit()
        with pytest.raises(RuntimeError, match="has begun it before"):
            async with ctx.transaction():
                pass
        return "paid"

    async with bench.working((flow, {"only": only})):
        assert (await bench.run(flow)).output == {"only": "paid"}
    assert effects() == [1]


@pytest.mark.parametrize("ended_by", ["commit", "rollback"])
async def test_a_transaction_that_the_handler_ended_with_sql_is_no_completion(
    bench, step, effects, ended_by: str
) -> None:
    flow = bench.flow("own", step("only"))

    async def only(input: Any, ctx: Context[Any]) -> Any:
        async with ctx.transaction() as conn:
            await conn.execute(f"insert into effects values (1); {ended_by}")

    async with bench.working((flow, {"only": only})):
        run = await bench.run(flow)
    assert "the handler has ended the transaction of ctx.transaction()" in (run.error or "")


@pytest.mark.parametrize("kind", ["coroutine", "thread"])
async def test_a_connection_is_as_new_for_the_next_handler(bench, step, effects, kind: str) -> None:
    flow = bench.flow("settings", step("only"))
    query = "select current_setting('statement_timeout'), to_regclass('t') is null"
    spoil = "set statement_timeout = '77s'; create temp table t ()"

    async def coroutine(input: Any, ctx: Context[Any]) -> Any:
        async with ctx.transaction() as conn:
            found = await (await conn.execute(query)).fetchone()
            conn.row_factory = dict_row
            await conn.execute(spoil)
        return list(found)

    def thread(input: Any, ctx: Context[Any]) -> Any:
        with ctx.transaction_in_thread() as conn:
            found = conn.execute(query).fetchone()
            conn.row_factory = dict_row
            conn.execute(spoil)
        return list(found)

    handler = coroutine if kind == "coroutine" else thread
    async with bench.working((flow, {"only": handler}), max_concurrency=1):
        runs = [await bench.run(flow) for _ in range(2)]
    assert [run.output for run in runs] == [{"only": ["0", True]}] * 2


async def test_on_a_core_without_our_schema(bench, step, effects) -> None:
    flow = bench.flow("foreign", step("only"))
    bench.rows("drop schema pgflowc cascade")

    async def only(input: Any, ctx: Context[Any]) -> Any:
        async with ctx.transaction() as conn:
            await conn.execute("insert into effects values (1)")
        return "paid"

    async with bench.working((flow, {"only": only}), signal="polling", min_poll_interval=20):
        assert (await bench.run(flow)).output == {"only": "paid"}
    assert effects() == [1]
