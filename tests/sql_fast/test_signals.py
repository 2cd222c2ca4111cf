"""Signals: waiting tasks, buffered signals, deadlines and approvals, and what ends them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}, "note": {"type": ["string", "null"]}},
    "required": ["ok"],
}

NEXT = {"anyOf": [{"$ref": "#/$defs/T"}, {"type": "null"}]}


@pytest.fixture
def in_thread() -> Iterator[Callable[[Callable[[], Any]], Callable[[], Any]]]:
    """`in_thread(call)` begins the call in a thread; calling what it returns waits for the result."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda call: partial(pool.submit(call).result, 30)


def consume(fast: Any, task: Any, wait_for: float | None = None) -> tuple[str, Any]:
    row = fast.row(
        "select * from pgflowc.consume_task_signal(%s, %s, %s, %s, %s)",
        task["run_id"],
        task["step_slug"],
        task["task_index"],
        task["attempts_count"],
        wait_for,
    )
    return row["status"], row["payload"]


def park(fast: Any, *tasks: Any) -> list[str]:
    rows = fast.rows(
        "select * from pgflowc.finish_batch(%s, %s, %s::uuid[], %s::text[], %s::int[], %s::int[], null,"
        " p_parked => array_fill(true, array[%s]))",
        "f",
        fast.worker,
        [task["run_id"] for task in tasks],
        [task["step_slug"] for task in tasks],
        [task["task_index"] for task in tasks],
        [task["attempts_count"] for task in tasks],
        len(tasks),
    )
    return [row["outcome"] for row in rows]


def signal(fast: Any, run: Any, step: str, payload: Any, index: int = 0) -> str:
    return fast.value("select pgflowc.signal_task(%s, %s, %s, %s)", run, step, Jsonb(payload), index)


def pass_deadlines(fast: Any) -> None:
    fast.do(
        "update pgflowc.task_signals set waiting_since = waiting_since - interval '1 day',"
        " deadline = deadline - interval '1 day', due_at = due_at - interval '1 day'"
    )


def parked(fast: Any, wait_for: float | None = 60) -> tuple[Any, Any]:
    """A run of flow f whose step a is parked, and the task as it had been claimed."""
    fast.flow("f", "a", "b < a", max_attempts=2)
    (run,) = fast.start("f", {})
    (task,) = fast.claim("f")
    assert consume(fast, task, wait_for) == ("waiting", None)
    assert park(fast, task) == ["parked"]
    return run, task


def approval(fast: Any, when_exhausted: str = "fail", wait_for: int | None = 60) -> None:
    """Flow f: a, then the approval ok, then z."""
    fast.flow("f", "a")
    fast.step("f", "ok", ["a"], when_exhausted=when_exhausted)
    fast.step("f", "z", ["ok"])
    fast.do("select pgflowc.set_signal('f', 'ok', %s, %s, true)", Jsonb(SCHEMA), wait_for)


def waits(fast: Any) -> int:
    return fast.value("select count(*) from pgflowc.task_signals")


