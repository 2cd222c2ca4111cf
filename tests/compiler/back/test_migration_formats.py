"""Migrations in the formats of other tools: named, laid out and applied as those tools want them."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from typer.testing import CliRunner

from pgflowc.cli.app import build
from pgflowc.compile import Compilation, compile_sources
from pgflowc.diagnostics import Report
from pgflowc.document.referred import Specs
from pgflowc.plan import MigrationFormat, parse_lock
from pgflowc.render import Layout
from pgflowc.render.migration import for_alembic

CHANGES = Path(__file__).parents[2] / "changes"
NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
BEFORE = """\
flow: order
steps:
  check: {output: json}
  charge:
    depends_on: [check]
    if: {check: {"a:b %s %(x)s \\\\:c": "it's ::text :name"}}
"""
AFTER = BEFORE.replace("  charge:\n", "  charge:\n    timeout: 9\n") + "  mail: {depends_on: [charge]}\n"
OTHER = "job: mail\nperform: {}\n"
LONG = "flow: " + "long" * 11 + "\nsteps: {a: {}}\n"


def _compile(specs: list[str], format: MigrationFormat, present: dict[str, bytes]) -> Compilation:
    sources = {f"flows/{number}.yaml": spec for number, spec in enumerate(specs)}
    layout = Layout("shop", migrations_dir="db/versions", migrations_format=format)
    compilation = compile_sources(sources, layout, present, now=NOW)
    assert not compilation.failed, compilation.diagnostics
    return compilation


def _chain(format: MigrationFormat, present: dict[str, bytes] | None = None) -> dict[str, str]:
    """The migrations that compiling the two states after one another leaves, by name."""
    files = dict(present or {})
    for specs in ([BEFORE], [AFTER, OTHER, LONG]):
        compilation = _compile(specs, format, files)
        files |= {path: text.encode() for path, text in compilation.rendered.files.items()}
    lock = parse_lock(files["pgflowc.lock"].decode(), Report())
    assert lock is not None
    recorded = [migration.name for migration in lock.migrations]
    found = {
        path.removeprefix("db/versions/"): content.decode()
        for path, content in files.items()
        if path.startswith("db/") and path not in (present or {})
    }
    assert recorded == sorted(name for name in found if not name.endswith(".down.sql"))
    # Compiling again finds what is there.
    again = _compile([AFTER, OTHER, LONG], format, files).rendered.files
    assert not [path for path in again if path.startswith("db/")]
    return found


@pytest.mark.parametrize("format", ["supabase", "dbmate"])
def test_timestamps_go_on_from_now_a_second_apart(format: MigrationFormat) -> None:
    names = [name.removesuffix(".sql") for name in sorted(_chain(format))]
    assert names[0] == "20261123101500_create_order"
    assert [name[:14] for name in names[1:]] == ["20261123101501", "20261123101502", "20261123101503"]
    # Never before what is there, whatever the clock says; a name that is no time is no obstacle.
    later = _chain(format, {"db/versions/20270101000059_users.sql": b"", "db/versions/0007_x.sql": b""})
    assert min(later) == "20270101000100_create_order.sql"


@pytest.mark.parametrize(
    ("format", "tool"),
    [("supabase", "supabase db push"), ("dbmate", "dbmate up"), ("alembic", "alembic upgrade head")],
)
def test_commands_leave_applying_to_the_tool(format: str, tool: str, core_dsn: str, tmp_path: Path) -> None:
    (tmp_path / "pgflowc.toml").write_text(f'package = "shop"\nmigrations_format = "{format}"\n')
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "mail.yaml").write_text(OTHER)
    words = ["compile", "--project", str(tmp_path)]
    compiled = CliRunner().invoke(build(words), words)
    assert compiled.output.endswith(f"Then: pgflowc db up && {tool}\n"), compiled.output
    words = ["db", "up", "--project", str(tmp_path), "--dsn", core_dsn]
    done = CliRunner().invoke(build(words), words)
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, f"Next: {tool}"), done.output
    with psycopg.connect(core_dsn) as connection:
        assert _definition(connection) == []


def test_an_unknown_format_is_a_diagnostic(tmp_path: Path) -> None:
    (tmp_path / "pgflowc.toml").write_text('package = "shop"\nmigrations_format = "alembik"\n')
    words = ["compile", "--project", str(tmp_path)]
    done = CliRunner().invoke(build(words), words)
    assert done.exit_code == 2
    assert "pgflowc.toml:2:21: error[" in done.output
    assert "did you mean 'alembic'?" in done.output


def _definition(connection: psycopg.Connection) -> list[object]:
    return connection.execute(
        "select flow_slug, step_slug, opt_timeout, required_input_pattern"
        " from pgflow.steps order by 1, step_index"
    ).fetchall()


def _plain(core_dsn: str) -> list[object]:
    """What the plain migrations establish, in a transaction that is undone."""
    with psycopg.connect(core_dsn) as connection:
        for name, text in sorted(_chain("plain").items()):
            if not name.endswith(".down.sql"):
                connection.execute(text.encode())
        found = _definition(connection)
        connection.rollback()
    return found


def test_supabase_gets_one_direction_and_no_transaction_of_its_own(core_dsn: str) -> None:
    expected = _plain(core_dsn)
    with psycopg.connect(core_dsn) as connection:
        for _, text in sorted(_chain("supabase").items()):
            assert not re.search(r"\b(BEGIN|COMMIT)\b", text)
            connection.execute(text.encode())
        assert _definition(connection) == expected


def test_dbmate_gets_both_directions_in_one_file(core_dsn: str) -> None:
    expected = _plain(core_dsn)
    with psycopg.connect(core_dsn) as connection:
        sections = []
        for _, text in sorted(_chain("dbmate").items()):
            assert text.startswith("-- migrate:up\n")
            up, down = text.split("\n-- migrate:down\n")
            sections.append(down)
            connection.execute(up.encode())
        assert _definition(connection) == expected
        for down in reversed(sections):
            connection.execute(down.encode())
        assert _definition(connection) == []


ENVIRONMENT = """\
from alembic import context
from sqlalchemy import NullPool, create_engine

