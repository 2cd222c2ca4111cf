"""The fixtures that every other test stands on."""

import os
import subprocess
from pathlib import Path

import psycopg

from pgflowc.database.binaries import embedded_binaries
from pgflowc.database.cluster import Cluster


def test_core_dsn_has_every_component(core_dsn: str) -> None:
    with psycopg.connect(core_dsn) as connection:
        rows = connection.execute(
            "select component from pgflowc.installed_components order by component"
        ).fetchall()
        assert [row[0] for row in rows] == ["core", "helpers", "pgflowc", "pgmq"]
        assert connection.execute("select pgmq.create('q')").fetchone() is not None


def test_each_test_has_its_own_database(core_dsn: str, empty_dsn: str, cluster: Cluster) -> None:
    assert len({core_dsn, empty_dsn, cluster.dsn()}) == 3
    with psycopg.connect(empty_dsn) as connection:
        connection.execute("create table left_behind ()")


def test_an_empty_database_is_empty(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn) as connection:
        found = connection.execute(
            "select count(*) from pg_class where relnamespace = 'public'::regnamespace"
        ).fetchone()
        assert found == (0,)


def test_the_server_is_of_the_programs_that_were_asked_for(core_dsn: str) -> None:
    chosen = os.environ.get("PGFLOWC_TEST_PG_BIN")
    programs = Path(chosen) if chosen else embedded_binaries()
    said = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True)
    with psycopg.connect(core_dsn) as connection:
        assert (connection.info.parameter_status("server_version") or "") in said.stdout
