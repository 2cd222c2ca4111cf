"""Events: names, payloads, order (contract, section 13)."""

from __future__ import annotations

import pytest
from psycopg.types.json import Jsonb


@pytest.fixture
def recording(core):
    """`core`, with events going to realtime.messages."""
    core.record_events()
    return core


def names(core, run_id) -> list[str]:
    return [event["event"] for event in core.events(run_id)]


def payloads(core, run_id, name: str) -> list[dict]:
    return [event["payload"] for event in core.events(run_id) if event["event"] == name]


def test_a_run_from_start_to_end(recording) -> None:
    core = recording
    core.flow("f", "a", "b < a")
    run_id = core.start("f", {"x": 1})
    core.work("f")
    assert names(core, run_id) == [
        "run:started",
        "step:a:started",
        "step:a:completed",
        "step:b:started",
        "step:b:completed",
        "run:completed",
    ]
    assert not any(event["private"] for event in core.events(run_id))
    run, step = core.run(run_id), core.step(run_id, "a")
    timestamps = core.row(
        "select to_jsonb(r.started_at) as run_started, to_jsonb(r.completed_at) as run_completed,"
        " to_jsonb(s.started_at) as step_started, to_jsonb(s.completed_at) as step_completed"
        " from pgflow.runs r join pgflow.step_states s on s.run_id = r.run_id and s.step_slug = 'a'"
    )
    assert payloads(core, run_id, "run:started") == [
        {
            "event_type": "run:started",
            "run_id": str(run_id),
            "flow_slug": "f",
            "status": "started",
            "input": {"x": 1},
            "remaining_steps": 2,
            "started_at": timestamps["run_started"],
        }
    ]
    assert payloads(core, run_id, "step:a:started") == [
        {
            "event_type": "step:started",
            "run_id": str(run_id),
            "step_slug": "a",
            "status": "started",
            "started_at": timestamps["step_started"],
            "remaining_tasks": 1,
            "remaining_deps": 0,
        }
    ]
    assert payloads(core, run_id, "step:a:completed") == [
        {
            "event_type": "step:completed",
            "run_id": str(run_id),
            "step_slug": "a",
            "status": "completed",
            "output": step["output"],
            "completed_at": timestamps["step_completed"],
        }
    ]
    assert payloads(core, run_id, "run:completed") == [
        {
            "event_type": "run:completed",
            "run_id": str(run_id),
            "flow_slug": "f",
            "status": "completed",
            "output": run["output"],
            "completed_at": timestamps["run_completed"],
        }
    ]


def test_a_map_sends_one_event_for_all_its_tasks(recording) -> None:
    core = recording
    core.flow("f", "m[]", max_attempts=2)
    run_id = core.start("f", [1, 2, 3])
    core.fail(core.claim("f", 1)[0])
    core.make_visible("f")
    core.work("f")
    assert names(core, run_id) == ["run:started", "step:m:started", "step:m:completed", "run:completed"]


def test_taskless_steps(recording) -> None:
    core = recording
    core.flow("f", "m[]", "n[] < m")
    run_id = core.start("f", [])
    assert names(core, run_id) == ["run:started", "step:m:completed", "step:n:completed", "run:completed"]
    (payload,) = payloads(core, run_id, "step:m:completed")
    assert payload.pop("started_at") == payload.pop("completed_at") is not None
    assert payload == {
        "event_type": "step:completed",
        "run_id": str(run_id),
        "step_slug": "m",
        "status": "completed",
        "output": [],
        "remaining_tasks": 0,
        "remaining_deps": 0,
    }


def test_failure(recording) -> None:
    core = recording
    core.flow("f", "a", max_attempts=1)
    run_id = core.start("f")
    core.fail(core.claim("f")[0], "no good")
    assert names(core, run_id)[2:] == ["step:a:failed", "run:failed"]
    (step,) = payloads(core, run_id, "step:a:failed")
    assert step.pop("failed_at")
    assert step == {
        "event_type": "step:failed",
        "run_id": str(run_id),
        "step_slug": "a",
        "status": "failed",
        "error_message": "no good",
    }
    (run,) = payloads(core, run_id, "run:failed")
    assert run.pop("failed_at")
    assert run == {
        "event_type": "run:failed",
        "run_id": str(run_id),
        "flow_slug": "f",
        "status": "failed",
        "error_message": "no good",
    }


def test_a_failure_without_a_message_says_null(recording) -> None:
    core = recording
    core.flow("f", "a", max_attempts=1)
    run_id = core.start("f")
    core.fail(core.claim("f")[0], None)
    (failed,) = payloads(core, run_id, "run:failed")
    assert failed["error_message"] is None


def test_type_violation(recording) -> None:
    core = recording
    core.flow("f", "a", "m[] < a")
    run_id = core.start("f")
    core.complete(core.claim("f")[0], 1)
    assert names(core, run_id)[2:] == ["run:failed", "step:a:failed"]
    (run,) = payloads(core, run_id, "run:failed")
    assert "error_message" not in run
    (step,) = payloads(core, run_id, "step:a:failed")
    assert step["error_message"].startswith("[TYPE_VIOLATION]")


def test_condition_failure(recording) -> None:
    core = recording
    core.create_flow("f")
    core.add_step("f", "a", required_input_pattern=Jsonb({"x": 1}), when_unmet="fail")
    run_id = core.start("f")
    assert names(core, run_id) == ["run:started", "step:a:failed", "run:failed"]
    assert {e["payload"]["error_message"] for e in core.events(run_id)[1:]} == {"Condition not met"}


def test_skips_by_condition_and_cascade(recording) -> None:
    core = recording
    core.create_flow("f")
    core.add_step("f", "a", required_input_pattern=Jsonb({"x": 1}), when_unmet="skip-cascade")
    core.add_step("f", "c", ["a"])
    core.add_step("f", "b", ["c"])
    run_id = core.start("f")
    assert names(core, run_id) == [
        "run:started",
        "step:a:skipped",
        "step:c:skipped",
        "step:b:skipped",
        "run:completed",
    ]
    (payload,) = payloads(core, run_id, "step:c:skipped")
    assert payload.pop("skipped_at")
    assert payload == {
        "event_type": "step:skipped",
        "run_id": str(run_id),
        "flow_slug": "f",
        "step_slug": "c",
        "status": "skipped",
        "skip_reason": "dependency_skipped",
    }


def test_skips_by_failure(recording) -> None:
    core = recording
    core.create_flow("f", max_attempts=1)
    core.add_step("f", "a", when_exhausted="skip-cascade")
    core.add_step("f", "b", ["a"])
    run_id = core.start("f")
    core.fail(core.claim("f")[0], "no good")
    assert names(core, run_id)[2:] == ["step:a:skipped", "step:b:skipped", "run:completed"]
    (payload,) = payloads(core, run_id, "step:a:skipped")
    assert payload.pop("skipped_at")
    assert payload == {
        "event_type": "step:skipped",
        "run_id": str(run_id),
        "step_slug": "a",
        "status": "skipped",
        "skip_reason": "handler_failed",
        "error_message": "no good",
    }
