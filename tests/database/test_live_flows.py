"""Flows read back from databases: our own, and those that other members of the family made."""

from __future__ import annotations

import json
from dataclasses import replace

import psycopg
import pytest

from pgflowc.check import check_sources
from pgflowc.compile import compile_sources
from pgflowc.database.components import component_sql
from pgflowc.database.connection import connect
from pgflowc.database.dsn import ResolvedDsn
from pgflowc.database.errors import DatabaseError
from pgflowc.database.live_flows import LiveFlow, read_live_flows
from pgflowc.database.snapshot import snapshot
from pgflowc.diagnostics import Report
from pgflowc.graph.model import FlowOptions
from pgflowc.plan import CronShape, FlowShape, StepShape, shape_of
from pgflowc.render import Layout
from pgflowc_runtime.cron_command import Started, started_by

SPEC = """\
flow: order
max_attempts: 4
cron:
  schedule: "0 9 * * 1-5"
  timezone: Europe/Berlin
  input: {z: "ä'\\\\", id: 1}
  catch_up: last
  overlap: skip
input: {id: int, z: str | null}
steps:
  list: {output: [int], if: {id: 7}, when_unmet: skip-cascade, start_delay: 5}
  each: {map: list, timeout: 9, when_exhausted: skip}
  sum: {depends_on: [list, each], base_delay: 2, max_attempts: 0}
---
job: mail
perform: {step: send}
"""
# pg_cron's table, as far as it is read.
CRON = """
create schema cron;
create table cron.job (
  jobid bigint generated always as identity, jobname text, schedule text, command text,
  active boolean default true, database text default current_database()
);
"""


def test_what_a_migration_makes_is_read_back(core_dsn: str) -> None:
    compilation = compile_sources({"flows/a.yaml": SPEC}, Layout("shop"), {})
    assert not compilation.failed
    with psycopg.connect(core_dsn, autocommit=True) as connection:
        for path, text in sorted(compilation.rendered.files.items()):
            if path.endswith(".sql") and not path.endswith(".down.sql"):
                connection.execute(text.encode())
        connection.execute("select pgflowc.pause_schedule('order')")
        found = read_live_flows(connection)
        assert list(read_live_flows(connection, ["mail", "none"]).flows) == ["mail"]
        assert read_live_flows(connection, []).flows == {}
    wanted = {flow.slug: shape_of(flow) for flow in check_sources({"a.yaml": SPEC}, Report())}
    steps = tuple(replace(s, depends_on=tuple(sorted(s.depends_on))) for s in wanted["order"].steps)
    assert found.flows == {
        "mail": LiveFlow("mail", wanted["mail"]),
        "order": LiveFlow("order", replace(wanted["order"], steps=steps), paused=True),
    }
    assert found.kinds
    assert found.keepers == {"worker"}


def test_a_core_of_long_ago_lacks_columns_and_is_read(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn) as connection:
        connection.execute(component_sql("core").encode())
        connection.execute(
            """alter table pgflow.steps drop column when_unmet, drop column when_exhausted,
                 drop column step_type, drop column required_input_pattern,
                 drop column forbidden_input_pattern, drop column opt_start_delay, add column queue_name text;
               insert into pgflow.flows (flow_slug) values ('old');
               insert into pgflow.steps (flow_slug, step_slug, step_index, queue_name) values
                 ('old', 'a', 0, 'old'), ('old', 'b', 1, 'aside');
               insert into pgflow.deps (flow_slug, dep_slug, step_slug) values ('old', 'a', 'b')"""
        )
        found = read_live_flows(connection)
    steps = (StepShape("a", "single", ()), StepShape("b", "single", ("a",)))
    note = "step b uses a queue of its own, aside"
    assert found.flows == {
        "old": LiveFlow("old", FlowShape("flow", FlowOptions(3, 1, 60), steps), notes=(note,))
    }
    assert not found.kinds
    assert not found.keepers


def test_schedules_of_pg_cron_are_read(core_dsn: str) -> None:
    with psycopg.connect(core_dsn) as connection:
        connection.execute(CRON.encode())
        for slug in ("ours", "odd", "both", "asleep"):
            connection.execute("select pgflow.create_flow(%s), pgflow.add_step(%s, 'a')", [slug, slug])
        connection.execute("select pgflowc.set_schedule('both', '@daily')")
        jobs = [
            (
                "pgflow_ours",
                "0 9 * * *",
                """SELECT pgflow.start_flow('ours', '{"b": "it''s", "a": 1}'::jsonb)""",
            ),
            ("pgflow_odd", "0 9 * * *", "select pgflow.start_flow('ours', '{}'); delete from x"),
            ("pgflow_both", "@hourly", "SELECT pgflow.start_flow('both', '{}'::jsonb)"),
            ("pgflow_asleep", "@hourly", "SELECT pgflow.start_flow('asleep', '{}'::jsonb)"),
            (None, "@hourly", "SELECT 1"),
        ]
        for job in jobs:
            connection.execute("insert into cron.job (jobname, schedule, command) values (%s, %s, %s)", job)
        connection.execute("update cron.job set active = false where jobname = 'pgflow_asleep'")
        found = read_live_flows(connection)
    assert found.keepers == {"worker", "pg_cron"}
    crons = {slug: flow.shape.cron for slug, flow in found.flows.items()}
    assert crons["ours"] == CronShape("0 9 * * *", "UTC", '{"a":1,"b":"it\'s"}', "pg_cron")
    assert crons["both"] == CronShape("@daily", "UTC", "{}")
    assert crons["odd"] is None
    assert found.flows["both"].notes == ("pg_cron starts runs of it too, by the schedule @hourly",)
    assert (
        found.flows["odd"]
        .notes[0]
        .startswith("pg_cron's job pgflow_odd does something else than start a run: select")
    )
    assert [slug for slug, flow in found.flows.items() if flow.paused] == ["asleep"]


