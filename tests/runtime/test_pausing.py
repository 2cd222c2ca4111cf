"""Paused queues: workers, clients and `pgflowc flows`."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pgflowc.cli.app import build
from pgflowc_runtime import FlowNotFound, SchemaError, telemetry


async def test_a_pause_stops_four_workers_and_a_resume_wakes_them(bench, step) -> None:
    began: list[float] = []

    async def slow(input: Any, ctx: Any) -> Any:
        began.append(time.monotonic())
        await asyncio.sleep(0.02)
        return input

    flow = bench.flow("charge", step("first"), step("second", "first"))
    one = (flow, {"first": slow, "second": slow})
    idle = {"notify_fallback_interval": 60_000, "max_concurrency": 2}
    async with (
        bench.working(one, **idle),
        bench.working(one, **idle),
        bench.working(one, **idle),
        bench.working(one, **idle),
    ):
        await bench.client.start_flows(flow, [{} for _ in range(60)])
        await bench.until(lambda: len(began) > 20)
        assert await bench.client.pause_queue(flow, reason="the gateway is down")
        assert not await bench.client.pause_queue("charge")
        # Claims that had come back by then hand their tasks to handlers at once; nothing follows.
        started = "select count(*) from pgflow.step_tasks where status = 'started'"
        await bench.until(lambda: bench.value(started) == 0)
        executed = len(began)
        assert executed < 120
        await bench.client.start_flow(flow, {"late": True})
        assert (await bench.client.get_flow(flow)).flow.paused.reason == "the gateway is down"
        assert [one.paused is not None for one in (await bench.client.health_check()).flows] == [True]
        waiting = "select count(distinct worker_id) from pgflowc.waiting_workers where expires_at > now()"
        await bench.until(lambda: bench.value(waiting) == 4)
        assert len(began) == executed
        assert bench.value(started) == 0

        resumed = time.monotonic()
        assert await bench.client.resume_queue(flow)
        assert not await bench.client.resume_queue(flow)
        running = "select count(*) from pgflow.runs where status <> 'completed'"
        await bench.until(lambda: bench.value(running) == 0)
        assert began[executed] - resumed < 0.5
    assert (await bench.client.get_flow(flow)).flow.paused is None
    assert len(began) == 122


async def test_pauses_of_unknown_flows_and_in_other_databases_are_refused(bench, step) -> None:
    bench.flow("charge", step("only"))
    for call in (bench.client.pause_queue, bench.client.resume_queue):
        with pytest.raises(FlowNotFound, match="no flow 'chrage'") as caught:
            await call("chrage")
        assert caught.value.help == "did you mean 'charge'?"
    bench.rows("drop function pgflowc.pause_queue")
    async with type(bench.client)(bench.dsn) as other:
        with pytest.raises(SchemaError, match="cannot pause queues"):
            await other.pause_queue("charge")
        assert [flow.paused for flow in await other.list_flows()] == [None]


async def test_a_name_is_paused_with_all_its_versions_and_those_to_come(bench, step) -> None:
    for slug in ("order", "order_v2", "order_v3"):
        bench.flow(slug, step("only"))
    bench.rows("select pgflowc.add_version('order', 2, 'order_v2'), pgflowc.switch_version('order', 1, 2)")
    bench.rows("select pgflowc.remove_version('order', 1), pgflow.delete_flow_and_data('order')")
    assert await bench.client.pause_queue("order", reason="no stock")
    assert not await bench.client.pause_queue("order")
    bench.rows("select pgflowc.add_version('order', 3, 'order_v3'), pgflowc.switch_version('order', 2, 3)")
    await bench.client.start_flow("order", {})
    assert bench.work("order_v3") == 0
    paused = [flow.paused and flow.paused.reason for flow in await bench.client.list_flows()]
    assert paused == ["no stock", "no stock"]
    assert await bench.client.resume_queue("order")
    assert await bench.client.pause_queue("order_v3")
    assert await bench.client.resume_queue("order")
    assert bench.work("order_v3") == 1


async def test_a_deleted_flow_leaves_no_pause(bench, step) -> None:
    bench.flow("charge", step("only"))
    events: list[tuple[str, object]] = []
    telemetry.attach(
        "pauses", ["queue.pause", "queue.resume"], lambda event, _, about: events.append((event, dict(about)))
    )
    try:
        await bench.client.pause_queue("charge")
        await bench.client.pause_queue("charge")
        await bench.client.resume_queue("charge")
        await bench.client.pause_queue("charge")
    finally:
        telemetry.detach("pauses")
    assert [event for event, _ in events] == ["queue.pause", "queue.resume", "queue.pause"]
    assert events[0][1] == {"flow_slug": "charge"}
    await bench.client.delete_flow("charge")
    bench.flow("charge", step("only"))
    assert [flow.paused for flow in await bench.client.list_flows()] == [None]


async def test_the_commands(bench, step, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.flow("charge", step("only"))
    monkeypatch.setenv("PGFLOWC_DSN", bench.dsn)
    monkeypatch.setenv("COLUMNS", "200")

    def flows(*words: str) -> Result:
        return CliRunner().invoke(build(["flows", *words]), ["flows", *words])

    assert flows("pause", "charge", "--reason", "[the] gateway\nis down").output == "charge paused\n"
    again = flows("pause", "charge")
    assert (again.exit_code, again.output) == (1, "charge was paused already\n")
    assert flows("list").output.endswith(": [the] gateway\n")
    assert "\n  paused since 2" in flows("show", "charge").output
    [listed] = json.loads(flows("list", "--json").output)
    assert listed["paused"]["reason"] == "[the] gateway\nis down"
    assert flows("resume", "charge", "--json").output == '{\n  "charge": true\n}\n'
    again = flows("resume", "charge")
    assert (again.exit_code, again.output) == (1, "charge was not paused\n")
    assert flows("resume", "chrage").exit_code == 2
    assert "paused" not in flows("list").output