class TestParking:
    def test_a_parked_task_has_no_message_and_has_spent_no_attempt(self, fast) -> None:
        run, _ = parked(fast)
        task = fast.task(run, "a")
        assert (task["status"], task["attempts_count"], task["started_at"]) == ("waiting", 0, None)
        assert fast.messages("f") == []
        assert len(fast.messages("f", "a")) == 1
        assert fast.claim("f") == []

    def test_a_signal_queues_it_again_and_stays_with_it(self, fast, ok, failed) -> None:
        run, _ = parked(fast)
        assert signal(fast, run, "a", {"n": 1}) == "delivered"
        (task,) = fast.claim("f")
        assert task["attempts_count"] == 1
        assert consume(fast, task) == ("received", {"n": 1})
        fast.finish("f", failed(task, delay=0))
        (task,) = fast.claim("f")
        assert consume(fast, task) == ("received", {"n": 1})  # the other attempt gets it as well
        fast.finish("f", ok(task))
        assert waits(fast) == 0
        assert fast.work("f") == ["b"]

    def test_an_early_signal_is_kept_and_the_last_one_wins(self, fast) -> None:
        fast.flow("f", "a", "b < a")
        (run,) = fast.start("f", {})
        for n in (1, 2):
            assert signal(fast, run, "b", n) == "buffered"
        (task,) = fast.claim("f")
        fast.finish("f", {"task": task, "output": 1})
        (task,) = fast.claim("f")
        assert consume(fast, task) == ("received", 2)

    def test_a_signal_that_came_in_time_gives_the_task_back_instead(self, fast) -> None:
        fast.flow("f", "a")
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        assert consume(fast, task) == ("waiting", None)
        assert signal(fast, run, "a", None) == "delivered"
        assert park(fast, task) == ["released"]
        (task,) = fast.claim("f")
        assert task["attempts_count"] == 1
        assert consume(fast, task) == ("received", None)

    def test_only_what_is_still_the_callers_is_parked(self, fast, another, ok) -> None:
        fast.flow("f", "m[]")
        fast.start("f", [1, 2, 3])
        done, other, mine = fast.claim("f")
        fast.finish("f", ok(done))
        assert park(another(), other) == ["lost"]
        assert park(fast, done, mine, mine) == ["lost", "parked", "lost"]

    def test_the_deadline_counts_from_the_first_wait(self, fast, failed) -> None:
        fast.flow("f", "a", max_attempts=3)
        fast.start("f", {})
        (task,) = fast.claim("f")
        consume(fast, task, 60)
        first = fast.value("select deadline from pgflowc.task_signals")
        fast.finish("f", failed(task, delay=0))
        (task,) = fast.claim("f")
        consume(fast, task, 6000)
        assert fast.value("select deadline from pgflowc.task_signals") == first

    def test_a_deadline_queues_the_task_again_and_its_handler_learns_it(self, fast) -> None:
        run, _ = parked(fast)
        assert fast.claim("f") == []
        pass_deadlines(fast)
        (task,) = fast.claim("f")
        assert (task["run_id"], task["attempts_count"]) == (run, 1)
        assert consume(fast, task) == ("expired", None)
        assert signal(fast, run, "a", 7) == "ignored"
        assert consume(fast, task) == ("expired", None)

    def test_a_signal_after_the_deadline_ends_the_wait_and_is_ignored(self, fast) -> None:
        run, _ = parked(fast)
        pass_deadlines(fast)
        assert signal(fast, run, "a", 7) == "ignored"
        (task,) = fast.claim("f")
        assert consume(fast, task) == ("expired", None)
        assert signal(fast, run, "a", 8) == "ignored"

    def test_a_second_signal_after_the_deadline_does_not_replace_the_first(self, fast) -> None:
        run, _ = parked(fast)
        signal(fast, run, "a", 1)
        pass_deadlines(fast)
        assert signal(fast, run, "a", 2) == "ignored"
        (task,) = fast.claim("f")
        assert consume(fast, task) == ("received", 1)

    def test_an_idle_worker_learns_of_the_next_deadline(self, fast) -> None:
        parked(fast, wait_for=60)
        (row,) = fast.rows("select * from pgflowc.announce_wait(array['f'], %s, 1000)", fast.worker)
        assert 55_000 < row["next_due_ms"] <= 60_000

    def test_a_wait_without_a_deadline(self, fast) -> None:
        run, _ = parked(fast, wait_for=None)
        (row,) = fast.rows("select * from pgflowc.announce_wait(array['f'], %s, 1000)", fast.worker)
        assert row["next_due_ms"] is None
        assert fast.value("select pgflowc.expire_waiting_tasks('f')") == 0
        assert signal(fast, run, "a", 1) == "delivered"

    def test_tasks_of_a_map_are_told_apart(self, fast) -> None:
        fast.flow("f", "m[]")
        (run,) = fast.start("f", [1, 2])
        tasks = fast.claim("f")
        for task in tasks:
            consume(fast, task)
        assert park(fast, *tasks) == ["parked", "parked"]
        assert signal(fast, run, "m", "x", 1) == "delivered"
        assert [task["task_index"] for task in fast.claim("f")] == [1]
        assert [task["status"] for task in fast.tasks(run)] == ["waiting", "started"]

    def test_recovery_leaves_waiting_tasks_alone(self, fast) -> None:
        run, _ = parked(fast)
        fast.do("update pgflow.step_tasks set queued_at = now() - interval '1 day'")
        assert fast.value("select pgflow.requeue_stalled_tasks()") == 0
        assert fast.task(run, "a")["status"] == "waiting"


