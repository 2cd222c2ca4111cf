"""The server crashes and comes back while a worker has work: no run is lost, none is done twice."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pgflowc.database.cluster import Cluster
from pgflowc.database.connection import connect
from pgflowc.database.dsn import ResolvedDsn
from pgflowc.database.installation import install
from pgflowc.database.private import private_server
from pgflowc_runtime import AsyncClient, Context

RUNS = 150


@pytest.fixture
def mortal() -> Iterator[Cluster]:
    """A server of this test's own, with everything installed, that keeps what it has committed."""
    with private_server() as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("alter system set synchronous_commit = on")
            connection.execute("select pg_reload_conf()")
            connection.execute("alter database postgres set synchronous_commit = on")
        with connect(ResolvedDsn(server.dsn(), "--dsn")) as connection:
            install(connection)
        yield server


def crash(server: Cluster) -> None:
    """What `pg_ctl restart -m immediate` does: no checkpoint, no goodbye, then recovery."""
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)
    deadline = time.monotonic() + 30
    while server.pid() is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    server.start()


async def test_runs_go_on_after_a_crash_of_the_server(bench, step, mortal: Cluster) -> None:
    bench = type(bench)(mortal.dsn())
    flow = bench.flow("crash", step("first"), step("second", "first"), max_attempts=5)
    executed: Counter[tuple[Any, ...]] = Counter()

    async def first(input: Any, ctx: Context[Any]) -> int:
        executed[ctx.run_id, "first", ctx.attempt] += 1
        await asyncio.sleep(0.01)
        return int(input["n"])

    async def second(deps: Any, ctx: Context[Any]) -> int:
        executed[ctx.run_id, "second", ctx.attempt] += 1
        return int(deps["first"]) + 1

    client = AsyncClient(mortal.dsn(), patience=30)
    ids = []

    async def start_all() -> None:
        for n in range(RUNS):
            ids.append(await client.start_flow(flow, {"n": n}))

    async with bench.working((flow, {"first": first, "second": second})):
        starting = asyncio.create_task(start_all())
        for share in (0.2, 0.5):
            await bench.until(lambda share=share: len(executed) > share * 2 * RUNS)
            assert len(executed) < 2 * RUNS, "in the middle of it"
            await asyncio.to_thread(crash, mortal)
        await starting
        await bench.until(
            lambda: bench.value("select count(*) from pgflow.runs where status = 'completed'") == RUNS, 60
        )
    runs = [await client.get_run(run_id) for run_id in ids]
    assert [run.output for run in runs] == [{"second": n + 1} for n in range(RUNS)]
    assert bench.value("select count(*) from pgflow.runs") == RUNS, "a start that was tried again is one run"
    assert bench.value("select max(attempts_count) from pgflow.step_tasks") == 1, "a crash costs no attempt"
    assert bench.value("select count(*) from pgmq.q_crash") == 0
    await client.close()
    await bench.client.close()
