"""pgflow.start_flow_with_states and its rights (contract, sections 7 and 14)."""

from __future__ import annotations

import psycopg
import pytest


def test_a_client_needs_only_the_documented_grants(core) -> None:
    core.flow("f", "a")
    core.do("create role web")
    try:
        core.do("grant usage on schema pgflow to web")
        core.do("set role web")
        started = core.value("select pgflow.start_flow_with_states('f', '{}')")
        assert core.value("select pgflow.get_run_with_states(%s)", started["run"]["run_id"]) == started
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            core.do("select * from pgflow.runs")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            core.do("select * from pgflow.start_flow('f', '{}')")
    finally:
        core.do("reset role")
        core.do("revoke all on schema pgflow from web")
        core.do("drop role web")


def test_types_of_the_caller_do_not_run_as_the_owner(core, new_role) -> None:
    """A type in pg_temp could pass for one of pg_catalog, and its checks would have the owner's rights."""
    role = new_role()
    core.flow("f", "a")
    core.do(f"grant usage on schema pgflow to {role}")
    core.do(f"set role {role}")
    core.do(
        "create function pg_temp.check_it(pg_catalog.text) returns boolean language plpgsql as"
        " $$ begin raise exception 'this runs as %', current_user; end $$"
    )
    for name in ("text", "uuid", "jsonb", "timestamptz"):
        core.do(
            f"create domain pg_temp.{name} as pg_catalog.{name}"
            " check (pg_temp.check_it(value::pg_catalog.text))"
        )
    assert core.value("select pgflow.start_flow_with_states('f', '{}')")["run"]["status"] == "started"


def test_a_schema_pgflowc_of_the_caller_is_none(core, new_role) -> None:
    """Where ours is not installed, one who may create schemas could lend its functions the owner's rights."""
    role, run = new_role(), "00000000-0000-0000-0000-000000000001"
    core.do(f"drop schema if exists pgflowc cascade; create schema pgflowc authorization {role}")
    core.do(f"grant usage on schema pgflow to {role}")
    core.do(f"set role {role}")
    core.do("create table pgflowc.task_signals as select %s::uuid as run_id", run)
    core.do("create view pgflowc.awaited_signals as select 'f' flow_slug, 'a' step_slug, true is_approval")
    core.do(
        "create function pgflowc._forget_signals(uuid[]) returns void language plpgsql as"
        " $$ begin raise exception 'this runs as %', current_user; end $$"
    )
    assert core.value("select pgflow._approvals('f')") is None
    core.do("select pgflow._forget_signals(%s)", run)


def test_a_schema_pgflowc_that_is_closed_to_the_owner_is_none(core, new_role) -> None:
    role = new_role()
    core.do(f"grant usage on schema pgflow to {role}")
    core.do(f"alter function pgflow._approvals owner to {role}")
    assert core.value("select pgflow._approvals('f')") is None
