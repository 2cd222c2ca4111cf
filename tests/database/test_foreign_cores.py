"""Beside a core that another member of the family installed: named, adopted on request, never touched."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from pgmq.install import get_embedded_install_sql
from typer.testing import CliRunner

from pgflowc.cli.app import build
from pgflowc.database.catalogue import Catalogue, read_catalogue
from pgflowc.database.components import component_sql, functions_sql

THREE = "pgflow.start_tasks(text, bigint[], uuid)"
FOUR = "pgflow.start_tasks(text, bigint[], uuid, text)"
NARROW_STATUSES = """
alter table pgflow.step_tasks drop constraint valid_status,
  add constraint valid_status check (status in ('queued', 'started', 'completed', 'failed'));
"""
QUEUE_NAMES = """
alter table pgflow.steps add column queue_name text not null;
alter table pgflow.step_tasks add column queue_name text not null;
"""
# Our own core, altered until it looks like another's: generation -> (how, what it is called).
GENERATIONS = {
    "0.14": (
        f"drop function {FOUR}; {NARROW_STATUSES}",
        "pgflow of TypeScript, like 0.14 (start_tasks with 3 arguments)",
    ),
    "0.16": (f"drop function {FOUR}", "pgflow of TypeScript, like 0.16 (start_tasks with 3 arguments)"),
    "0.17": (
        f"drop function {THREE}; {QUEUE_NAMES}",
        "pgflow of TypeScript, like 0.17 (start_tasks with a queue name)",
    ),
    "elixir": (
        f"""drop function {THREE}; {QUEUE_NAMES} {component_sql("helpers")}
        alter type pgflow.step_task_record add attribute attempts_count integer;""",
        "pgflow of Elixir (start_tasks with a queue name)",
    ),
    "early": (
        f"drop function {FOUR}; {NARROW_STATUSES} alter table pgflow.steps drop column when_unmet",
        "pgflow of TypeScript, before conditions (start_tasks with 3 arguments)",
    ),
}
OURS_ALONE = "drop table pgflow.map_chunks, pgflow.event_listeners"


def _db(dsn: str, *arguments: str, code: int = 0) -> str:
    words = ["db", *arguments, "--dsn", dsn, "--project", str(Path(__file__).parent)]
    done = CliRunner().invoke(build(words), words)
    assert done.exit_code == code, done.output
    return done.output


def _run(dsn: str, *scripts: str) -> None:
    with psycopg.connect(dsn) as connection:
        for script in scripts:
            connection.execute(script.encode())
            connection.execute("reset search_path")


def _contents(dsn: str) -> tuple[Catalogue, list[tuple[object, ...]]]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("select f::text from pgflow.flows f order by 1").fetchall()
        return read_catalogue(connection, ("pgflow",)), rows


@pytest.mark.parametrize("generation", GENERATIONS)
def test_it_is_named_adopted_and_left_alone(generation: str, empty_dsn: str) -> None:
    alter, name = GENERATIONS[generation]
    _run(empty_dsn, get_embedded_install_sql(), component_sql("core"), OURS_ALONE)
    _run(empty_dsn, "insert into pgflow.flows (flow_slug) values ('theirs')", alter)
    before = _contents(empty_dsn)

    assert f"core       not recorded: {name}\n" in _db(empty_dsn, "status")
    for command in ("up", "check"):
        output = _db(empty_dsn, command, code=2)
        assert f"pgflowc did not install it: it looks like {name}\n" in output
        assert "help: pgflowc db stamp" in output
    output = _db(empty_dsn, "stamp", code=1)
    assert f"not what pgflowc installs, it looks like {name}: " in output
    assert "help: pgflowc db stamp --foreign" in output
    assert _db(empty_dsn, "stamp", "--foreign").startswith("Adopted: foreign_core.\nInstalled: pgflowc.\n")

    assert "Nothing to do" in _db(empty_dsn, "up")
    output = _db(empty_dsn, "check")
    assert f"core       not ours: {name}\n" in output
    assert "schema pgflow was not compared" in output
    assert f"core       not ours: {name}\n" in _db(empty_dsn, "status")
    assert "is not pgflowc's" in _db(empty_dsn, "down", "--component", "core", "--to", "0", code=2)
    assert _contents(empty_dsn) == before

    assert "pgflowc   removed" in _db(empty_dsn, "down", "--component", "pgflowc", "--to", "0")
    assert _contents(empty_dsn) == before
    assert "pgflowc db stamp" in _db(empty_dsn, "up", code=2)


def test_up_adds_what_is_missing_beside_it_and_nothing_else(empty_dsn: str) -> None:
    alter, name = GENERATIONS["0.14"]
    _run(empty_dsn, component_sql("core"), OURS_ALONE, alter)
    before = _contents(empty_dsn)
    assert "pgmq       not installed" in _db(empty_dsn, "status")
    assert "Installed: pgmq, pgflowc.\n" in _db(empty_dsn, "stamp", "--foreign")
    # Somebody lost the queues, and the owner of the core went on to the next generation.
    _run(empty_dsn, "drop schema pgmq cascade", functions_sql("core"), GENERATIONS["0.17"][0])
    after = _contents(empty_dsn)
    assert after != before
    assert "error: pgmq is not installed in this database\n help: pgflowc db up" in _db(
        empty_dsn, "check", code=2
    )
    output = _db(empty_dsn, "up")
    assert "pgmq      installed version" in output
    assert "core " not in output
    assert _contents(empty_dsn) == after
    assert f"not ours: {GENERATIONS['0.17'][1]}\n" in _db(empty_dsn, "check")
    assert name not in _db(empty_dsn, "status")


def test_a_core_that_went_away_is_noticed(empty_dsn: str) -> None:
    alter, name = GENERATIONS["0.16"]
    _run(empty_dsn, get_embedded_install_sql(), component_sql("core"), OURS_ALONE, alter)
    _db(empty_dsn, "stamp", "--foreign")
    _run(empty_dsn, "drop schema pgflow cascade")
    output = _db(empty_dsn, "up", code=2)
    assert f"schema pgflow no longer holds the core that was there ({name})" in output
    _db(empty_dsn, "down", "--component", "pgflowc", "--to", "0")
    assert "core      installed version" in _db(empty_dsn, "up")


def test_our_own_core_altered_is_called_so(core_dsn: str) -> None:
    _run(core_dsn, "drop function pgflow.is_local", "drop schema pgflowc cascade")
    looks = "it looks like pgflowc's own core"
    assert looks in _db(core_dsn, "up", code=2)
    assert f"{looks}: function pgflow.is_local() is missing" in _db(core_dsn, "stamp", code=1)


def test_a_pgmq_in_the_layout_of_1_5_1_is_used_untouched(empty_dsn: str) -> None:
    script = re.sub(
        r"^\s*last_read_at (TIMESTAMP WITH TIME ZONE|= clock_timestamp\(\)),\n",
        "",
        get_embedded_install_sql(),
        flags=re.M,
    )
    _run(empty_dsn, re.sub(r"\b(\w+\.)?last_read_at, ", "", script))
    with psycopg.connect(empty_dsn) as connection:
        connection.execute("drop function pgmq.read_grouped(text, integer, integer)")
        connection.execute("drop function pgmq.enable_notify_insert, pgmq.disable_notify_insert cascade")
        before = read_catalogue(connection, ("pgmq",))
    assert ("column", "pgmq.message_record.vt") in before
    assert ("column", "pgmq.message_record.last_read_at") not in before

    assert "pgmq      installed" not in _db(empty_dsn, "up")
    with psycopg.connect(empty_dsn) as connection:
        assert read_catalogue(connection, ("pgmq",)) == before
    assert "pgmq       like 1.5 or 1.6 (SQL, not by pgflowc)\n" in _db(empty_dsn, "check")
    _run(
        empty_dsn,
        "select pgflow.create_flow('f')",
        "select pgflow.add_step('f', 's')",
        "select pgflow.start_flow('f', '{}')",
    )
    assert "pgflowc did not install the pgmq" in _db(
        empty_dsn, "down", "--component", "pgmq", "--to", "0", code=2
    )
