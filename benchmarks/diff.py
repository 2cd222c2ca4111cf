"""How long `pgflowc diff` looks at a large database: a million finished runs, some thousands alive.

    python benchmarks/diff.py            a million runs, about two minutes
    python benchmarks/diff.py --quick    ten thousand, to see that it works

Starts a PostgreSQL of its own in a temporary directory. The runs are inserted by SQL, with their states and
tasks, and spread over a year; those alive stand at the second of three steps. Measured is what diff reads of
the database, in one transaction, and the whole command beside it; then the plan of the large statement.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from pgflowc.database.account import server_account
from pgflowc.database.alive_runs import QUERY, read_alive_runs, values_of
from pgflowc.database.binaries import embedded_binaries, usable_binaries
from pgflowc.database.cluster import Cluster
from pgflowc.database.connection import connect
from pgflowc.database.dsn import ResolvedDsn
from pgflowc.database.installation import install
from pgflowc.database.live_flows import read_live_flows
from pgflowc.database.snapshot import snapshot
from pgflowc.plan.hazards import Hazard

ROUNDS = 5
SPEC = """\
flow: order
on_change: drain
input: {id: int}
steps:
  check: {output: {ok: bool}}
  charge: {depends_on: [check], if: {check: {ok: true}}}
  mail: {depends_on: [charge, check]}
"""
HAZARDS = {"order": [Hazard(0, "charge", ("created",)), Hazard(1, "mail", ("created", "started"))]}
# An input and an output as they are in life: some hundred bytes.
RUNS = """
insert into pgflow.runs
  (run_id, flow_slug, status, input, output, remaining_steps, started_at, completed_at)
select gen_random_uuid(), 'order', case when alive then 'started' else 'completed' end,
       jsonb_build_object('id', n, 'note', repeat('x', 120)),
       case when not alive then jsonb_build_object('mail', jsonb_build_object('sent', true)) end,
       case when alive then 2 else 0 end, t, case when not alive then t + interval '3 s' end
from (
  select n, n %% (%(total)s / %(alive)s) = 0 as alive, now() - n * (interval '365 days' / %(total)s) as t
  from generate_series(1, %(total)s) n
) of_runs
"""
STATES = """
insert into pgflow.step_states
  (flow_slug, run_id, step_slug, status, remaining_tasks, initial_tasks, remaining_deps, created_at,
   started_at, completed_at, output)
select 'order', r.run_id, s.slug,
       case when r.status = 'completed' or s.n = 1 then 'completed' when s.n = 2 then 'started'
         else 'created' end,
       case when r.status = 'completed' or s.n = 1 then 0 when s.n = 2 then 1 end, 1,
       case when r.status = 'completed' or s.n < 3 then 0 else 1 end, r.started_at,
       case when r.status = 'completed' or s.n < 3 then r.started_at end,
       case when r.status = 'completed' or s.n = 1 then r.started_at + interval '1 s' end,
       case when r.status = 'completed' or s.n = 1 then '{"ok": true}'::jsonb end
from pgflow.runs r, (values (1, 'check'), (2, 'charge'), (3, 'mail')) s (n, slug)
"""


def main() -> None:
    """Build the database, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="ten thousand runs")
    quick = parser.parse_args().quick
    total, alive = (10_000, 100) if quick else (1_000_000, 4_000)
    with _server() as dsn, tempfile.TemporaryDirectory() as name:
        project = Path(name)
        _pgflowc(project, dsn, "compile")
        _pgflowc(project, dsn, "db", "up")
        with psycopg.connect(dsn, autocommit=True) as connection:
            began = time.perf_counter()
            connection.execute(RUNS, {"total": total, "alive": alive})
            connection.execute(STATES)
            connection.execute("vacuum analyze pgflow.runs, pgflow.step_states")
            print(
                f"{total:,} runs, of which {alive:,} alive: inserted in {time.perf_counter() - began:.0f} s"
            )
            _print_sizes(connection)
        (project / "flows" / "order.yaml").write_text(SPEC.replace("ok: true", "ok: false"), "utf-8")
        _measure(project, dsn)


@contextmanager
def _server() -> Iterator[str]:
    """DSN of a fresh database with everything installed."""
    directory = Path(tempfile.mkdtemp(prefix="pgflowc-bench-", dir="/tmp")).resolve()
    directory.chmod(0o755)
    account = server_account(directory / "data")
    binaries = usable_binaries(embedded_binaries(), account, directory)
    settings = {"shared_buffers": "512MB", "max_wal_size": "4GB"}
    cluster = Cluster(directory / "data", binaries, account, settings)
    cluster.create()
    cluster.start()
    try:
        with connect(ResolvedDsn(cluster.dsn(), "--dsn")) as connection:
            install(connection)
        yield cluster.dsn()
    finally:
        cluster.delete()
        shutil.rmtree(directory, ignore_errors=True)


def _measure(project: Path, dsn: str) -> None:
    flows, runs, command = [], [], []
    with connect(ResolvedDsn(dsn, "--dsn")) as connection:
        for _ in range(ROUNDS):
            with snapshot(connection):
                began = time.perf_counter()
                read_live_flows(connection)
                between = time.perf_counter()
                found = read_alive_runs(connection, HAZARDS)["order"]
                ended = time.perf_counter()
            flows.append(between - began)
            runs.append(ended - between)
    for _ in range(ROUNDS):
        began = time.perf_counter()
        _pgflowc(project, dsn, "diff", code=2)
        command.append(time.perf_counter() - began)
    print(f"found {found.count:,} alive, {found.broken_by_any:,} broken, at {dict(found.steps)}")
    for title, times in (("definitions", flows), ("alive runs", runs), ("pgflowc diff", command)):
        print(f"{title:<13} {statistics.median(times) * 1000:8.1f} ms (median of {ROUNDS})")
    with psycopg.connect(dsn) as connection:
        print("plan of the statement that looks at runs:")
        for (line,) in connection.execute(
            "explain (analyze, costs off, timing off) " + QUERY, values_of(HAZARDS)
        ):
            print(f"  {line}")


def _print_sizes(connection: psycopg.Connection) -> None:
    for table in ("runs", "step_states"):
        row = connection.execute(
            "select pg_size_pretty(pg_table_size(%(t)s)), pg_size_pretty(pg_indexes_size(%(t)s))",
            {"t": f"pgflow.{table}"},
        ).fetchone()
        assert row is not None
        print(f"pgflow.{table}: {row[0]}, indexes {row[1]}")


def _pgflowc(project: Path, dsn: str, *words: str, code: int = 0) -> None:
    if words == ("compile",):
        (project / "flows").mkdir()
        (project / "flows" / "order.yaml").write_text(SPEC, "utf-8")
        (project / "pgflowc.toml").write_text('package = "shop"\n', "utf-8")
    where = ("--project", str(project), *(("--dsn", dsn) if words != ("compile",) else ()))
    done = subprocess.run(
        [sys.executable, "-m", "pgflowc", *words, *where], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr


if __name__ == "__main__":
    main()
