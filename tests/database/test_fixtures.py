"""The fixtures that every other test stands on."""

import psycopg

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
