"""pgflowc.cancel_run: end a run from outside."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest


def cancel(fast, run, *reason) -> bool:
    return fast.value(f"select pgflowc.cancel_run(%s{', %s' if reason else ''})", run, *reason)


def test_a_started_run_ends_as_failed(fast, ok) -> None:
    fast.flow("f", "a", "m[] < a", "side", "z < m side")
    (run, other) = fast.start("f", {}, {})
    for task in fast.claim("f"):
        if task["run_id"] == run and task["step_slug"] == "a":
            fast.finish("f", ok(task, [1, 2, 3]))
    started = [task for task in fast.claim("f", 2) if task["run_id"] == run]
    assert started

    assert cancel(fast, run, "ordered twice") is True
    row = fast.run(run)
    assert (row["status"], row["output"], row["completed_at"]) == ("failed", None, None)
    assert row["failed_at"] is not None
    assert fast.statuses(run) == {"a": "completed", "m": "started", "side": "started", "z": "created"}
    ended = [task for task in fast.tasks(run) if task["step_slug"] != "a"]
    assert {(task["status"], task["error_message"]) for task in ended} == {
        ("cancelled", "cancelled by postgres: ordered twice")
    }
    assert {message["message"]["run_id"] for message in fast.messages("f")} == {str(other)}
    assert len(fast.messages("f", "a")) == 5


@pytest.mark.parametrize("reason", [(), (None,), ("",)])
def test_a_reason_is_optional(fast, reason) -> None:
    fast.flow("f", "a")
    (run,) = fast.start("f", {})
    assert cancel(fast, run, *reason) is True
    assert fast.task(run, "a")["error_message"] == "cancelled by postgres"


def test_a_run_that_is_over_is_left_alone(fast, failed) -> None:
    fast.flow("f", "a")
    done, broken, cancelled = fast.start("f", 1, 2, 3)
    cancel(fast, cancelled, "first")
    one, two = fast.claim("f")
    fast.complete_task(one, "out")
    fast.finish("f", failed(two))
    before = [fast.run(run) for run in (done, broken, cancelled)]
    assert [cancel(fast, run, "again") for run in (done, broken, cancelled)] == [False] * 3
    assert [fast.run(run) for run in (done, broken, cancelled)] == before
    assert fast.task(cancelled, "a")["error_message"] == "cancelled by postgres: first"


def test_an_unknown_run_is_an_error(fast) -> None:
    run = uuid4()
    with pytest.raises(psycopg.errors.NoDataFound, match=f"Run not found: {run}"):
        cancel(fast, run)
    with pytest.raises(psycopg.errors.NoDataFound):
        cancel(fast, None)


def test_late_outcomes_are_lost(fast, ok, failed) -> None:
    fast.flow("f", "m[]")
    (run,) = fast.start("f", [1, 2, 3])
    one, two, three = fast.claim("f")
    cancel(fast, run)
    before = fast.tasks(run)
    assert fast.outcomes("f", ok(one, 1), failed(two)) == ["lost", "lost"]
    fast.complete_task(three, 3)
    fast.fail_task(one, "late")
    assert fast.tasks(run) == before
    assert fast.messages("f") == []


def test_a_run_that_was_given_up_on_can_be_cancelled(fast) -> None:
    """Its message is archived already, and nobody else would end it."""
    fast.flow("f", "a")
    (run,) = fast.start("f", {})
    fast.claim("f")
    fast.do(
        "update pgflow.step_tasks set requeued_count = 3,"
        " queued_at = now() - interval '1 day', started_at = now() - interval '1 day'"
    )
    fast.do("select pgflow.requeue_stalled_tasks()")
    assert fast.task(run, "a")["permanently_stalled_at"] is not None
    assert cancel(fast, run) is True
    assert fast.task(run, "a")["status"] == "cancelled"


def test_the_event_has_the_reason(fast, realtime) -> None:
    fast.flow("f", "a")
    (run,) = fast.start("f", {})
    cancel(fast, run, "no use")
    event, payload = realtime()[-1]
    assert event == "run:failed"
    assert payload["error_message"] == "cancelled by postgres: no use"
    assert payload["run_id"] == str(run)
    assert {"event_type", "run_id", "flow_slug", "status", "failed_at", "error_message"} == set(payload)


def test_two_at_once_cancel_once(fast, at_once, realtime) -> None:
    fast.flow("f", "m[]")
    runs = fast.start("f", *[[1, 2, 3]] * 10)
    done: list[bool] = []

    def cancel_all(driver, _) -> None:
        for run in runs:
            done.append(cancel(driver, run))

    at_once(3, cancel_all)
    assert sorted(done) == [False] * 20 + [True] * 10
    assert [event for event, _ in realtime()].count("run:failed") == 10
