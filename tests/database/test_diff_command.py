"""`pgflowc diff` as it is called: places, exit codes, drift and what mends it, databases of the family.

Above 400 lines: one project and one command, seen from each of its places.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from pgmq.install import get_embedded_install_sql
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner, Result

from pgflowc.cli.app import build
from pgflowc.database.components import component_sql

SPEC = """\
flow: order
on_change: drain
input: {id: int}
steps:
  check: {output: {ok: bool}}
  charge: {depends_on: [check], timeout: 30}
"""
OURS_ALONE = "drop table pgflow.map_chunks, pgflow.event_listeners"
Diff = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one flow, in which commands run."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "pgflowc.toml").write_text('package = "shop"\n', "utf-8")
    (tmp_path / "flows" / "order.yaml").write_text(SPEC, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(*words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(build(words), words)
    assert done.exit_code == code, done.output
    return done


def _change(project: Path, before: str, after: str) -> None:
    spec = project / "flows" / "order.yaml"
    text = spec.read_text("utf-8")
    assert before in text
    spec.write_text(text.replace(before, after), "utf-8")


def _sql(dsn: str, *statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_from_nothing_to_applied_to_changed(project: Path, core_dsn: str) -> None:
    first = _run("diff", "--dsn", core_dsn, code=2)
    assert "+   flow order (flows/order.yaml)\n      +   2 steps (safe)" in first.stdout
    _run("compile")
    assert first.stderr.endswith("Next: pgflowc compile\n")
    pending = _run("diff", "--dsn", core_dsn, code=2)
    assert pending.stderr.endswith("Next: pgflowc db up\n")
    assert "note: not applied yet: migrations/0001_create_order.sql" in pending.stdout
    assert "!" not in pending.stdout
    _run("db", "up", "--dsn", core_dsn)
    same = _run("diff", "--dsn", core_dsn)
    assert same.stdout == "No difference: database and specs have the same flows.\n"
    assert same.stderr.startswith("database  postgresql://")

    # What compiling does not do by itself is said as such.
    _sql(core_dsn, "select pgflow.create_flow('other')", "select pgflow.add_step('other', 'a')")
    assert _run("diff", "other", "--dsn", core_dsn, code=2).stderr.endswith("Next: pgflowc pull other\n")
    _sql(core_dsn, "select pgflow.delete_flow_and_data('other')")
    spec = project / "flows" / "order.yaml"
    text = spec.read_text("utf-8")
    spec.write_text("flow: new\nsteps: {a: {}}\n", "utf-8")
    gone = _run("diff", "--dsn", core_dsn, code=2)
    assert gone.stderr.endswith("Next: pgflowc compile --allow-data-loss\n")
    spec.write_text(text, "utf-8")

    _change(project, "timeout: 30", "timeout: 60")
    changed = _run("diff", "order", "--dsn", core_dsn, code=2)
    assert "      ~   step charge: timeout 30 -> 60 (new attempts only)\n" in changed.stdout
    _run("compile")
    pending = _run("diff", "--dsn", core_dsn, code=2)
    assert "note: not applied yet: migrations/0002_change_order.sql" in pending.stdout
    _run("db", "up", "--dsn", core_dsn)
    _run("diff", "--dsn", core_dsn)


def test_drift_is_marked_told_from_changes_and_mended_by_the_script(project: Path, core_dsn: str) -> None:
    _change(project, "input:", 'cron: "@daily"\ninput:')
    _change(project, "input: {id: int}\n", "input: {id: int | null}\n")
    _run("compile")
    _run("db", "up", "--dsn", core_dsn)
    _sql(
        core_dsn,
        "update pgflow.steps set opt_timeout = 45, opt_start_delay = 3 where step_slug = 'charge'",
        "update pgflow.flows set opt_max_attempts = 9, opt_base_delay = 7",
        "update pgflowc.schedules set schedule = '@hourly'",
        "select pgflow.add_step('order', 'extra', array['charge'])",
    )
    _change(project, "timeout: 30", "timeout: 60")
    _change(project, "on_change: drain", "on_change: drain\nbase_delay: 7")
    found = _run("diff", "--dsn", core_dsn, code=2).stdout
    later = "new attempts only; alive runs too, from their next failure on"
    assert found.splitlines()[3:9] == [
        f"      !   flow order: max_attempts 9 -> 1 ({later}; drift)",
        "      !   step charge: timeout 45 -> 60 (new attempts only; drift: the lock says 30)",
        "      !   step charge: start_delay 3 -> unset "
        "(new attempts only; alive runs too, unless the step has begun; drift)",
        "      !   step extra (needs drain; deletes what finished runs kept of it; "
        "drift: the lock does not have this step)",
        '      !   flow order: cron "@hourly" -> "@daily" (safe; runs that are alive go on; drift)',
        "      !   flow order: base_delay 7 -> 1 "
        f"({later}; drift: the specs agree with the database, the lock does not)",
    ]
    script = _run("diff", "--dsn", core_dsn, "--script", code=2).stdout
    assert "60" in script
    _sql(core_dsn, script)
    after = _run("diff", "--dsn", core_dsn, code=2).stdout
    assert "!" not in after
    assert "timeout 30 -> 60 (new attempts only)" in after
    _run("diff", "--dsn", core_dsn, "--to", "lock")
    # The script leaves to migrations what is theirs, so they still apply.
    _run("compile")
    _run("db", "up", "--dsn", core_dsn)
    _run("diff", "--dsn", core_dsn)


def test_a_flow_that_somebody_deleted_is_drift_and_flows_of_others_are_not(
    project: Path, core_dsn: str
) -> None:
    _run("compile")
    _run("db", "up", "--dsn", core_dsn)
    _sql(core_dsn, "select pgflow.delete_flow_and_data('order'), pgflow.create_flow('theirs')")
    found = _run("diff", "--dsn", core_dsn, code=2).stdout
    assert "!   flow order (flows/order.yaml)\n      !   2 steps (safe; drift: the lock has it)\n" in found
    assert "1 flow of the database without a spec here, left alone: theirs\n" in found
    _sql(core_dsn, "select pgflow.create_flow('tenant_' || n) from generate_series(10, 31) n")
    for form in ("text", "markdown"):
        told = _run("diff", "--dsn", core_dsn, "--format", form, code=2).stdout.replace("\\", "")
        assert "23 flows of the database without a spec here, left alone: tenant_10, " in told
        assert "tenant_29 and 3 more\n" in told
    assert "-   flow theirs" in _run("diff", "theirs", "--dsn", core_dsn, code=2).stdout
    _sql(core_dsn, _run("diff", "--dsn", core_dsn, "--script", code=2).stdout)
    _run("diff", "--dsn", core_dsn)


@pytest.mark.parametrize(
    "alter",
    ["", "alter table pgflow.steps drop column when_unmet, drop column when_exhausted"],
    ids=["like 0.16", "before conditions"],
)
def test_a_database_of_another_project_of_the_family(project: Path, empty_dsn: str, alter: str) -> None:
    """Tables of pgflow alone: no schema of ours, no jobs."""
    _sql(
        empty_dsn,
        get_embedded_install_sql(),
        component_sql("core"),
        "select pgflow.create_flow('order', 1, 1, 30), pgflow.add_step('order', 'check')",
        "select pgflow.add_step('order', 'charge', array['check'], timeout => 30)",
        "select pgflow.start_flow('order', '{\"id\": 1}')",
        OURS_ALONE,
        alter,
    )
    same = _run("diff", "--dsn", empty_dsn)
    assert same.stdout == "No difference: database and specs have the same flows.\n"
    _change(project, "flow: order", "job: order")
    _change(
        project,
        "steps:\n  check: {output: {ok: bool}}\n  charge: {depends_on: [check], timeout: 30}",
        "perform: {}",
    )
    found = _run("diff", "--dsn", empty_dsn, code=2).stdout
    assert "1 run alive, the oldest for" in found
    assert "      -   step check (breaks 1 run; deletes what finished runs kept of it)\n" in found
    assert "flow -> job" not in found
    script = _run("diff", "--dsn", empty_dsn, "--script", code=2).stdout
    assert "which is not installed there: pgflowc db stamp --foreign\n" in script


def test_nothing_installed_means_that_all_is_new(project: Path, empty_dsn: str) -> None:
    found = _run("diff", "--dsn", empty_dsn, code=2).stdout
    assert "+   flow order" in found
    assert "has no schema pgflow: nothing is installed there\n" in found


def test_runs_that_cannot_be_counted_in_time_leave_the_rest(project: Path, core_dsn: str) -> None:
    _run("compile")
    _run("db", "up", "--dsn", core_dsn)
    _change(project, "depends_on: [check], ", "")
    with psycopg.connect(core_dsn) as other:
        other.execute("lock table pgflow.runs in access exclusive mode")
        found = _run("diff", "--dsn", core_dsn, "--timeout", "0.3", code=2).stdout
        other.execute("lock table pgflow.flows in access exclusive mode")
        failed = _run("diff", "--dsn", core_dsn, "--timeout", "0.3", code=1).stderr
    assert "~   step charge: depends_on [check] -> [] (needs drain)\n" in found
    assert "note: runs that are alive were not counted: that took too long; --timeout allows more\n" in found
    assert "error: the flows of the database could not be read within 0.3 s\n" in failed


def test_json_names_all_that_a_program_needs(project: Path, core_dsn: str) -> None:
    _run("compile")
    _run("db", "up", "--dsn", core_dsn)
    _sql(core_dsn, "select pgflow.start_flow('order', '{\"id\": 1}')")
    _change(project, "charge:", "pay:\n    was: charge\n    #:")
    _change(project, "    #: {depends_on: [check], timeout: 30}", "    depends_on: [check]\n    timeout: 30")
    found = json.loads(_run("diff", "--dsn", core_dsn, "--format", "json", code=2).stdout)
    (flow,) = found["flows"]
    (operation,) = flow["operations"]
    assert (found["different"], found["summary"]["breaks"]) == (True, 1)
    assert (flow["name"], flow["mark"], flow["source"]) == ("order", "~", "flows/order.yaml")
    assert (flow["alive"]["runs"], flow["alive"]["steps"]) == (1, {"check": 1})
    assert (operation["operation"], operation["before"], operation["after"]) == (
        "RenameStep",
        "charge",
        "pay",
    )
    assert (operation["safety"], operation["breaks"], len(operation["examples"])) == ("breaks 1 run", 1, 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "nowhere"], "error: --from: 'nowhere' is no place\n help: did you mean git:nowhere?"),
        (["--from", "git:", "--to", "spec"], "error: --from: 'git:' is no place"),
        (["--from", "git:main"], "is in no git repository"),
        (["nothing", "--from", "lock"], "there is no flow 'nothing', neither in pgflowc.lock"),
        (["ordre", "--from", "empty"], "help: did you mean 'order'?"),
        (["--dsn", "postgresql://127.0.0.1:1/x"], "error: no connection to postgresql://127.0.0.1:1/x"),
        (["--dsn", "what"], "error: the DSN from --dsn is neither"),
        (["--nonsense"], "--nonsense"),
        (["--format", "nonsense"], "nonsense"),
    ],
)
def test_errors_end_with_1_since_2_means_differences(project: Path, words: list[str], said: str) -> None:
    assert said in _run("diff", *words, code=1).output


def test_specs_with_errors_are_not_compared(project: Path) -> None:
    _change(project, "[check]", "[chek]")
    output = _run("diff", "--from", "empty", code=1).output
    assert "error[PGF201]" in output
    assert "error: the specs have errors, so nothing was compared\n help: pgflowc validate" in output
    (project / "pgflowc.lock").write_text("{", "utf-8")
    assert "error[PGF804]" in _run("diff", "--from", "lock", code=1).output


def _git(directory: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", *words],
        cwd=directory,
        check=True,
        capture_output=True,
    )


def test_specs_of_a_commit_are_read_without_touching_the_checkout(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = project / "services" / "shop"
    below.parent.mkdir()
    for name in ("flows", "pgflowc.toml"):
        (below / name).parent.mkdir(exist_ok=True)
        (project / name).rename(below / name)
    (below / "schemas").mkdir()
    (below / "schemas" / "in.json").write_text(
        '{"type": "object", "properties": {"id": {"type": "integer"}}}', "utf-8"
    )
    # Attributes that would hide files from an archive, or change them, change nothing here.
    (project / ".gitattributes").write_text("*.json export-ignore\n*.yaml export-subst\n", "utf-8")
    _change(below, "input: {id: int}", "input: {$ref: ../schemas/in.json}")
    _git(project, "init", "-q", "-b", "main")
    _git(project, "commit", "-q", "--allow-empty", "-m", "nothing yet")
    _git(project, "add", "-A")
    _git(project, "commit", "-q", "-m", "one")
    _git(project, "tag", "one")
    (below / "pgflowc.toml").write_text('package = "shop"\nflows = ["specs/*.yaml"]\n', "utf-8")
    (below / "flows").rename(below / "specs")
    (below / "specs" / "order.yaml").write_text(SPEC.replace("timeout: 30", "timeout: 9"), "utf-8")
    monkeypatch.chdir(below)
    status = subprocess.run(["git", "status", "--porcelain"], cwd=project, capture_output=True, check=True)

    found = _run("diff", "--from", "git:one", code=2).stdout
    assert "From git:one to specs:" in found
    assert "      ~   step charge: timeout 30 -> 9 (new attempts only)\n" in found
    assert "      ~   flow order: input type changed (see pgflowc breaking" in found
    assert "2 operations" in found
    assert "1 to create" in _run("diff", "--from", "git:main~1", code=2).stdout
    assert "did you mean git:main?" in _run("diff", "--from", "main", code=1).output
    assert "git knows no commit 'nix' here" in _run("diff", "--from", "git:nix", code=1).output
    assert "'git:--output=x' is no place" in _run("diff", "--to", "git:--output=x", code=1).output
    after = subprocess.run(["git", "status", "--porcelain"], cwd=project, capture_output=True, check=True)
    assert after.stdout == status.stdout


def test_a_checkout_of_another_user_is_told_as_such(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _git(project, "init", "-q", "-b", "main")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("HOME", str(project))
    output = _run("diff", "--from", "git:main", code=1).stderr
    assert f"error: git refuses {project}, which belongs to another user\n" in output
    assert f" help: git config --global --add safe.directory {project}\n" in output


def test_errors_in_the_specs_of_a_commit_name_the_commit(project: Path) -> None:
    _git(project, "init", "-q", "-b", "main")
    _change(project, "[check]", "[chek]")
    _git(project, "add", "-A")
    _git(project, "commit", "-q", "-m", "one")
    _change(project, "[chek]", "[check]")
    output = _run("diff", "--from", "git:main", code=1).output
    assert "main:/flows/order.yaml:6:25: error[PGF201]" in output
    assert "error: the specs of git:main have errors, so nothing was compared" in output


def test_a_change_that_makes_a_version_shows_its_rollout(project: Path, core_dsn: str) -> None:
    _change(project, "on_change: drain\n", "")
    _run("compile")
    _run("db", "up", "--dsn", core_dsn)
    _sql(core_dsn, "select pgflow.start_flow('order', '{\"id\": 1}')")
    _change(project, "  charge: {depends_on: [check], timeout: 30}", "  charge: {timeout: 31}")
    found = _run("diff", "--dsn", core_dsn, code=2).stdout
    assert "~   flow order (flows/order.yaml): 1 run alive, the oldest for" in found
    assert "      ~   step charge: depends_on [check] -> [] (new version)\n" in found
    assert "      ~   step charge: timeout 30 -> 31 (new version)\n" in found
    assert "breaks" not in found
    assert "      rolling out version 2 of order while workers and runs are alive:\n" in found
    assert "        1. pre:    write the migrations\n                   pgflowc compile\n" in found

    _run("compile")
    for applied, phases in (("2", ["pre", "deploy", "gate", "flip", "gate", "post"]), ("3", [])):
        found = json.loads(_run("diff", "--dsn", core_dsn, "--format", "json", code=2).stdout)
        way = found["flows"][0]["rollout"]["phases"]
        if phases:
            assert [phase["name"] for phase in way] == phases
            assert way[0]["migration"] == "0002_create_order_v2"
        else:
            assert [phase["name"] for phase in way] == ["deploy", "gate", "flip", "gate", "post"]
        assert {phase["migration"] for phase in way} >= {"0003_switch_order_to_v2"}
        assert (
            "rolling out version 2"
            in _run("diff", "--dsn", core_dsn, "--format", "markdown", code=2).stdout.lower()
        )
        _run("db", "up", "--to", applied, "--dsn", core_dsn)
    _run("diff", "--dsn", core_dsn)

    # Of a version that is stored under another slug, drift is mended there.
    _sql(
        core_dsn,
        "update pgflow.steps set opt_timeout = 99 where flow_slug = 'order_v2' and step_slug = 'charge'",
    )
    script = _run("diff", "--dsn", core_dsn, "--script", code=2).stdout
    assert "pgflowc.change_step('order_v2', 'charge'" in script
    _sql(core_dsn, script, "select pgflowc.switch_version('order', 2, 1)")
    found = _run("diff", "--dsn", core_dsn, code=2).stdout
    assert (
        "      !   flow order: current version 1 -> 2 (safe; new runs only; drift: the lock says version 2)\n"
        in found
    )
    _sql(core_dsn, _run("diff", "--dsn", core_dsn, "--script", code=2).stdout)
    _run("diff", "--dsn", core_dsn)


@pytest.mark.parametrize(
    ("format", "table"),
    [
        ("supabase", "supabase_migrations.schema_migrations (version)"),
        ("dbmate", "schema_migrations (version)"),
        ("alembic", "alembic_version (version_num)"),
    ],
)
def test_other_tools_say_which_migrations_are_pending(
    project: Path, core_dsn: str, format: str, table: str
) -> None:
    (project / "pgflowc.toml").write_text(f'package = "shop"\nmigrations_format = "{format}"\n', "utf-8")
    _run("compile")
    _sql(
        core_dsn,
        "select pgflow.create_flow('order', 1, 1, 30), pgflow.add_step('order', 'check')",
        "select pgflow.add_step('order', 'charge', array['check'], timeout => 30)",
    )
    _change(project, "timeout: 30", "timeout: 60")
    unknown = _run("diff", "--dsn", core_dsn, code=2).stdout
    assert (
        "note: drift is not told from changes: it cannot be seen which migrations were applied\n" in unknown
    )
    assert "!" not in unknown

    first = next((project / "migrations").iterdir()).name
    version = first.partition(".")[0] if format == "alembic" else first.partition("_")[0]
    _sql(
        core_dsn,
        "create schema supabase_migrations",
        f"create table {table.replace(')', ' text)')}",
        f"insert into {table} values ('{version}')",
        "update pgflow.steps set opt_timeout = 45 where step_slug = 'charge'",
    )
    assert "drift: the lock says 30" in _run("diff", "--dsn", core_dsn, code=2).stdout
    _sql(core_dsn, "update pgflow.steps set opt_timeout = 30 where step_slug = 'charge'")
    _run("compile")
    second = max(path.name for path in (project / "migrations").iterdir() if "change" in path.name)
    shown = _run("diff", "--dsn", core_dsn, code=2)
    assert f"note: not applied yet: migrations/{second}\n" in shown.stdout
    assert "!" not in shown.stdout
    assert f"Next: pgflowc db up && {format} " in shown.stderr


def test_a_role_that_may_only_read_definitions_sees_them(
    project: Path, core_dsn: str, new_role: Callable[[], str]
) -> None:
    _run("compile")
    _run("db", "up", "--dsn", core_dsn)
    _change(project, "depends_on: [check], ", "")
    role = new_role()
    dsn = make_conninfo(core_dsn, user=role)
    assert f"error: role {role} lacks a right in database" in _run("diff", "--dsn", dsn, code=1).stderr
    _sql(
        core_dsn,
        f"grant usage on schema pgflow to {role}",
        f"grant select on pgflow.flows, pgflow.steps, pgflow.deps to {role}",
    )
    found = _run("diff", "--dsn", dsn, code=2).stdout
    assert "depends_on [check] -> [] (needs drain)" in found
    assert "note: schedules are not compared: the role may not read schema pgflowc\n" in found
    assert "note: runs that are alive were not counted: permission denied for table" in found
