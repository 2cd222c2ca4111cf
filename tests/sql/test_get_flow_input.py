"""pgflow.get_flow_input (contract, section 17.4)."""

from __future__ import annotations

from uuid import uuid4


def test_the_runs_input(core) -> None:
    core.flow("f", "a")
    for value in ({"x": 1}, False, 0, "", []):
        run_id = core.start("f", value)
        assert core.value("select pgflow.get_flow_input(p_run_id => %s)", run_id) == value
    assert core.value("select pgflow.get_flow_input(%s)", uuid4()) is None
