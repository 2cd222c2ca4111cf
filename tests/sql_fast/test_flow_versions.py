"""Names with versions: `pgflowc.flow_versions` and the functions that write and read it."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb


@pytest.fixture
def connection(core_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(core_dsn, autocommit=True) as connection:
        for slug in ("order", "order_v2", "order_v3"):
            connection.execute("select pgflow.create_flow(%s, 1, 1, 30)", [slug])
            connection.execute("select pgflow.add_step(%s, 'check')", [slug])
        yield connection


def _one(connection: psycopg.Connection, text: str, *arguments: object) -> object:
    row = connection.execute(text.encode(), arguments).fetchone()
    return row[0] if row else None


def _current(connection: psycopg.Connection) -> object:
    return _one(connection, "select pgflowc.current_flow('order')")


def test_a_flow_without_versions_is_called_as_it_is_stored(connection: psycopg.Connection) -> None:
    assert _current(connection) == "order"
    assert _one(connection, "select array(select pgflowc.versions_of('order'))") == ["order"]
    assert _one(connection, "select pgflowc.name_of('order')") == "order"


def test_the_flow_that_is_there_becomes_version_1_and_stays_current(connection: psycopg.Connection) -> None:
    connection.execute("select pgflowc.add_version('order', 2, 'order_v2')")
    rows = connection.execute(
        "select version, flow_slug, current_since is not null from pgflowc.flow_versions order by version"
    ).fetchall()
    assert rows == [(1, "order", True), (2, "order_v2", False)]
    assert _current(connection) == "order"
    connection.execute("select pgflowc.switch_version('order', 1, 2)")
    assert _current(connection) == "order_v2"
    assert _one(connection, "select pgflowc.name_of('order_v2')") == "order"
    assert _one(connection, "select array(select pgflowc.versions_of('order') order by 1)") == [
        "order",
        "order_v2",
    ]


def test_removing_the_second_version_leaves_what_was_before_it(connection: psycopg.Connection) -> None:
    connection.execute("select pgflowc.add_version('order', 2, 'order_v2')")
    connection.execute("select pgflowc.remove_version('order', 2)")
    assert _one(connection, "select count(*) from pgflowc.flow_versions") == 0


def test_a_switch_does_not_write_over_another_one(connection: psycopg.Connection) -> None:
    connection.execute("select pgflowc.add_version('order', 2, 'order_v2')")
    connection.execute("select pgflowc.add_version('order', 3, 'order_v3')")
    connection.execute("select pgflowc.switch_version('order', 1, 3)")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="is 3, not 1"):
        connection.execute("select pgflowc.switch_version('order', 1, 2)")
    with pytest.raises(psycopg.errors.NoDataFound, match="no version 7"):
        connection.execute("select pgflowc.switch_version('order', 3, 7)")
    with pytest.raises(psycopg.errors.ObjectInUse, match="version 3 of flow"):
        connection.execute("select pgflowc.remove_version('order', 3)")
    with pytest.raises(psycopg.errors.NoDataFound):
        connection.execute("select pgflowc.add_version('order', 4, 'order_v4')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("select pgflowc.add_version('other', 1, 'order_v3')")


@pytest.mark.parametrize(
    "start",
    [
        "select run_id from pgflowc.start_run('order', '{}')",
        "select pgflowc.start_flow_batch('order', array['{}']::jsonb[])",
        "select run_id from pgflowc.start_slots('order', '@daily', 'UTC', '{today}', now())",
        "select pgflowc.trigger_schedule('order')",
    ],
)
def test_whatever_starts_runs_starts_them_on_the_current_version(
    connection: psycopg.Connection, start: str
) -> None:
    connection.execute("select pgflowc.add_version('order', 2, 'order_v2')")
    connection.execute("select pgflowc.switch_version('order', 1, 2)")
    connection.execute("select pgflowc.remove_version('order', 1)")
    connection.execute("select pgflow.delete_flow_and_data('order')")
    connection.execute("select pgflowc.set_schedule('order', '@daily')")
    connection.execute("update pgflowc.schedules set settled_until = 'yesterday'")
    run_id = _one(connection, start)
    assert isinstance(run_id, UUID)
    assert _one(connection, "select flow_slug from pgflow.runs where run_id = %s", run_id) == "order_v2"


def test_a_start_that_is_repeated_after_a_switch_finds_its_run(connection: psycopg.Connection) -> None:
    run_id = uuid4()
    start = "select flow_slug from pgflowc.start_run('order', %s, %s)"
    assert _one(connection, start, Jsonb({}), run_id) == "order"
    connection.execute("select pgflowc.add_version('order', 2, 'order_v2')")
    connection.execute("select pgflowc.switch_version('order', 1, 2)")
    assert _one(connection, start, Jsonb({}), run_id) == "order"
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute("select pgflowc.start_run('order_v3', '{}', %s)", [run_id])
