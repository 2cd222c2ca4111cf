"""Schedules in pg_cron itself: what a migration schedules fires within a minute, and is unscheduled."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from pgflowc.cli.app import build
from pgflowc.compile import compile_sources
from pgflowc.database.account import server_account
from pgflowc.database.binaries import usable_binaries
from pgflowc.database.cluster import Cluster
from pgflowc.database.connection import connect
from pgflowc.database.dsn import ResolvedDsn
from pgflowc.database.installation import install
from pgflowc.document.referred import Specs
from pgflowc.render import Layout
from pgflowc_runtime import Client, FlowNotFound, ScheduleNotFound

PROGRAMS = Path(os.environ.get("PGFLOWC_TEST_PG_BIN", "/nowhere"))
SPEC = """
flow: tidy
cron: {schedule: "* * * * *", input: {who: "O'Hara $$ \\\\ %"}}
steps: {sweep: {}}
"""

# It waits for a full minute, so it runs only where tests are told to use a server that has pg_cron.
pytestmark = pytest.mark.skipif(
    not (PROGRAMS.parent / "lib" / "pg_cron.so").exists(),
    reason="PGFLOWC_TEST_PG_BIN names no server with pg_cron",
)


@pytest.fixture
def dsn() -> Iterator[str]:
    """A server of its own with pg_cron and everything of ours."""
    with tempfile.TemporaryDirectory(prefix="pgflowc-pg-cron-", dir="/tmp") as name:
        directory = Path(name).resolve()
        directory.chmod(0o755)
        data = directory / "data"
        account = server_account(data)
        settings = {
            "shared_preload_libraries": "pg_cron",
            "cron.use_background_workers": "on",  # it has no port to connect to
            "fsync": "off",
            "timezone": "UTC",
        }
        server = Cluster(data, usable_binaries(PROGRAMS, account, directory), account, settings)
        server.create()
        server.start()
        try:
            with connect(ResolvedDsn(server.dsn(), "--dsn")) as connection:
                install(connection)
            yield server.dsn()
        finally:
            server.stop()


def test_a_schedule_in_pg_cron_fires(dsn: str) -> None:
    compilation = compile_sources(Specs({"flows/tidy.yaml": SPEC}, cron_target="pg_cron"), Layout("shop"), {})
    migrations = {
        path: text for path, text in compilation.rendered.files.items() if path.startswith("migrations/")
    }
    up, down = sorted(migrations, key=len)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create extension pg_cron")
        connection.execute(migrations[up].encode())
        jobs = connection.execute("select jobname, schedule, active from cron.job").fetchall()
        assert jobs == [("pgflow_tidy", "* * * * *", True)]

        with Client(dsn) as client:
            [listed] = client.list_schedules()
            assert (listed.flow_slug, listed.keeper, listed.timezone, listed.active) == (
                "tidy",
                "pg_cron",
                "GMT",
                True,
            )
            assert client.pause_schedule("tidy")
            assert not client.pause_schedule("tidy")
            assert not client.list_schedules()[0].active
            with pytest.raises(ScheduleNotFound):
                client.trigger_schedule("tidy")
            with pytest.raises(FlowNotFound):
                client.pause_schedule("tydy")
            assert client.resume_schedule("tidy")
            assert not client.resume_schedule("tidy")
        shown = CliRunner().invoke(build(["cron", "list"]), ["cron", "list", "--dsn", dsn])
        assert "tidy  * * * * *  GMT  by pg_cron" in shown.output
        assert "its runs are in cron.job_run_details" in shown.output

        deadline = time.monotonic() + 75
        while not (runs := connection.execute("select input ->> 'who' from pgflow.runs").fetchall()):
            assert time.monotonic() < deadline, "pg_cron has started nothing"
            time.sleep(0.1)
        assert runs == [("O'Hara $$ \\ %",)]

        # Runs end before their flow may go.
        connection.execute("update pgflow.runs set status = 'failed'")
        connection.execute(migrations[down].encode())
        assert connection.execute("select * from cron.job").fetchall() == []
