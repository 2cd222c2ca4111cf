"""A flow with versions, as clients, the test kit and workers see it: one name, several stored flows."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from pgflowc_runtime import Client, Flow, FlowMismatch, FlowNotFound, Registry, RunExists
from pgflowc_runtime.testing import AsyncFlowRunner


@pytest.fixture
def versions(bench, step) -> tuple[Flow[Any], Flow[Any]]:
    """Flow order in two versions, the second one current."""
    first = bench.flow("order", step("check"))
    second = replace(bench.flow("order_v2", step("verify")), name="order", version=2)
    bench.rows("select pgflowc.add_version('order', 2, 'order_v2')")
    bench.rows("select pgflowc.switch_version('order', 1, 2)")
    return first, second


def switch_back(bench) -> None:
    """Runs start on the first version again."""
    bench.rows("select pgflowc.switch_version('order', 2, 1)")


async def slug_of(client: Any, run_id: uuid.UUID) -> str:
    """The stored flow of a run."""
    return str((await client.get_run(run_id)).flow_slug)


async def test_every_way_to_start_a_run_takes_the_current_version(client, bench, versions) -> None:
    _, second = versions
    for flow in ("order", second):
        started = [
            await client.start_flow(flow, {}),
            await client.start_flow(flow, {}, run_id=uuid.uuid4()),
            *(await client.start_flows(flow, [{}, {}])),
            await client.enqueue(flow, {}),
            await client.enqueue_in(flow, {}, timedelta(hours=1)),
        ]
        assert {await slug_of(client, run_id) for run_id in started} == {"order_v2"}
    switch_back(bench)
    assert await slug_of(client, await client.start_flow(second, {})) == "order"
    # A stored slug that is no name is itself.
    assert await slug_of(client, await client.start_flow("order_v2", {})) == "order_v2"


async def test_a_name_with_versions_is_not_defined_from_data(bench, versions) -> None:
    bench.rows("select pgflowc.remove_version('order', 1)")
    bench.rows("select pgflow.delete_flow_and_data('order')")  # nothing is stored under the name itself
    with pytest.raises(FlowMismatch, match="'order' has versions, which migrations define"):
        await bench.client.upsert_flow("order", {}, {"check": {}}, allow_data_loss=True)
    await bench.client.delete_flow("order")
    assert (await bench.client.upsert_flow("order", {}, {"check": {}})).status == "compiled"


async def test_a_start_that_is_repeated_after_a_switch_finds_its_run(client, bench, versions) -> None:
    run_id, others = uuid.uuid4(), [uuid.uuid4(), uuid.uuid4()]
    await client.start_flow("order", {"n": 1}, run_id=run_id)
    await client.start_flows("order", [{}, {}], run_ids=others)
    switch_back(bench)
    assert await client.start_flow("order", {"n": 1}, run_id=run_id) == run_id
    assert await client.start_flows("order", [{}, {}], run_ids=others) == others
    assert bench.value("select count(*) from pgflow.runs") == 3
    with pytest.raises(RunExists):
        await client.start_flow("order", {"n": 2}, run_id=run_id)


async def test_a_transaction_of_the_caller_starts_the_current_version(bench, versions) -> None:
    with psycopg.connect(bench.dsn) as connection, Client(bench.dsn) as client:
        run_id = client.start_flow("order", {}, connection=connection)
        connection.commit()
        assert client.get_run(run_id).flow_slug == "order_v2"


async def test_looking_by_name_finds_all_versions(client, bench, versions) -> None:
    newer = await client.start_flow("order", {})
    switch_back(bench)
    older = await client.start_flow("order", {})
    page = await client.list_runs("order", limit=1)
    assert [run.run_id for run in page.runs] == [older]
    page = await client.list_runs("order", limit=5, after=page.next)
    assert [run.run_id for run in page.runs] == [newer]
    assert [run.run_id for run in (await client.list_runs("order_v2")).runs] == [newer]
    assert (await client.get_flow("order")).flow.slug == "order"
    found = [(one.name, one.version, one.is_current, one.alive_runs) for one in await client.list_versions()]
    assert found == [("order", 1, True, 1), ("order", 2, False, 1)]


async def test_the_name_outlives_its_first_version(client, bench, versions) -> None:
    bench.rows("select pgflowc.remove_version('order', 1)")
    bench.rows("select pgflow.delete_flow_and_data('order')")
    assert await client.flow_exists("order")
    assert [step.slug for step in (await client.get_flow("order")).steps] == ["verify"]
    await client.pause_queue("order")
    assert bench.value("select flow_slug from pgflowc.paused_queues") == "order"
    await client.prune(timedelta(0), flows=["order"])
    await client.delete_flow("order")
    assert bench.value("select count(*) from pgflow.flows") == 0
    assert bench.value("select count(*) from pgflowc.flow_versions") == 0
    with pytest.raises(FlowNotFound):
        await client.start_flow("order", {})


async def test_deleting_a_flow_deletes_all_its_versions(client, bench, versions) -> None:
    await client.delete_flow("order")
    assert bench.value("select count(*) from pgflow.flows") == 0
    assert bench.value("select count(*) from pgflowc.flow_versions") == 0


async def test_the_test_kit_drives_the_newest_version_or_the_one_that_it_is_given(bench, versions) -> None:
    first, second = versions
    registry = Registry()
    registry.add(first, {"check": lambda input, ctx: "old"})
    registry.add(second, {"verify": lambda input, ctx: "new"})
    runner = AsyncFlowRunner(bench.dsn, registry)
    assert (await runner.run_flow("order", {})).output == {"verify": "new"}
    assert (await runner.run_flow(second, {})).output == {"verify": "new"}
    assert (await runner.run_flow(first, {})).output == {"check": "old"}
    switch_back(bench)
    assert (await runner.run_flow("order", {})).output == {"verify": "new"}
    started = await bench.client.start_flow("order", {})
    assert (await AsyncFlowRunner(bench.dsn, registry).drain(started)).output == {"check": "old"}


async def test_a_worker_told_to_serve_a_name_serves_all_versions(bench, versions) -> None:
    first, second = versions
    registry = Registry()
    registry.add(first, {"check": lambda input, ctx: "old"})
    registry.add(second, {"verify": lambda input, ctx: "new"})
    assert [bound.flow.slug for bound in registry.only(("order",))] == ["order", "order_v2"]
    assert [bound.flow.slug for bound in registry.only(("order_v2",))] == ["order_v2"]
    newest = registry.newest("order")
    assert newest is not None
    assert newest.flow is second


async def test_a_database_without_schema_pgflowc_knows_no_names(connect, bench, step) -> None:
    flow = bench.flow("order", step("check"))
    bench.rows("drop schema pgflowc cascade")
    client = connect(bench.dsn)
    try:
        run_id = await client.start_flow(flow, {})
        assert await slug_of(client, run_id) == "order"
        assert [run.run_id for run in (await client.list_runs("order")).runs] == [run_id]
        [only] = await client.list_versions()
        assert (only.name, only.version, only.is_current, only.alive_runs) == ("order", 1, True, 1)
        with psycopg.connect(bench.dsn) as connection, Client(bench.dsn) as joined:
            # Asking costs the caller's transaction nothing.
            joined.start_flow("order", {}, connection=connection)
            connection.commit()
        assert bench.value("select count(*) from pgflow.runs") == 2
    finally:
        await client.close()


async def test_a_last_step_is_added_while_runs_and_workers_are_alive(bench, step) -> None:
    before = bench.flow("order", step("check"), step("charge", "check"))
    after = replace(before, steps=(*before.steps, step("mail", "charge")))
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def charge(deps: Any, ctx: Any) -> str:
        begun.set()
        await may_end.wait()
        return "charged"

    handlers = {"check": lambda input, ctx: True, "charge": charge}
    async with bench.working((before, handlers)):
        alive = await bench.client.start_flow("order", {})
        await asyncio.wait_for(begun.wait(), 20)
        bench.rows("select pgflow.add_step('order', 'mail', array['charge'])")
        later = await bench.client.start_flow("order", {})
        may_end.set()
        assert (await bench.client.wait(alive, timeout=20)).output == {"charge": "charged"}
        # Code that does not know the step leaves it to code that does.
        async with bench.working((after, {**handlers, "mail": lambda deps, ctx: "sent"})):
            assert (await bench.client.wait(later, timeout=20)).output == {"mail": "sent"}
