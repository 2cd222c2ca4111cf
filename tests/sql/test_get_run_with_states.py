"""pgflow.get_run_with_states (contract, section 7)."""

from __future__ import annotations

from uuid import uuid4


def test_get_run_with_states(core) -> None:
    core.flow("f", "a", "b < a")
    started = core.value("select pgflow.start_flow_with_states(flow_slug => 'f', input => '{}')")
    assert set(started) == {"run", "steps"}
    run_id = started["run"]["run_id"]
    assert {s["step_slug"]: s["status"] for s in started["steps"]} == {"a": "started", "b": "created"}
    assert core.value("select pgflow.get_run_with_states(run_id => %s)", run_id) == started
    assert core.value("select pgflow.get_run_with_states(%s)", uuid4()) is None
