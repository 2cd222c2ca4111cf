"""How fast a worker is: one process, from a queue full of work, and from a start to its handler.

    python benchmarks/worker.py            medians of 5, about a quarter of an hour
    python benchmarks/worker.py --quick    one small round, to see that it works

Starts a PostgreSQL of its own as benchmarks/sql.py does, and workers as `python -m pgflowc_runtime worker`
with handlers that do nothing but take and return a typed payload. Rates are counted between the first claim
and the last completion, in the server's time. `late` is the time from a handler's end to the commit that
records it, 99 of 100 and the worst.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from pgflowc_runtime import Client
from sql import CHAIN, SINGLE, Bench, Scale, Shape, database, raw_delete, raw_insert

FAN = Shape([("list", [], "single"), ("each", ["list"], "map"), ("gather", ["each"], "single")], 10, repr)
IDLE_FLOWS = 20
TUNED = {"max-concurrency": "100", "batch-size": "50"}

REGISTRY = """
import time
from pgflowc_runtime import Flow, JsonValue, Payload, Registry, Step


class Order(Payload):
    order_id: int
    customer: str
    note: str | None = None
    at: float = 0.0


class Done(Payload):
    step: str
    ok: bool
    ended: float
    after: float = 0.0


async def root(input: Order, ctx):
    now = time.time()
    return Done(step=ctx.step_slug, ok=True, ended=now, after=now - input.at)


async def dependent(deps, ctx):
    return Done(step=ctx.step_slug, ok=True, ended=time.time())


async def items(input: Order, ctx):
    return [Order(order_id=n, customer=input.customer) for n in range(8)]


def bind(registry, slug, steps):
    kinds = {step: kind for step, _, kind in steps}
    bound, handlers = [], {}
    for step, deps, kind in steps:
        argument = Order if not deps or kind == "map" else dict[str, JsonValue]
        feeds_map = any(step in d and k == "map" for _, d, k in steps)
        output = list[Order] if feeds_map else Done
        handlers[step] = items if feeds_map else root if argument is Order else dependent
        bound.append(Step(slug=step, kind=kind, depends_on=tuple(deps), argument=argument, output=output))
    options = {"max_attempts": 3, "base_delay": 1, "timeout": 60, "definition_hash": ""}
    registry.add(Flow(slug=slug, input=Order, steps=tuple(bound), **options), handlers)


