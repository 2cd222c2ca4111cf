"""Components go back to earlier versions, and leave nothing of their own and everything of others."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

from pgflowc.database import DatabaseError
from pgflowc.database.catalogue import Catalogue, differences, read_catalogue
from pgflowc.database.components import COMPONENTS, Downgrade, Release, shipped
from pgflowc.database.connection import connect
from pgflowc.database.dsn import ResolvedDsn
from pgflowc.database.installation import install, record
from pgflowc.database.inventory import FOREIGN_CORE, Inventory, take_inventory
from pgflowc.database.queue_layer import QueueLayer
from pgflowc.database.rollback import plan_rollback, roll_back

QUEUES = QueueLayer("sql", "1.13.0", ())
SCHEMAS = ("pgflow", "pgflowc")


def _down(
    dsn: str,
    component: str,
    to: int = 0,
    *,
    allow_data_loss: bool = False,
    releases: tuple[Release, ...] | None = None,
) -> list[tuple[str, int, int]]:
    with connect(ResolvedDsn(dsn, "--dsn")) as connection:
        done = roll_back(connection, component, to, allow_data_loss=allow_data_loss, releases=releases)
    return [(step.component, step.before, step.version) for step in done.steps]


def _up(dsn: str, releases: tuple[Release, ...] | None = None) -> list[str]:
    with connect(ResolvedDsn(dsn, "--dsn")) as connection:
        return [change.component for change in install(connection, releases)]


def _catalogue(dsn: str, *schemas: str) -> Catalogue:
    with psycopg.connect(dsn) as connection:
        return read_catalogue(connection, schemas)


def _run(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn) as connection:
        for statement in statements:
            connection.execute(statement)


def _versions(*downgrades: int) -> dict[int, Downgrade]:
    return {version: Downgrade(f"-- from {version}") for version in downgrades}


def test_the_core_takes_along_what_builds_on_it_and_leaves_pgmq(core_dsn: str) -> None:
    before = _catalogue(core_dsn, "pgmq")
    _run(core_dsn, "select pgmq.create('kept')", "select pgflow.create_flow('orders')")
    assert _down(core_dsn, "core") == [("pgflowc", 1, 0), ("helpers", 1, 0), ("core", 1, 0)]
    assert _catalogue(core_dsn, *SCHEMAS) == {}, "name what is left over in sql/versions/*/1.down.sql"
    with psycopg.connect(core_dsn) as connection:
        queues = connection.execute("select queue_name from pgmq.list_queues()").fetchall()
        connection.execute("select pgmq.drop_queue('kept')")
    assert queues == [("kept",)]
    assert _catalogue(core_dsn, "pgmq") == before
    assert _down(core_dsn, "core") == []


@pytest.mark.parametrize("component", COMPONENTS)
def test_down_and_up_again_is_as_new(component: str, core_dsn: str) -> None:
    before = _catalogue(core_dsn, *SCHEMAS)
    assert _down(core_dsn, component)
    assert _catalogue(core_dsn, *SCHEMAS) != before
    if component == "pgflowc":  # takes the records along, and with them that of the core
        with connect(ResolvedDsn(core_dsn, "--dsn")) as connection:
            connection.execute(shipped()[-1].script)
            for release in shipped():
                record(connection, release.component, release.version, "test")
    _up(core_dsn)
    assert differences(before, _catalogue(core_dsn, *SCHEMAS)) == ()


def test_pgmq_goes_only_by_name_and_only_if_it_is_ours(core_dsn: str, empty_dsn: str) -> None:
    assert _down(core_dsn, "pgmq")[-1] == ("pgmq", 11300, 0)
    with psycopg.connect(core_dsn) as connection:
        assert connection.execute("select to_regnamespace('pgmq')").fetchone() == (None,)
    assert _up(core_dsn) == ["pgmq", *COMPONENTS]

    from pgmq.install import get_embedded_install_sql

    _run(empty_dsn, get_embedded_install_sql())
    _up(empty_dsn)
    with pytest.raises(DatabaseError, match="pgflowc did not install the pgmq"):
        _down(empty_dsn, "pgmq")


def test_queues_of_other_applications_are_data(core_dsn: str) -> None:
    _run(core_dsn, "select pgmq.create('others')", "select pgflow.create_flow('ours')")
    with pytest.raises(DatabaseError, match="queues of other applications: 1") as caught:
        _down(core_dsn, "pgmq")
    assert caught.value.finding
    assert _down(core_dsn, "pgmq", allow_data_loss=True)


def test_stored_runs_are_deleted_only_on_request(core_dsn: str) -> None:
    _run(
        core_dsn,
        "select pgflow.create_flow('orders')",
        "select pgflow.add_step('orders', 'charge')",
        "select pgflow.start_flow('orders', '{}') from generate_series(1, 3)",
        "update pgflow.flows set flow_type = 'job'",
    )
    before = _catalogue(core_dsn, "pgflow", "pgflowc", "pgmq")
    with pytest.raises(DatabaseError) as caught:
        _down(core_dsn, "core")
    assert caught.value.message == (
        "rolling core back to 0 would delete data (marks of jobs: 1, runs: 3, runs that are not over: 3)"
    )
    assert caught.value.help.endswith("pgflowc db down --component core --to 0 --allow-data-loss")
    assert _catalogue(core_dsn, "pgflow", "pgflowc", "pgmq") == before
    assert _down(core_dsn, "core", allow_data_loss=True)
    with psycopg.connect(core_dsn) as connection:
        assert connection.execute("select count(*) from pgmq.list_queues()").fetchone() == (0,)


def test_what_workers_left_at_the_queues_goes_with_pgflowc(core_dsn: str) -> None:
    _run(core_dsn, "select pgflow.create_flow('orders')", "select pgflow.add_step('orders', 'charge')")
    before = _catalogue(core_dsn, "pgmq")
    _run(core_dsn, "select pgflowc.enable_wakeup('orders')", "select pgflowc.tune_queue('orders')")
    assert _catalogue(core_dsn, "pgmq") != before
    assert _down(core_dsn, "pgflowc") == [("pgflowc", 1, 0)]
    assert _catalogue(core_dsn, "pgmq") == before
    _run(core_dsn, "select pgflow.start_flow('orders', '{}')")


def test_what_others_built_on_it_stops_it_by_name(core_dsn: str) -> None:
    _run(core_dsn, "create view latest as select * from pgflow.runs")
    with pytest.raises(DatabaseError, match="view latest depends on") as caught:
        _down(core_dsn, "core")
    assert caught.value.finding
    _run(core_dsn, "drop view latest", "create table pgflow.notes ()")
    with pytest.raises(DatabaseError, match=r"table pgflow\.notes depends on schema pgflow"):
        _down(core_dsn, "core")
    with psycopg.connect(core_dsn) as connection:
        assert take_inventory(connection).recorded["core"] == 1


def test_somebody_at_work_is_not_waited_for_for_ever(core_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgflowc.database.rollback._PATIENCE", "100ms")
    with psycopg.connect(core_dsn) as worker:
        worker.execute("select from pgflow.flows")
        with pytest.raises(DatabaseError, match="helpers is in use") as caught:
            _down(core_dsn, "helpers")
    assert "stop the workers" in caught.value.help


def test_a_schema_that_an_administrator_made_is_used_and_stays(
    empty_dsn: str, new_role: Callable[[], str]
) -> None:
    role = new_role()
    with psycopg.connect(empty_dsn) as connection:
        name = connection.info.dbname
        connection.execute(
            "create schema pgflow create schema pgflowc create schema pgmq".replace(" c", "; c")
        )
        from pgmq.install import get_embedded_install_sql

        connection.execute(get_embedded_install_sql())
        connection.execute("reset search_path")
        for schema in ("pgflow", "pgflowc", "pgmq"):
            connection.execute(
                sql.SQL("grant usage, create on schema {} to {}").format(
                    sql.Identifier(schema), sql.Identifier(role)
                )
            )
        connection.execute(
            sql.SQL("grant all on all tables in schema pgmq to {}").format(sql.Identifier(role))
        )
        granted = connection.execute(
            "select has_database_privilege(%s, %s, 'create')", (role, name)
        ).fetchone()
    assert granted == (False,)
    dsn = empty_dsn.replace("postgres@", f"{role}@")
    assert _up(dsn) == [*COMPONENTS]
    _run(dsn, "select pgflow.create_flow('orders')")
    assert _down(dsn, "core")
    with psycopg.connect(dsn) as connection:
        assert connection.execute(
            "select count(*) from pg_namespace where nspname in ('pgflow', 'pgflowc')"
        ).fetchone() == (2,)
    assert _up(dsn) == [*COMPONENTS]


def test_back_by_one_version_is_made_and_recorded(core_dsn: str) -> None:
    core, helpers, own = shipped()
    later = Release(
        "pgflowc",
        own.version + 2,
        own.script,
        {
            own.version + 1: "create table pgflowc.first (id int)",
            own.version + 2: "create table pgflowc.second ()",
        },
        {
            own.version + 2: Downgrade("drop table pgflowc.second"),
            # Readable only when the step before has been made.
            own.version + 1: Downgrade(
                "drop table pgflowc.first",
                "select 'firsts', count(*) from pgflowc.first where to_regclass('pgflowc.second') is null",
            ),
        },
    )
    releases = (core, helpers, later)
    before = _catalogue(core_dsn, "pgflowc")
    _up(core_dsn, releases)
    with pytest.raises(DatabaseError, match="newer than this pgflowc knows"):
        _down(core_dsn, "pgflowc", own.version)
    _run(core_dsn, "insert into pgflowc.first values (1)")
    with pytest.raises(DatabaseError, match="firsts: 1"):
        _down(core_dsn, "pgflowc", own.version, releases=releases)
    assert _down(core_dsn, "pgflowc", own.version, allow_data_loss=True, releases=releases) == [
        ("pgflowc", own.version + 2, own.version + 1),
        ("pgflowc", own.version + 1, own.version),
    ]
    assert _catalogue(core_dsn, "pgflowc") == before
    with psycopg.connect(core_dsn) as connection:
        assert take_inventory(connection).recorded["pgflowc"] == own.version
    assert _up(core_dsn) == []


def test_a_script_that_fails_leaves_everything_as_it_was(core_dsn: str) -> None:
    core, helpers, own = shipped()
    broken = Release(
        "core", core.version, core.script, {}, {core.version: Downgrade("drop schema pgflow; select 1 / 0")}
    )
    before = _catalogue(core_dsn, *SCHEMAS)
    with pytest.raises(DatabaseError):
        _down(core_dsn, "core", releases=(broken, helpers, own))
    assert _catalogue(core_dsn, *SCHEMAS) == before


def test_what_is_not_ours_is_never_planned() -> None:
    foreign = Inventory(
        QUEUES,
        recorded={FOREIGN_CORE: 1, "pgflowc": 1, "pgmq": 11300},
        generation="another's",
        core=True,
        own=True,
    )
    for component in ("core", "helpers", "pgmq"):
        with pytest.raises(DatabaseError, match="schema pgflow is not pgflowc's"):
            plan_rollback(foreign, shipped(), component, 0)
    assert [one.component for one in plan_rollback(foreign, shipped(), "pgflowc", 0)] == ["pgflowc"]

    untracked = Inventory(QueueLayer("foreign sql", None, ()), core=True)
    with pytest.raises(DatabaseError, match="core is not recorded") as caught:
        plan_rollback(untracked, shipped(), "core", 0)
    assert "pgflowc db stamp" in caught.value.help

    extension = Inventory(QueueLayer("extension", "1.9.0", ()), recorded={"core": 1}, core=True)
    with pytest.raises(DatabaseError, match="it is an extension") as caught:
        plan_rollback(extension, shipped(), "pgmq", 0)
    assert caught.value.help == "drop extension pgmq"


def test_versions_that_cannot_be_reached() -> None:
    inventory = Inventory(QUEUES, recorded={"core": 3, "pgmq": 11300}, core=True, own=True)
    core = Release("core", 3, "", {}, _versions(3))
    assert [one.version for one in plan_rollback(inventory, [core], "core", 2)] == [2]
    assert plan_rollback(inventory, [core], "core", 3) == ()
    for component, to, reason in (
        ("core", 1, "cannot bring core from version 2 to 1"),
        ("core", 4, "core is version 3, which is before 4"),
        ("pgmq", 11200, "pgmq can only be removed"),
    ):
        with pytest.raises(DatabaseError, match=reason):
            plan_rollback(inventory, [core], component, to)
    with pytest.raises(DatabaseError, match="helpers is not installed"):
        plan_rollback(inventory, [core], "helpers", 1)
    assert plan_rollback(inventory, [core], "helpers", 0) == ()
