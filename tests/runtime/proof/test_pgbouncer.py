"""Worker and clients behind a real pgbouncer that gives each transaction any of two sessions."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgflowc.database.account import run_as
from pgflowc.database.cluster import Cluster
from pgflowc_runtime import AsyncClient, Context

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


@pytest.fixture
def pooled_dsn(core_dsn: str, cluster: Cluster, tmp_path: Path) -> Iterator[str]:
    """This test's database through pgbouncer in transaction mode, two sessions for everybody."""
    # Beside the server's socket: its account may not see the directory of the test.
    directory = cluster.data / f"pgbouncer-{os.getpid()}"
    directory.mkdir()
    (directory / "users").write_text('"postgres" ""\n')
    server = psycopg.conninfo.conninfo_to_dict(core_dsn)
    (directory / "config.ini").write_text(
        f"""
        [databases]
        * = host={server["host"]} port={server["port"]}
        [pgbouncer]
        listen_addr =
        listen_port = 6432
        unix_socket_dir = {directory}
        auth_type = trust
        auth_file = {directory}/users
        pool_mode = transaction
        default_pool_size = 2
        ignore_startup_parameters = extra_float_digits
        """
    )
    if cluster.account is not None:
        for path in (directory, *directory.iterdir()):
            os.chown(path, cluster.account.uid, cluster.account.gid)
    log = (tmp_path / "pgbouncer.log").open("wb")
    pooler = subprocess.Popen(
        [str(PROGRAM), str(directory / "config.ini")], stdout=log, stderr=log, **run_as(cluster.account)
    )
    dsn = psycopg.conninfo.make_conninfo(core_dsn, host=str(directory), port=6432)
    try:
        deadline = time.monotonic() + 20
        while not (directory / ".s.PGSQL.6432").exists():
            assert pooler.poll() is None, (tmp_path / "pgbouncer.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield dsn
    finally:
        pooler.kill()
        pooler.wait()
        log.close()
        shutil.rmtree(directory)


@needs_pgbouncer
async def test_a_worker_polls_and_everything_works(bench, step, pooled_dsn: str, caplog) -> None:
    flow = bench.flow("pooled", step("first"), step("each", "first", kind="map"), max_attempts=2)
    bench.rows("create table effects (run_id uuid, n integer)")

    async def first(input: Any, ctx: Context[Any]) -> list[int]:
        if ctx.attempt == 1 and input["n"] % 10 == 0:
            raise ConnectionError("once more")
        return [input["n"], input["n"] + 1]

    async def each(item: int, ctx: Context[Any]) -> int:
        n = (await ctx.flow_input())["n"]
        # It keeps a session until the output is recorded: what it asked for in there would wait for another.
        async with ctx.transaction() as connection:
            await connection.execute("insert into effects values (%s, %s)", [ctx.run_id, item])
        return item * int(n)

    behind = type(bench)(pooled_dsn)
    client = AsyncClient(pooled_dsn)
    polls = {"min_poll_interval": 20, "max_poll_interval": 200}
    async with behind.working((flow, {"first": first, "each": each}), **polls):
        # More than the five executions after which psycopg would prepare a statement.
        ids = [await client.start_flow(flow, {"n": n}) for n in range(30)]
        runs = await asyncio.gather(*(client.wait(run_id, timeout=30) for run_id in ids))
    assert [run.output for run in runs] == [{"each": [n * n, (n + 1) * n]} for n in range(30)]
    assert bench.value("select count(*) from effects") == 60
    assert bench.value("select sum(attempts_count) from pgflow.step_tasks") == 90 + 3
    assert any("a connection pooler is in between" in message for message in caplog.messages)
    assert bench.value("select count(*) from pgflow.workers where stopped_at is null") == 0
    await client.close()
    await behind.client.close()
