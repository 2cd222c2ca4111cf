"""Flows that are defined at run time, served by a pattern while the worker runs."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pgflowc_runtime import InvalidInput, Registry, RegistryError, Worker, WorkerConfig, discovery
from pgflowc_runtime.flow_pattern import parse_pattern


def fetch(input: Any, ctx: Any) -> Any:
    return [input["n"], input["n"] + 1]


async def store(item: Any, ctx: Any) -> Any:
    return {ctx.flow_slug: item}


def total(deps: Any, ctx: Any) -> Any:
    return deps


HANDLERS = {"fetch": fetch, "store": store, "total": total}
STEPS = {"fetch": {}, "store": {"map": "fetch"}}


def worker(bench, registry: Registry | None = None, **config: Any) -> Worker:
    if registry is None:
        registry = Registry()
        registry.serve_pattern("acct_*_sync", HANDLERS)
    idle = {"notify_fallback_interval": 60_000, "heartbeat_interval": 60_000, "drain_timeout": 5}
    return Worker(registry, dsn=bench.dsn, config=WorkerConfig(**{**idle, **config}))


@pytest.mark.parametrize(
    "config", [{}, {"signal": "polling", "min_poll_interval": 100, "max_poll_interval": 200}]
)
async def test_new_flows_are_served_within_two_seconds(bench, config) -> None:
    await bench.client.upsert_flow("acct_1_sync", {"timeout": "10s"}, STEPS)
    await bench.client.upsert_flow("acct_1_other", {}, STEPS)
    async with worker(bench, **config):
        run = await bench.client.start_flow_sync("acct_1_sync", {"n": 1}, timeout=10)
        assert run.output == {"store": [{"acct_1_sync": 1}, {"acct_1_sync": 2}]}
        for n in (2, 3):
            slug = f"acct_{n}_sync"
            await bench.client.upsert_flow(slug, {}, STEPS)
            began = time.monotonic()
            run = await bench.client.start_flow_sync(slug, {"n": n}, timeout=10)
            assert time.monotonic() - began < 2.5
            assert run.status == "completed"
        serving = "select queue_name from pgflow.workers where stopped_at is null order by 1"
        assert bench.rows(serving) == [("acct_1_sync",), ("acct_2_sync",), ("acct_3_sync",)]
        assert bench.value("select count(*) from pgflow.runs where status <> 'completed'") == 0

        await bench.client.delete_flow("acct_2_sync")
        await bench.until(lambda: bench.rows(serving) == [("acct_1_sync",), ("acct_3_sync",)])


async def test_flows_defined_in_sql_and_changed_ones_are_served_as_they_are_now(bench) -> None:
    async with worker(bench):
        bench.rows("select pgflow.create_flow('acct_1_sync')")
        bench.rows("select pgflow.add_step('acct_1_sync', 'fetch')")
        run = await bench.client.start_flow_sync("acct_1_sync", {"n": 1}, timeout=10)
        assert run.output == {"fetch": [1, 2]}
        steps = {**STEPS, "total": {"depends_on": ["store"]}}
        done = await bench.client.upsert_flow("acct_1_sync", {}, steps, allow_data_loss=True)
        assert done.status == "recompiled"
        # Whatever the worker knew of the flow before, it executes the steps that there are now.
        await bench.until(lambda: bench.rows("select 1 from pg_trigger where tgname = 'pgflowc_wakeup'"))
        run = await bench.client.start_flow_sync("acct_1_sync", {"n": 5}, timeout=10)
        assert run.output == {"total": {"store": [{"acct_1_sync": 5}, {"acct_1_sync": 6}]}}


async def test_a_step_that_the_worker_has_not_seen_yet_is_executed_all_the_same(bench, monkeypatch) -> None:
    """Behind a pooler tasks are looked for more often than definitions."""
    monkeypatch.setattr(discovery, "_DEAF_SECONDS", 60.0)
    await bench.client.upsert_flow("acct_1_sync", {}, {"fetch": {}})
    async with worker(bench, signal="polling", min_poll_interval=20, max_poll_interval=20):
        assert (await bench.client.start_flow_sync("acct_1_sync", {"n": 1}, timeout=10)).error is None
        bench.rows("select pgflow.add_step('acct_1_sync', 'total', array['fetch'])")
        run = await bench.client.start_flow_sync("acct_1_sync", {"n": 1}, timeout=10)
    assert run.output == {"total": {"fetch": [1, 2]}}


async def test_a_flow_with_a_step_that_nobody_handles_is_named_and_left_alone(bench, caplog) -> None:
    await bench.client.upsert_flow("acct_1_sync", {}, {"fetch": {}, "send": {"depends_on": ["fetch"]}})
    run_id = await bench.client.start_flow("acct_1_sync", {"n": 1})
    async with worker(bench):
        await bench.until(lambda: any("no handler for 'send'" in message for message in caplog.messages))
        [task] = await bench.client.list_step_tasks(run_id)
        assert task.status == "queued"
        await bench.client.upsert_flow("acct_1_sync", {}, {"fetch": {}}, allow_data_loss=True)
        assert (await bench.client.start_flow_sync("acct_1_sync", {"n": 1}, timeout=10)).status == "completed"


async def test_approvals_and_signals_are_served_as_they_are_declared_now(bench) -> None:
    async def sign(deps: Any, ctx: Any) -> Any:
        return [type(ctx).__name__, await ctx.await_signal(wait_timeout=0)]

    class Receipt(BaseModel):
        number: int

    async def file(deps: Any, ctx: Any) -> Any:
        return (await ctx.await_signal()).number + 1

    registry = Registry()
    registry.serve_pattern("acct_*", {"sign": sign, "file": file}, signals={"file": Receipt})
    bench.rows("select pgflow.create_flow('acct_1')")
    bench.rows("select pgflow.add_step('acct_1', 'approve')")
    bench.rows("select pgflow.add_step('acct_1', 'sign', array['approve'])")
    async with worker(bench, registry):
        # Nobody can execute `approve`, until the same step is one that needs nobody.
        run_id = await bench.client.start_flow("acct_1", {})
        await bench.client.cancel_run(run_id)
        bench.rows("select pgflowc.set_signal('acct_1', 'approve', '{}', null, true)")
        bench.rows("select pgflowc.set_signal('acct_1', 'sign', '{\"type\": \"integer\"}', 60)")
        began = time.monotonic()
        run_id = await bench.client.start_flow("acct_1", {})
        assert await bench.client.signal(run_id, "approve", {"by": "Ada"}) == "delivered"
        with pytest.raises(InvalidInput, match="string instead of integer"):
            await bench.client.signal(run_id, "sign", "A-17")
        await bench.client.signal(run_id, "sign", 17)
        run = await bench.client.wait(run_id, timeout=10)
        assert time.monotonic() - began < 2.5
        assert run.output == {"sign": ["SignalContext", 17]}

        # A step that was added a moment ago, and an approval that is none any more.
        bench.rows("select pgflow.add_step('acct_1', 'file', array['sign'])")
        run_id = await bench.client.start_flow("acct_1", {})
        for step, payload in (("approve", True), ("sign", 1), ("file", {"number": 2})):
            await bench.client.signal(run_id, step, payload)
        assert (await bench.client.wait(run_id, timeout=10)).output == {"file": 3}
        bench.rows("select pgflowc.remove_signal('acct_1', 'approve')")
        serving = "select 1 from pgflow.workers where stopped_at is null"
        await bench.until(lambda: not bench.rows(serving))


async def test_handlers_of_a_pattern_run_where_it_says(bench) -> None:
    async def where(input: Any, ctx: Any) -> Any:
        return threading.get_ident()

    registry = Registry()
    registry.serve_pattern("acct_*", {"fetch": where}, isolation={"fetch": "thread"})
    await bench.client.upsert_flow("acct_1", {}, {"fetch": {}})
    async with worker(bench, registry):
        run = await bench.client.start_flow_sync("acct_1", {}, timeout=20)
    assert run.status == "completed"
    assert run.output["fetch"] != threading.get_ident()
    Registry().serve_pattern("acct_*", {"fetch": fetch}, isolation={"fetch": "process"})
    for said, message in (
        ({"isolation": {"fetsch": "thread"}}, "isolation names step 'fetsch', which has no handler"),
        ({"isolation": {"fetch": "loop"}}, "isolation is 'thread' or 'process', not 'loop'"),
        ({"signals": {"sign": int}}, "signals names step 'sign', which has no handler"),
        ({"signals": {"fetch": object()}}, "signal type is unusable"),
    ):
        with pytest.raises(RegistryError, match=message):
            Registry().serve_pattern("acct_*", {"fetch": fetch}, **said)
    with pytest.raises(RegistryError, match="cannot be imported by its name"):
        Registry().serve_pattern("a*", {"fetch": lambda input, ctx: 1}, isolation={"fetch": "process"})


async def test_an_idle_worker_asks_for_flows_only_when_it_is_told_of_some(bench) -> None:
    await bench.client.upsert_flow("acct_1_sync", {}, STEPS)
    looks = """
        select count(*) from pg_stat_activity
        where query like '%as fingerprint%' and query_start > clock_timestamp() - interval '1.4 s'
          and application_name like 'pgflowc worker%'
    """
    async with worker(bench):
        await bench.client.start_flow_sync("acct_1_sync", {"n": 1}, timeout=10)
        # A worker that asked by the clock would do so every second and a half.
        await bench.until(lambda: bench.value(looks) == 0)
        deadline = time.monotonic() + 1.7
        await bench.until(lambda: bench.value(looks) > 0 or time.monotonic() > deadline)
        assert bench.value(looks) == 0


def test_patterns_and_handlers_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry()
    for glob in ("acct", "acct-*", "", "a*" * 100):
        with pytest.raises(RegistryError, match="is no pattern of flow slugs"):
            registry.serve_pattern(glob, HANDLERS)
    with pytest.raises(RegistryError, match="step 'fetch': the handler is not callable, it is of type int"):
        registry.serve_pattern("a*", {"fetch": 3})
    with pytest.raises(RegistryError, match="has no handler"):
        registry.serve_pattern("a*", {})
    with pytest.raises(RegistryError, match="isolation 'process' cannot wait for a signal"):
        registry.serve_pattern("a*", HANDLERS, signals={"fetch": str}, isolation={"fetch": "process"})
    registry.serve_pattern("a*", HANDLERS)
    with pytest.raises(RegistryError, match="registered twice"):
        registry.serve_pattern("a*", HANDLERS)

    (tmp_path / "accounts_of_a_test.py").write_text(
        "from os.path import join\n\ndef fetch(input, ctx): ...\ndef _own(): ...\n\nBY = {'store': fetch}\n"
    )
    (tmp_path / "broken_of_a_test.py").write_text("def fetch(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert list(parse_pattern("acct_*=accounts_of_a_test").handlers) == ["fetch"]
    assert list(parse_pattern("acct_*=accounts_of_a_test:BY").handlers) == ["store"]
    for text, message in (
        ("acct_*", "is no pattern with its handlers"),
        ("acct_*=no_such_module_here", "there is no module 'no_such_module_here'"),
        ("acct_*=accounts_of_a_test:NONE", "has no mapping 'NONE'"),
        ("acct=accounts_of_a_test", "is no pattern of flow slugs"),
        ("acct_*=broken_of_a_test", r"broken_of_a_test.py:1 cannot be imported: SyntaxError"),
    ):
        with pytest.raises(RegistryError, match=message):
            parse_pattern(text)
    sys.modules.pop("accounts_of_a_test", None)


def test_which_flows_a_command_line_chooses(bench, step) -> None:
    registry = Registry()
    for slug in ("acct_1_sync", "acct_2_sync", "report"):
        registry.add(bench.flow(slug, step("fetch")), {"fetch": fetch})
    assert [bound.flow.slug for bound in registry.only(("acct_*_sync",))] == ["acct_1_sync", "acct_2_sync"]
    with pytest.raises(RegistryError, match=r"no flow 'bcct_\*'"):
        registry.only(("bcct_*",))
    registry.serve_pattern("acct_*", HANDLERS)
    chosen = registry.only(("acct_?_sync", "report"))
    assert [bound.flow.slug for bound in chosen] == ["acct_1_sync", "acct_2_sync", "report"]
    assert chosen.pattern_of("acct_3_sync") is registry.patterns[0]
    assert chosen.pattern_of("acct_1_sync") is None, "it was added by itself"
    assert chosen.pattern_of("acct_33_sync") is None
    assert registry.only(("report",)).patterns == ()
