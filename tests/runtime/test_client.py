"""Both clients, each through the same tests: start runs, wait for them, look at them."""

from __future__ import annotations

import inspect
import uuid
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from pgflowc_runtime import (
    AsyncClient,
    Client,
    ConfigurationError,
    DatabaseUnavailable,
    FlowNotFound,
    InvalidInput,
    Payload,
    RunExists,
    RunNotFound,
    SchemaError,
    WaitTimeout,
)


class OrderInput(Payload):
    order_id: int
    total: Decimal = Decimal("1.50")
    note: str | None = None


@pytest.fixture
def flow(bench, step):
    return bench.flow("orders", step("charge"), step("mail", "charge"), input=OrderInput)


async def test_a_model_is_stored_as_json_with_its_defaults(client, flow) -> None:
    run = await client.get_run(await client.start_flow(flow, OrderInput(order_id=1)))
    assert (run.flow_slug, run.status, run.remaining_steps) == ("orders", "started", 2)
    assert run.input == {"order_id": 1, "total": "1.50", "note": None}
    assert not run.finished


async def test_plain_data_is_checked_and_stored_as_it_was_given(client, flow) -> None:
    given = {"order_id": 1, "unknown": [Decimal("2.5")]}
    run = await client.get_run(await client.start_flow(flow, given))
    assert run.input == {"order_id": 1, "unknown": ["2.5"]}
    with pytest.raises(InvalidInput, match=r"^input of flow 'orders': order_id: Field required$"):
        await client.start_flow(flow, {"note": "x"})


async def test_by_slug_the_database_judges(client, flow, bench, step) -> None:
    assert await client.start_flow("orders", {"anything": True})
    bench.flow("rows", step("each", kind="map"), input=list[int])
    with pytest.raises(InvalidInput, match="Flow rows has root map steps but input is not an array"):
        await client.start_flow("rows", {})


@pytest.mark.parametrize(
    "value", [float("nan"), object(), "\ud800", "\x00"], ids=["nan", "object", "surrogate", "nul"]
)
async def test_what_is_not_json_is_refused(client, flow, value: Any) -> None:
    with pytest.raises(InvalidInput):
        await client.start_flow("orders", {"value": value})


async def test_an_unknown_flow_is_told_with_a_near_miss(client, flow) -> None:
    with pytest.raises(FlowNotFound, match="no flow 'order' in this database") as caught:
        await client.start_flow("order", {})
    assert caught.value.help == "did you mean 'orders'?"
    with pytest.raises(FlowNotFound) as caught:
        await client.start_flow("xyz", {})
    assert caught.value.help == "run `pgflowc db up` to apply its migration"


async def test_a_run_id_names_one_flow_and_input_for_ever(client, flow, bench, step) -> None:
    chosen = uuid.uuid4()
    for run_id in (chosen, str(chosen), chosen):
        assert await client.start_flow(flow, OrderInput(order_id=1), run_id=run_id) == chosen
    assert bench.value("select count(*) from pgflow.runs") == 1
    with pytest.raises(RunExists, match=f"^run {chosen} exists, of flow 'orders', with input .*1.*, not .*2"):
        await client.start_flow(flow, OrderInput(order_id=2), run_id=chosen)
    bench.flow("other", step("only"))
    with pytest.raises(RunExists, match=f"^run {chosen} exists, of flow 'orders', not 'other'$"):
        await client.start_flow("other", run_id=chosen)


async def test_waiting_ends_with_the_run_or_its_time(client, flow, bench) -> None:
    run_id = await client.start_flow(flow, OrderInput(order_id=1))
    with pytest.raises(WaitTimeout, match=r"is not finished after 0\.05 s") as caught:
        await client.wait(run_id, timeout=0.05)
    assert isinstance(caught.value, TimeoutError)
    async with bench.working((flow, {"charge": lambda i, c: 1, "mail": lambda d, c: 2})):
        assert (await client.wait(run_id, timeout=20)).output == {"mail": 2}
        run = await client.start_flow_sync(flow, OrderInput(order_id=2), timeout=20)
    assert run.finished
    assert run.completed_at is not None
    assert run.completed_at.tzinfo is not None


async def test_an_unknown_run(client, flow) -> None:
    unknown = uuid.uuid4()
    for method in (client.get_run, client.wait, client.get_run_with_states):
        with pytest.raises(RunNotFound, match=str(unknown)):
            await method(unknown)
    assert await client.list_step_tasks(unknown) == []


async def test_states_and_tasks_tell_what_happened(client, bench, step) -> None:
    flow = bench.flow(
        "report",
        step("items"),
        step("each", "items", kind="map", max_attempts=2),
        step("sum", "each", "items"),
    )

    def each(item: int, ctx: Any) -> int:
        if item == 2 and ctx.attempt == 1:
            raise ValueError("not yet")
        return item * 10

    handlers = {"items": lambda i, c: [1, 2, 3], "each": each, "sum": lambda d, c: sum(d["each"])}
    async with bench.working((flow, handlers)):
        run = await client.start_flow_sync(flow, {}, timeout=20)
    state = await client.get_run_with_states(run.run_id)
    assert state.run == run
    assert [step.step_slug for step in state.steps] == ["items", "each", "sum"]
    each_state = state.step("each")
    assert (each_state.kind, each_state.depends_on, each_state.status) == ("map", ("items",), "completed")
    assert (each_state.initial_tasks, each_state.tasks_completed, each_state.attempts) == (3, 3, 2)
    assert each_state.output == [10, 20, 30]
    assert each_state.error is None
    assert state.step("sum").depends_on == ("each", "items")
    with pytest.raises(KeyError):
        state.step("nothing")
    tasks = await client.list_step_tasks(run.run_id, "each")
    assert [(task.task_index, task.attempts, task.output) for task in tasks] == [
        (0, 1, 10),
        (1, 2, 20),
        (2, 1, 30),
    ]
    assert len(await client.list_step_tasks(run.run_id)) == 5


