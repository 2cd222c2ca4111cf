"""pgflowc.retry_run: a failed run goes on from where it failed."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest


def retry(fast, run) -> bool:
    return fast.value("select pgflowc.retry_run(%s)", run)


def test_finished_work_is_kept_and_the_rest_done_again(fast, ok, failed) -> None:
    fast.flow("f", "a", "m[] < a", "side < a", "z < m side", max_attempts=1)
    (run,) = fast.start("f", {"n": 1})
    fast.finish("f", ok(fast.claim("f")[0], [10, 20, 30]))
    tasks = {(task["step_slug"], task["task_index"]): task for task in fast.claim("f")}
    fast.finish("f", ok(tasks["m", 1], "kept"), ok(tasks["side", 0], "beside"))
    fast.finish("f", failed(tasks["m", 2], "boom"))
    assert fast.run(run)["status"] == "failed"
    kept = fast.task(run, "m", 1)
    old_messages = {task["message_id"] for task in fast.tasks(run)}

    assert retry(fast, run) is True
    row = fast.run(run)
    assert (row["status"], row["failed_at"], row["remaining_steps"]) == ("started", None, 2)
    assert fast.statuses(run) == {"a": "completed", "m": "started", "side": "completed", "z": "created"}
    state = fast.state(run, "m")
    assert (state["remaining_tasks"], state["failed_at"], state["error_message"]) == (2, None, None)
    assert fast.task(run, "m", 1) == kept
    for index in (0, 2):
        task = fast.task(run, "m", index)
        assert (task["status"], task["attempts_count"], task["error_message"]) == ("queued", 0, None)
        assert (task["started_at"], task["failed_at"], task["last_worker_id"]) == (None, None, None)
        assert task["message_id"] not in old_messages

    again = fast.claim("f")
    assert [(task["task_index"], task["input"], task["attempts_count"]) for task in again] == [
        (0, 10, 1),
        (2, 30, 1),
    ]
    fast.finish("f", *(ok(task, "new") for task in again))
    assert fast.work("f", "end") == ["z"]
    assert fast.run(run)["output"] == {"z": "end"}
    assert fast.state(run, "m")["output"] == ["new", "kept", "new"]
    assert fast.messages("f") == []


def test_it_may_fail_and_be_retried_again(fast, failed) -> None:
    fast.flow("f", "a", max_attempts=2)
    (run,) = fast.start("f", {})
    for _ in range(3):
        for delay in (0, None):
            fast.finish("f", failed(fast.claim("f")[0], delay=delay))
        assert fast.run(run)["status"] == "failed"
        assert retry(fast, run) is True
    assert fast.work("f", 1) == ["a"]
    assert fast.run(run)["status"] == "completed"


@pytest.mark.parametrize("state", ["started", "completed"])
def test_a_run_that_is_not_failed_is_left_alone(fast, state) -> None:
    fast.flow("f", "a")
    (run,) = fast.start("f", {})
    if state == "completed":
        fast.work("f", 1)
    before = fast.run(run), fast.tasks(run)
    assert retry(fast, run) is False
    assert (fast.run(run), fast.tasks(run)) == before
    assert len(fast.messages("f")) == (state == "started")


def test_an_unknown_run_is_an_error(fast) -> None:
    run = uuid4()
    with pytest.raises(psycopg.errors.NoDataFound, match=f"Run not found: {run}"):
        retry(fast, run)


def test_a_cancelled_run_goes_on(fast) -> None:
    fast.flow("f", "a", "b < a")
    fast.step("f", "late", start_delay=1000)
    (run,) = fast.start("f", {})
    fast.claim("f")
    fast.do("select pgflowc.cancel_run(%s, 'pause')", run)
    assert retry(fast, run) is True
    assert sorted(fast.work("f", 1)) == ["a", "b", "late"]
    assert fast.run(run)["status"] == "completed"


def test_after_a_type_violation(fast, ok) -> None:
    fast.flow("f", "a", "m[] < a", "other")
    (run,) = fast.start("f", {})
    tasks = {task["step_slug"]: task for task in fast.claim("f")}
    fast.finish("f", ok(tasks["a"], {"no": "array"}))
    assert fast.run(run)["status"] == "failed"
    retry(fast, run)
    assert fast.task(run, "a")["output"] is None
    assert sorted(fast.work("f", [1, 2])) == ["a", "m", "m", "other"]
    assert fast.run(run)["output"] == {"m": [[1, 2]] * 2, "other": [1, 2]}


def test_large_maps_find_their_elements_again(fast, failed) -> None:
    fast.flow("f", "m[]")
    (run,) = fast.start("f", list(range(1000)))
    fast.finish("f", failed(fast.claim("f", 1)[0]))
    retry(fast, run)
    claimed = fast.claim("f", 2000)
    assert (
        [task["input"] for task in claimed] == [task["task_index"] for task in claimed] == list(range(1000))
    )


def test_skipped_steps_stay_skipped(fast, failed, ok) -> None:
    fast.flow("f")
    fast.step("f", "odd", when_exhausted="skip")
    fast.step("f", "a")
    fast.step("f", "b", ["odd", "a"])
    (run,) = fast.start("f", {})
    tasks = {task["step_slug"]: task for task in fast.claim("f")}
    fast.finish("f", failed(tasks["odd"], "odd"))
    fast.finish("f", failed(tasks["a"]))
    retry(fast, run)
    assert fast.statuses(run) == {"odd": "skipped", "a": "started", "b": "created"}
    assert fast.state(run, "odd")["error_message"] == "odd"
    assert fast.work("f", 1) == ["a", "b"]
    assert fast.run(run)["status"] == "completed"


def test_a_step_that_the_failure_kept_from_starting_starts(fast) -> None:
    """The end of `a` makes `b` fail its condition and `c` ready; the run is over before `c` starts."""
    fast.flow("f", "a")
    fast.step("f", "b", ["a"], required_input_pattern={"a": {"ok": True}}, when_unmet="fail")
    fast.step("f", "c", ["a"])
    (run,) = fast.start("f", {})
    fast.work("f", {"ok": False})
    assert fast.statuses(run) == {"a": "completed", "b": "failed", "c": "created"}

    assert retry(fast, run) is True  # and fails again: the condition is as it was
    assert fast.run(run)["status"] == "failed"
    assert fast.statuses(run) == {"a": "completed", "b": "failed", "c": "created"}
    assert fast.messages("f") == []

    fast.do("update pgflow.steps set required_input_pattern = null where step_slug = 'b'")
    assert retry(fast, run) is True
    assert sorted(fast.work("f", 1)) == ["b", "c"]
    assert fast.run(run)["status"] == "completed"


def test_a_condition_that_fails_again_queues_nothing(fast) -> None:
    fast.flow("f", "a", "slow")
    fast.step("f", "b", ["a"], required_input_pattern={"a": {}}, when_unmet="fail")
    (run,) = fast.start("f", {})
    for task in fast.claim("f"):
        if task["step_slug"] == "a":
            fast.complete_task(task, 1)
    before = fast.tasks(run)
    retry(fast, run)
    assert fast.tasks(run) == before
    assert fast.state(run, "slow")["status"] == "started"
    assert fast.messages("f") == []


def test_a_task_given_up_on_starts_afresh(fast) -> None:
    fast.flow("f", "a")
    (run,) = fast.start("f", {})
    fast.claim("f")
    fast.do(
        "update pgflow.step_tasks set requeued_count = 3,"
        " queued_at = now() - interval '1 day', started_at = now() - interval '1 day'"
    )
    fast.do("select pgflow.requeue_stalled_tasks()")
    fast.do("select pgflowc.cancel_run(%s)", run)
    retry(fast, run)
    task = fast.task(run, "a")
    assert (task["requeued_count"], task["last_requeued_at"], task["permanently_stalled_at"]) == (
        0,
        None,
        None,
    )
    assert fast.work("f", 1) == ["a"]


def test_late_outcomes_of_attempts_before_are_lost(fast, another, ok, failed) -> None:
    fast.flow("f", "m[]")
    (run,) = fast.start("f", [1, 2, 3])
    one, two, three = fast.claim("f")
    fast.do("select pgflowc.cancel_run(%s)", run)
    retry(fast, run)
    other = another()
    assert len(other.claim("f", 2)) == 2
    before = fast.tasks(run)
    assert fast.outcomes("f", ok(one, 1), failed(two), ok(three, 3)) == ["lost"] * 3
    assert fast.tasks(run) == before
    assert len(fast.messages("f")) == 3


def test_events(fast, failed, realtime) -> None:
    fast.flow("f", "a", "b", "c")
    (run,) = fast.start("f", {})
    tasks = {task["step_slug"]: task for task in fast.claim("f")}
    fast.complete_task(tasks["c"], 1)
    fast.finish("f", failed(tasks["a"]))
    before = len(realtime())
    retry(fast, run)
    events = realtime()[before:]
    assert [event for event, _ in events] == ["run:started", "step:a:started"]
    assert events[0][1]["remaining_steps"] == 2
    assert events[1][1]["remaining_tasks"] == 1


def test_a_cancelled_run_has_no_step_to_announce(fast, realtime) -> None:
    fast.flow("f", "a")
    (run,) = fast.start("f", {})
    fast.do("select pgflowc.cancel_run(%s)", run)
    retry(fast, run)
    assert [event for event, _ in realtime()] == [
        "run:started",
        "step:a:started",
        "run:failed",
        "run:started",
    ]


def test_two_at_once_retry_once(fast, at_once) -> None:
    fast.flow("f", "m[]")
    runs = fast.start("f", *[[1, 2, 3]] * 10)
    for run in runs:
        fast.do("select pgflowc.cancel_run(%s)", run)
    done: list[bool] = []
    at_once(3, lambda driver, _: done.extend([retry(driver, run) for run in runs]))
    assert sorted(done) == [False] * 20 + [True] * 10
    assert len(fast.messages("f")) == 30
    assert fast.work("f", 1) == ["m"] * 30


def test_steps_that_had_not_begun_go_by_the_definition_of_today(fast, ok, failed) -> None:
    fast.flow("f", "a", "x", "b < a x", "c < x", "m < x")
    (run,) = fast.start("f", {})
    tasks = {task["step_slug"]: task for task in fast.claim("f")}
    fast.finish("f", ok(tasks["a"], [1, 2]))
    fast.finish("f", failed(tasks["x"]))
    for step, change in {
        "b": ({"deps_slugs": ["a", "x"]}, {"deps_slugs": ["a"]}),
        "c": ({"deps_slugs": ["x"]}, {"deps_slugs": ["b", "x"]}),
        "m": ({"deps_slugs": ["x"], "step_type": "single"}, {"deps_slugs": ["a"], "step_type": "map"}),
    }.items():
        fast.do("select pgflowc.change_step('f', %s, %s, %s)", step, *map(psycopg.types.json.Jsonb, change))
    fast.step("f", "new", ["x"])
    fast.step("f", "newer", ["new"])

    assert retry(fast, run) is True
    assert fast.statuses(run) == {
        "a": "completed", "x": "started", "b": "started", "c": "created", "m": "started"
    }  # fmt: skip
    assert [task["input"] for task in fast.claim("f") if task["step_slug"] == "m"] == [1, 2]
    fast.make_visible("f")
    fast.do("select pgflow.recover_stalled_tasks(-100)")
    assert sorted(fast.work("f", "done")) == ["b", "c", "m", "m", "x"]
    assert fast.run(run)["output"] == {"c": "done", "m": ["done", "done"]}


def test_a_step_that_became_a_map_and_finds_no_array(fast, ok, failed) -> None:
    fast.flow("f", "a", "x", "b < a x")
    (run,) = fast.start("f", {})
    tasks = {task["step_slug"]: task for task in fast.claim("f")}
    fast.finish("f", ok(tasks["a"], "no array"))
    fast.finish("f", failed(tasks["x"]))
    fast.do(
        "select pgflowc.change_step('f', 'b', %s, %s)",
        psycopg.types.json.Jsonb({"deps_slugs": ["a", "x"], "step_type": "single"}),
        psycopg.types.json.Jsonb({"deps_slugs": ["a"], "step_type": "map"}),
    )
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match=r'map step "b" .* has no array'):
        retry(fast, run)
    assert fast.run(run)["status"] == "failed"
