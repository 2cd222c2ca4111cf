"""pgflow.complete_task, type violations included (contract, sections 8.3 and 8.5)."""

from __future__ import annotations

from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb


def test_the_task_is_returned_completed(core) -> None:
    core.flow("f", "a")
    run_id = core.start("f")
    (task,) = core.claim("f")
    (row,) = core.complete(task, {"ok": True})
    assert row == core.task(run_id, "a")
    assert (row["status"], row["output"], row["error_message"]) == ("completed", {"ok": True}, None)
    assert row["completed_at"] >= row["started_at"]


def test_step_and_run_complete_with_the_last_task(core) -> None:
    core.flow("f", "a")
    run_id = core.start("f")
    core.complete(core.claim("f")[0], {"ok": True})
    step = core.step(run_id, "a")
    assert (step["status"], step["remaining_tasks"], step["output"]) == ("completed", 0, {"ok": True})
    run = core.run(run_id)
    assert (run["status"], run["remaining_steps"], run["output"]) == ("completed", 0, {"a": {"ok": True}})


def test_the_message_is_archived(core) -> None:
    core.flow("f", "a")
    core.start("f")
    (task,) = core.claim("f")
    core.complete(task)
    assert core.queued_messages("f") == []
    assert core.archived_messages("f") == [task["msg_id"]]


def test_dependents_start_when_all_their_dependencies_are_done(core) -> None:
    core.flow("f", "a", "b", "c < a b", "d < c")
    run_id = core.start("f")
    a, b = core.claim("f")
    core.complete(a)
    assert core.step(run_id, "c")["remaining_deps"] == 1
    assert core.claim("f") == []
    core.complete(b)
    assert core.statuses(run_id) == {"a": "completed", "b": "completed", "c": "started", "d": "created"}
    assert core.work("f") == ["c", "d"]


def test_a_map_gathers_outputs_by_index(core) -> None:
    core.flow("f", "m[]", "sum < m")
    run_id = core.start("f", [1, 2, 3])
    tasks = core.claim("f")
    for task in reversed(tasks):
        core.complete(task, None if task["input"] == 2 else task["input"] * 10)
        assert core.step(run_id, "m")["remaining_tasks"] == task["task_index"]
    assert core.step(run_id, "m")["output"] == [10, None, 30]
    assert core.claim("f")[0]["input"] == {"m": [10, None, 30]}


def test_a_sql_null_of_a_map_task_becomes_json_null(core) -> None:
    core.flow("f", "m[]")
    run_id = core.start("f", [1])
    core.claim("f")
    core.do("select pgflow.complete_task(%s, 'm', 0, null)", run_id)
    assert core.step(run_id, "m")["output"] == [None]
    assert core.task(run_id, "m")["output"] is None


@pytest.mark.parametrize(("output", "tasks"), [([], 0), ([1], 1), ([1, 2, 3], 3)])
def test_a_dependent_map_learns_its_size(core, output, tasks) -> None:
    core.flow("f", "a", "m[] < a")
    run_id = core.start("f")
    core.complete(core.claim("f")[0], output)
    assert core.step(run_id, "m")["initial_tasks"] == tasks
    assert len(core.tasks(run_id, "m")) == tasks
    assert core.run(run_id)["status"] == ("started" if tasks else "completed")


@pytest.mark.parametrize("kind", ["single", "map"])
def test_whatever_is_ready_then_goes_on(core, kind) -> None:
    """Also a step that waits for another one, and was made ready by hand."""
    core.flow("f", "a", "b", "c < b" if kind == "single" else "c[] < b", "d < b c")
    run_id = core.start("f")
    core.do(
        "update pgflow.step_states set remaining_deps = 0, initial_tasks = %s where step_slug = 'c'",
        1 if kind == "single" else 0,
    )
    a, b = core.claim("f")
    core.complete(a)
    assert core.statuses(run_id) == {
        "a": "completed",
        "b": "started",
        "c": "started" if kind == "single" else "completed",
        "d": "created",
    }
    core.complete(b, [])
    core.work("f")
    assert core.run(run_id)["status"] == "completed"


