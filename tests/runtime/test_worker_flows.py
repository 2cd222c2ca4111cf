"""Flows of every shape run to their end, with the payloads that handlers were promised."""

from __future__ import annotations

import asyncio
import dataclasses
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import Field

from pgflowc_runtime import Context, FlowMismatch, Payload


class Order(Payload):
    order_id: int
    amounts: list[Decimal] = Field(default_factory=list)


class Total(Payload):
    total: Decimal


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmDeps:
    total: Total


async def test_a_single_step_gets_the_typed_input_and_its_output_is_stored(bench, step) -> None:
    flow = bench.flow("pay", step("total", argument=Order, output=Total), input=Order)

    async def total(input: Order, ctx: Context[Order]) -> Total:
        return Total(total=sum(input.amounts, Decimal(0)))

    async with bench.working((flow, {"total": total})):
        run = await bench.run(flow, Order(order_id=7, amounts=[Decimal("0.10"), Decimal("0.20")]))
    assert run.status == "completed"
    assert run.output == {"total": {"total": "0.30"}}


async def test_a_dependent_step_gets_a_deps_object_of_models(bench, step) -> None:
    flow = bench.flow(
        "pay",
        step("total", argument=Order, output=Total),
        step("confirm", "total", argument=ConfirmDeps, output=str),
        input=Order,
    )

    async def confirm(deps: ConfirmDeps, ctx: Context[Order]) -> str:
        order = await ctx.flow_input()
        assert order is await ctx.flow_input(), "loaded once"
        return f"{order.order_id}: {deps.total.total}"

    async with bench.working((flow, {"total": lambda input, ctx: {"total": "9.50"}, "confirm": confirm})):
        run = await bench.run(flow, Order(order_id=7))
    assert run.output == {"confirm": "7: 9.50"}


async def test_a_chain_and_a_diamond_join_all_outputs(bench, step) -> None:
    flow = bench.flow(
        "diamond", step("top"), step("left", "top"), step("right", "top"), step("join", "left", "right")
    )

    async def top(input: Any, ctx: Context[Any]) -> Any:
        return input["n"]

    async def left(deps: Any, ctx: Context[Any]) -> Any:
        return deps["top"] + 1

    def right(deps: Any, ctx: Context[Any]) -> Any:
        return deps["top"] * 10

    async def join(deps: Any, ctx: Context[Any]) -> Any:
        return deps

    handlers = {"top": top, "left": left, "right": right, "join": join}
    async with bench.working((flow, handlers)):
        run = await bench.run(flow, {"n": 4})
    assert run.output == {"join": {"left": 5, "right": 40}}


async def test_a_map_runs_its_handler_once_per_element_in_order(bench, step) -> None:
    flow = bench.flow(
        "fan", step("items"), step("each", "items", kind="map", argument=int, output=str), step("all", "each")
    )

    async def each(item: int, ctx: Context[Any]) -> str:
        return f"{ctx.task_index}:{item}"

    async with bench.working(
        (flow, {"items": lambda input, ctx: [5, 6, 7], "each": each, "all": lambda deps, ctx: deps["each"]})
    ):
        run = await bench.run(flow)
    assert run.output == {"all": ["0:5", "1:6", "2:7"]}


async def test_a_root_map_runs_over_the_input(bench, step) -> None:
    flow = bench.flow("squares", step("square", kind="map", argument=int, output=int), input=list[int])
    async with bench.working((flow, {"square": lambda item, ctx: item * item})):
        run = await bench.run(flow, list(range(25)))
        empty = await bench.run(flow, [])
    assert run.output == {"square": [n * n for n in range(25)]}
    assert empty.output == {"square": []}


async def test_a_map_over_nothing_completes_and_its_dependents_run(bench, step) -> None:
    flow = bench.flow("fan", step("items"), step("each", "items", kind="map"), step("all", "each"))

    def never(item: Any, ctx: Context[Any]) -> None:
        raise AssertionError("there is no element")

    handlers = {"items": lambda input, ctx: [], "each": never, "all": lambda deps, ctx: deps}
    async with bench.working((flow, handlers)):
        run = await bench.run(flow)
    assert run.output == {"all": {"each": []}}


async def test_one_worker_serves_several_flows_and_spellings_of_handlers(bench, step) -> None:
    flows = [bench.flow(f"flow_{n}", step("only")) for n in range(4)]

    class Callable:
        async def __call__(self, input: Any, ctx: Context[Any]) -> Any:
            return ["object", ctx.flow_slug]

    async def coroutine(input: Any, ctx: Context[Any]) -> Any:
        return ["async", ctx.flow_slug]

    # A plain function that hands back a coroutine, as some decorators do.
    handlers = [
        coroutine,
        lambda input, ctx: coroutine(input, ctx),
        Callable(),
        lambda input, ctx: ["plain", ctx.flow_slug],
    ]
    async with bench.working(
        *((flow, {"only": handler}) for flow, handler in zip(flows, handlers, strict=True))
    ):
        outputs = [(await bench.run(flow)).output["only"] for flow in flows]
    assert outputs == [["async", "flow_0"], ["async", "flow_1"], ["object", "flow_2"], ["plain", "flow_3"]]


