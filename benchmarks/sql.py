"""How fast the SQL is: the batch functions of schema pgflowc against the one-by-one functions of pgflow.

    python benchmarks/sql.py            medians of 5, about a minute
    python benchmarks/sql.py --quick    one small round, to see that it works

Starts a PostgreSQL of its own in a temporary directory, with synchronous_commit on and default settings but
for those printed. One connection, no handlers: what is measured is the database. Every row is measured on
fresh flows, both ways in turn.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
from pgmq.install import get_embedded_install_sql
from psycopg.types.json import Jsonb

from pgflowc.database.account import server_account
from pgflowc.database.binaries import embedded_binaries, usable_binaries
from pgflowc.database.cluster import Cluster
from pgflowc.database.components import COMPONENTS, component_sql

SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB"}

T = TypeVar("T")
_flow_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything: a full measurement or a smoke run."""

    rounds: int
    starts: int
    batched_tasks: int
    single_tasks: int
    latencies: int
    large_map: int


FULL = Scale(rounds=5, starts=1000, batched_tasks=5000, single_tasks=300, latencies=200, large_map=10_000)
QUICK = Scale(rounds=1, starts=50, batched_tasks=300, single_tasks=30, latencies=10, large_map=1000)


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed task: what an outcome has to name."""

    run_id: UUID
    step_slug: str
    task_index: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Shape:
    """A flow to measure: its steps as (slug, dependencies, type) and what a step returns."""

    steps: Sequence[tuple[str, Sequence[str], str]]
    tasks_per_run: int
    outputs: Callable[[str], object]


def _order(step_slug: str) -> object:
    return {"step": step_slug, "total": "41.50", "ok": True}


SINGLE = Shape([("work", [], "single")], 1, _order)
CHAIN = Shape([(f"s{i}", [f"s{i - 1}"] if i else [], "single") for i in range(5)], 5, _order)
FAN = Shape(
    [("list", [], "single"), ("each", ["list"], "map"), ("gather", ["each"], "single")],
    10,
    lambda step: [{"item": n} for n in range(8)] if step == "list" else _order(step),
)


class Bench:
    """One connection to a database with everything installed, and the ways through it."""

    def __init__(self, connection: psycopg.Connection[Any], scale: Scale) -> None:
        self.connection = connection
        self.scale = scale
        self.worker = uuid4()
        self.execute(
            "insert into pgflow.workers (worker_id, queue_name, function_name) values (%s, 'bench', 'bench')",
            self.worker,
        )

    def execute(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        cursor = self.connection.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def flow(self, shape: Shape) -> str:
        """A new flow of that shape."""
        slug = f"bench_{next(_flow_numbers)}"
        self.execute("select pgflow.create_flow(%s)", slug)
        for step, deps, kind in shape.steps:
            self.execute(
                "select pgflow.add_step(%s, %s, %s::text[], step_type => %s)", slug, step, list(deps), kind
            )
        self.execute("select pgflowc.tune_queue(%s)", slug)
        return slug

    # In batches

    def start_batch(self, flow: str, inputs: Sequence[object]) -> None:
        self.execute("select pgflowc.start_flow_batch(%s, %s::jsonb[])", flow, [Jsonb(i) for i in inputs])

    def claim_batch(self, flow: str, size: int) -> list[Task]:
        rows = self.execute(
            "select run_id, step_slug, task_index, attempts_count, input, flow_input"
            " from pgflowc.claim_batch(%s, %s, %s)",
            flow,
            self.worker,
            size,
        )
        return [Task(*row[:4]) for row in rows]

    def finish_batch(self, flow: str, tasks: Sequence[Task], shape: Shape, claim: int) -> list[Task]:
        rows = self.execute(
            "select run_id, step_slug, task_index, attempts_count, outcome, input, flow_input"
            " from pgflowc.finish_batch("
            "%s, %s, %s, %s::text[], %s::int[], %s::int[], %s::jsonb[], p_claim_max => %s)",
            flow,
            self.worker,
            [task.run_id for task in tasks],
            [task.step_slug for task in tasks],
            [task.task_index for task in tasks],
            [task.attempt for task in tasks],
            [Jsonb(shape.outputs(task.step_slug)) for task in tasks],
            claim,
        )
        return [Task(*row[:4]) for row in rows if row[4] == "claimed"]

    def drain_in_batches(self, flow: str, shape: Shape, size: int) -> int:
        """Work until nothing is left; returns the number of tasks."""
        done = 0
        tasks = self.claim_batch(flow, size)
        while tasks:
            done += len(tasks)
            tasks = self.finish_batch(flow, tasks, shape, size)
        return done

    # One by one

    def start_singly(self, flow: str, inputs: Sequence[object]) -> None:
        for value in inputs:
            self.execute("select run_id from pgflow.start_flow(%s, %s)", flow, Jsonb(value))

    def claim_singly(self, flow: str, size: int) -> list[Task]:
        """The two-phase claim of a worker of the family: read, then start."""
        ids = [row[0] for row in self.execute("select msg_id from pgmq.read(%s, 5, %s)", flow, size)]
        rows = self.execute(
            "select run_id, step_slug, task_index, 0, input, flow_input"
            " from pgflow.start_tasks(%s, %s::bigint[], %s)",
            flow,
            ids,
            self.worker,
        )
        return [Task(*row[:4]) for row in rows]

    def drain_singly(self, flow: str, shape: Shape) -> int:
        """Work as a worker that claims 10 and completes one by one; returns the number of tasks."""
        done = 0
        while tasks := self.claim_singly(flow, 10):
            for task in tasks:
                self.complete(task, shape)
            done += len(tasks)
        return done

    def complete(self, task: Task, shape: Shape) -> None:
        self.execute(
            "select status from pgflow.complete_task(%s, %s, %s, %s)",
            task.run_id,
            task.step_slug,
            task.task_index,
            Jsonb(shape.outputs(task.step_slug)),
        )

    def wal(self) -> int:
        """Bytes of WAL written so far."""
        return int(self.execute("select pg_current_wal_insert_lsn() - '0/0'")[0][0])


def inputs(number: int) -> list[object]:
    """Inputs of runs, about 80 bytes each."""
    return [{"order_id": n, "customer": f"customer-{n}", "note": "leave at the door"} for n in range(number)]


def _constant(output: object, step_slug: str) -> object:
    return output


def median_of(things: Iterable[T], action: Callable[[T], object]) -> float:
    """The median time of doing it with each, in seconds."""
    return statistics.median([seconds(partial(action, thing)) for thing in things])


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: the same work both ways, in `unit`; `goal` is what to reach in batches."""

    title: str
    unit: str
    batched: Callable[[Bench], float]
    singly: Callable[[Bench], float] | None
    goal: str
    digits: int = 0