class TestEnds:
    """What ends a run or step clears its waits, and signals to what is over do nothing."""

    def test_cancelling(self, fast) -> None:
        run, _ = parked(fast)
        signal(fast, run, "b", 1)
        assert fast.value("select pgflowc.cancel_run(%s)", run)
        assert fast.task(run, "a")["status"] == "cancelled"
        assert waits(fast) == 0
        assert signal(fast, run, "a", 1) == "ignored"
        assert fast.value("select pgflowc.retry_run(%s)", run)
        (task,) = fast.claim("f")
        assert consume(fast, task) == ("waiting", None)

    def test_retrying_forgets_what_was_sent(self, fast) -> None:
        run, _ = parked(fast)
        fast.do("update pgflow.runs set status = 'failed', failed_at = now() where run_id = %s", run)
        assert fast.value("select pgflowc.retry_run(%s)", run)
        assert waits(fast) == 0
        assert len(fast.claim("f")) == 1

    def test_a_failure_beside_it(self, fast, failed) -> None:
        fast.flow("f", "a", "b")
        (run,) = fast.start("f", {})
        one, other = fast.claim("f")
        consume(fast, one)
        park(fast, one)
        fast.finish("f", failed(other))
        assert fast.task(run, one["step_slug"])["status"] == "cancelled"
        assert waits(fast) == 0

    def test_the_contracts_functions_end_waits_too(self, fast) -> None:
        fast.flow("f", "a", "b")
        (run,) = fast.start("f", {})
        one, other = fast.claim("f")
        consume(fast, one, 60)
        park(fast, one)
        fast.complete_task(one, 1)  # neither: the task is not started
        fast.fail_task(one, "boom")
        assert fast.task(run, one["step_slug"])["status"] == "waiting"
        fast.fail_task(other, "boom")
        assert fast.task(run, one["step_slug"])["status"] == "cancelled"
        pass_deadlines(fast)
        assert fast.claim("f") == []
        assert waits(fast) == 0

    def test_skipping(self, fast) -> None:
        run, _ = parked(fast)
        fast.do("select pgflow._cascade_force_skip_steps(%s, 'a', 'condition_unmet')", run)
        assert fast.task(run, "a")["status"] == "skipped"
        assert signal(fast, run, "a", 1) == "ignored"

    def test_deleting_and_pruning(self, fast) -> None:
        run, _ = parked(fast)
        fast.do("update pgflow.runs set status = 'failed', failed_at = now() where run_id = %s", run)
        fast.do("select pgflow.prune_data_older_than('0 s')")
        assert waits(fast) == 0
        (run,) = fast.start("f", {})
        signal(fast, run, "a", 1)
        fast.do("select pgflow.delete_flow_and_data('f')")
        assert waits(fast) == 0