registry = Registry()
for slug, steps in FLOWS:
    bind(registry, slug, steps)
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything: a full measurement or a smoke run."""

    rounds: int
    jobs: int
    tuned_jobs: int
    chains: int
    fans: int
    latencies: int
    starts: int
    idle_seconds: float


# Each round takes 5 s or longer, also at twice the rates to reach.
FULL = Size(
    rounds=5, jobs=25_000, tuned_jobs=60_000, chains=11_000, fans=4_500, latencies=300, starts=6_500,
    idle_seconds=120,
)  # fmt: skip
QUICK = Size(rounds=1, jobs=300, tuned_jobs=300, chains=50, fans=30, latencies=10, starts=50, idle_seconds=3)


@dataclass(slots=True)
class Figures:
    """What one round of a row gave: the value, and how late tasks were marked done, in milliseconds."""

    value: float
    late: list[float] = field(default_factory=list)
    also: str = ""


class Worker:
    """`python -m pgflowc_runtime worker bench_app`, serving flows that are (slug, shape)."""

    def __init__(
        self, directory: Path, dsn: str, flows: Sequence[tuple[str, Shape]], options: dict[str, str]
    ) -> None:
        package = directory / "bench_app"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
        listed = [(slug, [list(step) for step in shape.steps]) for slug, shape in flows]
        (package / "registry.py").write_text(f"FLOWS = {listed!r}\n{REGISTRY}", encoding="utf-8")
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._log = directory / "worker.log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pgflowc_runtime", "worker", "bench_app", "--dsn", dsn, *arguments],
                cwd=directory,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            )

    def check(self) -> None:
        """SystemExit if it has ended."""
        if self.process.poll() is not None:
            raise SystemExit(f"the worker has ended:\n{self._log.read_text(encoding='utf-8')[-2000:]}")

    def until_serving(self) -> None:
        """Until it has said so."""
        while b" serves " not in self._log.read_bytes():
            self.check()
            time.sleep(0.01)

    @property
    def cpu_seconds(self) -> float:
        """Processor time used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """Drain and end."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Range:
    """A database and what runs in it."""

    def __init__(self, connection: psycopg.Connection[Any], size: Size, directory: Path) -> None:
        scale = Scale(rounds=1, starts=0, batched_tasks=5000, single_tasks=500, latencies=0, large_map=0)
        self.bench = Bench(connection, scale)
        self.size = size
        self.dsn = connection.info.dsn
        self._directory = directory
        self._looks = 0

    @contextmanager
    def worker(self, *flows: tuple[str, Shape], **options: str) -> Iterator[Worker]:
        """A worker that serves these flows while the block runs."""
        options = {name.replace("_", "-"): value for name, value in options.items()}
        worker = Worker(self._directory, self.dsn, flows, options)
        try:
            yield worker
            worker.check()
        finally:
            worker.stop()

    def drained(self, shape: Shape, runs: int, options: dict[str, str]) -> tuple[str, float]:
        """Flow and runs per second."""
        flow = self.bench.flow(shape)
        for first in range(0, runs, 5000):
            self.bench.start_batch(
                flow,
                [
                    {"order_id": n, "customer": f"customer-{n}", "note": "leave at the door"}
                    for n in range(first, min(runs, first + 5000))
                ],
            )
        self.bench.execute("checkpoint")
        with self.worker((flow, shape), **options) as worker:
            while self.bench.execute(
                "select 1 from pgflow.runs where flow_slug = %s and status = 'started' limit 1", flow
            ):
                worker.check()
                time.sleep(0.2)
        [(statuses, seconds)] = self.bench.execute(
            "select array_agg(distinct r.status),"
            " extract(epoch from max(r.completed_at) - (select min(t.started_at) from pgflow.step_tasks t"
            "   where t.flow_slug = %s))::float"
            " from pgflow.runs r where r.flow_slug = %s",
            flow,
            flow,
        )
        if statuses != ["completed"]:
            raise SystemExit(f"runs ended {statuses}")
        return flow, runs / float(seconds)

    def transactions(self) -> int:
        """Committed in this database so far, but for those of the benchmark itself."""
        self._looks += 1
        [(committed,)] = self.bench.execute(
            "select xact_commit from pg_stat_database where datname = current_database()"
        )
        return int(committed) - self._looks

    def lateness(self, flow: str) -> list[float]:
        """Milliseconds from each handler's end to the commit that says so."""
        rows = self.bench.execute(
            "select extract(epoch from pg_xact_commit_timestamp(t.xmin))::float"
            " - (t.output ->> 'ended')::float"
            " from pgflow.step_tasks t where t.flow_slug = %s and t.output ? 'ended'",
            flow,
        )
        return sorted(1000 * row[0] for row in rows)


def throughput(
    shape: Shape, runs: Callable[[Size], int], options: dict[str, str]
) -> Callable[[Range], Figures]:
    def measure(range_: Range) -> Figures:
        flow, rate = range_.drained(shape, runs(range_.size), options)
        return Figures(rate, range_.lateness(flow))

    return measure


def start_to_handler(range_: Range) -> Figures:
    """Milliseconds, median; each start finds the worker idle."""
    flow = range_.bench.flow(SINGLE)
    with Client(range_.dsn) as client, range_.worker((flow, SINGLE)) as worker:
        worker.until_serving()
        for n in range(range_.size.latencies + 5):
            time.sleep(0.02 + 0.001 * (n % 7))
            run_id = client.start_flow(flow, {"order_id": n, "customer": "c", "at": time.time()})
        client.wait(run_id, timeout=30)
    rows = range_.bench.execute(
        "select (t.output ->> 'after')::float from pgflow.step_tasks t where t.flow_slug = %s"
        " order by t.queued_at offset 5",  # the first ones find everything cold
        flow,
    )
    times = sorted(1000 * row[0] for row in rows)
    return Figures(statistics.median(times), also=f"p99 {_percentile(times, 99):.1f}")


def client_starts(range_: Range) -> Figures:
    flow = range_.bench.flow(SINGLE)
    with Client(range_.dsn) as client:
        client.start_flow(flow, {"order_id": 0, "customer": "c"})
        began = time.perf_counter()
        for n in range(range_.size.starts):
            client.start_flow(flow, {"order_id": n, "customer": "c", "note": "leave at the door"})
        return Figures(range_.size.starts / (time.perf_counter() - began))