def test_a_map_task_in_the_middle_looks_for_what_is_ready(core) -> None:
    """Contract 8.3, steps 6 and 7, come after every completion, also after one that ends no step."""
    core.flow("f", "m[]", "b < m", "c < b")
    run_id = core.start("f", [1, 2, 3])
    core.do("update pgflow.step_states set remaining_deps = 0 where step_slug = 'b'")
    core.complete(core.claim("f", 1)[0])
    assert core.statuses(run_id) == {"m": "started", "b": "started", "c": "created"}

    core.do("update pgflow.runs set remaining_steps = 0")
    core.complete(core.claim("f", 1)[0])
    assert core.run(run_id)["status"] == "completed"


def test_skipped_dependents_count_their_dependencies_too(core) -> None:
    core.create_flow("f")
    core.add_step("f", "a", forbidden_input_pattern=Jsonb({"k": 1}), when_unmet="skip-cascade")
    core.add_step("f", "b")
    core.add_step("f", "c", ["a", "b"])
    run_id = core.start("f", {"k": 1})
    core.work("f")
    assert core.run(run_id)["status"] == "completed"
    assert (core.step(run_id, "c")["status"], core.step(run_id, "c")["remaining_deps"]) == ("skipped", 1)


def test_a_step_that_lost_count_of_its_tasks_goes_on_waiting(core) -> None:
    core.flow("f", "a")
    run_id = core.start("f")
    core.do("update pgflow.step_states set remaining_tasks = null")
    (row,) = core.complete(core.claim("f")[0], 1)
    assert row["status"] == "completed"
    step = core.step(run_id, "a")
    assert (step["status"], step["remaining_tasks"], step["output"]) == ("started", None, None)


def test_unknown_tasks_give_no_row(core) -> None:
    core.flow("f", "a", "m[] < a")
    run_id = core.start("f")
    core.claim("f")
    assert core.rows("select * from pgflow.complete_task(%s, 'a', 0, '1')", uuid4()) == []
    assert core.rows("select * from pgflow.complete_task(%s, 'nope', 0, '1')", run_id) == []
    assert core.rows("select * from pgflow.complete_task(%s, 'a', 7, '1')", run_id) == []
    assert core.run(run_id)["status"] == "started"


def test_a_queued_task_is_left_alone(core) -> None:
    core.flow("f", "a")
    run_id = core.start("f")
    before = core.task(run_id, "a")
    assert core.complete(before, 1) == [before]
    assert core.queued_messages("f") == [before["message_id"]]
    assert core.work("f") == ["a"]


def test_a_second_completion_changes_nothing(core) -> None:
    core.flow("f", "m[]", "z < m")
    run_id = core.start("f", [1, 2])
    first, second = core.claim("f")
    core.complete(first, "one")
    (again,) = core.complete(first, "another")
    assert again["output"] == "one"
    assert core.step(run_id, "m")["remaining_tasks"] == 1
    core.complete(second, "two")
    core.complete(second, "late")
    assert core.step(run_id, "m")["output"] == ["one", "two"]
    assert core.run(run_id)["remaining_steps"] == 1


def test_a_late_completion_on_a_failed_run_archives_and_changes_nothing(core) -> None:
    core.flow("f", "a", "b", max_attempts=1)
    run_id = core.start("f")
    a, b = core.claim("f")
    core.fail(a)
    before = core.tasks(run_id), core.step(run_id, "b"), core.run(run_id)
    (row,) = core.complete(b, {"late": True})
    assert (row["status"], row["output"]) == ("cancelled", None)
    assert (core.tasks(run_id), core.step(run_id, "b"), core.run(run_id)) == before
    assert core.queued_messages("f") == []


def test_a_message_left_on_a_failed_run_is_archived_by_the_callback(core) -> None:
    core.flow("f", "a")
    run_id = core.start("f")
    (task,) = core.claim("f")
    core.do("update pgflow.runs set status = 'failed', failed_at = now()")
    (row,) = core.complete(task, 1)
    assert row["status"] == "started"
    assert core.archived_messages("f") == [task["msg_id"]]
    assert core.step(run_id, "a")["status"] == "started"


