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
