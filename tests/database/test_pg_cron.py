"""Schedules that pg_cron fires, by jobs in migrations or as the database decides: within a minute, once
beside workers, and no longer when they are gone.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from pgflowc.check import check_sources
from pgflowc.cli.app import build
from pgflowc.compile import compile_sources
from pgflowc.database.account import server_account
from pgflowc.database.binaries import usable_binaries
from pgflowc.database.cluster import Cluster
from pgflowc.database.connection import connect
from pgflowc.database.dsn import ResolvedDsn
from pgflowc.database.installation import install
from pgflowc.database.live_flows import read_live_flows, state_of_database
from pgflowc.diagnostics import Report
from pgflowc.document.referred import Specs
from pgflowc.plan.difference import difference
from pgflowc.plan.state import state_of_specs
from pgflowc.render import Layout
from pgflowc_runtime import (
    Client,
    Flow,
    FlowNotFound,
    JsonValue,
    Registry,
    ScheduleNotFound,
    Step,
    Worker,
    WorkerConfig,
)

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

        connection.execute("select cron.schedule('pgflow_rest', '@yearly', 'vacuum')")
        with Client(dsn) as client:
            [_, listed] = client.list_schedules()
            assert (listed.flow_slug, listed.keeper, listed.timezone, listed.active) == (
                "tidy",
                "pg_cron",
                "GMT",
                True,
            )
            assert client.pause_schedule("tidy")
            assert not client.pause_schedule("tidy")
            assert not client.list_schedules()[1].active
            triggered = client.get_run(client.trigger_schedule("tidy"))
            assert triggered.input == {"who": "O'Hara $$ \\ %"}
            with pytest.raises(ScheduleNotFound, match="does something else"):
                client.trigger_schedule("rest")
            with pytest.raises(FlowNotFound):
                client.pause_schedule("tydy")
            assert client.resume_schedule("tidy")
            assert not client.resume_schedule("tidy")
        shown = CliRunner().invoke(build(["cron", "list"]), ["cron", "list", "--dsn", dsn])
        assert "tidy  * * * * *  GMT  by pg_cron" in shown.output
        assert "its runs are in cron.job_run_details" in shown.output

        deadline = time.monotonic() + 75
        while len(runs := connection.execute("select input ->> 'who' from pgflow.runs").fetchall()) < 2:
            assert time.monotonic() < deadline, "pg_cron has started nothing"
            time.sleep(0.1)
        assert runs == [("O'Hara $$ \\ %",)] * 2

        # Runs end before their flow may go.
        connection.execute("update pgflow.runs set status = 'failed'")
        connection.execute(migrations[down].encode())
        assert connection.execute("select jobname from cron.job").fetchall() == [("pgflow_rest",)]


AUTO = """
---
flow: tidy
cron: {schedule: "* * * * *", input: {who: "O'Hara"}}
steps: {sweep: {}}
---
flow: busy
cron: {schedule: "* * * * *", overlap: skip}
steps: {sweep: {}}
---
flow: local
cron: {schedule: "0 9 * * *", timezone: Europe/Berlin}
steps: {sweep: {}}
"""


async def test_pg_cron_is_found_and_fires_once_beside_workers(dsn: str) -> None:
    specs = Specs({"flows/all.yaml": AUTO})
    rendered = compile_sources(specs, Layout("shop"), {}).rendered.files
    ups = sorted(path for path in rendered if path.endswith(".sql") and not path.endswith(".down.sql"))
    with psycopg.connect(dsn, autocommit=True) as connection, Client(dsn) as client:

        def keepers() -> dict[str, str]:
            return {one.flow_slug: one.keeper for one in client.list_schedules()}

        def jobs() -> list[str]:
            return [name for (name,) in connection.execute("select jobname from cron.job order by 1")]

        for up in ups:
            connection.execute(rendered[up].encode())
        assert keepers() == {"tidy": "worker", "busy": "worker", "local": "worker"}
        # The extension came later.
        connection.execute("create extension pg_cron")
        connection.execute("select pgflowc.assign_schedule(flow_slug) from pgflowc.schedules")
        assert keepers() == {"tidy": "pg_cron", "busy": "worker", "local": "worker"}
        assert jobs() == ["pgflowc_tidy"]
        wanted = state_of_specs(check_sources(specs, Report()), "auto")
        assert difference(state_of_database(read_live_flows(connection)), wanted).flows == ()

        async with _worker(dsn), _worker(dsn):
            fired = "select count(*) filter (where flow_slug = 'tidy'), count(*) from pgflowc.schedule_slots"
            deadline = time.monotonic() + 75
            # busy's slot is the workers'.
            while (slots := connection.execute(fired).fetchone()) != (1, 2):
                assert time.monotonic() < deadline, f"slots: {slots}"
                await asyncio.sleep(0.1)
            # Schedulers that stand by look up to three seconds later.
            looked = "select max(slot) < clock_timestamp() - interval '4 s' from pgflowc.schedule_slots"
            while connection.execute(looked).fetchone() != (True,):
                assert time.monotonic() < deadline + 10
                await asyncio.sleep(0.1)
            assert connection.execute(fired).fetchone() == (1, 2)
        [tidy] = [one for one in client.list_schedules() if one.flow_slug == "tidy"]
        assert client.get_run(tidy.last_run_id).input == {"who": "O'Hara"}
        assert tidy.last_status == "completed"

        # In a pause its job does nothing; by hand it starts all the same.
        assert client.pause_schedule("tidy")
        assert connection.execute(_command(connection)).fetchall() == [(None,)]
        assert client.get_run(client.trigger_schedule("tidy")).input == {"who": "O'Hara"}
        assert client.resume_schedule("tidy")

        # Whoever may not make jobs, or says so, leaves it to workers. A job that was left goes by itself.
        command = _command(connection)
        connection.execute("select pgflowc.set_schedule('tidy', '* * * * *', p_keeper => 'worker')")
        assert (keepers()["tidy"], jobs()) == ("worker", [])
        connection.execute("select cron.schedule('pgflowc_tidy', '* * * * *', %s)", [command.decode()])
        assert connection.execute(command).fetchall() == [(None,)]
        assert jobs() == []
        connection.execute("create role plain")
        connection.execute("grant plain to current_user")
        connection.execute("grant usage on schema pgflow, pgflowc to plain")
        connection.execute("grant all on all tables in schema pgflow, pgflowc to plain")
        connection.execute("set role plain")
        connection.execute("select pgflowc.set_schedule('tidy', '* * * * *')")
        connection.execute("reset role")
        assert (keepers()["tidy"], jobs()) == ("worker", [])

        connection.execute("select pgflowc.assign_schedule('tidy')")
        assert (keepers()["tidy"], jobs()) == ("pg_cron", ["pgflowc_tidy"])
        connection.execute("update pgflow.runs set status = 'failed'")
        for up in reversed(ups):
            connection.execute(rendered[up.replace(".sql", ".down.sql")].encode())
        assert (keepers(), jobs()) == ({}, [])


def _command(connection: psycopg.Connection) -> bytes:
    [(command,)] = connection.execute("select command from cron.job").fetchall()
    assert isinstance(command, str)
    return command.encode()


@asynccontextmanager
async def _worker(dsn: str) -> AsyncIterator[None]:
    """One that serves tidy, and schedules for all."""
    step = Step(slug="sweep", argument=JsonValue, output=JsonValue)
    tidy = Flow(
        slug="tidy",
        input=JsonValue,
        steps=(step,),
        max_attempts=3,
        base_delay=5,
        timeout=60,
        definition_hash="",
    )
    registry = Registry()
    registry.add(tidy, {"sweep": lambda input, ctx: input})
    async with Worker(registry, dsn=dsn, config=WorkerConfig(drain_timeout=5)):
        yield