class TestApprovals:
    def test_a_signal_completes_it_without_a_worker(self, fast) -> None:
        approval(fast)
        (run,) = fast.start("f", {})
        assert fast.work("f") == ["a"]
        assert fast.task(run, "ok")["status"] == "waiting"
        assert signal(fast, run, "ok", {"ok": True}) == "delivered"
        assert fast.statuses(run) == {"a": "completed", "ok": "completed", "z": "started"}
        assert [task["input"] for task in fast.claim("f")] == [{"ok": {"ok": True}}]
        assert waits(fast) == 0
        assert signal(fast, run, "ok", {"ok": False}) == "ignored"

    def test_a_signal_completes_it_before_any_worker_has_seen_it(self, fast, ok) -> None:
        approval(fast)
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        fast.finish("f", ok(task))
        assert fast.task(run, "ok")["status"] == "queued"
        assert signal(fast, run, "ok", {"ok": True}) == "delivered"
        assert fast.state(run, "ok")["output"] == {"ok": True}
        assert fast.work("f") == ["z"]
        assert fast.messages("f") == []

    def test_an_early_signal_completes_it_when_it_begins(self, fast) -> None:
        approval(fast)
        (run,) = fast.start("f", {})
        assert signal(fast, run, "ok", {"ok": False}) == "buffered"
        assert signal(fast, run, "ok", {"ok": True, "note": "yes"}) == "buffered"
        assert fast.work("f") == ["a"]
        (row,) = fast.rows("select * from pgflowc.announce_wait(array['f'], %s, 1000)", fast.worker)
        assert row["next_due_ms"] == 0
        assert fast.work("f") == ["z"]
        assert fast.state(run, "ok")["output"] == {"ok": True, "note": "yes"}

    @pytest.mark.parametrize(
        ("mode", "run_status", "z"),
        [
            ("fail", "failed", "created"),
            ("skip", "started", "started"),
            ("skip-cascade", "completed", "skipped"),
        ],
    )
    def test_its_deadline(self, fast, mode: str, run_status: str, z: str) -> None:
        approval(fast, mode)
        (run,) = fast.start("f", {})
        fast.work("f")
        pass_deadlines(fast)
        assert fast.value("select pgflowc.expire_waiting_tasks('f')") == 1
        assert fast.run(run)["status"] == run_status
        assert fast.statuses(run)["z"] == z
        assert fast.state(run, "ok")["error_message"] == "no signal within 60 s"
        assert waits(fast) == 0

    @pytest.mark.parametrize(("mode", "step"), [("fail", "failed"), ("skip", "skipped")])
    def test_a_signal_after_its_deadline_ends_it_and_is_ignored(self, fast, mode: str, step: str) -> None:
        approval(fast, mode)
        (run,) = fast.start("f", {})
        fast.work("f")
        pass_deadlines(fast)
        assert signal(fast, run, "ok", {"ok": True}) == "ignored"
        assert fast.state(run, "ok")["status"] == step
        assert waits(fast) == 0

    @pytest.mark.parametrize(
        ("payload", "fault"),
        [
            ({}, "payload: ok is missing"),
            ({"ok": 1}, "payload.ok: number instead of boolean"),
            ({"ok": True, "note": []}, "payload.note: array instead of string or null"),
            ([], "payload: array instead of object"),
            (None, "payload: null instead of object"),
        ],
    )
    def test_its_payload_is_checked_when_it_is_sent(self, fast, payload: Any, fault: str) -> None:
        approval(fast)
        (run,) = fast.start("f", {})
        with pytest.raises(psycopg.errors.InvalidParameterValue, match=fault.replace("[", r"\[")):
            signal(fast, run, "ok", payload)
        assert waits(fast) == 0

    def test_retrying_a_run_asks_again_with_a_new_deadline(self, fast) -> None:
        approval(fast)
        (run,) = fast.start("f", {})
        fast.work("f")
        pass_deadlines(fast)
        fast.do("select pgflowc.expire_waiting_tasks('f')")
        assert fast.value("select pgflowc.retry_run(%s)", run)
        assert fast.work("f") == []
        assert fast.task(run, "ok")["status"] == "waiting"
        assert fast.value("select deadline > now() from pgflowc.task_signals")
        signal(fast, run, "ok", {"ok": True})
        assert fast.work("f") == ["z"]

    def test_renaming_a_step_keeps_its_declaration(self, fast) -> None:
        approval(fast)
        fast.do("select pgflowc.rename_step('f', 'ok', 'approve')")
        assert fast.column("select step_slug from pgflowc.awaited_signals") == ["approve"]
        fast.do("select pgflow.delete_flow_and_data('f')")
        assert fast.column("select step_slug from pgflowc.awaited_signals") == []


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer"}, [1, 2.0, -3], [1.5, "1", True]),
        ({"type": "number"}, [1, 1.5], ["1"]),
        ({"type": ["number", "string"], "format": "decimal"}, [1, "1.50", "1e5"], ["a", "", None]),
        ({"type": "string", "format": "date"}, ["2024-02-29"], ["29.2.2024", 1]),
        ({"type": "string", "format": "date-time"}, ["2024-02-29T10:00:00Z"], ["2024-02-29"]),
        ({"type": "string", "format": "uuid"}, [str(uuid4())], ["x"]),
        ({"enum": ["a", 1]}, ["a", 1], ["b", "1"]),
        ({"anyOf": [{"type": "string"}, {"type": "array", "items": {"enum": [True]}}]}, ["a", [True]], [[1]]),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, [{}, {"a": 1}], [{"a": "b"}]),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, [{"a": []}], [{"b": 1}]),
        (
            {
                "$defs": {"T": {"type": "object", "properties": {"next": NEXT}}},
                "$ref": "#/$defs/T",
            },
            [{}, {"next": {"next": None}}],
            [{"next": {"next": 1}}],
        ),
        ({}, [None, 1, [], {}], []),
    ],
)  # fmt: skip
def test_payloads_are_judged_by_their_schema(fast, schema: Any, good: list[Any], bad: list[Any]) -> None:
    def fault(value: Any) -> str | None:
        return fast.value("select pgflowc._payload_fault(%s, %s)", Jsonb(schema), Jsonb(value))

    assert [value for value in good if fault(value) is not None] == []
    assert [value for value in bad if fault(value) is None] == []


