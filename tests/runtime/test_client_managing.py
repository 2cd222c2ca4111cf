"""Definitions from data, ending and resuming runs, pages of runs, pruning, health."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pgflowc_runtime import (
    AsyncClient,
    Client,
    ConfigurationError,
    FlowMismatch,
    FlowNotFound,
    InvalidCursor,
    InvalidDefinition,
    InvalidInput,
    InvalidTime,
    RunExists,
    RunNotFound,
    SchemaError,
)

SYNC: dict[str, Any] = {
    "flow": "sync",
    "max_attempts": 3,
    "base_delay": 2,
    "timeout": 60,
    "steps": {
        "report": {"depends_on": ["store", "fetch"], "if": {"fetch": []}, "when_unmet": "skip-cascade"},
        "fetch": {"timeout": 90, "start_delay": 1, "if_not": {"dry": True}, "when_unmet": "fail"},
        "store": {"map": "fetch", "max_attempts": 5, "base_delay": 0, "when_exhausted": "skip"},
    },
}


@pytest.fixture
def client(bench: Any) -> AsyncClient:
    """Both kinds of client drive the same calls: one of them is enough here."""
    return bench.client


# Definitions


async def test_a_flow_is_defined_from_data(client) -> None:
    assert (await client.upsert_flow(SYNC)).status == "compiled"
    flow = await client.get_flow("sync")
    assert (flow.flow.kind, flow.flow.max_attempts, flow.flow.base_delay, flow.flow.timeout) == (
        "flow",
        3,
        2,
        60,
    )
    assert [step.slug for step in flow.steps] == ["fetch", "store", "report"]
    fetch, store, report = flow.steps
    assert (fetch.timeout, fetch.start_delay, fetch.forbidden, fetch.when_unmet) == (
        90,
        1,
        {"dry": True},
        "fail",
    )
    assert (store.kind, store.max_attempts, store.base_delay, store.when_exhausted) == ("map", 5, 0, "skip")
    assert (report.required, report.forbidden, report.when_unmet) == ({"fetch": []}, None, "skip-cascade")
    assert flow.depends_on("report") == ("fetch", "store")
    assert flow.depends_on("store") == ("fetch",)
    assert flow.step("store").index == 1
    with pytest.raises(KeyError):
        flow.step("nothing")
    with pytest.raises(FlowNotFound) as caught:
        await client.get_flow("synk")
    assert caught.value.help == "did you mean 'sync'?"


async def test_a_job_is_defined_from_data(client, bench) -> None:
    job = {"job": "send", "timeout": 5, "perform": {"max_attempts": 2}}
    assert (await client.upsert_flow(job)).status == "compiled"
    flow = await client.get_flow("send")
    assert (flow.flow.kind, [step.slug for step in flow.steps]) == ("job", ["send"])
    await client.enqueue("send", {"to": "a"})
    assert bench.work("send") == 1


async def test_nothing_is_lost_unless_told_so(client, bench) -> None:
    await client.upsert_flow(SYNC)
    run_id = await client.start_flow("sync", {})
    assert (await client.upsert_flow(SYNC)).status == "unchanged"

    options = {
        **SYNC,
        "timeout": 61,
        "steps": {**SYNC["steps"], "fetch": {**SYNC["steps"]["fetch"], "timeout": None}},
    }
    changed = await client.upsert_flow(options)
    assert (changed.status, changed.differences) == (
        "updated",
        ("options of the flow", "options of step 'fetch'"),
    )
    flow = await client.get_flow("sync")
    assert (flow.flow.timeout, flow.step("fetch").timeout, flow.step("fetch").start_delay) == (61, None, 1)

    other = {"flow": "sync", "steps": {"fetch": {}}}
    with pytest.raises(
        FlowMismatch,
        match=r"flow 'sync' is in the database and differs \(wanted vs there\): Step count differs: 1 vs",
    ) as caught:
        await client.upsert_flow(other)
    assert "allow_data_loss=True" in caught.value.help
    assert (await client.get_run(run_id)).flow_slug == "sync"

    recompiled = await client.upsert_flow(other, allow_data_loss=True)
    assert recompiled.status == "recompiled"
    assert recompiled.differences
    with pytest.raises(RunNotFound):
        await client.get_run(run_id)
    assert await client.start_flow("sync", {})


async def test_supabase_on_a_laptop_loses_nothing_either(client, bench) -> None:
    secret = "super-secret-jwt-token-with-at-least-32-characters-long"
    bench.rows(
        f"alter database {bench.value('select current_database()')} set app.settings.jwt_secret = '{secret}'"
    )
    await client.upsert_flow(SYNC)
    assert bench.value("select pgflow.is_local()")
    with pytest.raises(FlowMismatch):
        await client.upsert_flow({"flow": "sync", "steps": {"fetch": {}}})


async def test_what_the_database_would_refuse_is_told(bench) -> None:
    with pytest.raises(InvalidDefinition, match=r"steps\.a\.if: 'if' has a NUL character"):
        await bench.client.upsert_flow({"flow": "f", "steps": {"a": {"if": {"x": "\x00"}}}})


async def test_a_slug_that_differs_only_in_case_is_told(client) -> None:
    await client.upsert_flow(SYNC)
    with pytest.raises(InvalidDefinition, match="only in case") as caught:
        await client.upsert_flow({**SYNC, "flow": "Sync"})
    assert [(fault.code, fault.path) for fault in caught.value.diagnostics] == [("PGF210", ("flow",))]


async def test_two_definitions_at_once_are_one(client, bench) -> None:
    import asyncio

    done = await asyncio.gather(*(client.upsert_flow(SYNC) for _ in range(4)))
    assert sorted(upserted.status for upserted in done) == ["compiled", "unchanged", "unchanged", "unchanged"]


async def test_a_flow_is_deleted_with_everything(client, bench) -> None:
    await client.upsert_flow(SYNC)
    await client.start_flow("sync", {})
    bench.rows("select pgflowc.set_schedule('sync', '@hourly')")
    await client.delete_flow("sync")
    assert await client.list_flows() == []
    for table in ("pgflow.runs", "pgflow.step_tasks", "pgflowc.schedules", "pgmq.meta"):
        assert bench.value(f"select count(*) from {table}") == 0
    with pytest.raises(FlowNotFound):
        await client.delete_flow("sync")


# Ending and resuming


@pytest.fixture
def mapped(bench, step):
    return bench.flow("mapped", step("list"), step("each", "list", kind="map"), step("sum", "each"))


async def test_a_run_is_cancelled(client, mapped, bench) -> None:
    run_id = await client.start_flow(mapped, {})
    assert await client.cancel_run(str(run_id), reason="not needed")
    run = await client.get_run(run_id)
    assert (run.status, run.error) == ("failed", "cancelled by postgres: not needed")
    assert [task.status for task in await client.list_step_tasks(run_id)] == ["cancelled"]
    assert not await client.cancel_run(run_id)
    with pytest.raises(RunNotFound):
        await client.cancel_run(uuid.uuid4())
    assert bench.work("mapped") == 0


async def test_a_failed_run_goes_on_where_it_failed(client, mapped, bench) -> None:
    run_id = await client.start_flow(mapped, {})
    assert not await client.retry_run(run_id)
    bench.work("mapped", {"list": [1, 2], "each": ValueError("broken")})
    assert (await client.get_run(run_id)).error == "broken"
    assert await client.retry_run(run_id)
    run = await client.get_run(run_id)
    assert (run.status, run.error, run.failed_at) == ("started", None, None)
    assert bench.work("mapped", {"each": "ok", "sum": 7}) == 3
    assert (await client.get_run(run_id)).output == {"sum": 7}
    assert [state.status for state in await client.list_step_states(run_id)] == ["completed"] * 3
    with pytest.raises(RunNotFound):
        await client.retry_run(uuid.uuid4())


async def test_what_a_foreign_core_cannot_do_is_said(client, mapped, bench) -> None:
    run_id = await client.start_flow(mapped, {})
    bench.rows("drop schema pgflowc cascade")
    for call in (client.cancel_run(run_id), client.retry_run(run_id)):
        with pytest.raises(SchemaError, match=r"not wholly: .*pgflowc") as caught:
            await call
        assert caught.value.help == "run `pgflowc db up`"


# Lists


async def test_pages_stay_in_step_while_runs_start(client, mapped, bench) -> None:
    first = await client.start_flows(mapped, [{"n": n} for n in range(7)])
    page = await client.list_runs(limit=3)
    seen = list(page)
    while page.next is not None:
        await client.start_flow(mapped, {"late": True})
        page = await client.list_runs(limit=3, after=str(page.next))
        seen += page
    assert [run.run_id for run in seen] == sorted(first, reverse=True)
    assert len(page) == 1
    assert page[0] == page.runs[0]
    assert len(await client.list_runs(limit=2, after=None)) == 2


async def test_runs_are_filtered(client, mapped, bench) -> None:
    await client.upsert_flow({"job": "send", "perform": {}})
    mail = await client.enqueue("send", {"to": "a@shop.example", "tags": ["x", "y"]})
    await client.enqueue("send", {"to": "b@shop.example"})
    run_id = await client.start_flow(mapped, {"n": 1})
    await client.cancel_run(run_id)
    begun = (await client.get_run(run_id)).started_at

    async def ids(**filters: Any) -> list[uuid.UUID]:
        return [run.run_id for run in await client.list_runs(**filters)]

    assert await ids(kind="flow") == [run_id]
    assert len(await ids(kind="job")) == 2
    assert await ids(status="failed", flow="mapped") == [run_id]
    assert await ids(input={"tags": ["y"]}) == [mail]
    assert await ids(input={}, flow="mapped") == [run_id]
    assert await ids(since=begun) == [run_id]
    assert len(await ids(until=begun)) == 2
    assert await ids(since=datetime.now(UTC) + timedelta(hours=1)) == []
    assert await ids(flow="nothing") == []


@pytest.mark.parametrize("cursor", ["", "x", "ü", "W10", "bnVsbA", "WyIyMDMwLTAxLTAxIiwgMV0"])
async def test_a_cursor_that_is_none(bench, cursor: str) -> None:
    with pytest.raises(InvalidCursor, match="is no cursor of a list"):
        await bench.client.list_runs(after=cursor)


async def test_filters_that_are_none(bench) -> None:
    for wrong in (
        {"status": "done"},
        {"kind": "flows"},
        {"flow": "a\x00"},
        {"input": {"x": {1}}, "until": 7},
    ):
        with pytest.raises(InvalidInput):
            await bench.client.list_runs(**wrong)
    with pytest.raises(InvalidTime):
        await bench.client.list_runs(since=datetime(2030, 1, 1))  # noqa: DTZ001


async def test_a_page_has_bounds(bench) -> None:
    for limit in (0, -1, 10_001):
        with pytest.raises(InvalidInput, match="a page has 1 to 10000 runs"):
            await bench.client.list_runs(limit=limit)


# Operating


async def test_old_runs_are_pruned(client, mapped, bench) -> None:
    await client.upsert_flow({"job": "send", "perform": {}})
    for slug in ("mapped", "send"):
        run_id = await client.start_flow(slug, {})
        await client.cancel_run(run_id)
        bench.rows(
            "update pgflow.runs set started_at = now() - interval '9 d', failed_at = now() - interval '9 d'"
        )
    alive = await client.start_flow(mapped, {})
    assert (await client.prune(timedelta(days=10))).runs == await client.count_ended(timedelta(days=10)) == 0
    assert await client.count_ended(timedelta(days=8)) == 2
    assert await client.count_ended(timedelta(days=8), flows=[mapped]) == 1
    pruned = await client.prune(timedelta(days=8), flows=[mapped])
    assert (pruned.runs, pruned.step_states, pruned.step_tasks, pruned.workers) == (1, 3, 1, 0)
    assert (await client.prune(timedelta(days=8), flows="send")).runs == 1
    assert [run.run_id for run in await client.list_runs()] == [alive]
    with pytest.raises(FlowNotFound) as caught:
        await client.prune(timedelta(0), flows=["maped"])
    assert caught.value.help == "did you mean 'mapped'?"
    for age in (timedelta(days=-1), timedelta.max, 5, None):
        with pytest.raises(InvalidInput):
            await client.prune(age)


async def test_arguments_of_a_wrong_kind_are_named(client, mapped) -> None:
    run_id = await client.start_flow(mapped, {})
    day, lone = timedelta(days=1), "\ud800"
    calls = {
        "older_than is a timedelta, not a int": lambda: client.prune(30),
        "flows are a list of flows, not a int": lambda: client.prune(day, flows=5),
        "a page has 1 to 10000 runs, not None": lambda: client.list_runs(limit=None),
        "a page has 1 to 10000 runs, not 1.5": lambda: client.list_runs(limit=1.5),
        "the slug of a step is a text, not a dict": lambda: client.list_step_tasks(run_id, {}),
        "the slug of a step is a text, not a int": lambda: client.signal(run_id, 5),
        "step 'items' has no task None": lambda: client.signal(run_id, "items", task_index=None),
        "a reason is a text, not a dict": lambda: client.cancel_run(run_id, reason={}),
        "a reason is a text, not a int": lambda: client.pause_queue(mapped, reason=5),
        "the slug of a flow is no text: ": lambda: client.resume_queue(lone),
        "inputs are a list with an input for each run": lambda: client.start_flows(mapped, 5),
        "run ids are a list with one for each input": lambda: client.start_flows(mapped, [], run_ids=5),
        "None is no time with a timezone": lambda: client.enqueue_at(mapped, {}, None),
        "a delay is seconds or a timedelta, not None": lambda: client.enqueue_in(mapped, {}, None),
        "a delay is seconds or a timedelta, not 1000": lambda: client.enqueue_in(mapped, {}, 10**400),
        "definition of 'one': options are a mapping": lambda: client.upsert_flow("one", 5, {"a": {}}),
    }
    for text, call in calls.items():
        with pytest.raises(InvalidInput) as caught:
            await call()
        assert str(caught.value).startswith(text)
    for wrong in ({"dsn": 5}, {"dsn": lone}, {"pool_size": "4"}, {"pool_size": 0}, {"patience": None}):
        for kind in (Client, AsyncClient):
            with pytest.raises(ConfigurationError):
                kind(**wrong)


async def test_health(client, mapped, bench) -> None:
    health = await client.health_check()
    assert health.ok
    assert (health.workers, [flow.slug for flow in health.flows]) == ((), ["mapped"])
    assert health.components["core"] >= 1
    assert health.server_version >= 140000
    await client.start_flow(mapped, {})
    assert (await client.health_check()).problems == ("flow 'mapped': 1 waiting, and no worker serves it",)
    bench.rows(
        "insert into pgflow.workers (worker_id, queue_name, function_name) values (%s, 'mapped', 'w')",
        uuid.uuid4(),
    )
    assert (await client.health_check()).ok


async def test_workers_are_listed(client, mapped, bench) -> None:
    ids = [uuid.uuid4() for _ in range(3)]
    for worker_id in ids:
        bench.rows(
            "insert into pgflow.workers (worker_id, queue_name, function_name) values (%s, 'mapped', 'w')",
            worker_id,
        )
    bench.rows("update pgflow.workers set stopped_at = now() where worker_id = %s", ids[0])
    bench.rows(
        "update pgflow.workers set last_heartbeat_at = now() - interval '1 h' where worker_id = %s", ids[1]
    )
    [alive] = await client.list_workers()
    assert (alive.worker_id, alive.queue_name, alive.alive, alive.stopped_at) == (
        ids[2],
        "mapped",
        True,
        None,
    )
    assert {worker.worker_id for worker in await client.list_workers(include_stopped=True)} == set(ids)


def test_the_blocking_client_does_the_same(bench, mapped) -> None:
    with Client(bench.dsn) as client:
        assert client.upsert_flow(SYNC).status == "compiled"
        with pytest.raises(FlowMismatch):
            client.upsert_flow({"flow": "sync", "steps": {"fetch": {}}})
        assert [flow.slug for flow in client.list_flows()] == ["mapped", "sync"]
        assert client.get_flow("sync").flow.kind == "flow"
        assert client.flow_exists("sync")
        [one, two] = client.start_flows(mapped, [{"n": 1}, {"n": 2}])
        with pytest.raises(RunExists):
            client.start_flows(mapped, [{"n": 3}], run_ids=[one])
        assert client.cancel_run(one)
        assert client.retry_run(one)
        assert not client.retry_run(one)
        assert client.enqueue_at("sync", {}, datetime.now(UTC))
        assert client.enqueue_in("sync", {}, 5)
        assert [run.run_id for run in client.list_runs(mapped, input={"n": 2})] == [two]
        assert len(client.list_step_states(one)) == 3
        assert client.list_workers() == []
        assert not client.health_check().ok
        client.delete_flow("sync")
        assert client.prune(timedelta(0), flows=[mapped]).runs == 0
        with pytest.raises(FlowNotFound):
            client.delete_flow("sync")
