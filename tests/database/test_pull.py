"""`pgflowc pull`: what is defined by SQL becomes specs that say the same, whoever defined it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import psycopg
import pytest
from pgmq.install import get_embedded_install_sql
from typer.testing import CliRunner

from pgflowc.cli.app import build
from pgflowc.database.components import component_sql
from pgflowc.database.live_flows import LiveFlow, read_live_flows

BY_HAND = r"""
select pgflow.create_flow('order', max_attempts => 3, timeout => 60);
select pgflow.add_step('order', 'check');
select pgflow.add_step('order', 'items', array['check'], start_delay => 5);
select pgflow.add_step('order', 'reserve', array['items'], step_type => 'map', max_attempts => 7);
select pgflow.add_step('order', 'count', array['reserve'], step_type => 'map');
select pgflow.add_step('order', 'charge', array['check'], base_delay => 0,
  required_input_pattern => '{"check": {"ok": true, "total": 1.50, "big": 1e3, "null": null}}',
  forbidden_input_pattern => '{"check": {"text": "it''s \\ \"$$\" — ü \u2028 \t # : ", "list": [1, [], {}]}}',
  when_unmet => 'skip-cascade', when_exhausted => 'skip');
select pgflow.add_step('order', 'true', array['charge', 'reserve']);
select pgflow.create_flow('tally', 1, 1, 30);
select pgflow.add_step('tally', 'each', step_type => 'map');
select pgflow.create_flow('mail', 1, 1, 30);
select pgflow.add_step('mail', 'deliver', timeout => 5);
update pgflow.flows set flow_type = 'job' where flow_slug = 'mail';
select pgflowc.set_schedule('mail', '0 9 * * 1-5', 'Europe/Berlin', '{"to": ["a@b.c"]}');
select pgflowc.set_schedule('tally', '@hourly', 'UTC', '[1, 2]');
"""


@pytest.fixture
def project(tmp_path: Path, core_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, whose name is no other test's package, and the database in the environment."""
    directory = tmp_path / tmp_path.name
    directory.mkdir()
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(directory)
    monkeypatch.setenv("PGFLOWC_DSN", core_dsn)
    return directory