def idle(range_: Range) -> Figures:
    """Queries per second of a worker with nothing to do."""
    # Its transactions would be counted, too.
    range_.bench.execute("alter system set autovacuum = off")
    range_.bench.execute("select pg_reload_conf()")
    flows = [(range_.bench.flow(SINGLE), SINGLE) for _ in range(IDLE_FLOWS)]
    with range_.worker(*flows) as worker:
        worker.until_serving()
        time.sleep(min(15.0, range_.size.idle_seconds))  # until it has settled down
        before, used, began = range_.transactions(), worker.cpu_seconds, time.monotonic()
        time.sleep(range_.size.idle_seconds)
        took = time.monotonic() - began
        cpu = 100 * (worker.cpu_seconds - used) / took
        return Figures((range_.transactions() - before) / took, also=f"CPU {cpu:.2f} %")


def _percentile(values: Sequence[float], percent: float) -> float:
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table."""

    title: str
    unit: str
    measure: Callable[[Range], Figures]
    goal: str
    once: bool = False
    digits: int = 0


def _raw(measure: Callable[[Bench], float]) -> Callable[[Range], Figures]:
    return lambda range_: Figures(measure(range_.bench))


RAW = Row("raw: insert and commit one row", "rows/s", _raw(raw_insert), "")
ROWS = [
    RAW,
    Row("raw: delete 100 rows with skip locked", "rows/s", _raw(raw_delete), ""),
    Row("jobs, default settings", "jobs/s", throughput(SINGLE, lambda size: size.jobs, {}), ">= 2,500"),
    Row("jobs, tuned", "jobs/s", throughput(SINGLE, lambda size: size.tuned_jobs, TUNED), ">= 6,000"),
    Row("5-step chain, tuned", "runs/s", throughput(CHAIN, lambda size: size.chains, TUNED), ">= 600"),
    Row("1 -> map of 8 -> 1, tuned", "runs/s", throughput(FAN, lambda size: size.fans, TUNED), ">= 350"),
    Row("start to handler, idle worker", "ms", start_to_handler, "p50 <= 4, p99 <= 12", digits=1),
    Row("client.start_flow, one at a time", "runs/s", client_starts, ">= 900"),
    Row("idle worker with 20 flows", "queries/s", idle, "<= 0.2, CPU <= 0.5 %", once=True, digits=2),
]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one small round")
    parser.add_argument("--rounds", type=int, help="how many, instead of 5")
    parser.add_argument("--only", metavar="TEXT", default="", help="rows whose title contains TEXT")
    arguments = parser.parse_args()
    size = QUICK if arguments.quick else FULL
    rounds = arguments.rounds or size.rounds
    tuned = " ".join(f"--{name} {value}" for name, value in TUNED.items())

    with (
        database({"track_commit_timestamp": "on"}) as connection,
        tempfile.TemporaryDirectory(prefix="pgflowc-bench-") as directory,
    ):
        range_ = Range(connection, size, Path(directory))
        version = connection.info.parameter_status("server_version")
        print(f"PostgreSQL {version}, one worker process, medians of {rounds}; tuned: {tuned}")
        print("x raw: how many of `raw: insert and commit` the same moment gave\n")
        print(f"{'':38} {'':>8} {'':9} {'x raw':>6} {'late 99 %':>9} {'worst':>6}  to reach")
        for row in ROWS:
            if arguments.only not in row.title:
                continue
            print(line(row, *measured(row, range_, 1 if row.once else rounds)).rstrip(), flush=True)


def measured(row: Row, range_: Range, rounds: int) -> tuple[list[Figures], list[float]]:
    """Figures of each round, and what the machine could do at that time."""
    figures, raw = [], []
    for _ in range(rounds):
        raw.append(raw_insert(range_.bench))
        figures.append(row.measure(range_))
    return figures, raw


def line(row: Row, figures: Sequence[Figures], raw: Sequence[float]) -> str:
    value = statistics.median(round_.value for round_ in figures)
    text = f"{row.title:38} {value:8,.{row.digits}f} {row.unit:9}"
    if row.unit.endswith("/s") and not row.once and row is not RAW:
        text += f" {statistics.median(round_.value / r for round_, r in zip(figures, raw, strict=True)):6.2f}"
    else:
        text += f" {'':6}"
    if figures[0].late:
        most = statistics.median(_percentile(round_.late, 99) for round_ in figures)
        worst = max(round_.late[-1] for round_ in figures)
        text += f" {most:6.1f} ms {worst:6.1f}"
    else:
        text += f" {figures[len(figures) // 2].also:>16}"
    return f"{text}  {row.goal}"


if __name__ == "__main__":
    main()