@pytest.mark.parametrize(
    ("command", "input_"),
    [
        ("SELECT pgflow.start_flow('f', '{}'::jsonb)", {}),
        ("select * from pgflow.start_flow(flow_slug => 'f', input => '[1, 2]') ;", [1, 2]),
        (r"""SELECT pgflow.start_flow('f', E'{"a": "x\\\\y''z"}'::jsonb)""", {"a": "x\\y'z"}),
        ("""SELECT pgflow.start_flow('f'::text, $a$"$$'"$a$::jsonb)""", "$$'"),
        ("SELECT pgflow.start_flow('f', '{')", None),
        ("SELECT pgflow.start_flow('f', now()::jsonb)", None),
        ("SELECT pgflow.start_flow('f', '{}'); SELECT 1", None),
        ("", None),
    ],
)
def test_a_command_that_starts_a_run_is_understood(command: str, input_: object) -> None:
    assert started_by(command) == (None if input_ is None else Started("f", input_))


def test_versions_of_a_flow_are_told_apart(core_dsn: str) -> None:
    with psycopg.connect(core_dsn, autocommit=True) as connection:
        for slug in ("f", "f_v2", "f_v3", "g"):
            connection.execute("select pgflow.create_flow(%s), pgflow.add_step(%s, 'a')", [slug, slug])
        connection.execute("select pgflowc.add_version('f', 2, 'f_v2'), pgflowc.set_schedule('f', '@daily')")
        connection.execute("select pgflowc.add_version('f', 3, 'f_v3')")
        connection.execute("select pgflowc.switch_version('f', 1, 2)")
        found = read_live_flows(connection, ["f"])
    assert [flow.slug for flow in found.versions("f")] == ["f", "f_v2", "f_v3"]
    assert {slug: flow.shape.cron is not None for slug, flow in found.flows.items()} == {
        "f": False,
        "f_v2": True,
        "f_v3": False,
    }
    assert found.named == {"f": found.flows["f_v2"]}


def test_a_database_without_a_core_has_no_flows(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn, autocommit=True) as connection:
        found = read_live_flows(connection)
        assert (found.flows, found.core) == ({}, False)
        connection.execute("create schema pgflow create table flows (flow_slug text)")
        assert not read_live_flows(connection).core


def test_a_snapshot_is_of_one_moment_and_read_only_and_short(core_dsn: str) -> None:
    resolved = ResolvedDsn(core_dsn, "--dsn")
    with connect(resolved) as connection, psycopg.connect(core_dsn, autocommit=True) as other:
        with snapshot(connection):
            assert not read_live_flows(connection).flows
            other.execute("select pgflow.create_flow('f')")
            assert not read_live_flows(connection).flows
        assert list(read_live_flows(connection).flows) == ["f"]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), snapshot(connection):
            connection.execute("select pgflow.create_flow('g')")
        connection.execute("select pgflow.create_flow('g')")
        with pytest.raises(psycopg.errors.QueryCanceled), snapshot(connection, seconds=0.05):
            connection.execute("select pg_sleep(60)")
    with (
        pytest.raises(DatabaseError, match="PostgreSQL refused"),
        connect(resolved) as connection,
        snapshot(connection),
    ):
        connection.execute("select 1 / 0")


def test_patterns_have_the_text_of_specs(core_dsn: str) -> None:
    pattern = {"ü": [1.5, {"b": None, "a": "\u2028"}], "a": True}
    with psycopg.connect(core_dsn) as connection:
        connection.execute("select pgflow.create_flow('f')")
        connection.execute(
            "select pgflow.add_step('f', 's', required_input_pattern => %s::jsonb)", [json.dumps(pattern)]
        )
        found = read_live_flows(connection).flows["f"].shape.steps[0]
    spec = f"flow: f\ninput: json\nsteps: {{s: {{if: {json.dumps(pattern, ensure_ascii=True)}}}}}\n"
    flow = check_sources({"f.yaml": spec}, Report())[0]
    assert found.required == flow.steps[0].condition.required
