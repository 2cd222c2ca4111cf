"""Signals: waiting tasks, buffered signals, and what ends them."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest


class TestParking:
    def test_a_parked_task_has_no_message_and_has_spent_no_attempt(self, fast) -> None:
        run, _ = fast.parked()
        task = fast.task(run, "a")
        assert (task["status"], task["attempts_count"], task["started_at"]) == ("waiting", 0, None)
        assert fast.messages("f") == []
        assert len(fast.messages("f", "a")) == 1
        assert fast.claim("f") == []

    def test_a_signal_queues_it_again_and_stays_with_it(self, fast, ok, failed) -> None:
        run, _ = fast.parked()
        assert fast.signal(run, "a", {"n": 1}) == "delivered"
        (task,) = fast.claim("f")
        assert task["attempts_count"] == 1
        assert fast.consume(task) == ("received", {"n": 1})
        fast.finish("f", failed(task, delay=0))
        (task,) = fast.claim("f")
        assert fast.consume(task) == ("received", {"n": 1})  # the other attempt gets it as well
        fast.finish("f", ok(task))
        assert fast.waits() == 0
        assert fast.work("f") == ["b"]

    def test_an_early_signal_is_kept_and_the_last_one_wins(self, fast) -> None:
        fast.flow("f", "a", "b < a")
        (run,) = fast.start("f", {})
        for n in (1, 2):
            assert fast.signal(run, "b", n) == "buffered"
        (task,) = fast.claim("f")
        fast.finish("f", {"task": task, "output": 1})
        (task,) = fast.claim("f")
        assert fast.consume(task) == ("received", 2)

    def test_a_signal_that_came_in_time_gives_the_task_back_instead(self, fast) -> None:
        fast.flow("f", "a")
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        assert fast.consume(task) == ("waiting", None)
        assert fast.signal(run, "a", None) == "delivered"
        assert fast.park(task) == ["released"]
        (task,) = fast.claim("f")
        assert task["attempts_count"] == 1
        assert fast.consume(task) == ("received", None)

    def test_only_what_is_still_the_callers_is_parked(self, fast, another, ok) -> None:
        fast.flow("f", "m[]")
        fast.start("f", [1, 2, 3])
        done, other, mine = fast.claim("f")
        fast.finish("f", ok(done))
        assert another().park(other) == ["lost"]
        assert fast.park(done, mine, mine) == ["lost", "parked", "lost"]

    def test_tasks_of_a_map_are_told_apart(self, fast) -> None:
        fast.flow("f", "m[]")
        (run,) = fast.start("f", [1, 2])
        tasks = fast.claim("f")
        for task in tasks:
            fast.consume(task)
        assert fast.park(*tasks) == ["parked", "parked"]
        assert fast.signal(run, "m", "x", 1) == "delivered"
        assert [task["task_index"] for task in fast.claim("f")] == [1]
        assert [task["status"] for task in fast.tasks(run)] == ["waiting", "started"]

    def test_watchers_are_told(self, fast, realtime) -> None:
        fast.parked(wait_for=None)
        name, told = realtime()[-1]
        assert name == "step:a:waiting"
        assert told["waiting_since"] is not None
        assert told["deadline"] is None

    def test_recovery_leaves_waiting_tasks_alone(self, fast) -> None:
        run, _ = fast.parked()
        fast.do("update pgflow.step_tasks set queued_at = now() - interval '1 day'")
        assert fast.value("select pgflow.requeue_stalled_tasks()") == 0
        assert fast.task(run, "a")["status"] == "waiting"


class TestEnds:
    """What ends a run or step clears its waits, and signals to what is over do nothing."""

    def test_cancelling(self, fast) -> None:
        run, _ = fast.parked()
        fast.signal(run, "b", 1)
        assert fast.value("select pgflowc.cancel_run(%s)", run)
        assert fast.task(run, "a")["status"] == "cancelled"
        assert fast.waits() == 0
        assert fast.signal(run, "a", 1) == "ignored"
        assert fast.value("select pgflowc.retry_run(%s)", run)
        (task,) = fast.claim("f")
        assert fast.consume(task) == ("waiting", None)

    def test_a_run_that_somebody_failed_by_hand_waits_anew(self, fast) -> None:
        run, _ = fast.parked()
        fast.do("update pgflow.runs set status = 'failed', failed_at = now() where run_id = %s", run)
        assert fast.value("select pgflowc.retry_run(%s)", run)
        assert fast.waits() == 0
        assert len(fast.claim("f")) == 1

    def test_a_failure_beside_it(self, fast, failed) -> None:
        fast.flow("f", "a", "b")
        (run,) = fast.start("f", {})
        one, other = fast.claim("f")
        fast.consume(one)
        fast.park(one)
        fast.finish("f", failed(other))
        assert fast.task(run, one["step_slug"])["status"] == "cancelled"
        assert fast.waits() == 0

    @pytest.mark.parametrize("contract", [False, True])
    def test_what_was_sent_to_others_outlives_the_failure_of_a_run(
        self, fast, failed, contract: bool
    ) -> None:
        fast.flow("f", "a", "b", "m[]", "z < a b m")
        fast.step("f", "ok", ["a"])
        fast.declare_approval()
        (run,) = fast.start("f", [1, 2])
        tasks = {(task["step_slug"], task["task_index"]): task for task in fast.claim("f")}
        fast.consume(tasks["b", 0], 60)
        fast.consume(tasks["m", 0], 60)
        assert fast.signal(run, "b", 1) == "delivered"
        for step, index, payload in (("a", 0, 2), ("z", 0, 3), ("m", 1, 4), ("ok", 0, {"ok": True})):
            assert fast.signal(run, step, payload, index) == "buffered"
        if contract:
            fast.fail_task(tasks["a", 0], "boom")
        else:
            fast.finish("f", failed(tasks["a", 0]))
        kept = fast.rows(
            "select * from pgflowc.task_signals where waiting_since is null and deadline is null"
        )
        assert {(row["step_slug"], row["task_index"]) for row in kept} == {
            ("b", 0),
            ("m", 1),
            ("ok", 0),
            ("z", 0),
        }
        assert fast.waits() == 4
        assert fast.signal(run, "b", 5) == "ignored"

        fast.do("select pgflowc.retry_run(%s)", run)
        tasks = {(task["step_slug"], task["task_index"]): task for task in fast.claim("f")}
        assert fast.consume(tasks["b", 0]) == ("received", 1)
        assert fast.consume(tasks["m", 1]) == ("received", 4)
        assert fast.consume(tasks["m", 0]) == ("waiting", None)
        assert fast.consume(tasks["a", 0]) == ("waiting", None)
        fast.finish("f", *({"task": task, "output": 1} for task in tasks.values()))
        assert fast.state(run, "ok")["output"] == {"ok": True}
        (task,) = fast.claim("f")
        assert fast.consume(task) == ("received", 3)

    def test_an_approval_of_a_failed_run_is_completed_by_the_retry(self, fast, failed) -> None:
        fast.flow("f", "a", "ok < a", "b < a")
        fast.declare_approval()
        (run,) = fast.start("f", {})
        fast.signal(run, "ok", {"ok": True})
        (task,) = fast.claim("f")
        fast.finish("f", failed(task))
        assert fast.waits() == 1
        fast.do("select pgflowc.retry_run(%s)", run)
        assert fast.work("f") == ["a", "b"]
        assert fast.run(run)["status"] == "completed"
        assert fast.waits() == 0

    def test_a_run_that_the_contracts_functions_complete_leaves_nothing(self, fast) -> None:
        fast.flow("f", "a")
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        fast.signal(run, "a", 1)
        fast.complete_task(task, 1)
        assert fast.run(run)["status"] == "completed"
        assert fast.waits() == 0

    def test_the_contracts_functions_end_waits_too(self, fast) -> None:
        fast.flow("f", "a", "b")
        (run,) = fast.start("f", {})
        one, other = fast.claim("f")
        fast.consume(one, 60)
        fast.park(one)
        fast.complete_task(one, 1)  # neither: the task is not started
        fast.fail_task(one, "boom")
        assert fast.task(run, one["step_slug"])["status"] == "waiting"
        fast.fail_task(other, "boom")
        assert fast.task(run, one["step_slug"])["status"] == "cancelled"
        fast.pass_deadlines()
        assert fast.claim("f") == []
        assert fast.waits() == 0

    def test_skipping(self, fast) -> None:
        run, _ = fast.parked()
        fast.do("select pgflow._cascade_force_skip_steps(%s, 'a', 'condition_unmet')", run)
        assert fast.task(run, "a")["status"] == "skipped"
        assert fast.signal(run, "a", 1) == "ignored"

    def test_deleting_and_pruning(self, fast) -> None:
        run, _ = fast.parked()
        fast.do("update pgflow.runs set status = 'failed', failed_at = now() where run_id = %s", run)
        fast.do("select pgflow.prune_data_older_than('0 s')")
        assert fast.waits() == 0
        (run,) = fast.start("f", {})
        fast.signal(run, "a", 1)
        fast.do("select pgflow.delete_flow_and_data('f')")
        assert fast.waits() == 0


def test_what_no_signal_can_be_sent_to(fast) -> None:
    fast.flow("f", "a", "m[]")
    (run,) = fast.start("f", [1])
    with pytest.raises(psycopg.errors.NoDataFound, match="Run not found"):
        fast.signal(uuid4(), "a", 1)
    with pytest.raises(psycopg.errors.UndefinedObject, match='has no step "x"'):
        fast.signal(run, "x", 1)
    for step, index in (("a", 1), ("m", 1), ("m", -1)):
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="has no task"):
            fast.signal(run, step, 1, index)
    fast.signal(run, "m", 1, 0)
