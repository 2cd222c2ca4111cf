"""Waits that end by their deadline, and signals that come after it."""

from __future__ import annotations


def test_the_deadline_counts_from_the_first_wait(fast, failed) -> None:
    fast.flow("f", "a", max_attempts=3)
    fast.start("f", {})
    (task,) = fast.claim("f")
    fast.consume(task, 60)
    first = fast.value("select deadline from pgflowc.task_signals")
    fast.finish("f", failed(task, delay=0))
    (task,) = fast.claim("f")
    fast.consume(task, 6000)
    assert fast.value("select deadline from pgflowc.task_signals") == first


def test_a_deadline_queues_the_task_again_and_its_handler_learns_it(fast) -> None:
    run, _ = fast.parked()
    assert fast.claim("f") == []
    fast.pass_deadlines()
    (task,) = fast.claim("f")
    assert (task["run_id"], task["attempts_count"]) == (run, 1)
    assert fast.consume(task) == ("expired", None)
    assert fast.signal(run, "a", 7) == "ignored"
    assert fast.consume(task) == ("expired", None)


def test_a_signal_after_the_deadline_ends_the_wait_and_is_ignored(fast) -> None:
    run, _ = fast.parked()
    fast.pass_deadlines()
    assert fast.signal(run, "a", 7) == "ignored"
    (task,) = fast.claim("f")
    assert fast.consume(task) == ("expired", None)
    assert fast.signal(run, "a", 8) == "ignored"


def test_a_second_signal_after_the_deadline_does_not_replace_the_first(fast) -> None:
    run, _ = fast.parked()
    fast.signal(run, "a", 1)
    fast.pass_deadlines()
    assert fast.signal(run, "a", 2) == "ignored"
    (task,) = fast.claim("f")
    assert fast.consume(task) == ("received", 1)


def test_an_idle_worker_learns_of_the_next_deadline(fast) -> None:
    fast.parked(wait_for=60)
    (row,) = fast.rows("select * from pgflowc.announce_wait(array['f'], %s, 1000)", fast.worker)
    assert 55_000 < row["next_due_ms"] <= 60_000


def test_a_wait_without_a_deadline(fast) -> None:
    run, _ = fast.parked(wait_for=None)
    (row,) = fast.rows("select * from pgflowc.announce_wait(array['f'], %s, 1000)", fast.worker)
    assert row["next_due_ms"] is None
    assert fast.value("select pgflowc.expire_waiting_tasks('f')") == 0
    assert fast.signal(run, "a", 1) == "delivered"
