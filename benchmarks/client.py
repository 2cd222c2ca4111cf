"""How fast a client starts runs, one at a time and in bulk, beside a bare insert on the same server.

    python benchmarks/client.py            medians of 5 rounds of 5 s, about a minute
    python benchmarks/client.py --quick    one short round, to see that it works

Starts a PostgreSQL of its own in a temporary directory, with synchronous_commit on. The ratio to the bare
insert is what can be compared between machines.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.types.json import Jsonb

from pgflowc.database.account import server_account
from pgflowc.database.binaries import embedded_binaries, usable_binaries
from pgflowc.database.cluster import Cluster
from pgflowc.database.connection import connect
from pgflowc.database.dsn import ResolvedDsn
from pgflowc.database.installation import install
from pgflowc_runtime import AsyncClient, Client, Flow, Payload, Step

INPUT = {"order_id": 1, "email": "ada@shop.example", "items": [{"sku": "mug", "quantity": 2}]}


class Order(Payload):
    order_id: int
    email: str
    items: list[dict[str, Any]]


JOB: Flow[Order] = Flow(
    slug="work",
    kind="job",
    input=Order,
    max_attempts=1,
    base_delay=1,
    timeout=30,
    definition_hash="",
    steps=(Step(slug="work", argument=Order, output=dict),),
)


@contextmanager
def server() -> Iterator[str]:
    """DSN of a fresh database with everything installed."""
    directory = Path(mkdtemp(prefix="pgflowc-bench-", dir="/tmp")).resolve()
    directory.chmod(0o755)
    account = server_account(directory / "data")
    binaries = usable_binaries(embedded_binaries(), account, directory)
    cluster = Cluster(
        directory / "data", binaries, account, {"shared_buffers": "256MB", "max_wal_size": "4GB"}
    )
    cluster.create()
    cluster.start()
    try:
        with connect(ResolvedDsn(cluster.dsn(), "--dsn")) as connection:
            install(connection)
        yield cluster.dsn()
    finally:
        cluster.delete()
        rmtree(directory, ignore_errors=True)


def rate(start: Callable[[], object], seconds: float, each: int = 1) -> float:
    """How many a second."""
    begun, done = time.perf_counter(), 0
    while (spent := time.perf_counter() - begun) < seconds:
        start()
        done += each
    return done / spent


async def async_rate(client: AsyncClient, seconds: float) -> float:
    """How many a second, one after the other in an event loop."""
    begun, done = time.perf_counter(), 0
    while (spent := time.perf_counter() - begun) < seconds:
        await client.start_flow(JOB, Order(**INPUT))
        done += 1
    return done / spent


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one short round")
    quick = parser.parse_args().quick
    rounds, seconds = (1, 1.0) if quick else (5, 5.0)
    with server() as dsn, Client(dsn) as client, psycopg.connect(dsn, autocommit=True) as bare:
        client.upsert_flow({"job": "work", "perform": {}})
        bare.execute("create table plain (id bigint generated always as identity primary key, input jsonb)")
        order, value = Order(**INPUT), Jsonb(INPUT)

        async def in_event_loop() -> float:
            async with AsyncClient(dsn) as async_client:
                return await async_rate(async_client, seconds)

        ways: dict[str, Callable[[], float]] = {
            "bare insert and commit": lambda: rate(
                lambda: bare.execute("insert into plain (input) values (%s)", [value]), seconds
            ),
            "SQL: pgflow.start_flow": lambda: rate(
                lambda: bare.execute("select run_id from pgflow.start_flow('work', %s)", [value]), seconds
            ),
            "Client.start_flow": lambda: rate(lambda: client.start_flow(JOB, order), seconds),
            "Client.start_flow, run_id": lambda: rate(
                lambda: client.start_flow(JOB, order, run_id=uuid4()), seconds
            ),
            "AsyncClient.start_flow": lambda: asyncio.run(in_event_loop()),
            "Client.start_flow, joined": lambda: rate(
                lambda: client.start_flow(JOB, order, connection=bare), seconds
            ),
            "Client.start_flows of 1000": lambda: rate(
                lambda: client.start_flows(JOB, [order] * 1000), seconds, 1000
            ),
        }
        found: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                bare.execute(
                    "truncate pgflow.runs, pgflow.step_states, pgflow.step_tasks, pgmq.q_work, plain cascade"
                )
                found[name].append(way())
        base = statistics.median(found["bare insert and commit"])
        for name, rates in found.items():
            median = statistics.median(rates)
            print(f"{name:<28} {median:>9,.0f}/s   {median / base:>5.2f} of a bare insert")


if __name__ == "__main__":
    main()
