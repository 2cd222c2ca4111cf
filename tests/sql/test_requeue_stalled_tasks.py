"""pgflow.requeue_stalled_tasks (contract, section 11)."""

from __future__ import annotations

from uuid import uuid4

import pytest


def sweep(core) -> int:
    return core.value("select pgflow.requeue_stalled_tasks()")


def test_a_stalled_task_is_queued_again_at_once(core) -> None:
    core.flow("f", "a", timeout=20)
    worker = uuid4()
    core.do("select pgflow.register_worker(%s, 'f', 'w')", worker)
    run_id = core.start("f")
    (task,) = core.claim("f", worker_id=worker)
    core.age(51)
    assert sweep(core) == 1
    row = core.task(run_id, "a")
    assert (row["status"], row["attempts_count"], row["requeued_count"]) == ("queued", 1, 1)
    assert (row["started_at"], row["last_worker_id"]) == (None, None)
    assert row["last_requeued_at"] is not None
    assert core.visible_in("f", task["msg_id"]) <= 0
    (again,) = core.claim("f")
    assert core.task(run_id, "a")["attempts_count"] == 2
    core.complete(again)
    assert core.run(run_id)["status"] == "completed"


def test_a_task_within_its_timeout_and_thirty_seconds_is_left(core) -> None:
    core.flow("f", "a", timeout=20)
    core.start("f")
    core.claim("f")
    core.age(49)
    assert sweep(core) == 0


def test_the_steps_own_timeout_counts(core) -> None:
    core.create_flow("f", timeout=20)
    core.add_step("f", "long", timeout=600)
    core.add_step("f", "short", timeout=5)
    core.start("f")
    core.claim("f")
    core.age(40)
    assert sweep(core) == 1
    core.age(500)
    assert sweep(core) == 0
    core.age(100)
    assert sweep(core) == 1


START_BY_HAND = "update pgflow.step_tasks set status = 'started', started_at = now()"


STRANGE = {
    "started by hand, its message never read": START_BY_HAND,
    "claimed without a read, its message visible again": """
        select pgflow.start_tasks('f', array_agg(message_id), null) from pgflow.step_tasks;
        update pgmq.q_f set vt = now() - interval '1 minute', read_ct = 0""",
    "its message archived by hand": START_BY_HAND
    + "; select pgmq.archive('f', message_id) from pgflow.step_tasks",
    "without a message": START_BY_HAND + ", message_id = null",
    "without a queue": START_BY_HAND + "; select pgmq.drop_queue('f')",
}


@pytest.mark.parametrize("how", STRANGE)
def test_a_task_that_became_started_in_another_way_is_swept_too(core, how) -> None:
    core.flow("f", "a", timeout=1)
    run_id = core.start("f")
    for _ in range(3):
        core.do(STRANGE[how])
        core.age(100)
        assert sweep(core) == 1
        assert core.task(run_id, "a")["status"] == "queued"
    core.do(STRANGE[how])
    core.age(100)
    assert sweep(core) == 0
    assert core.task(run_id, "a")["permanently_stalled_at"] is not None


def test_among_very_many_tasks_a_stalled_one_is_found_through_the_queue(core) -> None:
    """Beyond the size up to which step_tasks is simply read."""
    core.flow("f", "m[]", timeout=1)
    core.start("f", [0] * 100_000)
    assert core.value("select pg_relation_size('pgflow.step_tasks')") > 16 * 1024 * 1024
    core.do("select pgmq.send('f', '{}')")
    core.claim("f", 3)
    core.do(
        "update pgflow.step_tasks set status = 'started', started_at = now()"
        " where task_index in (10, 60000, 60001)"
    )
    core.age(100)
    assert sweep(core) == 4  # those claimed, and one that is among the oldest

    def started() -> list[int]:
        return core.column("select task_index from pgflow.step_tasks where status = 'started' order by 1")

    assert started() == [60000, 60001]
    # A worker comes across the message of one of the others, cannot claim its task, and so brings it up.
    core.do(
        "update pgmq.q_f set read_ct = 1 where msg_id = (select message_id from pgflow.step_tasks"
        " where task_index = 60001)"
    )
    assert sweep(core) == 1
    assert started() == [60000]


def test_the_fourth_stall_is_final_and_archives_although_nothing_is_requeued(core) -> None:
    core.flow("f", "a", timeout=1)
    run_id = core.start("f")
    for _ in range(3):
        core.make_visible("f")
        assert len(core.claim("f")) == 1
        core.age(100)
        assert sweep(core) == 1
    (task,) = core.claim("f")
    core.age(100)
    assert sweep(core) == 0
    row = core.task(run_id, "a")
    assert (row["status"], row["requeued_count"]) == ("started", 3)
    assert row["permanently_stalled_at"] is not None
    assert core.archived_messages("f") == [task["msg_id"]]
    assert sweep(core) == 0


@pytest.mark.parametrize("over", ["run", "step"])
def test_what_is_over_is_left_alone(core, over) -> None:
    core.flow("f", "a", timeout=1)
    run_id = core.start("f")
    core.claim("f")
    core.age(100)
    if over == "run":
        core.do("update pgflow.runs set status = 'failed', failed_at = now()")
    else:
        core.do("update pgflow.step_states set status = 'skipped', skip_reason = 'x', remaining_tasks = null")
    before = core.task(run_id, "a")
    assert sweep(core) == 0
    assert core.task(run_id, "a") == before


def test_a_sweep_passes_over_a_task_being_completed(core, another) -> None:
    core.flow("f", "a", timeout=1)
    run_id = core.start("f")
    (task,) = core.claim("f")
    core.age(100)
    other = another()
    with other.connection.transaction():
        other.complete(task)
        assert sweep(core) == 0
    assert core.run(run_id)["status"] == "completed"


def test_a_sweep_without_queue_tables(core) -> None:
    core.flow("f", "a")
    core.do("select pgmq.drop_queue('f')")
    assert sweep(core) == 0
