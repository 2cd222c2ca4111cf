"""pgflow.fail_task: retries and exhaustion (contract, section 8.4)."""

from __future__ import annotations

from uuid import uuid4

import pytest


def attempt(core, slug: str = "f", message: str = "boom") -> dict:
    core.make_visible(slug)
    (task,) = core.claim(slug)
    (row,) = core.fail(task, message)
    return row


def test_a_retry_queues_the_task_after_the_delay(core) -> None:
    core.flow("f", "a", max_attempts=3, base_delay=5)
    run_id = core.start("f")
    for count, delay in ((1, 10), (2, 20)):
        row = attempt(core)
        assert (row["status"], row["attempts_count"], row["error_message"]) == ("queued", count, "boom")
        assert (row["started_at"], row["failed_at"]) == (None, None)
        assert delay - 2 < core.visible_in("f", row["message_id"]) <= delay
    assert core.run(run_id)["status"] == core.step(run_id, "a")["status"] == "started"
    row = attempt(core)
    assert (row["status"], row["attempts_count"]) == ("failed", 3)


def test_a_retry_may_succeed(core) -> None:
    core.flow("f", "a", max_attempts=2)
    run_id = core.start("f")
    attempt(core)
    core.make_visible("f")
    assert core.work("f") == ["a"]
    task = core.task(run_id, "a")
    assert (task["status"], task["attempts_count"], task["error_message"]) == ("completed", 2, "boom")
    assert core.run(run_id)["status"] == "completed"


def test_a_retry_keeps_the_worker(core) -> None:
    core.flow("f", "a")
    worker = uuid4()
    core.do("select pgflow.register_worker(%s, 'f', 'w')", worker)
    core.start("f")
    (task,) = core.claim("f", worker_id=worker)
    (row,) = core.fail(task)
    assert row["last_worker_id"] == worker


@pytest.mark.parametrize("attempts", [0, 1])
def test_at_least_one_attempt(core, attempts) -> None:
    core.flow("f", "a", max_attempts=attempts)
    run_id = core.start("f")
    assert attempt(core)["status"] == "failed"
    assert core.run(run_id)["status"] == "failed"


def test_the_steps_own_options_count(core) -> None:
    core.create_flow("f", max_attempts=1, base_delay=100)
    core.add_step("f", "a", max_attempts=2, base_delay=3)
    core.start("f")
    row = attempt(core)
    assert row["status"] == "queued"
    assert 4 < core.visible_in("f", row["message_id"]) <= 6


def test_a_start_delay_plays_no_part_in_retries(core) -> None:
    core.create_flow("f", base_delay=1)
    core.add_step("f", "a", start_delay=500)
    core.start("f")
    assert core.visible_in("f", attempt(core)["message_id"]) <= 2


def test_an_enormous_delay_does_not_lose_the_failure(core) -> None:
    core.flow("f", "a", max_attempts=100, base_delay=2_000_000_000)
    run_id = core.start("f")
    core.do("update pgflow.step_tasks set attempts_count = 80")
    row = attempt(core)
    assert (row["status"], row["attempts_count"]) == ("queued", 81)
    assert core.visible_in("f", core.task(run_id, "a")["message_id"]) <= 31_536_000


def test_exhaustion_fails_step_and_run_and_ends_every_task(core) -> None:
    core.flow("f", "a", "b", "m[]", "later < a", max_attempts=1)
    run_id = core.start("f", [1, 2])
    claimed = core.claim("f", 2)
    assert [t["step_slug"] for t in claimed] == ["a", "b"]
    core.fail(claimed[0], "no good")
    step = core.step(run_id, "a")
    assert (step["status"], step["error_message"]) == ("failed", "no good")
    assert step["failed_at"] is not None
    assert core.run(run_id)["status"] == "failed"
    assert core.run(run_id)["failed_at"] is not None
    assert core.statuses(run_id) == {"a": "failed", "b": "started", "m": "started", "later": "created"}
    ended = {(t["step_slug"], t["task_index"]): t["status"] for t in core.tasks(run_id)}
    assert ended == {
        ("a", 0): "failed",
        ("b", 0): "cancelled",
        ("m", 0): "cancelled",
        ("m", 1): "cancelled",
    }
    assert core.queued_messages("f") == []
    assert len(core.archived_messages("f")) == 4


