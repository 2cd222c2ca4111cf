"""The components reach their versions from every state that pgflowc may touch, and no other is touched."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql

from pgflowc.database import DatabaseError
from pgflowc.database.components import COMPONENTS, Release, component_sql, shipped
from pgflowc.database.connection import connect
from pgflowc.database.dsn import ResolvedDsn
from pgflowc.database.installation import install, plan_installation
from pgflowc.database.inventory import FOREIGN_CORE, Inventory, take_inventory
from pgflowc.database.queue_layer import QueueLayer

QUEUES = QueueLayer("sql", "1.13.0", ())


def _install(dsn: str, releases: tuple[Release, ...] | None = None) -> list[str]:
    with connect(ResolvedDsn(dsn, "--dsn")) as connection:
        return [change.component for change in install(connection, releases)]


def _release(component: str, version: int, *upgrades: int) -> Release:
    return Release(component, version, "", {number: f"-- to {number}" for number in upgrades})


def test_an_empty_database_gets_everything_and_a_second_time_nothing(empty_dsn: str) -> None:
    assert _install(empty_dsn) == ["pgmq", *COMPONENTS]
    assert _install(empty_dsn) == []
    with psycopg.connect(empty_dsn) as connection:
        inventory = take_inventory(connection)
    assert inventory.recorded == {"pgmq": 11300, **{one.component: one.version for one in shipped()}}
    assert inventory.queue_layer is not None
    assert (inventory.queue_layer.kind, inventory.queue_layer.fault) == ("sql", None)


def test_a_pgmq_that_is_there_is_used_untouched(empty_dsn: str) -> None:
    from pgmq.install import get_embedded_install_sql

    with psycopg.connect(empty_dsn) as connection:
        connection.execute(get_embedded_install_sql())
        connection.execute("select pgmq.create('kept')")
    assert _install(empty_dsn) == [*COMPONENTS]
    with psycopg.connect(empty_dsn) as connection:
        inventory = take_inventory(connection)
    assert inventory.queue_layer == QueueLayer("foreign sql", None, ())
    assert inventory.queue_layer.looks == "1.11 or later"
    assert "pgmq" not in inventory.recorded


def test_a_pgmq_without_what_the_core_calls_is_refused(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn) as connection:
        connection.execute("create schema pgmq create table meta ()")
    with pytest.raises(DatabaseError, match=r"pgmq lacks pgmq\.create\(text\)"):
        _install(empty_dsn)


def test_an_extension_that_is_too_old_is_to_be_updated() -> None:
    inventory = Inventory(queue_layer=QueueLayer("extension", "1.4.5", ()))
    with pytest.raises(DatabaseError, match=r"pgmq 1\.4\.5 is too old") as caught:
        plan_installation(inventory, shipped())
    assert caught.value.help == "alter extension pgmq update"


def test_an_older_component_is_brought_up_version_by_version() -> None:
    inventory = Inventory(QUEUES, recorded={"core": 1, "helpers": 2, "pgflowc": 1}, core=True, own=True)
    wanted = [_release("core", 3, 2, 3), _release("helpers", 2), _release("pgflowc", 1)]
    changes = plan_installation(inventory, wanted)
    assert [(one.component, one.before, one.version, one.script) for one in changes] == [
        ("core", 1, 2, "-- to 2"),
        ("core", 2, 3, "-- to 3"),
    ]


def test_an_upgrade_is_made_and_recorded(core_dsn: str) -> None:
    script = "create table pgflowc.added ();"
    core, helpers, own = shipped()
    later = Release("pgflowc", own.version + 1, own.script, {own.version + 1: script})
    assert _install(core_dsn, (core, helpers, later)) == ["pgflowc"]
    assert _install(core_dsn, (core, helpers, later)) == []
    with pytest.raises(DatabaseError, match="newer than this pgflowc knows") as caught:
        _install(core_dsn)
    assert caught.value.help == "pip install --upgrade pgflowc"


def test_an_upgrade_that_fails_leaves_everything_as_it_was(core_dsn: str) -> None:
    core, helpers, own = shipped()
    later = Release(
        "pgflowc", own.version + 1, "", {own.version + 1: "create table pgflowc.added (); select 1 / 0;"}
    )
    with pytest.raises(DatabaseError, match="division by zero"):
        _install(core_dsn, (core, helpers, later))
    assert _install(core_dsn) == []
    with psycopg.connect(core_dsn) as connection:
        assert connection.execute("select to_regclass('pgflowc.added')").fetchone() == (None,)


def test_a_version_that_cannot_be_reached_is_refused() -> None:
    inventory = Inventory(QUEUES, recorded={"core": 1})
    with pytest.raises(DatabaseError, match="cannot bring core from version 1 to 2"):
        plan_installation(inventory, [_release("core", 3, 3)])


def test_a_core_that_nobody_recorded_is_refused_with_the_way_out(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn) as connection:
        connection.execute(component_sql("core"))
        connection.execute("drop function pgflow.is_local")
    with pytest.raises(DatabaseError, match="pgflowc did not install it") as caught:
        _install(empty_dsn)
    assert "pgflowc db stamp" in caught.value.help
    with psycopg.connect(empty_dsn) as connection:
        assert connection.execute("select to_regnamespace('pgmq')").fetchone() == (None,)


def test_beside_a_foreign_core_only_our_schema_is_installed() -> None:
    inventory = Inventory(QUEUES, recorded={FOREIGN_CORE: 1}, core=True)
    assert [one.component for one in plan_installation(inventory, shipped())] == ["pgflowc"]


def test_many_at_once_install_once(empty_dsn: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(_install, [empty_dsn] * 4))
    assert sorted(map(len, done)) == [0, 0, 0, 1 + len(COMPONENTS)]


def test_an_owner_without_superuser_rights_can_install(empty_dsn: str, new_role: Callable[[], str]) -> None:
    role = new_role()
    with psycopg.connect(empty_dsn) as connection:
        name = connection.info.dbname
        connection.execute(
            sql.SQL("alter database {} owner to {}").format(sql.Identifier(name), sql.Identifier(role))
        )
    assert _install(empty_dsn.replace("postgres@", f"{role}@")) == ["pgmq", *COMPONENTS]


def test_a_role_without_the_right_is_told_which(empty_dsn: str, new_role: Callable[[], str]) -> None:
    role = new_role()
    with pytest.raises(DatabaseError, match=f"role {role} lacks a right") as caught:
        _install(empty_dsn.replace("postgres@", f"{role}@"))
    assert "grant create on database" in caught.value.help
