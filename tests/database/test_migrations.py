"""Migrations run in order, once, whole or not at all; and a file that changed afterwards is noticed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from pgflowc.cli.app import build
from pgflowc.database import DatabaseError
from pgflowc.database.connection import connect
from pgflowc.database.dsn import ResolvedDsn
from pgflowc.database.migrations import apply_migrations, compare, read_migrations, undo_migrations


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "migrations"
    path.mkdir()
    return path


def _write(directory: Path, name: str, text: str) -> None:
    (directory / name).write_text(text)


def _apply(dsn: str, directory: Path, project: str = "shop") -> list[str]:
    files = read_migrations(directory, directory.parent)
    with connect(ResolvedDsn(dsn, "--dsn")) as connection:
        return [one.name for one in apply_migrations(connection, project, files)]


def _value(dsn: str, query: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def test_files_run_by_number_and_only_once(core_dsn: str, directory: Path) -> None:
    _write(directory, "0010_second.sql", "insert into log values ('second');")
    _write(
        directory, "0002_first.sql", "create table log (entry text);\ninsert into log values ('100% first');"
    )
    _write(directory, "0002_first.down.sql", "drop table log;")
    _write(directory, "README.sql", "select no_migration;")
    assert _apply(core_dsn, directory) == ["0002_first.sql", "0010_second.sql"]
    assert _apply(core_dsn, directory) == []
    assert _value(core_dsn, "select array_agg(entry) from log") == ["100% first", "second"]


def test_a_late_migration_is_applied_and_known_as_late(core_dsn: str, directory: Path) -> None:
    _write(directory, "0002_b.sql", "select 1;")
    _apply(core_dsn, directory)
    _write(directory, "0001_a.sql", "select 1;")
    state = compare(read_migrations(directory, directory.parent), {"0002_b.sql": "", "0000_gone.sql": ""})
    assert [one.name for one in state.late] == ["0001_a.sql"]
    assert state.missing == ("0000_gone.sql",)
    assert _apply(core_dsn, directory) == ["0001_a.sql"]


def test_up_and_rollback_at_once_leave_no_hole(core_dsn: str, directory: Path) -> None:
    for number in range(1, 5):
        _write(directory, f"000{number}_m.sql", "select 1;")
    files = read_migrations(directory, directory.parent)
    with connect(ResolvedDsn(core_dsn, "--dsn")) as one, connect(ResolvedDsn(core_dsn, "--dsn")) as two:
        up = apply_migrations(one, "shop", files)
        assert [next(up).number, next(up).number] == [1, 2]
        down = undo_migrations(two, "shop", [(files[1], files[1]), (files[0], files[0])])
        assert next(down).number == 2
        with pytest.raises(DatabaseError, match=r"another process has undone 0002_m\.sql meanwhile, so"):
            next(up)
        assert [one.number for one in apply_migrations(one, "shop", files)] == [2, 3, 4]
        with pytest.raises(DatabaseError, match=r"process has applied 0002_m\.sql, 0003_m\.sql, 0004"):
            next(down)
    assert _value(core_dsn, "select count(*) from pgflowc.applied_migrations") == 4


def test_a_changed_file_stops_everything_before_it_starts(core_dsn: str, directory: Path) -> None:
    _write(directory, "0001_a.sql", "select 1;")
    _apply(core_dsn, directory)
    _write(directory, "0001_a.sql", "select 2;")
    _write(directory, "0002_b.sql", "create table never ();")
    with pytest.raises(DatabaseError, match=r"migrations/0001_a\.sql \(applied \w{8}, now \w{8}\)") as caught:
        _apply(core_dsn, directory)
    assert caught.value.finding
    assert _value(core_dsn, "select to_regclass('never')") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "select 1;\n\nselect\n  no_such_column;\n",
            r"0002_b\.sql:4: column \"no_such_column\" does not exist",
        ),
        ("select 1;\n\nselect 1 / 0;\n", r"0002_b\.sql:3: division by zero"),
        ("select 'é'; selct 1;", r"0002_b\.sql:1: syntax error"),
        (
            "create table t (a int unique deferrable initially deferred);\ninsert into t values (1), (1);",
            "duplicate",
        ),
        ("insert into log values ('b');\ncommit;\n", r"0002_b\.sql:2: `commit`: a migration is one"),
        ("copy log from stdin;", r"0002_b\.sql:1: "),
    ],
)
def test_a_failing_migration_leaves_nothing_and_names_its_line(
    core_dsn: str, directory: Path, text: str, message: str
) -> None:
    _write(directory, "0001_a.sql", "create table log (entry text);")
    _write(directory, "0002_b.sql", f"{text}")
    with pytest.raises(DatabaseError, match=message) as caught:
        _apply(core_dsn, directory)
    assert caught.value.finding
    assert _value(core_dsn, "select count(*) from log") == 0
    assert _value(core_dsn, "select array_agg(name) from pgflowc.applied_migrations") == ["0001_a.sql"]


def test_what_a_file_sets_ends_with_it(core_dsn: str, directory: Path) -> None:
    _write(directory, "0001_a.sql", "set search_path = ''; set role pg_monitor;")
    _write(directory, "0002_b.sql", "create table unqualified ();")
    assert len(_apply(core_dsn, directory)) == 2
    assert _value(core_dsn, "select to_regclass('public.unqualified')::text") == "unqualified"


def test_two_at_once_apply_each_file_once(core_dsn: str, directory: Path) -> None:
    _write(directory, "0001_a.sql", "create table log (entry int);")
    for number in range(2, 12):
        _write(directory, f"{number:04}_more.sql", f"insert into log values ({number});")
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: _apply(core_dsn, directory), range(3)))
    assert sorted(name for names in done for name in names) == sorted(
        file.name for file in directory.iterdir()
    )
    assert _value(core_dsn, "select array_agg(entry order by entry) from log") == list(range(2, 12))


def test_projects_that_share_a_database_do_not_mix(core_dsn: str, directory: Path) -> None:
    _write(directory, "0001_a.sql", "select 1;")
    assert _apply(core_dsn, directory, "shop") == ["0001_a.sql"]
    assert _apply(core_dsn, directory, "mill") == ["0001_a.sql"]


@pytest.mark.parametrize(
    ("content", "message"), [(b"select 1;\nselect '\xff';", r"0001_a\.sql:2: not UTF-8"), (b"a\0b", "NUL")]
)
def test_a_file_that_is_no_text_is_refused(directory: Path, content: bytes, message: str) -> None:
    (directory / "0001_a.sql").write_bytes(content)
    with pytest.raises(DatabaseError, match=message):
        read_migrations(directory, directory.parent)


def test_a_directory_in_the_place_of_a_file_is_refused(directory: Path) -> None:
    (directory / "0001_a.sql").mkdir()
    with pytest.raises(DatabaseError, match="cannot read"):
        read_migrations(directory, directory.parent)


def test_no_directory_means_no_migrations(tmp_path: Path) -> None:
    assert read_migrations(tmp_path / "migrations", tmp_path) == ()


@pytest.fixture
def project(directory: Path) -> Path:
    """A project with three migrations: a table, a column, and a flow."""
    (directory.parent / "pgflowc.toml").write_text('package = "shop"\n')
    _write(directory, "0001_a.sql", "create table a (n integer);")
    _write(directory, "0001_a.down.sql", "drop table a;")
    _write(directory, "0002_b.sql", "alter table a add m integer;")
    _write(directory, "0002_b.down.sql", "alter table a drop m;")
    _write(directory, "0003_c.sql", "select pgflow.create_flow('c');")
    _write(directory, "0003_c.down.sql", "select pgflow.delete_flow_and_data('c');")
    return directory.parent


def _rollback(dsn: str, project: Path, *options: str) -> tuple[int, str]:
    words = ["db", "rollback", "--dsn", dsn, "--project", str(project), *options]
    done = CliRunner().invoke(build(words), words)
    return done.exit_code, done.output.partition("\n")[2]


def test_migrations_are_undone_from_the_last_one_back(core_dsn: str, project: Path) -> None:
    _apply(core_dsn, project / "migrations")
    code, said = _rollback(core_dsn, project)
    assert (code, said) == (
        1,
        "error: undoing migrations/0003_c.sql deletes runs, or parts of them\n"
        " help: after a backup: pgflowc db rollback --allow-data-loss\n",
    )
    assert _rollback(core_dsn, project, "--allow-data-loss") == (0, "undone    migrations/0003_c.sql\n")
    assert _value(core_dsn, "select count(*) from pgflow.flows") == 0
    assert _rollback(core_dsn, project) == (0, "undone    migrations/0002_b.sql\n")
    # What is undone is pending again.
    assert _apply(core_dsn, project / "migrations") == ["0002_b.sql", "0003_c.sql"]
    undone = "".join(f"undone    migrations/{name}.sql\n" for name in ("0003_c", "0002_b", "0001_a"))
    assert _rollback(core_dsn, project, "--to", "0", "--allow-data-loss") == (0, undone)
    assert _rollback(core_dsn, project) == (0, "Nothing to undo.\n")
    assert _value(core_dsn, "select to_regclass('a') is null") is True


def test_nothing_is_undone_under_a_migration_of_another_branch(core_dsn: str, project: Path) -> None:
    directory = project / "migrations"
    _write(directory, "0004_branch.sql", "select 1;")
    _apply(core_dsn, directory)
    (directory / "0004_branch.sql").unlink()
    code, said = _rollback(core_dsn, project, "--allow-data-loss")
    assert (code, said) == (
        1,
        "error: 0004_branch.sql is applied, too, and not among the files here\n"
        " help: undo migrations from a checkout that has them\n",
    )
    assert _value(core_dsn, "select count(*) from pgflowc.applied_migrations") == 4


def test_an_undo_that_fails_leaves_nothing(core_dsn: str, project: Path) -> None:
    _apply(core_dsn, project / "migrations")
    (project / "migrations" / "0003_c.down.sql").unlink()
    code, said = _rollback(core_dsn, project)
    assert (code, said) == (
        2,
        "error: migrations/0003_c.sql has no 0003_c.down.sql, so nothing is known that undoes it\n",
    )
    _write(project / "migrations", "0003_c.down.sql", "drop table a;\nselect no_such_function();")
    code, said = _rollback(core_dsn, project)
    assert code == 1
    assert said.startswith("error: migrations/0003_c.down.sql:2: function no_such_function() does not exist")
    assert "correct it and run `pgflowc db rollback` again" in said
    assert _value(core_dsn, "select count(*) from a") == 0
    assert _apply(core_dsn, project / "migrations") == []