def test_siblings_of_a_failed_map_task_end(core) -> None:
    core.flow("f", "m[]", max_attempts=1)
    run_id = core.start("f", [1, 2, 3])
    first, second, _ = core.claim("f")
    core.complete(first, 1)
    core.fail(second)
    assert [t["status"] for t in core.tasks(run_id)] == ["completed", "failed", "cancelled"]
    assert core.queued_messages("f") == []


def test_other_runs_are_not_touched(core) -> None:
    core.flow("f", "a", max_attempts=1)
    first, second = core.start("f"), core.start("f")
    core.fail(core.claim("f", 1)[0])
    assert {core.run(first)["status"], core.run(second)["status"]} == {"failed", "started"}
    assert len(core.queued_messages("f")) == 1


def test_a_task_that_is_not_started_is_left_alone_with_its_message(core) -> None:
    core.create_flow("f", max_attempts=1)
    core.add_step("f", "a", start_delay=30)
    run_id = core.start("f")
    before = core.task(run_id, "a")
    wait = core.visible_in("f", before["message_id"])
    assert core.fail(before) == [before]
    assert core.visible_in("f", before["message_id"]) == pytest.approx(wait, abs=2)
    assert core.run(run_id)["status"] == "started"


def test_a_completed_map_task_does_not_fail(core) -> None:
    core.flow("f", "m[]", max_attempts=1)
    run_id = core.start("f", [1, 2])
    first, _ = core.claim("f")
    core.complete(first, "done")
    (row,) = core.fail(first)
    assert (row["status"], row["output"]) == ("completed", "done")
    assert core.run(run_id)["status"] == "started"


def test_a_late_failure_on_a_failed_run_changes_nothing(core) -> None:
    core.flow("f", "a", "b", max_attempts=1)
    run_id = core.start("f")
    a, b = core.claim("f")
    core.fail(a, "first")
    before = core.tasks(run_id), core.run(run_id)
    (row,) = core.fail(b, "second")
    assert (row["status"], row["error_message"]) == ("cancelled", None)
    assert (core.tasks(run_id), core.run(run_id)) == before


def test_a_message_left_on_a_failed_run_is_archived(core) -> None:
    core.flow("f", "a")
    core.start("f")
    (task,) = core.claim("f")
    core.do("update pgflow.runs set status = 'failed', failed_at = now()")
    core.fail(task)
    assert core.archived_messages("f") == [task["msg_id"]]


def test_unknown_tasks_give_no_row(core) -> None:
    core.flow("f", "a")
    run_id = core.start("f")
    core.claim("f")
    assert core.rows("select * from pgflow.fail_task(%s, 'a', 0, 'x')", uuid4()) == []
    assert core.rows("select * from pgflow.fail_task(%s, 'nope', 0, 'x')", run_id) == []
    assert core.rows("select * from pgflow.fail_task(%s, 'a', 7, 'x')", run_id) == []
    assert core.run(run_id)["status"] == "started"


def test_failures_at_once_fail_the_run_once(core, another, in_thread) -> None:
    core.flow("f", "a", "b", max_attempts=1)
    core.record_events()
    run_id = core.start("f")
    a, b = core.claim("f")
    one, two = another(), another()
    with one.connection.transaction():
        one.fail(a, "first")
        waiting = in_thread(lambda: two.fail(b, "second"))
        core.wait_until_blocked(two)
    waiting.join()
    assert core.statuses(run_id) == {"a": "failed", "b": "started"}
    assert [e["event"] for e in core.events(run_id)].count("run:failed") == 1


# when_exhausted = skip


def skipping(core, mode: str, *steps: str) -> None:
    core.create_flow("f", max_attempts=1)
    core.add_step("f", "a", when_exhausted=mode)
    for step in steps:
        name, _, deps = step.partition("<")
        slug = name.strip()
        core.add_step(
            "f", slug.removesuffix("[]"), deps.split(), step_type="map" if slug.endswith("[]") else "single"
        )