engine = create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=NullPool)
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
USERS = """\
from alembic import op

revision: str = "5ae1f0"
down_revision: str | None = None


def upgrade() -> None:
    op.execute("create table accounts (id bigint)")


def downgrade() -> None:
    op.execute("drop table accounts")
"""


def test_alembic_itself_applies_revisions_that_follow_the_users_own(core_dsn: str, tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    expected = _plain(core_dsn)
    directory = tmp_path / "db"
    (directory / "versions").mkdir(parents=True)
    (directory / "env.py").write_text(ENVIRONMENT)
    files = {"db/versions/5ae1f0_accounts.py": USERS.encode()}
    chain = _chain("alembic", files)
    for name, text in chain.items():
        (directory / "versions" / name).write_text(text)
    (directory / "versions" / "5ae1f0_accounts.py").write_text(USERS)
    url = core_dsn.replace("postgresql://", "postgresql+psycopg://")
    config = Config()
    config.set_main_option("script_location", str(directory))
    config.set_main_option("path_separator", "os")
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))

    command.upgrade(config, "head")
    with psycopg.connect(core_dsn, autocommit=True) as connection:
        assert _definition(connection) == expected
        assert connection.execute("select version_num from alembic_version").fetchall() == [
            ("0004_change_order",)
        ]
        command.downgrade(config, "0001_create_order")
        assert [row[1:3] for row in _definition(connection)] == [("check", None), ("charge", None)]
        command.upgrade(config, "head")
        assert _definition(connection) == expected
        command.downgrade(config, "base")
        assert _definition(connection) == []