def test_what_no_signal_can_be_sent_to(fast) -> None:
    fast.flow("f", "a", "m[]")
    (run,) = fast.start("f", [1])
    with pytest.raises(psycopg.errors.NoDataFound, match="Run not found"):
        signal(fast, uuid4(), "a", 1)
    with pytest.raises(psycopg.errors.UndefinedObject, match='has no step "x"'):
        signal(fast, run, "x", 1)
    for step, index in (("a", 1), ("m", 1), ("m", -1)):
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="has no task"):
            signal(fast, run, step, 1, index)
    signal(fast, run, "m", 1, 0)


class TestRaces:
    """Each pair of calls, with one of them held up in its transaction while the other begins."""

    def test_a_signal_while_its_task_is_being_parked(self, fast, another, in_thread) -> None:
        fast.flow("f", "a")
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        consume(fast, task)
        with fast.connection.transaction():
            assert park(fast, task) == ["parked"]
            sending = in_thread(lambda: signal(another(), run, "a", 1))
            _wait_until_blocked(another())
        assert sending() == "delivered"
        (task,) = fast.claim("f")
        assert consume(fast, task) == ("received", 1)

    def test_parking_while_its_signal_is_being_sent(self, fast, another, in_thread) -> None:
        fast.flow("f", "a")
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        consume(fast, task)
        sender = another()
        with sender.connection.transaction():
            assert signal(sender, run, "a", 1) == "delivered"
            parking = in_thread(lambda: park(fast, task))
            _wait_until_blocked(another())
        assert parking() == ["released"]

    def test_a_signal_while_the_wait_begins(self, fast, another, in_thread) -> None:
        fast.flow("f", "a")
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        with fast.connection.transaction():
            assert consume(fast, task) == ("waiting", None)
            sending = in_thread(lambda: signal(another(), run, "a", 1))
            _wait_until_blocked(another())
        assert sending() == "delivered"
        assert park(fast, task) == ["released"]

    def test_a_signal_while_the_deadline_fires_on_an_approval(self, fast, another, in_thread) -> None:
        approval(fast, "skip")
        (run,) = fast.start("f", {})
        fast.work("f")
        pass_deadlines(fast)
        with fast.connection.transaction():
            assert fast.value("select pgflowc.expire_waiting_tasks('f')") == 1
            sending = in_thread(lambda: signal(another(), run, "ok", {"ok": True}))
            _wait_until_blocked(another())
        assert sending() == "ignored"
        assert fast.state(run, "ok")["status"] == "skipped"

    def test_a_deadline_passes_over_a_run_that_is_being_signalled(self, fast, another) -> None:
        approval(fast)
        (run,) = fast.start("f", {})
        fast.work("f")
        pass_deadlines(fast)
        sender = another()
        with sender.connection.transaction():
            assert signal(sender, run, "z", 1) == "buffered"
            assert fast.value("select pgflowc.expire_waiting_tasks('f')") == 0
        assert fast.value("select pgflowc.expire_waiting_tasks('f')") == 1
        assert fast.state(run, "ok")["status"] == "failed"

    def test_a_signal_in_time_that_has_not_committed_at_the_deadline(self, fast, another, in_thread) -> None:
        fast.flow("f", "a")
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        consume(fast, task, 0.2)
        with fast.connection.transaction():
            assert signal(fast, run, "a", 1) == "delivered"
            until_deadline = (
                "select pg_sleep(greatest(0, extract(epoch from deadline - clock_timestamp())) + 0.01)"
            )
            fast.do(f"{until_deadline} from pgflowc.task_signals")
            waiting = in_thread(lambda: consume(another(), task))
            _wait_until_blocked(another())
        assert waiting() == ("received", 1)

    def test_two_signals_at_once(self, fast, another, in_thread) -> None:
        run, _ = parked(fast)
        first = another()
        with first.connection.transaction():
            assert signal(first, run, "a", 1) == "delivered"
            second = in_thread(lambda: signal(another(), run, "a", 2))
            _wait_until_blocked(another())
        assert second() == "buffered"
        (task,) = fast.claim("f")
        assert consume(fast, task) == ("received", 2)
        assert fast.claim("f") == []

    def test_a_signal_while_the_run_is_cancelled(self, fast, another, in_thread) -> None:
        run, _ = parked(fast)
        with fast.connection.transaction():
            assert fast.value("select pgflowc.cancel_run(%s)", run)
            sending = in_thread(lambda: signal(another(), run, "a", 1))
            _wait_until_blocked(another())
        assert sending() == "ignored"
        assert waits(fast) == 0

    def test_a_claim_passes_over_an_approval_that_is_being_signalled(self, fast, another, ok) -> None:
        approval(fast)
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        fast.finish("f", ok(task))
        sender = another()
        with sender.connection.transaction():
            assert signal(sender, run, "ok", {"ok": True}) == "delivered"
            assert fast.claim("f") == []
        assert fast.work("f") == ["z"]
        assert fast.run(run)["status"] == "completed"

    def test_a_claim_does_not_wait_for_who_deletes_the_run_of_an_approval(self, fast, another, ok) -> None:
        approval(fast)
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        fast.finish("f", ok(task))
        fast.do("set lock_timeout = '1s'")
        deleting = another()
        with deleting.connection.transaction():
            deleting.rows("select from pgflow.runs for update")
            assert fast.claim("f") == []
        assert fast.task(run, "ok")["status"] == "queued"


def _wait_until_blocked(watcher: Any) -> None:
    deadline = time.monotonic() + 10
    while not watcher.value(
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and wait_event_type = 'Lock'"
    ):
        assert time.monotonic() < deadline, "nobody waits for a lock"
