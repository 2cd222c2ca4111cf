"""What is wrong with a database is said in one line, with the way out, and without the password."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

from pgflowc.database import DatabaseError
from pgflowc.database.cluster import Cluster
from pgflowc.database.connection import connect
from pgflowc.database.dsn import ResolvedDsn


def _fault(dsn: str) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught:
        with connect(ResolvedDsn(dsn, "--dsn")):
            pass
    assert "\n" not in caught.value.message
    return caught.value


def test_no_server() -> None:
    fault = _fault("postgresql://ann:hunter2@127.0.0.1:1/shop")
    assert "postgresql://ann@127.0.0.1:1/shop (from --dsn)" in fault.message
    assert "efused" in fault.message
    assert "start the server" in fault.help
    assert "hunter2" not in fault.message


def test_no_such_socket() -> None:
    assert "start the server" in _fault("host=/nonexistent").help


def test_no_such_host() -> None:
    assert "correct the host" in _fault("host=nowhere.invalid").help


def test_no_such_database(cluster: Cluster) -> None:
    fault = _fault(cluster.dsn("no such database"))
    assert 'database "no such database" does not exist' in fault.message
    assert "create it" in fault.help


def test_no_such_role(cluster: Cluster) -> None:
    assert 'role "ann" does not exist' in _fault(cluster.dsn().replace("postgres@", "ann@")).message


def test_wrong_password(cluster: Cluster, new_role: Callable[[], str]) -> None:
    role = new_role()
    configuration = cluster.data / "pg_hba.conf"
    with psycopg.connect(cluster.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("alter role {} password 'right'").format(sql.Identifier(role)))
        configuration.write_text(f"local all {role} scram-sha-256\n{configuration.read_text()}")
        connection.execute("select pg_reload_conf()")
        # The answer comes before every new session has read the file.
        while True:
            rules = connection.execute("select pg_conf_load_time() > now() - interval '1 min'").fetchone()
            try:
                psycopg.connect(cluster.dsn().replace("postgres@", f"{role}@")).close()
            except psycopg.OperationalError:
                break
            assert rules == (True,)
    fault = _fault(cluster.dsn().replace("postgres@", f"{role}:hunter2@"))
    assert "password authentication failed" in fault.message
    assert "check user and password" in fault.help
    assert "hunter2" not in fault.message + fault.help
    assert "add the password" in _fault(cluster.dsn().replace("postgres@", f"{role}@")).help


def test_a_server_that_may_not_be_written(core_dsn: str) -> None:
    with pytest.raises(DatabaseError, match="is read-only here") as caught:
        with connect(
            ResolvedDsn(f"{core_dsn}&options=-cdefault_transaction_read_only%3Don", "--dsn")
        ) as connection:
            connection.execute("create table t ()")
    assert "primary" in caught.value.help


def test_a_connection_that_breaks(core_dsn: str) -> None:
    with pytest.raises(DatabaseError, match="connection to the database broke"):
        with connect(ResolvedDsn(core_dsn, "--dsn")) as connection:
            connection.execute("select pg_terminate_backend(pg_backend_pid())")
