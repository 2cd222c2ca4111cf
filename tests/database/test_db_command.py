"""`pgflowc db` as a user types it: what it prints, how it exits, and what a killed one leaves behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from pgflowc.cli.app import build
from pgflowc.database.advisory_lock import exclusive_transaction
from pgflowc.database.cluster import Cluster

FLOW = """select pgflow.create_flow('orders');
select pgflow.add_step('orders', 'charge');
"""


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with one migration, in which commands find no database but the project's own."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    with tempfile.TemporaryDirectory(prefix="pgflowc-project-", dir="/tmp") as directory:
        root = Path(directory).resolve()
        root.chmod(0o755)
        monkeypatch.setenv("XDG_STATE_HOME", str(root / "state"))
        (root / "pgflowc.toml").write_text('package = "shop"\n')
        (root / "migrations").mkdir()
        (root / "migrations" / "0001_create_orders.sql").write_text(FLOW)
        (root / "migrations" / "0001_create_orders.down.sql").write_text("select no_such_function();")
        yield root
        _db(root, "down", "--delete")


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from pgflowc.cli.app import main; main()", "db", *arguments]


def _db(project: Path, *arguments: str, code: int = 0) -> str:
    """What `pgflowc db ...` prints, errors included, in the project; its exit code must be `code`."""
    words = ["db", *arguments, *([] if arguments[0] == "sql" else ["--project", str(project)])]
    done = CliRunner().invoke(build(words), words)
    assert done.exit_code == code, done.output
    return done.output


def test_from_nothing_to_an_installed_flow_and_back(project: Path) -> None:
    assert "help: pgflowc db up" in _db(project, "status", code=2)
    assert json.loads(_db(project, "status", "--json", code=2))["ready"] is False
    output = _db(project, "up")
    assert "the embedded server" in output
    assert "applied   migrations/0001_create_orders.sql" in output
    assert "Next: pgflowc run-worker" in output
    assert "Nothing to do" in _db(project, "up")

    found = json.loads(_db(project, "status", "--json"))
    assert found["ready"] is True
    assert found["source"] == "embedded"
    assert found["migrations"]["applied"] == ["0001_create_orders.sql"]
    assert found["flows"] == [{"slug": "orders", "kind": "flow", "steps": 1}]
    with psycopg.connect(found["dsn"]) as connection:
        assert connection.execute("select count(*) from pgflow.steps").fetchone() == (1,)

    status = _db(project, "status")
    assert "applied    migrations/0001_create_orders.sql" in status
    assert "flow       orders (1 step)" in status
    assert "Everything is as pgflowc installs it." in _db(project, "check")

    assert "its data stays" in _db(project, "down")
    assert "is not running" in _db(project, "down")
    assert "Nothing to do" in _db(project, "up")
    assert "removed" in _db(project, "down", "--delete")


def test_a_named_database_is_used_and_no_server_started(project: Path, empty_dsn: str) -> None:
    (project / "migrations" / "0002_more.sql").write_text("select 1;")
    output = _db(project, "up", "--dsn", empty_dsn)
    assert "(from --dsn)" in output
    assert not (project / ".pgflowc" / "postgres").exists()
    (project / "migrations" / "0001_create_orders.sql").unlink()
    (project / "migrations" / "0001_late.sql").write_text("select 1;")
    output = _db(project, "up", "--dsn", empty_dsn)
    assert "warning: 0001_create_orders.sql was applied" in output
    assert "note: migrations/0001_late.sql is applied after" in output


def test_findings_exit_1_and_name_the_file(project: Path, core_dsn: str) -> None:
    file = project / "migrations" / "0002_bad.sql"
    file.write_text("create table kept ();\nselect 1 +;\n")
    output = _db(project, "up", "--dsn", core_dsn, code=1)
    assert "applied   migrations/0001_create_orders.sql" in output
    assert "error: migrations/0002_bad.sql:2: syntax error" in output
    file.write_text("create table kept ();\n")
    _db(project, "up", "--dsn", core_dsn)
    file.write_text("create table kept (a int);\n")
    assert "error: changed after it was applied: migrations/0002_bad.sql" in _db(
        project, "up", "--dsn", core_dsn, code=1
    )
    assert "changed    migrations/0002_bad.sql" in _db(project, "status", "--dsn", core_dsn)


def test_environment_faults_exit_2(project: Path, cluster: Cluster) -> None:
    assert "error: no connection to" in _db(project, "up", "--dsn", cluster.dsn("absent"), code=2)
    assert "error: the DSN from --dsn" in _db(project, "up", "--dsn", "mysql://h/d", code=2)
    (project / "pgflowc.toml").unlink()
    assert "holds no pgflowc.toml" in _db(project, "up", code=2)
    assert "holds no pgflowc.toml" in _db(project, "down", code=2)
    (project / "pgflowc.toml").write_text("package = \n")
    assert "error: pgflowc.toml:1: " in _db(project, "up", code=1)
    (project / "pgflowc.toml").write_text("# no package\n")
    assert "names no package" in _db(project, "up", code=2)


def test_check_exits_1_when_something_is_missing(project: Path, core_dsn: str) -> None:
    with psycopg.connect(core_dsn) as connection:
        connection.execute("drop function pgflow.is_local")
    output = _db(project, "check", "--dsn", core_dsn, code=1)
    assert "missing    function pgflow.is_local()" in output
    assert "error: 1 object is not as pgflowc installs them" in output


def test_printed_sql_installs_and_is_stamped(project: Path, empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn) as connection:
        for component in ("pgmq", "core", "helpers", "pgflowc"):
            connection.execute(_db(project, "sql", "--component", component))
    assert "pgflowc db stamp" in _db(project, "up", "--dsn", empty_dsn, code=2)
    assert "Next: pgflowc db stamp" in _db(project, "status", "--dsn", empty_dsn)
    output = _db(project, "check", "--dsn", empty_dsn, code=1)
    assert "error: core, helpers, pgflowc: as pgflowc installs it, but not recorded" in output
    assert "help: pgflowc db stamp" in output
    assert "Adopted: core, helpers, pgflowc." in _db(project, "stamp", "--dsn", empty_dsn)
    assert "applied   migrations/0001" in _db(project, "up", "--dsn", empty_dsn)
    assert "there is no component 'cor'" in _db(project, "sql", "--component", "cor", code=2)


def test_a_schema_of_that_name_that_is_no_core_is_left_alone(project: Path, empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn) as connection:
        connection.execute("create schema pgflow create table notes ()")
    looks = "core       not recorded: no core of the pgflow family"
    assert looks in _db(project, "status", "--dsn", empty_dsn)
    assert "error: schema pgflow is already there" in _db(project, "up", "--dsn", empty_dsn, code=2)
    output = _db(project, "check", "--dsn", empty_dsn, code=2)
    assert looks in output
    assert "error: schema pgflow is already there" in output
    output = _db(project, "stamp", "--foreign", "--dsn", empty_dsn, code=1)
    assert "it looks like no core of the pgflow family" in output
    assert "help: rename the schema" in output


def test_a_component_is_rolled_back_and_comes_again(project: Path, core_dsn: str) -> None:
    _db(project, "up", "--dsn", core_dsn)
    down = ("down", "--dsn", core_dsn, "--component")
    output = _db(project, *down, "core", "--to", "0", code=1)
    assert "would delete data (records of applied migrations: 1)" in output
    assert "help: after a backup: pgflowc db down --component core --to 0 --allow-data-loss" in output
    assert "Nothing to do: core is version 1." in _db(project, *down, "core", "--to", "1")
    output = _db(project, *down, "pgflowc", "--to", "0", "--allow-data-loss")
    assert "pgflowc   removed" in output
    assert "nothing is recorded; pgmq, core, helpers stay." in output
    assert "Adopted: core, helpers." in _db(project, "stamp", "--dsn", core_dsn)
    assert _db(project, *down, "core", "--to", "0").count(" removed\n") == 3
    assert "core      installed version 1" in _db(project, "up", "--dsn", core_dsn)


def test_options_of_down_that_do_not_fit_together(project: Path) -> None:
    assert "--component needs --to" in _db(project, "down", "--component", "core", code=2)
    assert "belong to --component" in _db(project, "down", "--to", "0", code=2)
    assert "there is no component 'cor'" in _db(project, "down", "--component", "cor", "--to", "0", code=2)
    assert "is not running" in _db(project, "down", "--component", "core", "--to", "0", code=2)


def test_two_at_once_both_succeed(project: Path) -> None:
    running = [
        subprocess.Popen(
            _command("up"), cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    assert sum("applied   migrations/0001_create_orders.sql" in output for output in outputs) == 1


def test_a_killed_one_leaves_nothing_half_done_and_no_lock(project: Path, core_dsn: str) -> None:
    (project / "migrations" / "0002_slow.sql").write_text("create table slow ();\nselect pg_sleep(600);\n")
    process = subprocess.Popen(_command("up", "--dsn", core_dsn), cwd=project, stdout=subprocess.DEVNULL)
    with psycopg.connect(core_dsn, autocommit=True) as connection:
        _wait_until(
            lambda: (
                connection.execute(
                    "select from pg_stat_activity where datname = current_database()"
                    " and query ~ 'pg_sleep.600' and pid <> pg_backend_pid()"
                ).fetchone()
                is not None
            )
        )
    process.kill()
    process.wait()
    (project / "migrations" / "0002_slow.sql").write_text("create table slow ();\n")
    output = _db(project, "up", "--dsn", core_dsn)
    assert "applied   migrations/0002_slow.sql" in output
    assert "0001" not in output


def _printed(project: Path, *arguments: str) -> tuple[str, str]:
    """What the command says on standard output and on standard error."""
    words = ["db", *arguments, "--project", str(project)]
    done = CliRunner().invoke(build(words), words)
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def test_a_dry_run_changes_nothing_and_prints_what_would_run(project: Path, empty_dsn: str) -> None:
    (project / "migrations" / "0002_odd.sql").write_text("select 1; -- 100% é\nselect 2 -- no semicolon")
    script, said = _printed(project, "up", "--dry-run", "--dsn", empty_dsn)
    assert "pgflowc   would install version 1\n" in said
    assert "pending   migrations/0002_odd.sql\nNothing was changed.\n" in said
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        assert connection.execute("select to_regnamespace('pgflow'), to_regnamespace('pgmq')").fetchone() == (
            None,
            None,
        )
        connection.execute(script.encode())
    assert "Nothing to do" in _db(project, "up", "--dsn", empty_dsn)
    script, said = _printed(project, "up", "--dry-run", "--dsn", empty_dsn)
    assert script == ""
    assert "Nothing to do" in said


def test_a_dry_run_makes_no_server(project: Path) -> None:
    script, said = _printed(project, "up", "--dry-run")
    assert script.endswith("COMMIT;\n")
    assert "database  the embedded server, which is not there yet\n" in said
    assert not (project / ".pgflowc").exists()
    (project / "migrations" / "0001_create_orders.sql").write_text("select 1;\ncommit;")
    assert "0001_create_orders.sql:2: `commit`: a migration is one" in _db(project, "up", "--dry-run", code=1)


def test_up_to_a_number(project: Path, core_dsn: str) -> None:
    for number in (2, 3):
        (project / "migrations" / f"000{number}_more.sql").write_text("select 1;")
    assert "there is no migration 4: the last one is 3" in _db(
        project, "up", "--to", "4", "--dsn", core_dsn, code=1
    )
    assert "installed and applied, up to migration 0.\n" in _db(project, "up", "--to", "0", "--dsn", core_dsn)
    output = _db(project, "up", "--to", "2", "--dsn", core_dsn)
    assert re.findall(r"applied   migrations/(\d+)", output) == ["0001", "0002"]
    assert "0003" in _printed(project, "up", "--dry-run", "--to", "3", "--dsn", core_dsn)[0]
    _db(project, "up", "--dsn", core_dsn)
    output = _db(project, "up", "--to", "2", "--dsn", core_dsn, code=1)
    assert "error: migrations/0003_more.sql is applied, which is beyond 2" in output
    assert "help: pgflowc db rollback --to 2" in output


def test_who_holds_the_lock_is_named_when_waiting_is_over(project: Path, core_dsn: str) -> None:
    with psycopg.connect(core_dsn, application_name="other", autocommit=True) as holder:
        pid = holder.info.backend_pid
        with exclusive_transaction(holder):
            for wait, waited in (("0", ""), ("1s", ", waited 1 s")):
                output = _db(project, "up", "--dsn", core_dsn, "--wait-lock", wait, code=2)
                assert f"another process is changing this database (pid {pid}, other){waited}\n" in output
                assert "help: wait for it (db up and db rollback have --wait-lock 10m), or end it" in output
    assert "applied" in _db(project, "up", "--dsn", core_dsn, "--wait-lock", "0")
    assert "--wait-lock: 'soon' is no duration" in _db(project, "up", "--wait-lock", "soon", code=2)


def test_a_password_is_never_printed(project: Path, core_dsn: str) -> None:
    dsn = core_dsn.replace("postgres@", "postgres:hunter2@")
    assert "hunter2" not in _db(project, "up", "--dsn", dsn) + _db(project, "status", "--json", "--dsn", dsn)


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