@pytest.mark.parametrize("format", ["supabase", "dbmate", "alembic"])
def test_a_linter_of_migrations_has_nothing_to_say(
    format: MigrationFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of none of the golden changes, in either direction; those of the plain format are files already."""
    layout = Layout("shop", migrations_dir="m", migrations_format=format)
    executed: list[str] = []
    monkeypatch.setattr("alembic.op.execute", lambda one: executed.append(_as_executed(one)))
    for case in CHANGES.iterdir():
        files: dict[str, bytes] = {}
        for name in ("before.yaml", "after.yaml"):
            spec = (case / name).read_text("utf-8") if (case / name).exists() else ""
            compiled = compile_sources(
                {"flows/flows.yaml": spec}, layout, files, allow_data_loss=True, now=NOW
            )
            files |= {path: text.encode() for path, text in compiled.rendered.files.items()}
        for path in (path for path in files if path.startswith("m/")):
            text = files[path].decode()
            if format == "alembic":
                module: dict[str, Any] = {}
                exec(text, module)
                executed.clear()
                module["upgrade"]()
                module["downgrade"]()
                text = ";\n".join([*executed, ""])
            (tmp_path / f"{case.name}_{Path(path).stem}.sql").write_text(text)
    written = list(tmp_path.glob("*.sql"))
    assert len(written) > 100
    squawk = Path(sys.executable).with_name("squawk")
    done = subprocess.run([squawk, "--pg-version=14", *written], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _as_executed(statement: str | sqlalchemy.DDL) -> str:
    clause = sqlalchemy.text(statement) if isinstance(statement, str) else statement
    return str(clause.compile(dialect=PGDialect_psycopg())).replace("%%", "%")


@given(st.text(st.sampled_from("a:_\\$% ':\n0é"), max_size=12))
def test_alembic_leaves_a_statement_as_it_is(text: str) -> None:
    written = eval(for_alembic(text), {"DDL": sqlalchemy.DDL})
    statement = sqlalchemy.text(written) if isinstance(written, str) else written
    compiled = statement.compile(dialect=PGDialect_psycopg())
    # The driver halves the percent signs that SQLAlchemy doubles for it.
    assert str(compiled) == text.replace("%", "%%")


# Just enough of pg_cron.
PG_CRON = """
select set_config('cron.database_name', current_database(), false);
create schema cron;
create table cron.job (
  jobname text primary key, schedule text, command text,
  database text default current_database(), username text default current_user
);
create function cron.schedule(job_name text, schedule text, command text) returns bigint language sql as
  'insert into cron.job values ($1, $2, $3)
   on conflict (jobname) do update set schedule = excluded.schedule, command = excluded.command returning 1';
create function cron.unschedule(job_name text) returns boolean language sql as
  'delete from cron.job where jobname = $1 returning true';
"""


def test_schedules_move_between_workers_and_pg_cron(core_dsn: str) -> None:
    by_worker = (
        "flow: tidy\ncron: {schedule: '0 9 * * *', input: {who: \"O'Hara $$ \\\\ %\"}}\nsteps: {a: {}}\n"
    )
    files: dict[str, bytes] = {}
    downs: list[str] = []
    with psycopg.connect(core_dsn, autocommit=True) as connection:
        connection.execute(PG_CRON)

        def state() -> list[object]:
            return connection.execute(
                "select 'pg_cron', schedule from cron.job"
                " union all select 'worker', schedule from pgflowc.schedules"
            ).fetchall()

        states: list[object] = [[]]
        for spec, target in (
            (by_worker, "worker"),
            (by_worker, "pg_cron"),
            (by_worker.replace("0 9", "5 9"), "pg_cron"),
            (by_worker, "worker"),
            (by_worker.partition("cron")[0] + "steps: {a: {}}\n", "pg_cron"),
            (by_worker, "pg_cron"),
        ):
            sources = Specs({"flows/tidy.yaml": spec}, cron_target=target)
            compilation = compile_sources(sources, Layout("shop"), files)
            assert not compilation.failed, compilation.diagnostics
            rendered = compilation.rendered.files
            up, down = sorted((path for path in rendered if path.endswith(".sql")), key=len)
            files |= {path: text.encode() for path, text in rendered.items()}
            connection.execute(rendered[up].encode())
            downs.append(rendered[down])
            states.append(state())
        assert states[1:] == [
            [("worker", "0 9 * * *")],
            [("pg_cron", "0 9 * * *")],
            [("pg_cron", "5 9 * * *")],
            [("worker", "0 9 * * *")],
            [],
            [("pg_cron", "0 9 * * *")],
        ]
        # The command is what pg_cron will run.
        ((command,),) = connection.execute("select command from cron.job").fetchall()
        connection.execute(command.encode())
        inputs = connection.execute("select input ->> 'who' from pgflow.runs").fetchall()
        assert inputs == [("O'Hara $$ \\ %",)]
        connection.execute("update pgflow.runs set status = 'failed'")
        for down, before in zip(reversed(downs), reversed(states[:-1]), strict=True):
            connection.execute(down.encode())
            assert state() == before


def test_pg_cron_starts_the_current_version(core_dsn: str) -> None:
    spec = "flow: tidy\ncron: '@hourly'\nsteps: {a: {}, b: {depends_on: [a]}}\n"
    specs = (spec, spec.replace("[a]", "[]"), spec.replace("b: {depends_on: [a]}", "c: {depends_on: [a]}"))
    files: dict[str, bytes] = {}
    started: list[str] = []
    with psycopg.connect(core_dsn, autocommit=True) as connection:
        connection.execute(PG_CRON)

        def start() -> str:
            """The flow that the job starts a run of."""
            ((command,),) = connection.execute("select command from cron.job").fetchall()
            before = connection.execute(
                "select coalesce(array_agg(run_id), '{}') from pgflow.runs"
            ).fetchone()
            connection.execute(command.encode())
            ((slug,),) = connection.execute(
                "select flow_slug from pgflow.runs where run_id <> all (%s)", before
            ).fetchall()
            return str(slug)

        for text in specs:
            sources = Specs({"flows/tidy.yaml": text}, cron_target="pg_cron")
            compilation = compile_sources(sources, Layout("shop"), files)
            assert not compilation.failed, compilation.diagnostics
            rendered = compilation.rendered.files
            files |= {path: text.encode() for path, text in rendered.items()}
            for path in sorted(path for path in rendered if path.endswith(".sql") and ".down" not in path):
                connection.execute(rendered[path].encode())
            started.append(start())
        assert started == ["tidy", "tidy_v2", "tidy_v3"]
        for number, slug in (("0005_switch_tidy_to_v3", "tidy_v2"), ("0003_switch_tidy_to_v2", "tidy")):
            connection.execute(files[f"migrations/{number}.down.sql"])
            assert start() == slug


@pytest.mark.parametrize("format", ["supabase", "dbmate", "alembic"])
def test_a_version_comes_before_it_is_switched_to(format: MigrationFormat) -> None:
    layout = Layout("shop", migrations_format=format)
    spec = "flow: tidy\nsteps: {a: {}, b: {depends_on: [a]}}\n"
    first = compile_sources({"flows/tidy.yaml": spec}, layout, {})
    files = {path: text.encode() for path, text in first.rendered.files.items()}
    second = compile_sources({"flows/tidy.yaml": spec.replace("[a]", "[]")}, layout, files)
    create, switch = sorted(path for path in second.rendered.files if path.startswith("migrations/"))
    assert (create.count("_create_tidy_v2"), switch.count("_switch_tidy_to_v2")) == (1, 1)
    if format == "alembic":
        revision = Path(create).stem
        assert f'down_revision = "{revision}"' in second.rendered.files[switch]
    # Killed before the lock was written: files that are there keep their names, but never the wrong order.
    left = {path: second.rendered.files[path].encode() for path in (create, switch)}
    for there in ({create, switch}, {create}, {switch}):
        kept = files | {path: left[path] for path in there}
        again = compile_sources({"flows/tidy.yaml": spec.replace("[a]", "[]")}, layout, kept)
        names = sorted(path for path in again.rendered.files if path.startswith("migrations/"))
        assert ["create" in name for name in names] == [True, False]
        assert (names == [create, switch]) == (there != {switch})
