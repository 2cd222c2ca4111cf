"""The core on other layouts of pgmq's tables: `last_read_at` missing (before 1.10), or the last column."""

from __future__ import annotations

import re

import psycopg
import pytest
from pgmq.install import get_embedded_install_sql

from pgflowc.database.components import COMPONENTS, component_sql


def without_last_read_at(script: str) -> str:
    """pgmq's SQL with the tables and message_record of versions before 1.10."""
    script = re.sub(
        r"^\s*last_read_at (TIMESTAMP WITH TIME ZONE|= clock_timestamp\(\)),\n", "", script, flags=re.M
    )
    return re.sub(r"\b(\w+\.)?last_read_at, ", "", script)  # grouped reads keep it; nobody calls them


@pytest.fixture(params=["absent", "last"])
def old_core(request, core_type, empty_dsn):
    """A core on queues whose tables lack last_read_at, or have got it by an upgrade."""
    script = get_embedded_install_sql()
    if request.param == "absent":
        script = without_last_read_at(script)
    with psycopg.connect(empty_dsn) as connection:
        connection.execute(script)
        connection.execute("reset all")
        for component in COMPONENTS:
            connection.execute(component_sql(component))
    core = core_type(empty_dsn)
    core.flow("f", "a", "m[] < a", "z < m", max_attempts=2, timeout=20)
    if request.param == "last":
        for table in ("q_f", "a_f"):
            core.do(f"alter table pgmq.{table} drop column last_read_at")
            core.do(f"alter table pgmq.{table} add column last_read_at timestamptz")
    with core.connection:
        yield core


def test_the_layout_is_the_one_meant(old_core, request) -> None:
    columns = old_core.column(
        "select attname::text from pg_attribute where attrelid = 'pgmq.q_f'::regclass and attnum > 0"
        " and not attisdropped order by attnum"
    )
    last = [] if "absent" in request.node.name else ["last_read_at"]
    assert columns == ["msg_id", "read_ct", "enqueued_at", "vt", "message", "headers", *last]


def test_a_run_from_start_to_end(old_core) -> None:
    run_id = old_core.start("f")
    assert old_core.work("f", lambda task: [1, 2]) == ["a", "m", "m", "z"]
    assert old_core.run(run_id)["status"] == "completed"
    assert len(old_core.archived_messages("f")) == 4


def test_claims_retries_and_exhaustion(old_core) -> None:
    run_id = old_core.start("f")
    (task,) = old_core.claim("f")
    assert 20 < old_core.visible_in("f", task["msg_id"]) <= 22
    (row,) = old_core.fail(task)
    assert row["status"] == "queued"
    old_core.make_visible("f")
    (row,) = old_core.fail(old_core.claim("f")[0])
    assert row["status"] == "failed"
    assert old_core.run(run_id)["status"] == "failed"
    assert old_core.archived_messages("f") == [task["msg_id"]]


def test_stalled_tasks_and_delays(old_core) -> None:
    run_id = old_core.start("f")
    old_core.claim("f")
    old_core.do(
        "update pgflow.step_tasks"
        " set queued_at = now() - interval '1 hour', started_at = now() - interval '1 hour'"
    )
    assert old_core.value("select pgflow.requeue_stalled_tasks()") == 1
    assert old_core.value("select pgflow.delay_run('f', %s, 100)", run_id) == 1
    assert old_core.claim("f") == []


def test_set_vt_batch_names_its_columns(old_core) -> None:
    old_core.start("f")
    (row,) = old_core.rows("select * from pgflow.set_vt_batch('f', '{1}', '{50}')")
    assert list(row) == ["msg_id", "read_ct", "enqueued_at", "vt", "message", "headers"]
    assert row["message"]["step_slug"] == "a"


def test_waking_and_pruning(old_core) -> None:
    old_core.do("select pgflowc.enable_wakeup('f')")
    old_core.start("f")
    due = "select next_due_ms from pgflowc.announce_wait('{f}', gen_random_uuid(), 1000)"
    assert old_core.value(due) == 0
    old_core.work("f", lambda task: [])
    old_core.do("select pgflow.prune_data_older_than(interval '-1 minute')")
    assert old_core.value("select count(*) from pgflow.runs") == 0
    old_core.do("select pgflow.delete_flow_and_data('f')")
