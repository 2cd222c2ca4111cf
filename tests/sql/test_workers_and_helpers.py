"""Workers' bookkeeping, and the helper functions of schema pgflow."""

from __future__ import annotations

from uuid import uuid4

import pytest


def test_track_worker_function(core) -> None:
    core.do("select pgflow.track_worker_function(function_name => 'w')")
    first = core.row("select * from pgflow.worker_functions")
    assert (first["enabled"], first["debounce"].total_seconds(), first["start_mode"]) == (True, 6, "http")
    core.do("update pgflow.worker_functions set enabled = false, start_mode = 'process'")
    core.do("select pgflow.track_worker_function('w')")
    second = core.row("select * from pgflow.worker_functions")
    assert second["updated_at"] > first["updated_at"]
    assert (second["enabled"], second["start_mode"], second["created_at"]) == (
        False,
        "process",
        first["created_at"],
    )


def test_the_debounce_is_a_second_or_more(core, raises) -> None:
    core.do("select pgflow.track_worker_function('w')")
    message = (
        'new row for relation "worker_functions" violates check constraint "worker_functions_debounce_check"'
    )
    with raises(message):
        core.do("update pgflow.worker_functions set debounce = '999 milliseconds'")


def test_register_worker_then_heartbeat_then_stop(core) -> None:
    worker = uuid4()
    register = "select pgflow.register_worker(p_worker_id => %s, p_queue_name => 'f', p_function_name => 'w')"
    core.do(register, worker)
    first = core.row("select * from pgflow.workers")
    assert (first["queue_name"], first["function_name"], first["stopped_at"]) == ("f", "w", None)
    core.do(register, worker)
    second = core.row("select * from pgflow.workers")
    assert second["last_heartbeat_at"] > first["last_heartbeat_at"]
    assert second["started_at"] == first["started_at"]
    core.do("select pgflow.mark_worker_stopped(worker_id => %s)", worker)
    core.do("select pgflow.mark_worker_stopped(%s)", uuid4())
    assert core.row("select * from pgflow.workers")["stopped_at"] >= second["last_heartbeat_at"]


def test_flow_exists(core) -> None:
    core.create_flow("Orders")
    assert core.value("select pgflow.flow_exists(p_flow_slug => 'Orders')") is True
    assert core.value("select pgflow.flow_exists('orders')") is False


def test_inputs_and_outputs(core) -> None:
    core.flow("f", "a", "b < a")
    run_id = core.start("f", {"x": 1})
    core.complete(core.claim("f")[0], [1])
    assert core.value("select pgflow.get_flow_input(p_run_id => %s)", run_id) == {"x": 1}
    assert core.value("select pgflow.get_flow_input(%s)", uuid4()) is None
    output = "select pgflow.get_step_output(p_run_id => %s, p_step_slug => %s)"
    assert core.value(output, run_id, "a") == [1]
    assert core.value(output, run_id, "b") is None


def test_delay_run(core) -> None:
    core.flow("f", "a")
    with core.connection.transaction():
        run_id = core.start("f")
        moved = core.value(
            "select pgflow.delay_run(p_flow_slug => 'f', p_run_id => %s, p_delay_seconds => 100)", run_id
        )
    assert moved == 1
    assert core.claim("f") == []
    assert 98 < core.visible_in("f", core.task(run_id, "a")["message_id"]) <= 100


def test_delay_run_leaves_other_runs_and_claimed_tasks(core) -> None:
    core.flow("f", "a")
    delay = "select pgflow.delay_run('f', %s, 100)"
    first, second = core.start("f"), core.start("f")
    core.claim("f", 1)
    assert core.value(delay, first) == 0
    assert core.value(delay, uuid4()) == 0
    assert [t["run_id"] for t in core.claim("f")] == [second]


@pytest.mark.parametrize("kind", ["flow", "job"])
def test_flow_type(core, kind, raises) -> None:
    core.create_flow("f")
    assert core.value("select flow_type from pgflow.flows") == "flow"
    core.do("update pgflow.flows set flow_type = %s", kind)
    assert core.create_flow("f")["flow_type"] == kind
    with raises('new row for relation "flows" violates check constraint "flow_type_is_valid"'):
        core.do("update pgflow.flows set flow_type = 'task'")