async def test_the_context_says_which_task_it_is(bench, step) -> None:
    flow = bench.flow("ctx", step("only", max_attempts=4))
    seen: list[Context[Any]] = []

    def only(input: Any, ctx: Context[Any]) -> Any:
        seen.append(ctx)
        return ctx.flow_input_in_thread()

    async with bench.working((flow, {"only": only})):
        run = await bench.run(flow, {"who": "me"})
    [ctx] = seen
    assert run.output == {"only": {"who": "me"}}
    assert (ctx.flow_slug, ctx.step_slug, ctx.task_index, ctx.attempt) == ("ctx", "only", 0, 1)
    assert ctx.max_attempts == 4
    assert isinstance(ctx.run_id, UUID)
    assert ctx.run_id == run.run_id
    assert not ctx.cancelled.is_set()


async def test_every_text_and_number_comes_back_as_it_went(bench, step) -> None:
    flow = bench.flow("echo", step("echo"), step("again", "echo"))
    payload = {
        "text": 'ünïcödé 🎉 "quotes" \\ \n \t \x7f \u2028 עברית',
        "numbers": [0, -1, 2**53, 1.5, 1e-7],
        "nothing": None,
        "deep": [[[{"a": [True, False]}]]],
        "": "an empty key",
    }
    handlers = {"echo": lambda input, ctx: input, "again": lambda deps, ctx: deps["echo"]}
    async with bench.working((flow, handlers)):
        run = await bench.run(flow, payload)
    assert run.output == {"again": payload}


async def test_a_payload_of_megabytes_passes_through(bench, step) -> None:
    flow = bench.flow("big", step("make"), step("measure", "make"))
    handlers = {
        "make": lambda input, ctx: {"text": "é" * 3_000_000, "list": list(range(50_000))},
        "measure": lambda deps, ctx: [len(deps["make"]["text"]), sum(deps["make"]["list"])],
    }
    async with bench.working((flow, handlers)):
        run = await bench.run(flow)
    assert run.output == {"measure": [3_000_000, 50_000 * 49_999 // 2]}


async def test_null_outputs_and_null_inputs_are_values(bench, step) -> None:
    flow = bench.flow("nothing", step("give", output=None), step("take", "give"))
    async with bench.working((flow, {"give": lambda input, ctx: None, "take": lambda deps, ctx: deps})):
        run = await bench.client.start_flow_sync("nothing", None, timeout=20)
    assert run.input is None
    assert run.output == {"take": {"give": None}}


async def test_a_start_delay_is_kept(bench, step) -> None:
    flow = bench.flow("later", step("soon"), step("delayed", "soon", start_delay=1))
    async with bench.working((flow, {"soon": lambda i, c: 1, "delayed": lambda d, c: 2})):
        run = await bench.run(flow)
    assert run.completed_at is not None
    assert 1.0 <= (run.completed_at - run.started_at).total_seconds() < 3.0


async def test_a_worker_lives_once(bench, step) -> None:
    flow = bench.flow("once", step("only"))
    async with bench.working((flow, {"only": lambda input, ctx: 1})) as worker:
        assert worker.lifecycle.state == "running"
    assert worker.lifecycle.state == "stopped"
    with pytest.raises(RuntimeError, match="a worker that is stopped cannot become starting"):
        await worker.start()


async def test_leaving_the_block_ends_a_worker_that_runs_in_another_task(bench, step) -> None:
    flow = bench.flow("beside", step("only"))
    async with bench.working((flow, {"only": lambda input, ctx: 1})) as worker:
        running = [asyncio.create_task(worker.run()) for _ in range(2)]
        assert (await bench.run(flow)).status == "completed"
    assert [(await each).given_back for each in running] == [0, 0]


async def test_a_worker_that_cannot_start_is_stopped_and_leaves_no_connection(bench, step) -> None:
    flow = bench.flow("gone", step("only"))
    bench.rows("select pgflow.delete_flow_and_data('gone')")
    with pytest.raises(FlowMismatch, match="flow 'gone' is not in the database"):
        async with bench.working((flow, {"only": lambda input, ctx: 1})):
            pass
    left = """
        select count(*) from pg_stat_activity
        where application_name like 'pgflowc worker%' and datname = current_database()
    """
    await bench.until(lambda: bench.value(left) == 0)
