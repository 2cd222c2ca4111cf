"""pgflowc.release_tasks: a worker gives claimed tasks back, and no attempt is spent."""

from __future__ import annotations

import psycopg
import pytest


def release(fast, *tasks, worker=None) -> int:
    worker = worker or fast.worker
    return fast.value(
        "select pgflowc.release_tasks(%s::uuid[], %s::text[], %s::int[], %s::uuid[], %s::int[])",
        [task["run_id"] for task in tasks],
        [task["step_slug"] for task in tasks],
        [task["task_index"] for task in tasks],
        [None if worker == "nobody" else worker] * len(tasks),
        [task["attempts_count"] for task in tasks],
    )


def test_a_released_task_is_as_before_its_claim(fast) -> None:
    fast.flow("f", "a", max_attempts=3)
    (run,) = fast.start("f", {"n": 1})
    before = fast.task(run, "a")
    tasks = fast.claim("f")
    assert release(fast, *tasks) == 1
    assert fast.task(run, "a") == before
    (message,) = fast.messages("f")
    assert message["due"] <= 0
    assert [task["attempts_count"] for task in fast.claim("f")] == [1]


def test_what_an_earlier_attempt_left_stays(fast, failed) -> None:
    fast.flow("f", "a", max_attempts=3)
    (run,) = fast.start("f", {})
    fast.finish("f", failed(fast.claim("f")[0], "first", delay=0))
    assert release(fast, *fast.claim("f")) == 1
    task = fast.task(run, "a")
    assert (task["status"], task["attempts_count"], task["error_message"]) == ("queued", 1, "first")


def test_only_what_is_still_the_callers_is_released(fast, another, ok) -> None:
    fast.flow("f", "m[]", max_attempts=5)
    (run,) = fast.start("f", list(range(5)))
    done, swept, retaken, mine, twice = fast.claim("f")
    fast.finish("f", ok(done))
    fast.do(
        "update pgflow.step_tasks"
        " set started_at = now() - interval '1 hour', queued_at = now() - interval '1 hour'"
        " where task_index in (%s, %s)",
        swept["task_index"],
        retaken["task_index"],
    )
    assert fast.value("select pgflow.requeue_stalled_tasks()") == 2
    fast.do("update pgmq.q_f set vt = now() + interval '1 hour' where msg_id = %s", swept["msg_id"])
    assert len(another().claim("f")) == 1

    assert release(fast, done, swept, retaken, mine, twice, twice) == 2
    statuses = {task["task_index"]: task["status"] for task in fast.tasks(run)}
    assert statuses == {
        done["task_index"]: "completed",
        swept["task_index"]: "queued",
        retaken["task_index"]: "started",
        mine["task_index"]: "queued",
        twice["task_index"]: "queued",
    }


def test_another_worker_and_another_attempt_release_nothing(fast, another) -> None:
    fast.flow("f", "a", max_attempts=3)
    fast.start("f", {})
    (task,) = fast.claim("f")
    assert release(another(), task) == 0
    assert release(fast, task, worker="nobody") == 0
    assert release(fast, {**task, "attempts_count": 2}) == 0
    assert release(fast) == 0
    assert release(fast, task) == 1


def test_a_task_claimed_by_nobody_in_particular(fast) -> None:
    fast.flow("f", "a")
    fast.start("f", {})
    tasks = fast.rows("select * from pgflowc.claim_batch('f', null, 10)")
    assert release(fast, *tasks, worker="nobody") == 1


def test_tasks_of_several_flows_at_once(fast) -> None:
    for flow in ("F", "g"):
        fast.flow(flow, "m[]")
        fast.start(flow, [1, 2], [3])
    tasks = fast.claim("F") + fast.claim("g")
    assert release(fast, *tasks) == 6
    assert [len(fast.claim(flow)) for flow in ("F", "g")] == [3, 3]


def test_tasks_of_a_run_that_is_over_stay(fast) -> None:
    fast.flow("f", "a")
    (run,) = fast.start("f", {})
    (task,) = fast.claim("f")
    fast.do("select pgflowc.cancel_run(%s)", run)
    assert release(fast, task) == 0
    assert fast.task(run, "a")["status"] == "cancelled"


def test_waiting_workers_are_woken_and_only_then(fast, another) -> None:
    fast.flow("f", "a")
    fast.start("f", {})
    listener = another()
    listener.do("listen pgflowc_wakeup")

    release(fast, *fast.claim("f"))
    tasks = fast.claim("f")
    fast.value("select writers_in_flight from pgflowc.announce_wait(array['f'], %s, 60000)", listener.worker)
    release(fast, *tasks)
    (heard,) = listener.connection.notifies(timeout=5, stop_after=1)
    assert heard.payload == "f"
    assert list(listener.connection.notifies(timeout=0)) == []


def test_arrays_of_different_lengths_release_what_is_complete(fast) -> None:
    fast.flow("f", "a")
    fast.start("f", 1, 2)
    one, two = fast.claim("f")
    released = fast.value(
        "select pgflowc.release_tasks(%s::uuid[], array['a'], array[0, 0], %s::uuid[], array[1, 1])",
        [one["run_id"], two["run_id"]],
        [fast.worker] * 2,
    )
    assert released == 1


def test_those_that_name_the_same_tasks_do_not_deadlock(fast, at_once) -> None:
    fast.flow("f", "m[]", max_attempts=100)
    fast.start("f", list(range(30)))
    tasks = fast.claim("f")
    orders = tasks, tasks[::-1], tasks[10:] + tasks[:10]

    def give_back_and_retake(driver, number) -> None:
        for _ in range(20):
            release(driver, *orders[number], worker=fast.worker)
            driver.rows("select from pgflowc.claim_batch('f', %s, 100)", fast.worker)

    at_once(3, give_back_and_retake)
    assert fast.value("select count(*) from pgflow.step_tasks where attempts_count > 1") == 0


def test_a_queue_that_is_gone_is_an_error(fast) -> None:
    fast.flow("f", "a")
    fast.start("f", {})
    tasks = fast.claim("f")
    fast.do("select pgmq.drop_queue('f')")
    with pytest.raises(psycopg.errors.UndefinedTable):
        release(fast, *tasks)