def test_a_step_that_is_over_archives_the_message(core) -> None:
    core.flow("f", "a", "b")
    run_id = core.start("f")
    task = next(t for t in core.claim("f") if t["step_slug"] == "a")
    core.do(
        "update pgflow.step_states set status = 'skipped', skip_reason = 'x', remaining_tasks = null"
        " where step_slug = 'a'"
    )
    core.complete(task, 1)
    assert core.archived_messages("f") == [task["msg_id"]]
    assert core.task(run_id, "a")["status"] == "started"


def test_the_run_is_looked_at_under_its_lock(core, another, in_thread) -> None:
    """A completion that waits for a failure of the same run must see that failure."""
    core.flow("f", "a", "b", "c < b", max_attempts=1)
    run_id = core.start("f")
    a, b = core.claim("f")
    failing, completing = another(), another()
    with failing.connection.transaction():
        failing.fail(a)
        waiting = in_thread(lambda: completing.complete(b, 1))
        core.wait_until_blocked(completing)
    waiting.join()
    assert core.run(run_id)["status"] == "failed"
    assert core.statuses(run_id) == {"a": "failed", "b": "started", "c": "created"}
    assert {t["step_slug"]: t["status"] for t in core.tasks(run_id)} == {"a": "failed", "b": "cancelled"}
    assert core.queued_messages("f") == []


def test_completions_at_once_are_both_counted(core, another, in_thread) -> None:
    core.flow("f", "m[]", "z < m")
    run_id = core.start("f", [1, 2])
    first, second = core.claim("f")
    one, two = another(), another()
    with one.connection.transaction():
        one.complete(first, 1)
        waiting = in_thread(lambda: two.complete(second, 2))
        core.wait_until_blocked(two)
    waiting.join()
    assert core.step(run_id, "m")["output"] == [1, 2]
    assert core.step(run_id, "z")["status"] == "started"


# Type violations


@pytest.mark.parametrize(
    ("output", "name"),
    [
        ("null", "null"),
        ("'null'", "null"),
        ("'{}'", "object"),
        ("'\"x\"'", "string"),
        ("'1'", "number"),
        ("'false'", "boolean"),
    ],
)
def test_a_map_wants_an_array(core, output, name) -> None:
    core.flow("f", "a", "m[] < a", "other")
    run_id = core.start("f")
    core.claim("f")
    row = core.row(f"select * from pgflow.complete_task(%s, 'a', 0, {output})", run_id)
    assert row["status"] == "failed"
    assert row["error_message"] == f"[TYPE_VIOLATION] Produced {name} instead of array"
    assert row["failed_at"] is not None
    step = core.step(run_id, "a")
    assert step["status"] == "failed"
    assert step["error_message"] == (
        f"[TYPE_VIOLATION] Map step m expects array input but dependency a produced {name}"
    )
    assert core.run(run_id)["status"] == "failed"
    assert core.task(run_id, "other")["status"] == "cancelled"
    assert core.queued_messages("f") == []


def test_the_offending_output_is_kept(core) -> None:
    core.flow("f", "a", "m[] < a")
    core.start("f")
    (row,) = core.complete(core.claim("f")[0], {"not": "a list"})
    assert row["output"] == {"not": "a list"}


def test_a_violation_is_not_retried_nor_skipped(core) -> None:
    core.create_flow("f", max_attempts=5)
    core.add_step("f", "a", when_exhausted="skip")
    core.add_step("f", "m", ["a"], step_type="map")
    run_id = core.start("f")
    core.complete(core.claim("f")[0], 1)
    assert core.run(run_id)["status"] == "failed"


def test_a_map_parent_needs_no_check(core) -> None:
    core.flow("f", "m[]", "n[] < m")
    run_id = core.start("f", [1])
    assert core.work("f", lambda task: {"not": "a list"}) == ["m", "n"]
    assert core.run(run_id)["status"] == "completed"
