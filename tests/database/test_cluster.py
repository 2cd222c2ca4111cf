"""A cluster starts, stops and recovers whatever its path is called and however its server ended."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from pgflowc.database import DatabaseError
from pgflowc.database.cluster import Cluster


@pytest.fixture
def make_cluster(cluster: Cluster) -> Iterator[Callable[[str], Cluster]]:
    """Makes a cluster that is not started, in a directory of that name."""
    with tempfile.TemporaryDirectory(prefix="pgflowc-cluster-", dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        made: list[Cluster] = []

        def make(name: str) -> Cluster:
            parent = Path(directory) / name
            parent.mkdir(parents=True)
            one = Cluster(parent / "postgres", cluster.binaries, cluster.account, {"fsync": "off"})
            one.create()
            made.append(one)
            return one

        yield make
        for one in made:
            one.delete()


def _answers(cluster: Cluster) -> bool:
    with psycopg.connect(cluster.dsn()) as connection:
        return connection.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize("name", ["plain", """it's "odd", $HOME; 100% `ünï` #?""", "/".join(["long"] * 30)])
def test_any_path_works(make_cluster: Callable[[str], Cluster], name: str) -> None:
    one = make_cluster(name)
    one.start()
    assert _answers(one)
    one.start()
    assert one.stop() is True
    assert one.pid() is None
    assert one.stop() is False


def test_pg_variables_neither_configure_the_server_nor_lead_elsewhere(
    make_cluster: Callable[[str], Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGHOST", "nowhere.invalid")
    monkeypatch.setenv("PGUSER", "nobody")
    one = make_cluster("variables")
    one.start()
    assert _answers(one)


def test_what_was_committed_survives_a_killed_server(make_cluster: Callable[[str], Cluster]) -> None:
    one = make_cluster("killed")
    one.start()
    with psycopg.connect(one.dsn()) as connection:
        connection.execute("create table kept ()")
    pid = one.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    _wait_until(lambda: one.pid() is None)
    one.start()
    with psycopg.connect(one.dsn()) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (0,)


def test_a_process_that_got_a_dead_servers_number_is_left_alone(
    make_cluster: Callable[[str], Cluster],
) -> None:
    one = make_cluster("stale")
    one.start()
    file = one.data / "postmaster.pid"
    left_behind = file.read_text().splitlines()
    one.stop()
    file.write_text("\n".join([str(os.getpid()), *left_behind[1:]]) + "\n")
    assert one.pid() is None
    assert one.stop() is False
    one.start()
    assert _answers(one)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's copies belong to somebody else than the server")
def test_a_copy_that_root_made_can_be_started(make_cluster: Callable[[str], Cluster]) -> None:
    one = make_cluster("original")
    copy = Cluster(one.data.with_name("copy"), one.binaries, one.account, one.settings)
    shutil.copytree(one.data, copy.data)
    copy.start()
    assert _answers(copy)
    copy.delete()


def test_data_of_another_major_version_is_refused(make_cluster: Callable[[str], Cluster]) -> None:
    one = make_cluster("version")
    (one.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(DatabaseError, match="made by PostgreSQL 9") as caught:
        one.start()
    assert "pgflowc db down --delete" in caught.value.help


def test_the_reason_of_a_failed_start_is_the_servers_own(make_cluster: Callable[[str], Cluster]) -> None:
    one = make_cluster("broken")
    with (one.data / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(DatabaseError, match=r"stopped while starting: .*FATAL"):
        one.start()


def test_a_link_of_somebody_else_in_the_way_is_not_followed(make_cluster: Callable[[str], Cluster]) -> None:
    one = make_cluster("/".join(["linked"] * 20))
    alias = one._alias()
    alias.symlink_to("/elsewhere")
    try:
        with pytest.raises(DatabaseError, match="in the way"):
            one.dsn()
    finally:
        alias.unlink()


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