def test_skip_goes_on_without_the_step(core) -> None:
    skipping(core, "skip", "b", "c < a b", "d < a")
    run_id = core.start("f")
    a, b = core.claim("f")
    (row,) = core.fail(a, "no luck")
    assert row["status"] == "failed"
    step = core.step(run_id, "a")
    assert (step["status"], step["skip_reason"], step["error_message"]) == (
        "skipped",
        "handler_failed",
        "no luck",
    )
    assert (step["remaining_tasks"], step["output"]) == (None, None)
    assert step["skipped_at"] is not None
    assert core.run(run_id)["remaining_steps"] == 3
    (d,) = core.claim("f")
    assert (d["step_slug"], d["input"]) == ("d", {})
    core.complete(b, 1)
    core.complete(d, 2)
    (c,) = core.claim("f")
    assert c["input"] == {"b": 1}
    core.complete(c, 3)
    run = core.run(run_id)
    assert (run["status"], run["output"]) == ("completed", {"c": 3, "d": 2})
    assert core.queued_messages("f") == []


def test_a_skipped_leaf_completes_the_run(core) -> None:
    skipping(core, "skip")
    run_id = core.start("f")
    core.fail(core.claim("f")[0])
    run = core.run(run_id)
    assert (run["status"], run["output"], run["remaining_steps"]) == ("completed", None, 0)


def test_a_map_over_a_skipped_step_is_empty(core) -> None:
    skipping(core, "skip", "m[] < a", "z < m")
    run_id = core.start("f")
    core.fail(core.claim("f")[0])
    assert core.step(run_id, "m")["output"] == []
    assert core.claim("f")[0]["input"] == {"m": []}


def test_siblings_of_a_skipped_map_are_skipped(core) -> None:
    core.create_flow("f", max_attempts=1)
    core.add_step("f", "m", step_type="map", when_exhausted="skip")
    run_id = core.start("f", [1, 2, 3, 4])
    first, second, third = core.claim("f", 3)
    core.complete(first, 1)
    core.fail(second)
    assert [t["status"] for t in core.tasks(run_id)] == ["completed", "failed", "skipped", "skipped"]
    assert core.queued_messages("f") == []
    assert core.run(run_id)["status"] == "completed"
    (late,) = core.fail(third)
    assert late["status"] == "skipped"
    assert core.run(run_id)["remaining_steps"] == 0


def test_only_the_first_failure_skips(core) -> None:
    core.create_flow("f", max_attempts=1)
    core.add_step("f", "m", step_type="map", when_exhausted="skip")
    core.add_step("f", "other")
    run_id = core.start("f", [1, 2])
    tasks = [t for t in core.claim("f") if t["step_slug"] == "m"]
    for task in tasks:
        core.fail(task)
    assert core.run(run_id)["remaining_steps"] == 1


# when_exhausted = skip-cascade


def test_skip_cascade_skips_everything_downstream(core) -> None:
    skipping(core, "skip-cascade", "b", "c < a b", "d < c", "e < b")
    run_id = core.start("f")
    a, b = core.claim("f")
    core.fail(a, "no luck")
    found = {slug: core.step(run_id, slug) for slug in "acd"}
    assert {s: (f["status"], f["skip_reason"]) for s, f in found.items()} == {
        "a": ("skipped", "handler_failed"),
        "c": ("skipped", "dependency_skipped"),
        "d": ("skipped", "dependency_skipped"),
    }
    assert found["a"]["error_message"] == "no luck"
    assert core.run(run_id)["remaining_steps"] == 2
    core.complete(b, 1)
    assert core.work("f") == ["e"]
    assert core.run(run_id)["output"] == {"e": {"from": "e"}}


def test_skip_cascade_of_everything_completes_the_run(core) -> None:
    skipping(core, "skip-cascade", "b < a", "m[] < b")
    run_id = core.start("f")
    core.fail(core.claim("f")[0])
    run = core.run(run_id)
    assert (run["status"], run["output"]) == ("completed", None)
