"""`check` finds what differs from a fresh install, and `stamp` adopts only what does not."""

from __future__ import annotations

import psycopg
import pytest

from pgflowc.database import DatabaseError
from pgflowc.database.components import COMPONENTS, component_sql
from pgflowc.database.connection import connect
from pgflowc.database.dsn import ResolvedDsn
from pgflowc.database.installation import install
from pgflowc.database.inventory import FOREIGN_CORE
from pgflowc.database.queue_layer import shipped_queue_layer
from pgflowc.database.remedies import remedy
from pgflowc.database.verification import Stamped, Verdict, stamp, verify


def _verify(dsn: str) -> Verdict:
    with connect(ResolvedDsn(dsn, "--dsn")) as connection:
        return verify(connection)


def _stamp(dsn: str, *, foreign: bool = False) -> Stamped:
    with connect(ResolvedDsn(dsn, "--dsn")) as connection:
        return stamp(connection, foreign=foreign)


def _up(dsn: str) -> list[str]:
    with connect(ResolvedDsn(dsn, "--dsn")) as connection:
        return [change.component for change in install(connection)]


def _run(dsn: str, script: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(script)


def _install_by_hand(dsn: str, *components: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(shipped_queue_layer()[0].encode())
        for component in components:
            connection.execute(component_sql(component))


def test_a_fresh_install_is_as_it_should_be_and_stays_so(core_dsn: str) -> None:
    assert _verify(core_dsn).differences == ()
    assert _verify(core_dsn).differences == ()


@pytest.mark.parametrize(
    ("damage", "kind", "name", "problem"),
    [
        ("drop function pgflow.add_step", "function", "pgflow.add_step", "missing"),
        (
            "alter table pgflow.flows alter opt_timeout set default 7",
            "column",
            "pgflow.flows.opt_timeout",
            "different",
        ),
        ("alter table pgflow.runs drop column output", "column", "pgflow.runs.output", "missing"),
        ("alter table pgflow.flows drop constraint slug_is_valid", "constraint", "slug_is_valid", "missing"),
        ("alter table pgflow.runs set (fillfactor = 11)", "table", "pgflow.runs", "different"),
        ("alter function pgflow.is_valid_slug(text) volatile", "function", "is_valid_slug", "different"),
        ("drop table pgflowc.applied_migrations", "table", "pgflowc.applied_migrations", "missing"),
        (
            "alter function pgflow.is_valid_slug(text) parallel unsafe",
            "function",
            "is_valid_slug",
            "different",
        ),
        ("drop function pgflow.start_tasks(text, bigint[], uuid)", "function", "start_tasks", "missing"),
        ("drop type pgflow.step_task_record cascade", "type", "pgflow.step_task_record", "missing"),
        ("alter type pgflow.step_task_record drop attribute input", "column", "step_task_record", "missing"),
        (
            "alter type pgflow.step_task_record add attribute more int",
            "type",
            "step_task_record",
            "different",
        ),
        ("alter table pgflow.runs enable row level security", "table", "pgflow.runs", "different"),
        ("alter table pgflow.step_tasks disable trigger all", "table", "pgflow.step_tasks", "different"),
        (
            "create rule swallow as on insert to pgflow.workers do instead nothing",
            "table",
            "pgflow.workers",
            "different",
        ),
        (
            "update pg_index set indisvalid = false where indexrelid = 'pgflow.idx_runs_flow_slug'::regclass",
            "index",
            "pgflow.idx_runs_flow_slug",
            "different",
        ),
        ("drop index pgflow.idx_runs_flow_slug", "index", "pgflow.idx_runs_flow_slug", "missing"),
        (
            "grant delete on pgflow.runs to public",
            "privilege",
            "delete on table pgflow.runs to public",
            "unexpected",
        ),
        ("create table pgflow.more ()", "table", "pgflow.more", "unexpected"),
    ],
)
def test_damage_is_found(core_dsn: str, damage: str, kind: str, name: str, problem: str) -> None:
    _run(core_dsn, damage)
    verdict = _verify(core_dsn)
    assert any(
        one.kind == kind and name in one.name and one.problem == problem for one in verdict.differences
    ), verdict.differences
    assert bool(verdict.faults) is (problem != "unexpected")


def test_a_changed_body_is_found(core_dsn: str) -> None:
    _run(
        core_dsn,
        """create or replace function pgflow.is_valid_slug(slug text) returns boolean
           language sql immutable as 'select true'""",
    )
    assert [one.name for one in _verify(core_dsn).faults if one.kind == "function"] == [
        "pgflow.is_valid_slug(slug text)"
    ]


def test_a_check_waits_for_nobody_and_nobody_for_it(core_dsn: str) -> None:
    with psycopg.connect(core_dsn) as other:
        other.execute("select pgflow.create_flow('busy')")
        other.execute("set statement_timeout = '20s'")
        assert _verify(core_dsn).differences == ()
        other.execute("select pgflow.add_step('busy', 'first')")


def test_nothing_installed_is_said_with_the_way_out(empty_dsn: str) -> None:
    with pytest.raises(DatabaseError, match="not installed") as caught:
        _verify(empty_dsn)
    assert caught.value.help == "pgflowc db up"


def test_our_own_sql_run_by_other_tools_is_adopted(empty_dsn: str) -> None:
    _install_by_hand(empty_dsn, *COMPONENTS)
    with pytest.raises(DatabaseError, match="did not install it"):
        _up(empty_dsn)
    found = _verify(empty_dsn)
    assert (found.unrecorded, found.differences) == (COMPONENTS, ())
    assert _stamp(empty_dsn) == Stamped(adopted=COMPONENTS, installed=())
    assert _up(empty_dsn) == []
    found = _verify(empty_dsn)
    assert (found.unrecorded, found.differences) == ((), ())


def test_a_core_alone_is_adopted_and_the_rest_installed(empty_dsn: str) -> None:
    _install_by_hand(empty_dsn, "core")
    _run(empty_dsn, "alter table pgflow.runs drop constraint runs_flow_slug_fkey")
    found = _verify(empty_dsn)
    assert found.unrecorded == ("core",)
    assert [one.name for one in found.faults] == ["pgflow.runs.runs_flow_slug_fkey"]
    _run(empty_dsn, remedy(found.faults[0]))
    assert _stamp(empty_dsn) == Stamped(adopted=("core",), installed=("helpers", "pgflowc"))
    assert _verify(empty_dsn).differences == ()


def test_a_schema_of_ours_alone_is_adopted(empty_dsn: str) -> None:
    _install_by_hand(empty_dsn, *COMPONENTS)
    _stamp(empty_dsn)
    _run(empty_dsn, "delete from pgflowc.installed_components where component = 'pgflowc'")
    with pytest.raises(DatabaseError, match="not recorded"):
        _up(empty_dsn)
    assert _stamp(empty_dsn).adopted == ("pgflowc",)
    assert _up(empty_dsn) == []


def test_a_core_that_is_not_ours_is_adopted_only_on_request(empty_dsn: str) -> None:
    _install_by_hand(empty_dsn, "core")
    _run(empty_dsn, "drop function pgflow.is_local; alter table pgflow.runs add note text")
    with pytest.raises(DatabaseError, match=r"function pgflow\.is_local\(\) is missing") as caught:
        _stamp(empty_dsn)
    assert "--foreign" in caught.value.help
    assert _stamp(empty_dsn, foreign=True) == Stamped(adopted=(FOREIGN_CORE,), installed=("pgflowc",))
    assert _up(empty_dsn) == []
    verdict = _verify(empty_dsn)
    assert verdict.differences == ()
    assert verdict.inventory.foreign
    assert verdict.inventory.releases[FOREIGN_CORE] == "pgflowc's own core"


def test_there_is_nothing_to_adopt_twice(core_dsn: str) -> None:
    with pytest.raises(DatabaseError, match="nothing to adopt"):
        _stamp(core_dsn)