def starts_batched(bench: Bench) -> float:
    flow, number = bench.flow(SINGLE), bench.scale.starts
    return number / seconds(lambda: bench.start_batch(flow, inputs(number)))


def starts_singly(bench: Bench) -> float:
    flow, number = bench.flow(SINGLE), bench.scale.single_tasks
    return number / seconds(lambda: bench.start_singly(flow, inputs(number)))


def drained_batched(shape: Shape, size: int, per_run: bool) -> Callable[[Bench], float]:
    def measure(bench: Bench) -> float:
        flow = bench.flow(shape)
        runs = max(size, bench.scale.batched_tasks // shape.tasks_per_run)
        bench.start_batch(flow, inputs(runs))
        took = seconds(lambda: check(bench.drain_in_batches(flow, shape, size), runs * shape.tasks_per_run))
        return runs * (1 if per_run else shape.tasks_per_run) / took

    return measure


def drained_singly(shape: Shape, per_run: bool) -> Callable[[Bench], float]:
    def measure(bench: Bench) -> float:
        flow = bench.flow(shape)
        runs = max(1, bench.scale.single_tasks // shape.tasks_per_run)
        bench.start_batch(flow, inputs(runs))
        took = seconds(lambda: check(bench.drain_singly(flow, shape), runs * shape.tasks_per_run))
        return runs * (1 if per_run else shape.tasks_per_run) / took

    return measure


def wal_batched(with_start: bool) -> Callable[[Bench], float]:
    def measure(bench: Bench) -> float:
        flow, runs = bench.flow(CHAIN), max(100, bench.scale.batched_tasks // 5)
        before = bench.wal()
        bench.start_batch(flow, inputs(runs))
        before = before if with_start else bench.wal()
        tasks = bench.drain_in_batches(flow, CHAIN, 100)
        return (bench.wal() - before) / tasks / 1000

    return measure


def wal_singly(with_start: bool) -> Callable[[Bench], float]:
    def measure(bench: Bench) -> float:
        flow, runs = bench.flow(CHAIN), max(1, bench.scale.single_tasks // 5)
        before = bench.wal()
        bench.start_singly(flow, inputs(runs))
        before = before if with_start else bench.wal()
        tasks = bench.drain_singly(flow, CHAIN)
        return (bench.wal() - before) / tasks / 1000

    return measure


def completion_batched(bench: Bench) -> float:
    flow, number = bench.flow(SINGLE), bench.scale.latencies
    bench.start_batch(flow, inputs(number))
    tasks = bench.claim_batch(flow, number)
    return 1000 * median_of(tasks, lambda task: bench.finish_batch(flow, [task], SINGLE, 0))


def completion_singly(bench: Bench) -> float:
    flow, number = bench.flow(SINGLE), bench.scale.latencies
    bench.start_batch(flow, inputs(number))
    tasks = bench.claim_batch(flow, number)
    return 1000 * median_of(tasks, lambda task: bench.complete(task, SINGLE))


def large_map(claim: Callable[[Bench, str], list[Task]]) -> Callable[[Bench], float]:
    """Time of claiming 10 tasks of a large map, over that of a map of 100."""

    def measure(bench: Bench) -> float:
        times = {}
        for size in (100, bench.scale.large_map):
            flow = bench.flow(FAN)
            bench.start_batch(flow, [{}])
            (task,) = bench.claim_batch(flow, 1)
            elements = [{"item": n, "sku": f"sku-{n}"} for n in range(size)]
            bench.finish_batch(flow, [task], Shape([], 0, partial(_constant, elements)), 0)
            times[size] = median_of([flow] * 10, lambda flow: check(len(claim(bench, flow)), 10))
        return times[bench.scale.large_map] / times[100]

    return measure


def raw_insert(bench: Bench) -> float:
    bench.execute("drop table if exists raw")
    bench.execute("create table raw (id bigint generated always as identity primary key, payload jsonb)")

    def insert() -> None:
        for value in inputs(bench.scale.single_tasks):
            bench.execute("insert into raw (payload) values (%s)", Jsonb(value))

    return bench.scale.single_tasks / seconds(insert)


def raw_delete(bench: Bench) -> float:
    bench.execute("drop table if exists raw")
    bench.execute("create table raw (id bigint generated always as identity primary key, payload jsonb)")
    number = 4 * bench.scale.batched_tasks
    bench.execute("insert into raw (payload) select '{\"order_id\": 1}' from generate_series(1, %s)", number)

    def delete() -> None:
        while bench.execute(
            "delete from raw where id in"
            " (select id from raw order by id limit 100 for update skip locked) returning *"
        ):
            pass

    return number / seconds(delete)


def check(found: int, expected: int) -> None:
    if found != expected:
        raise SystemExit(f"{found} tasks were worked on, {expected} expected")


ROWS = [
    Row("start 1,000 runs, single-step flow", "runs/s", starts_batched, starts_singly, ">= 15,000"),
    Row(
        "single-step flow, batch 100",
        "tasks/s",
        drained_batched(SINGLE, 100, False),
        drained_singly(SINGLE, False),
        ">= 6,000",
    ),
    Row("single-step flow, batch 500", "tasks/s", drained_batched(SINGLE, 500, False), None, ">= 8,000"),
    Row(
        "5-step chain, batch 100",
        "runs/s",
        drained_batched(CHAIN, 100, True),
        drained_singly(CHAIN, True),
        ">= 900",
    ),
    Row(
        "1 -> map of 8 -> 1, batch 100",
        "runs/s",
        drained_batched(FAN, 100, True),
        drained_singly(FAN, True),
        ">= 450",
    ),
    Row(
        "WAL, 5-step chain, from claim to archive",
        "kB/task",
        wal_batched(False),
        wal_singly(False),
        "<= 2.0",
        2,
    ),
    Row("WAL, 5-step chain, with its start", "kB/task", wal_batched(True), wal_singly(True), "", 2),
    Row("complete one task", "ms", completion_batched, completion_singly, "<= 0.7", 2),
    Row(
        "claim 10 of a map of 10,000, over a map of 100",
        "x",
        large_map(lambda bench, flow: bench.claim_batch(flow, 10)),
        large_map(lambda bench, flow: bench.claim_singly(flow, 10)),
        "<= 1.5",
        2,
    ),
    Row("raw: insert and commit one row", "rows/s", raw_insert, None, ""),
    Row("raw: delete 100 rows with skip locked", "rows/s", raw_delete, None, ""),
]


@contextmanager
def database(settings: Mapping[str, str] = {}) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a new server with every component and these settings besides; both go afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="pgflowc-bench-")).resolve()
    directory.chmod(0o755)
    account = server_account(directory / "data")
    server = Cluster(
        directory / "data",
        usable_binaries(embedded_binaries(), account, directory),
        account,
        {**SETTINGS, **settings},
    )
    try:
        server.create()
        server.start()
        with psycopg.connect(server.dsn()) as connection:
            connection.execute(get_embedded_install_sql())
            connection.execute("reset all")
            for component in COMPONENTS:
                connection.execute(component_sql(component))
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            yield connection
    finally:
        server.delete()
        shutil.rmtree(directory, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one small round")
    parser.add_argument("--only", metavar="TEXT", default="", help="rows whose title contains TEXT")
    arguments = parser.parse_args()
    scale = QUICK if arguments.quick else FULL

    with database() as connection:
        bench = Bench(connection, scale)
        version = bench.execute("select current_setting('server_version')")[0][0]
        settings = ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())
        print(f"PostgreSQL {version}, {settings}, one connection, medians of {scale.rounds}\n")
        print(f"{'':48} {'batch':>10} {'one by one':>10} {'':8} {'ratio':>6}  to reach")
        for row in ROWS:
            if arguments.only not in row.title:
                continue
            batched, singly = [], []
            for _ in range(scale.rounds):
                batched.append(row.batched(bench))
                if row.singly:
                    singly.append(row.singly(bench))
            value = statistics.median(batched)
            line = f"{row.title:48} {value:10,.{row.digits}f}"
            if singly:
                other = statistics.median(singly)
                line += f" {other:10,.{row.digits}f} {row.unit:8} {value / other:6.2f}  {row.goal}"
            else:
                line += f" {'':10} {row.unit:8} {'':6}  {row.goal}"
            print(line.rstrip(), flush=True)


if __name__ == "__main__":
    main()