def _run(*words: str, code: int = 0) -> tuple[str, str]:
    done = CliRunner().invoke(build(words), words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output
    return done.stdout, done.stderr


def _execute(dsn: str, statements: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(statements.encode())


def _flows(dsn: str) -> dict[str, LiveFlow]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return dict(read_live_flows(connection).flows)


def test_flows_defined_by_hand_become_specs_that_say_the_same(project: Path, core_dsn: str) -> None:
    _execute(core_dsn, BY_HAND)
    before = _flows(core_dsn)
    out, errors = _run("pull")
    assert errors == ""
    assert out == (
        "created   flows/mail.yaml\ncreated   flows/order.yaml\ncreated   flows/tally.yaml\n"
        "created   pgflowc.toml\nNext: pgflowc compile\n"
    )
    _run("fmt", "--check")
    _run("compile")
    assert "No difference" in _run("diff")[0]
    # Its migrations change nothing here, and make the same elsewhere.
    _run("db", "up")
    assert _flows(core_dsn) == before
    assert _run("verify")[0].count("same") == 3
    assert "No difference" in _run("diff", "--from", "lock", "--to", "db")[0]


def test_the_texts_say_what_a_database_does_not_know(project: Path, core_dsn: str) -> None:
    _execute(core_dsn, BY_HAND)
    _run("pull", "mail", "tally")
    assert sorted(path.name for path in (project / "flows").iterdir()) == ["mail.yaml", "tally.yaml"]
    assert (project / "flows" / "mail.yaml").read_text("utf-8") == (
        "# Pulled from a database, which knows no payload types: declare them where it says unknown.\n"
        "# Until then they are any JSON.\n"
        "\n"
        "job: mail\n"
        "cron:\n"
        '  schedule: "0 9 * * 1-5"\n'
        '  timezone: "Europe/Berlin"\n'
        '  input: {"to": ["a@b.c"]}\n'
        "# input: unknown\n"
        "perform:\n"
        "  # output: unknown\n"
        "  step: deliver\n"
        "  timeout: 5\n"
    )
    assert "input: [any]  # unknown: a list" in (project / "flows" / "tally.yaml").read_text("utf-8")


def test_a_spec_that_says_something_else_is_written_over_only_by_force(project: Path, core_dsn: str) -> None:
    _execute(core_dsn, BY_HAND)
    _run("pull", "mail")
    spec = project / "flows" / "mail.yaml"
    written = spec.read_text("utf-8")
    # What a database does not store is no reason to write anew.
    spec.write_text(written.replace("# input: unknown", "input: {to: [str]}"))
    assert _run("pull", "mail")[0] == "kept      flows/mail.yaml: it specifies mail as the database has it\n"
    spec.write_text(written.replace("timeout: 5", "timeout: 6"))
    mine = spec.read_text("utf-8")
    _, errors = _run("pull", "mail", code=1)
    assert "error: mail: flows/mail.yaml is there already: ~ step deliver: timeout 5 -> 6\n" in errors
    assert "help: --diff shows what would change, --force writes over it\n" in errors
    out, _ = _run("pull", "mail", "--force", "--diff")
    assert "-  timeout: 6\n+  timeout: 5\n" in out
    assert _run("pull", "mail", "--force", "--dry-run")[0].startswith("updated   flows/mail.yaml\n")
    assert spec.read_text("utf-8") == mine
    _run("pull", "mail", "--force")
    assert spec.read_text("utf-8") == written
    # Nothing is written where another file has the flow, or the file has another flow.
    spec.rename(project / "flows" / "all.yaml")
    (project / "flows" / "all.yaml").write_text(mine)
    spec.write_text("flow: other\nsteps: {a: {}}\n")
    _, errors = _run("pull", "--force", code=1)
    assert "error: mail: flows/all.yaml specifies it otherwise: ~ step deliver: timeout 5 -> 6\n" in errors
    assert "help: the others: pgflowc pull order tally\n" in errors
    (project / "flows" / "all.yaml").unlink()
    _, errors = _run("pull", "mail", "--force", code=1)
    assert "error: mail: flows/mail.yaml is there already, and specifies other\n" in errors
    assert sorted(path.name for path in (project / "flows").iterdir()) == ["mail.yaml"]


def test_what_no_spec_can_say_is_told_and_nothing_is_written(project: Path, core_dsn: str) -> None:
    _execute(
        core_dsn,
        """
        alter table pgflow.flows drop constraint slug_is_valid;
        insert into pgflow.flows (flow_slug, opt_max_attempts, opt_base_delay, opt_timeout)
        values ('two words', 1, 1, 30), ('../up', 1, 1, 30), ('empty', 1, 1, 30),
          ('Good', 1, 1, 30), ('pair', 1, 1, 30);
        update pgflow.flows set flow_type = 'job' where flow_slug = 'pair';
        select pgflow.add_step('two words', 'a'), pgflow.add_step('Good', 'a'), pgflow.add_step('pair', 'a'),
          pgflow.add_step('pair', 'b');
        select pgflow.create_flow('odd');
        select pgflow.add_step('odd', 'check');
        select pgflow.add_step('odd', 'Check', array['check'], required_input_pattern => '{"nobody": 1}');
        """,
    )
    _, errors = _run("pull", code=1)
    assert "error: two words: no spec can say it: its slug holds a blank\n" in errors
    assert "error: ../up: no spec can say it: its slug holds '.'\n" in errors
    assert "error: empty: it has no step\n" in errors
    assert "error: pair: it is a job of 2 steps, and jobs have one\n" in errors
    assert re.search(r"error: odd: no spec can say it: .*'nobody'.*\n help: pgflowc explain PGF4", errors)
    assert errors.endswith("error: nothing was written\n help: the others: pgflowc pull Good\n")
    assert list(project.iterdir()) == []
    assert "created   flows/Good.yaml" in _run("pull", "Good")[0]


def test_names_that_clash_only_together(project: Path, core_dsn: str) -> None:
    _execute(
        core_dsn,
        """
        drop index pgflow.idx_flows_normalized_slug;
        insert into pgflow.flows (flow_slug, opt_max_attempts, opt_base_delay, opt_timeout)
        values ('order', 1, 1, 30), ('Order', 1, 1, 30);
        select pgflow.add_step('order', 'a'), pgflow.add_step('Order', 'a');
        """,
    )
    _, errors = _run("pull", code=1)
    assert errors.count("no spec can say it: ") >= 1
    assert list(project.iterdir()) == []
    _run("pull", "order")


def test_wrong_words_and_places(project: Path, core_dsn: str, empty_dsn: str) -> None:
    assert "error: the database has no flow\n" in _run("pull", code=1)[1]
    _execute(core_dsn, BY_HAND)
    assert "no flow 'ordr'\n help: did you mean 'order'?\n" in _run("pull", "ordr", code=2)[1]
    assert "error: there are no tables of pgflow in" in _run("pull", "--dsn", empty_dsn, code=2)[1]
    (project / "pgflowc.toml").write_text('package = "shop"\nflows = ["specs/**/*.yml", "x/*/y.yaml"]\n')
    assert "created   specs/mail.yml\n" in _run("pull", "mail")[0]
    (project / "pgflowc.toml").write_text('package = "shop"\nflows = ["x/*/y.yaml"]\n')
    assert "error: mail: no pattern of the project finds mail.yaml\n" in _run("pull", "mail", code=1)[1]


def test_a_core_of_long_ago_and_without_anything_of_ours(project: Path, empty_dsn: str) -> None:
    _execute(
        empty_dsn,
        """
        create schema pgflow;
        create table pgflow.flows (flow_slug text primary key, opt_max_attempts int not null,
          opt_base_delay int not null, opt_timeout int not null, created_at timestamptz);
        create table pgflow.steps (flow_slug text, step_slug text, step_type text, step_index int,
          deps_count int, opt_max_attempts int, opt_base_delay int, opt_timeout int);
        create table pgflow.deps (flow_slug text, dep_slug text, step_slug text);
        insert into pgflow.flows values ('old', 3, 5, 60);
        insert into pgflow.steps values ('old', 'b', 'single', 1, 1), ('old', 'a', 'single', 0, 0);
        insert into pgflow.deps values ('old', 'a', 'b');
        """,
    )
    _run("pull", "--dsn", empty_dsn)
    _run("compile")
    assert "No difference" in _run("diff", "--dsn", empty_dsn)[0]


def test_schedules_of_pg_cron_stay_there(project: Path, core_dsn: str) -> None:
    _execute(
        core_dsn,
        r"""
        create schema cron;
        create table cron.job (jobid serial, jobname text, schedule text, command text,
          database text default current_database(), active boolean default true);
        select pgflow.create_flow('tidy'), pgflow.add_step('tidy', 'a');
        select pgflow.create_flow('rest'), pgflow.add_step('rest', 'a');
        insert into cron.job (jobname, schedule, command) values
          ('pgflow_tidy', '0 9 * * *', $$SELECT pgflow.start_flow('tidy', '{"who": "O''Hara"}'::jsonb)$$),
          ('pgflow_rest', '@daily', 'vacuum');
        update cron.job set active = false where jobname = 'pgflow_tidy';
        """,
    )
    _, errors = _run("pull", "tidy")
    assert errors == "note: tidy: its schedule is paused\n"
    assert (project / "pgflowc.toml").read_text("utf-8").endswith('\n[target]\ncron = "pg_cron"\n')
    spec = (project / "flows" / "tidy.yaml").read_text("utf-8")
    assert '  input: {"who": "O\'Hara"}\n' in spec
    assert "\n# its schedule is paused\n" in spec
    _run("compile")
    assert "No difference" in _run("diff", "tidy")[0]
    _, errors = _run("pull", "rest")
    assert "note: rest: pg_cron's job pgflow_rest does something else than start a run: vacuum\n" in errors
    # A project that has said otherwise is told what its next migration would do.
    (project / "pgflowc.toml").write_text('package = "shop"\n')
    (project / "flows" / "tidy.yaml").unlink()
    _, errors = _run("pull", "tidy")
    assert (
        "note: jobs of pg_cron start tidy by schedule now; the setting [target] cron of pgflowc.toml is"
        in errors
    )


def test_a_flow_with_versions_stays_with_the_project_that_made_them(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "pgflowc.toml").write_text('package = "shop"\n')
    (project / "flows").mkdir()
    for step in ("a", "b"):
        (project / "flows" / "order.yaml").write_text(f"flow: order\nsteps: {{{step}: {{}}}}\n")
        _run("compile")
    _run("db", "up")
    assert _run("pull")[0] == "kept      flows/order.yaml: it specifies order as the database has it\n"
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    _, errors = _run("pull", code=1)
    assert "error: order: it is in its version 2, which no spec alone can say\n" in errors


def test_beside_a_core_of_somebody_else(project: Path, empty_dsn: str) -> None:
    _execute(empty_dsn, get_embedded_install_sql())
    # Our own core without what only we have looks like one of TypeScript.
    _execute(
        empty_dsn,
        component_sql("core")
        + "drop function pgflow.start_tasks(text, bigint[], uuid, text);"
        + "drop table pgflow.map_chunks, pgflow.event_listeners;",
    )
    _execute(
        empty_dsn,
        """
        select pgflow.create_flow('theirs', 2), pgflow.add_step('theirs', 'a'),
          pgflow.add_step('theirs', 'b', array['a'], when_exhausted => 'skip');
        """,
    )
    before = _flows(empty_dsn)
    _run("pull", "--dsn", empty_dsn)
    _run("compile")
    assert "No difference" in _run("diff", "--dsn", empty_dsn)[0]
    assert "Adopted: foreign_core" in _run("db", "stamp", "--foreign", "--dsn", empty_dsn)[0]
    assert "applied   migrations/0001_create_theirs.sql\n" in _run("db", "up", "--dsn", empty_dsn)[0]
    assert _flows(empty_dsn) == before
    assert _run("verify", "--dsn", empty_dsn)[0] == "same     flow theirs\n"