async def test_runs_are_listed_latest_first_by_flow_and_status(client, flow, bench, step) -> None:
    other = bench.flow("other", step("only"))
    ids = [await client.start_flow(flow, OrderInput(order_id=n)) for n in range(3)]
    async with bench.working((other, {"only": lambda i, c: i[0]})):
        failed = (await client.start_flow_sync(other, {}, timeout=20)).run_id
    assert [run.run_id for run in await client.list_runs()] == [failed, *reversed(ids)]
    assert [run.run_id for run in await client.list_runs(flow, limit=2)] == [ids[2], ids[1]]
    [run] = await client.list_runs(status="failed")
    assert run.run_id == failed
    assert run.error is not None
    assert run.error.startswith("KeyError: 0")
    assert list(await client.list_runs("other", status="completed")) == []


async def test_pages_of_runs_of_several_flows_have_each_run_once(client, flow, bench, step) -> None:
    other = bench.flow("others", step("only"))
    for number in range(4):
        # Started in one statement, and so at the same time: their ids decide.
        await client.start_flows(flow, [{"order_id": number}] * 2)
        await client.start_flow(other, {})
    seen, page = [], await client.list_runs(limit=5)
    while page:
        seen += [(run.started_at, run.run_id) for run in page.runs]
        page = page.next and await client.list_runs(limit=5, after=page.next)
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 12
    flows = await client.list_runs(kind="flow", since=seen[-1][0], limit=3)
    assert [run.run_id for run in flows.runs] == [run_id for _, run_id in seen[:3]]
    assert (await client.list_runs(kind="job")).runs == ()


async def test_numbers_longer_than_pythons_are_shown(client, flow, bench) -> None:
    run_id = await client.start_flow(flow, {"order_id": 1})
    bench.rows("update pgflow.runs set input = ('[1, -1' || repeat('0', 5000) || ']')::jsonb")
    small, huge = (await client.get_run(run_id)).input
    assert (small, huge) == (1, Decimal("-1" + "0" * 5000))


async def test_flows_are_listed(client, flow, bench, step) -> None:
    bench.flow("mail", step("perform"), max_attempts=5, base_delay=7, timeout=90)
    bench.rows("update pgflow.flows set flow_type = 'job' where flow_slug = 'mail'")
    mail, orders = await client.list_flows()
    assert (mail.slug, mail.kind, mail.max_attempts, mail.base_delay, mail.timeout) == (
        "mail",
        "job",
        5,
        7,
        90,
    )
    assert (orders.slug, orders.kind) == ("orders", "flow")
    assert await client.flow_exists("mail")
    assert await client.flow_exists(flow)
    assert not await client.flow_exists("Mail")


async def test_cut_connections_are_replaced(client, flow, bench) -> None:
    run_id = await client.start_flow(flow, OrderInput(order_id=1))
    cut = """
        select count(pg_terminate_backend(pid)) from pg_stat_activity
        where application_name = 'pgflowc client' and datname = current_database()
    """
    assert bench.value(cut) >= 1
    assert (await client.get_run(run_id)).run_id == run_id


async def test_a_database_without_core(connect, empty_dsn: str) -> None:
    client = connect(empty_dsn)
    for call in (client.list_flows(), client.start_flow("x", {}), client.get_run(uuid.uuid4())):
        with pytest.raises(SchemaError, match="the pgflow core is not installed") as caught:
            await call
        assert caught.value.help == "run `pgflowc db up`"
    await client.close()


async def test_the_schema_is_checked_on_request(client, flow, bench) -> None:
    await client.check_schema()
    bench.rows("update pgflowc.installed_components set version = 99 where component = 'core'")
    with pytest.raises(SchemaError, match="the database has version 99 of 'core', newer than 1") as caught:
        await client.check_schema()
    assert caught.value.help == "upgrade it: `pip install --upgrade pgflowc`"
    assert await client.start_flow(flow, {"order_id": 1})


async def test_no_database(connect) -> None:
    client = connect("host=/nonexistent dbname=shop")
    with pytest.raises(DatabaseUnavailable, match="cannot connect to database 'shop' at /nonexistent"):
        await client.list_flows()
    with pytest.raises(ConfigurationError):
        connect("nonsense")


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, Any]:
        return {
            name: list(inspect.signature(member).parameters)
            for name, member in vars(kind).items()
            if inspect.isfunction(member) and not name.startswith("_")
        }

    assert methods(Client) == methods(AsyncClient)


def test_a_client_serves_many_threads(core_dsn: str, bench, flow) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with Client(core_dsn, pool_size=2) as client, ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda n: client.start_flow("orders", {"n": n}), range(40)))
    assert len(set(ids)) == 40
    assert bench.value("select count(*) from pgflow.runs") == 40
    with psycopg.connect(core_dsn) as connection:
        row = connection.execute("select count(*) from pgflow.step_tasks").fetchone()
    assert row == (40,)
