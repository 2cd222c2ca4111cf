"""Handlers that wait for a signal: in place, without a worker, until a deadline, in threads."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pydantic import BaseModel

from pgflowc_runtime import Context, InvalidInput, JsonValue, RunNotFound, SignalTimeout, Step, StepNotFound
from pgflowc_runtime.signals import seconds_of


class Answer(BaseModel):
    ok: bool


def step(**more: Any) -> Step:
    return Step(slug="ask", argument=JsonValue, output=JsonValue, **more)


async def parked(bench: Any, run_id: Any) -> None:
    await bench.until(
        lambda: bench.value("select count(*) from pgflow.step_tasks where status = 'waiting'") == 1
    )


async def test_a_parked_task_is_entered_again_when_its_signal_comes(bench) -> None:
    entries = []

    async def ask(_: Any, ctx: Context[Any]) -> Any:
        entries.append(ctx.attempt)
        answer = await ctx.await_signal(wait_for="1h", wait_timeout=0)
        return answer.ok

    flow = bench.flow("asking", step(signal=Answer))
    async with bench.working((flow, {"ask": ask}), max_concurrency=1):
        run_id = await bench.client.start_flow(flow, {})
        await parked(bench, run_id)
        assert await bench.client.signal(run_id, "ask", Answer(ok=True)) == "delivered"
        run = await bench.client.wait(run_id, timeout=10)
    assert run.output == {"ask": True}
    assert entries == [1, 1]  # no attempt was spent
    assert await bench.client.signal(run_id, "ask", Answer(ok=False)) == "ignored"


@pytest.mark.parametrize("lost", [False, True])
async def test_a_signal_is_heard_in_place(bench, lost: bool) -> None:
    entered = []

    async def ask(_: Any, ctx: Context[Any]) -> Any:
        entered.append(ctx.run_id)
        return await ctx.await_signal(wait_timeout=8)

    flow = bench.flow("asking", step())
    async with bench.working((flow, {"ask": ask})):
        run_id = await bench.client.start_flow(flow, {})
        await bench.until(lambda: bench.value("select count(*) from pgflowc.task_signals") == 1)
        if lost:
            bench.rows(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name like 'pgflowc worker%' and datname = current_database()"
            )
        began = time.monotonic()
        assert await bench.client.signal(run_id, "ask", [1]) == "delivered"
        run = await bench.client.wait(run_id, timeout=10)
    assert run.output == {"ask": [1]}
    assert time.monotonic() - began < 4  # sooner than the look that is always taken
    assert len(entered) == 1


async def test_the_deadline_wakes_an_idle_worker(bench) -> None:
    async def ask(_: Any, ctx: Context[Any]) -> Any:
        try:
            return await ctx.await_signal(wait_for=1.0, wait_timeout=0)
        except SignalTimeout:
            return "nobody"

    flow = bench.flow("asking", step())
    async with bench.working((flow, {"ask": ask})):
        began = time.monotonic()
        run = await bench.run(flow)
    assert run.output == {"ask": "nobody"}
    assert 1.0 <= time.monotonic() - began < 5


async def test_a_deadline_that_is_let_pass_fails_for_good(bench) -> None:
    def ask(_: Any, ctx: Context[Any]) -> Any:
        return ctx.await_signal_in_thread(wait_for=0)

    flow = bench.flow("asking", step(), max_attempts=5)
    async with bench.working((flow, {"ask": ask})):
        run = await bench.run(flow)
    assert run.status == "failed"
    assert run.error is not None
    assert "SignalTimeout" in run.error


async def test_a_plain_handler_is_parked_and_gets_an_early_signal(bench) -> None:
    def ask(_: Any, ctx: Context[Any]) -> Any:
        return ctx.await_signal_in_thread(wait_timeout=0)

    flow = bench.flow("asking", step())
    async with bench.working((flow, {"ask": ask})):
        run_id = await bench.client.start_flow(flow, {})
        await parked(bench, run_id)
        await bench.client.signal(run_id, "ask", "now")
        assert (await bench.client.wait(run_id, timeout=10)).output == {"ask": "now"}

    run_id = await bench.client.start_flow(flow, {})
    assert [await bench.client.signal(run_id, "ask", n) for n in (1, 2)] == ["buffered", "buffered"]
    async with bench.working((flow, {"ask": ask})):
        assert (await bench.client.wait(run_id, timeout=10)).output == {"ask": 2}


async def test_a_task_has_one_signal(bench) -> None:
    async def ask(_: Any, ctx: Context[Any]) -> Any:
        await ctx.await_signal()
        return await ctx.await_signal()

    flow = bench.flow("asking", step())
    run_id = await bench.client.start_flow(flow, {})
    await bench.client.signal(run_id, "ask", 1)
    async with bench.working((flow, {"ask": ask})):
        run = await bench.client.wait(run_id, timeout=10)
    assert run.error is not None
    assert run.error.startswith("RuntimeError: a task has one signal")


async def test_a_signal_that_does_not_fit_its_type_fails_for_good(bench) -> None:
    async def ask(_: Any, ctx: Context[Any]) -> Any:
        return (await ctx.await_signal()).ok

    flow = bench.flow("asking", step(signal=Answer), max_attempts=3)
    bench.rows("select pgflowc.set_signal('asking', 'ask', '{}')")  # as for a class of Python
    run_id = await bench.client.start_flow(flow, {})
    await bench.client.signal(run_id, "ask", {"ok": "maybe"})
    async with bench.working((flow, {"ask": ask})):
        run = await bench.client.wait(run_id, timeout=10)
    assert run.error is not None
    assert run.error.startswith("PermanentFailure: invalid signal: ok: Input should be a valid boolean")


async def test_an_async_handler_that_waits_as_a_plain_one_is_told_how(bench) -> None:
    async def ask(_: Any, ctx: Context[Any]) -> Any:
        return ctx.await_signal_in_thread()

    flow = bench.flow("asking", step())
    run_id = await bench.client.start_flow(flow, {})
    async with bench.working((flow, {"ask": ask})):
        run = await bench.client.wait(run_id, timeout=10)
    assert run.error is not None
    assert run.error.startswith("RuntimeError: an async handler says `await ctx.await_signal()`")


async def test_an_approval_needs_no_handler(bench) -> None:
    flow = bench.flow("asking", step(approval=True, signal=Answer))
    bench.rows(
        "select pgflowc.set_signal('asking', 'ask', %s::jsonb, 60, true)",
        '{"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}',
    )
    async with bench.working((flow, {})):
        run_id = await bench.client.start_flow(flow, {})
        await parked(bench, run_id)
        with pytest.raises(InvalidInput, match=r"payload\.ok: string instead of boolean"):
            await bench.client.signal(run_id, "ask", {"ok": "yes"})
        assert await bench.client.signal(run_id, "ask", {"ok": True}) == "delivered"
        run = await bench.client.wait(run_id, timeout=10)
    assert run.output == {"ask": {"ok": True}}


async def test_what_no_signal_can_be_sent_to(bench) -> None:
    flow = bench.flow("asking", step())
    run_id = await bench.client.start_flow(flow, {})
    with pytest.raises(RunNotFound):
        await bench.client.signal("00000000-0000-0000-0000-000000000000", "ask", 1)
    with pytest.raises(StepNotFound, match='no step "asked"'):
        await bench.client.signal(run_id, "asked", 1)
    with pytest.raises(InvalidInput, match="no task 1"):
        await bench.client.signal(run_id, "ask", 1, task_index=1)
    with pytest.raises(InvalidInput, match="the signal to step 'ask' has a NUL character"):
        await bench.client.signal(run_id, "ask", {"a": ["\\\x00"]})
    assert await bench.client.signal(run_id, "ask", "\\u0000") == "buffered"


async def test_a_signal_may_be_declared_to_say_nothing(bench) -> None:
    async def ask(_: Any, ctx: Context[Any]) -> Any:
        return [type(ctx).__name__, await ctx.await_signal()]

    flow = bench.flow("asking", step(signal=None))
    run_id = await bench.client.start_flow(flow, {})
    with pytest.raises(InvalidInput, match="payload: number instead of null"):
        await bench.client.signal(run_id, "ask", 1)
    assert await bench.client.signal(run_id, "ask", None) == "buffered"
    async with bench.working((flow, {"ask": ask})):
        run = await bench.client.wait(run_id, timeout=10)
    assert run.output == {"ask": ["SignalContext", None]}


@pytest.mark.parametrize(("span", "seconds"), [("90s", 90), ("5m", 300), ("2h", 7200), ("1d", 86400), (3, 3)])
def test_spans(span: Any, seconds: float) -> None:
    assert seconds_of(span, "wait_for") == seconds
    with pytest.raises(ValueError, match="wait_for is"):
        seconds_of(f"{span} or so", "wait_for")
