"""What users' tests do with `pgflowc_runtime.testing`: whole flows in process, their time under control."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from pgflowc_runtime import (
    Context,
    FlowMismatch,
    FlowNotFound,
    InvalidInput,
    Registry,
    RegistryError,
    RunNotFound,
    SignalTimeout,
)
from pgflowc_runtime.testing import AsyncFlowRunner, FlowRunner, RunStuck


class Order(BaseModel):
    order_id: int


class Charge(BaseModel):
    charge_id: str


@pytest.fixture
def runner(bench) -> AsyncFlowRunner:
    return AsyncFlowRunner(bench.dsn)


@pytest.fixture
def shop(bench, step) -> Any:
    """validate -> charge (3 attempts, 10 s backoff), items -> reserve (map); then confirm, 1 h later."""
    return bench.flow(
        "shop",
        step("validate", argument=Order, output=Order),
        step("charge", "validate", output=Charge, max_attempts=3, base_delay=10),
        step("items", "validate", output=list[int]),
        step("reserve", "items", kind="map", argument=int),
        step("confirm", "charge", "reserve", start_delay=3600),
        input=Order,
    )


STUBS: dict[str, Any] = {
    "validate": lambda order: order,
    "charge": Charge(charge_id="ch_1"),
    "items": [1, 2, 3],
    "reserve": lambda item, ctx: item * 10,
    "confirm": lambda: "done",
}


async def test_a_whole_flow_with_stubs_of_every_kind(runner, shop) -> None:
    result = await runner.run_flow(shop, Order(order_id=7), stubs=STUBS)
    assert result.status == "completed"
    assert result.output == {"confirm": "done"}
    assert result.outputs == {
        "validate": {"order_id": 7},
        "charge": {"charge_id": "ch_1"},
        "items": [1, 2, 3],
        "reserve": [10, 20, 30],
        "confirm": "done",
    }
    assert set(result.attempts.values()) == {1}
    assert 3590 < result.waited <= 3600.01, "the hour before the last step"
    assert len(result.tasks) == 7


async def test_retries_take_their_time_without_being_waited_for(runner, shop) -> None:
    attempts: list[int] = []

    async def charge(deps: Any, ctx: Context[Any]) -> Charge:
        attempts.append(ctx.attempt)
        if ctx.attempt < 3:
            raise ConnectionError("the gateway is away")
        return Charge(charge_id=f"ch_{ctx.attempt}")

    stubs = {**STUBS, "charge": charge}
    async with asyncio.timeout(20):
        result = await runner.run_flow(shop, Order(order_id=7), stubs=stubs)
    assert attempts == [1, 2, 3]
    assert result.attempts["charge"] == 3
    assert result.outputs["charge"] == {"charge_id": "ch_3"}
    # 10 * 2 + 10 * 4 for the retries, then the hour.
    assert result.waited == pytest.approx(3660, abs=2)
    took = result.run.completed_at - result.run.started_at
    assert took >= timedelta(seconds=result.waited), "the database says the same"
    assert result.step("confirm").started_at - result.step("charge").started_at > timedelta(seconds=59)


async def test_time_goes_on_as_far_as_it_is_told(runner, shop, bench) -> None:
    stubs = {**STUBS, "charge": ConnectionError("the gateway is away")}
    first = await runner.run_flow(shop, Order(order_id=7), stubs=stubs, within=19)
    assert (first.status, first.attempts["charge"]) == ("started", 1)
    assert first.waited == pytest.approx(19)
    assert "the gateway is away" in (first.step("charge").error or "")
    second = await runner.drain(first.run_id, within=timedelta(seconds=2))
    assert (second.status, second.attempts["charge"]) == ("started", 2)
    # The stubs of the run still count; others may take their place.
    third = await runner.drain(first.run_id, stubs=STUBS)
    assert (third.status, third.attempts["charge"]) == ("completed", 3)


async def test_a_failed_run_is_a_result(runner, shop) -> None:
    result = await runner.run_flow(shop, Order(order_id=7), stubs={**STUBS, "charge": ConnectionError})
    assert result.status == "failed"
    assert (result.error or "").startswith("ConnectionError")
    assert result.attempts == {"validate": 1, "charge": 3, "items": 1, "reserve": 1}
    assert repr(result) == (
        "<RunResult shop failed: ConnectionError (validate completed, charge failed in 3 attempts, "
        "items completed, reserve completed, confirm created)>"
    )
    assert result.output is None


async def test_what_a_failure_skips_is_told(runner, shop, bench) -> None:
    bench.rows("update pgflow.steps set when_exhausted = 'skip' where step_slug = 'charge'")
    result = await runner.run_flow(shop, Order(order_id=7), stubs={**STUBS, "charge": ConnectionError})
    assert (result.status, result.skipped) == ("completed", {"charge": "handler_failed"})


async def test_a_run_that_is_to_begin_later_is_drained_now(runner, shop, bench, step) -> None:
    flow = bench.flow("later", step("only"))
    await runner.run_flow(flow, {}, stubs={"only": 1})
    run_id = await bench.client.enqueue_in(flow, {}, 86_400)
    result = await runner.drain(run_id, stubs={"only": 2})
    assert result.output == {"only": 2}
    assert result.waited == pytest.approx(86_400, abs=5)


async def test_outputs_are_checked_as_in_a_worker(runner, shop) -> None:
    result = await runner.run_flow(shop, Order(order_id=7), stubs={**STUBS, "charge": {"id": "ch_1"}})
    assert "charge_id: Field required" in (result.error or "")
    result = await runner.run_flow(shop, Order(order_id=7), stubs={**STUBS, "confirm": "a\x00b"})
    assert "PostgreSQL refuses it" in (result.error or "")
    with pytest.raises(InvalidInput, match="order_id"):
        await runner.run_flow(shop, {"order_id": "x"}, stubs=STUBS)


async def test_drain_touches_nothing_else(runner, shop, bench) -> None:
    other = await bench.client.start_flow(shop, Order(order_id=8))
    mine = await bench.client.start_flow(shop, Order(order_id=9))
    look = """
        select r.*, m.vt, m.read_ct, t.status, t.attempts_count, t.queued_at
        from pgflow.runs r
        join pgflow.step_tasks t using (run_id)
        join pgmq.q_shop m on m.msg_id = t.message_id
        where r.run_id = %s
    """
    before = bench.rows(look, other)
    await runner.run_flow(shop, Order(order_id=7), stubs=STUBS)
    result = await runner.drain(mine, stubs=STUBS)
    assert result.outputs["validate"] == {"order_id": 9}
    assert bench.rows(look, other) == before
    assert bench.value("select count(*) from pgflow.workers where stopped_at is null") == 0


async def test_handlers_of_the_registry_run_where_no_stub_stands(bench, step) -> None:
    flow = bench.flow("mixed", step("first"), step("second", "first"), step("third", "second"))
    bench.rows("create table effects (n integer)")

    async def second(deps: Any, ctx: Context[Any]) -> int:
        async with ctx.transaction() as connection:
            await connection.execute("insert into effects values (%s)", [deps["first"]])
        order = await ctx.flow_input()
        return deps["first"] + order["n"]

    def third(deps: Any, ctx: Context[Any]) -> int:
        with ctx.transaction_in_thread() as connection:
            connection.execute("insert into effects values (%s)", [deps["second"]])
        return deps["second"] + 1

    registry = Registry()
    registry.add(flow, {"first": lambda input, ctx: 1, "second": second, "third": third})
    result = await AsyncFlowRunner(bench.dsn, registry).run_flow("mixed", {"n": 5}, stubs={"first": 2})
    assert result.outputs == {"first": 2, "second": 7, "third": 8}
    assert bench.rows("select n from effects order by n") == [(2,), (7,)]
    bench.rows("alter table effects add unique (n) deferrable initially deferred")
    again = await AsyncFlowRunner(bench.dsn, registry).run_flow(flow, {"n": 5}, stubs={"first": 2})
    assert (again.error or "").startswith("psycopg.errors.UniqueViolation")
    assert bench.value("select count(*) from effects") == 2


async def test_many_tasks_run_at_once_and_all_are_done(runner, bench, step) -> None:
    flow = bench.flow("wide", step("each", kind="map"), step("sum", "each"), input=list[int])
    now = most = 0

    async def each(item: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1
        return item

    stubs = {"each": each, "sum": lambda deps: sum(deps["each"])}
    result = await runner.run_flow(flow, list(range(500)), stubs=stubs)
    assert result.output == {"sum": sum(range(500))}
    assert most > 10


async def test_mistakes_are_told_with_the_way_out(runner, shop, bench, step) -> None:
    with pytest.raises(RegistryError, match="no step 'chrage'") as unknown:
        await runner.run_flow(shop, Order(order_id=7), stubs={**STUBS, "chrage": 1})
    assert unknown.value.help == "did you mean 'charge'?"
    stubs = {slug: stub for slug, stub in STUBS.items() if slug not in ("charge", "items")}
    with pytest.raises(RegistryError, match="charge, items has neither a stub nor a handler"):
        await runner.run_flow(shop, Order(order_id=7), stubs=stubs)
    with pytest.raises(RegistryError, match="nothing is known about flow 'nowhere'"):
        await runner.run_flow("nowhere")
    with pytest.raises(InvalidInput, match="order_id"):
        await runner.run_flow("shop", {"order_id": "by its slug"}, stubs=STUBS)
    with pytest.raises(RunNotFound):
        await runner.drain("00000000-0000-0000-0000-000000000000")
    bench.rows("select pgflow.delete_flow_and_data('shop')")
    with pytest.raises(FlowMismatch, match="'shop' is not in the database"):
        await runner.run_flow(shop, Order(order_id=7), stubs=STUBS)


async def test_a_run_that_does_not_end_says_what_it_waits_for(runner, bench, step) -> None:
    flow = bench.flow("endless", step("first"), step("only", "first"))
    with pytest.raises(RunStuck, match=r"after 0.5 s still executing: endless.only of run"):
        await runner.run_flow(flow, {}, stubs={"first": 1, "only": asyncio.Event().wait}, patience=0.5)
    [run_id] = bench.rows("select run_id from pgflow.runs")[0]
    [_, task] = await bench.client.list_step_tasks(run_id)
    assert (task.status, task.attempts) == ("queued", 0), "it was given back"
    bench.rows("select pgflowc.claim_batch('endless', null, 1)")
    with pytest.raises(RunStuck, match=r"waits for only\[0\], which another worker has claimed"):
        await runner.drain(run_id)


async def test_a_stub_that_blocks_holds_up_only_its_run(bench_flows) -> None:
    flow, dsn = bench_flows
    release = threading.Event()
    with pytest.raises(RunStuck, match=r"still executing: plain\.only"):
        await AsyncFlowRunner(dsn).run_flow(flow, {}, stubs={"only": lambda: release.wait(20)}, patience=0.3)
    release.set()


def test_it_works_in_tests_that_are_no_coroutines(bench_flows) -> None:
    flow, dsn = bench_flows
    runner = FlowRunner(dsn)
    result = runner.run_flow(flow, {"n": 1}, stubs={"only": lambda input: input["n"] + 1}, within=0)
    assert result.output == {"only": 2}
    assert runner.drain(result.run_id) == result


async def test_the_blocking_one_works_in_coroutines_too(bench_flows) -> None:
    flow, dsn = bench_flows
    assert FlowRunner(dsn).run_flow(flow, {}, stubs={"only": 3}).output == {"only": 3}
    with pytest.raises(RunNotFound):
        FlowRunner(dsn).drain("00000000-0000-0000-0000-000000000000", stubs={"only": 3})


@pytest.fixture
def bench_flows(bench, step) -> Any:
    return bench.flow("plain", step("only")), bench.dsn


# Signals


class Decision(BaseModel):
    approved: bool


@pytest.fixture
def order(bench, step) -> Any:
    """price -> approve (an approval) -> ship, which is told where to."""
    flow = bench.flow(
        "order",
        step("price"),
        step("approve", "price", output=Decision, signal=Decision, approval=True),
        step("ship", "approve", signal=str),
    )
    schema = '{"type": "object", "properties": {"approved": {"type": "boolean"}}, "required": ["approved"]}'
    bench.rows("select pgflowc.set_signal('order', 'approve', %s::jsonb, 172800, true)", schema)
    return flow


async def ship(deps: Any, ctx: Context[Any]) -> Any:
    return await ctx.await_signal(wait_for="1h")


SHIPPING: dict[str, Any] = {"price": 7, "ship": ship}


async def test_signals_are_sent_when_they_are_waited_for(runner, order) -> None:
    signals = {"approve": Decision(approved=True), "ship": "Paris"}
    async with asyncio.timeout(5):  # no wait in place
        result = await runner.run_flow(order, {}, stubs=SHIPPING, signals=signals)
    assert result.outputs == {"price": 7, "approve": {"approved": True}, "ship": "Paris"}
    assert result.attempts["ship"] == 1


async def test_deadlines_are_passed_over(runner, order) -> None:
    result = await runner.run_flow(order, {}, stubs=SHIPPING)
    assert (result.status, result.error) == ("failed", "no signal within 172800 s")
    assert round(result.waited) == 172800
    result = await runner.run_flow(order, {}, stubs=SHIPPING, signals={"approve": {"approved": True}})
    assert result.error is not None
    assert result.error.startswith("SignalTimeout: no signal has come for order.ship")
    assert round(result.waited) == 3600


async def test_tasks_of_a_map_are_sent_signals_by_their_index(runner, bench, step) -> None:
    flow = bench.flow("polls", step("ask", kind="map"))

    async def ask(item: Any, ctx: Context[Any]) -> Any:
        try:
            return [item, await ctx.await_signal(wait_for="1h")]
        except SignalTimeout:
            return [item, "silent"]

    result = await runner.run_flow(
        flow, ["a", "b", "c"], stubs={"ask": ask}, signals={"ask": {0: "yes", 2: {"0": 1}}}
    )
    assert result.outputs == {"ask": [["a", "yes"], ["b", "silent"], ["c", {"0": 1}]]}
    result = await runner.run_flow(flow, ["a", "b"], stubs={"ask": ask}, signals={"ask": "no"})
    assert result.outputs == {"ask": [["a", "no"], ["b", "no"]]}
    flow = bench.flow("poll", step("ask"))
    result = await runner.run_flow(flow, "a", stubs={"ask": ask}, signals={"ask": {1: "yes"}})
    assert result.outputs == {"ask": ["a", {"1": "yes"}]}


def test_a_run_stops_and_goes_on_with_a_signal(bench, order) -> None:
    runner = FlowRunner(bench.dsn)
    result = runner.run_flow(order, {}, stubs=SHIPPING, within=timedelta(days=1))
    assert result.step("approve").tasks_waiting == 1
    with pytest.raises(InvalidInput, match="approved is missing"):
        runner.signal(result.run_id, "approve", {})
    assert runner.signal(result.run_id, "approve", {"approved": True}) == "delivered"
    assert runner.drain(result.run_id, signals={"ship": "Rome"}).output == {"ship": "Rome"}


async def test_a_flow_that_was_defined_from_data_is_run_by_its_pattern(bench) -> None:
    async def ask(_: Any, ctx: Context[Any]) -> Any:
        return await ctx.await_signal()

    registry = Registry()
    registry.serve_pattern("refund_*", {"ask": ask, "pay": lambda deps, ctx: deps})
    runner = AsyncFlowRunner(bench.dsn, registry)
    with pytest.raises(FlowNotFound, match="no flow 'refund_acme' in this database"):
        await runner.run_flow("refund_acme")
    steps = {"ask": {"signal": {"payload": "int"}}, "ok": {"approval": None}, "pay": {"depends_on": ["ask"]}}
    await bench.client.upsert_flow("refund_acme", {}, steps)
    result = await runner.run_flow("refund_acme", signals={"ask": 3, "ok": True})
    assert result.outputs == {"ask": 3, "ok": True, "pay": {"ask": 3}}
    started = await bench.client.start_flow("refund_acme", {})
    result = await runner.drain(started, stubs={"pay": "paid"}, signals={"ask": 4, "ok": True})
    assert result.output == {"ok": True, "pay": "paid"}


async def test_a_run_that_waits_for_ever_says_what_for(runner, order, bench) -> None:
    bench.rows("update pgflowc.awaited_signals set wait_for = null")
    with pytest.raises(RunStuck, match="waits for a signal to approve") as stuck:
        await runner.run_flow(order, {}, stubs=SHIPPING)
    assert stuck.value.help == (
        "give it: signals={'approve': ...}, or stop there (within=0) and call signal()"
    )
    with pytest.raises(RegistryError, match="an approval, which no stub can stand in for"):
        await runner.run_flow(order, {}, stubs={**SHIPPING, "approve": {"approved": True}})
    with pytest.raises(RegistryError, match="no step 'aprove' for the signal given"):
        await runner.run_flow(order, {}, stubs=SHIPPING, signals={"aprove": 1})


async def test_what_the_database_declares_no_signal_for_is_not_run(runner, order, bench) -> None:
    bench.rows("select pgflowc.remove_signal('order', 'approve')")
    with pytest.raises(FlowMismatch, match="step 'approve' is an approval here and none there") as mismatch:
        await runner.run_flow(order, {}, stubs=SHIPPING)
    assert mismatch.value.help == "run `pgflowc db up` to apply this project's migrations"
