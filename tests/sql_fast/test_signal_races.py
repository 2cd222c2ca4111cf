"""Signals, waits, deadlines and what ends them at once: one call held up in its transaction meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest


@pytest.fixture
def in_thread() -> Iterator[Callable[[Callable[[], Any]], Callable[[], Any]]]:
    """`in_thread(call)` begins the call in a thread; calling what it returns waits for the result."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda call: partial(pool.submit(call).result, 30)


class TestRaces:
    """Each pair of calls, with one of them held up in its transaction while the other begins."""

    def test_a_signal_while_its_task_is_being_parked(self, fast, another, in_thread) -> None:
        fast.flow("f", "a")
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        fast.consume(task)
        with fast.connection.transaction():
            assert fast.park(task) == ["parked"]
            sending = in_thread(lambda: another().signal(run, "a", 1))
            _wait_until_blocked(another())
        assert sending() == "delivered"
        (task,) = fast.claim("f")
        assert fast.consume(task) == ("received", 1)

    def test_parking_while_its_signal_is_being_sent(self, fast, another, in_thread) -> None:
        fast.flow("f", "a")
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        fast.consume(task)
        sender = another()
        with sender.connection.transaction():
            assert sender.signal(run, "a", 1) == "delivered"
            parking = in_thread(lambda: fast.park(task))
            _wait_until_blocked(another())
        assert parking() == ["released"]

    def test_a_signal_while_the_wait_begins(self, fast, another, in_thread) -> None:
        fast.flow("f", "a")
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        with fast.connection.transaction():
            assert fast.consume(task) == ("waiting", None)
            sending = in_thread(lambda: another().signal(run, "a", 1))
            _wait_until_blocked(another())
        assert sending() == "delivered"
        assert fast.park(task) == ["released"]

    def test_a_signal_while_the_deadline_fires_on_an_approval(self, fast, another, in_thread) -> None:
        fast.approval("skip")
        (run,) = fast.start("f", {})
        fast.work("f")
        fast.pass_deadlines()
        with fast.connection.transaction():
            assert fast.value("select pgflowc.expire_waiting_tasks('f')") == 1
            sending = in_thread(lambda: another().signal(run, "ok", {"ok": True}))
            _wait_until_blocked(another())
        assert sending() == "ignored"
        assert fast.state(run, "ok")["status"] == "skipped"

    def test_a_declaration_goes_while_the_approval_begins(self, fast, another, in_thread, ok) -> None:
        fast.approval()
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        assert fast.signal(run, "ok", {"ok": True}) == "buffered"
        holder = another()
        with holder.connection.transaction():
            holder.do("select from pgflow.runs where run_id = %s for update", run)
            finishing = in_thread(lambda: fast.outcomes("f", ok(task)))
            _wait_until_blocked(another())
            another().do("select pgflowc.remove_signal('f', 'ok')")
        assert finishing() == ["completed"]
        assert fast.state(run, "ok")["status"] == "completed"

    def test_a_deadline_passes_over_a_run_that_is_being_signalled(self, fast, another) -> None:
        fast.approval()
        (run,) = fast.start("f", {})
        fast.work("f")
        fast.pass_deadlines()
        sender = another()
        with sender.connection.transaction():
            assert sender.signal(run, "z", 1) == "buffered"
            assert fast.value("select pgflowc.expire_waiting_tasks('f')") == 0
        assert fast.value("select pgflowc.expire_waiting_tasks('f')") == 1
        assert fast.state(run, "ok")["status"] == "failed"

    def test_a_signal_in_time_that_has_not_committed_at_the_deadline(self, fast, another, in_thread) -> None:
        fast.flow("f", "a")
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        fast.consume(task, 0.2)
        with fast.connection.transaction():
            assert fast.signal(run, "a", 1) == "delivered"
            until_deadline = (
                "select pg_sleep(greatest(0, extract(epoch from deadline - clock_timestamp())) + 0.01)"
            )
            fast.do(f"{until_deadline} from pgflowc.task_signals")
            waiting = in_thread(lambda: another().consume(task))
            _wait_until_blocked(another())
        assert waiting() == ("received", 1)

    def test_two_signals_at_once(self, fast, another, in_thread) -> None:
        run, _ = fast.parked()
        first = another()
        with first.connection.transaction():
            assert first.signal(run, "a", 1) == "delivered"
            second = in_thread(lambda: another().signal(run, "a", 2))
            _wait_until_blocked(another())
        assert second() == "buffered"
        (task,) = fast.claim("f")
        assert fast.consume(task) == ("received", 2)
        assert fast.claim("f") == []

    def test_a_signal_while_the_run_is_cancelled(self, fast, another, in_thread) -> None:
        run, _ = fast.parked()
        with fast.connection.transaction():
            assert fast.value("select pgflowc.cancel_run(%s)", run)
            sending = in_thread(lambda: another().signal(run, "a", 1))
            _wait_until_blocked(another())
        assert sending() == "ignored"
        assert fast.waits() == 0

    def test_a_claim_does_not_pass_over_a_task_that_is_being_signalled(self, fast, another) -> None:
        fast.flow("f", "a")
        (run,) = fast.start("f", {})
        sender = another()
        with sender.connection.transaction():
            assert sender.signal(run, "a", 1) == "buffered"
            (task,) = fast.claim("f")  # else its message would be hidden for seconds
        assert fast.consume(task) == ("received", 1)

    def test_a_claim_passes_over_an_approval_that_is_being_signalled(self, fast, another) -> None:
        fast.approval()
        (run,) = fast.start("f", {})
        assert fast.work("f") == ["a"]
        sender = another()
        with sender.connection.transaction():
            assert sender.signal(run, "ok", {"ok": True}) == "delivered"
            assert fast.claim("f") == []
        assert fast.work("f") == ["z"]
        assert fast.run(run)["status"] == "completed"

    def test_a_claim_does_not_wait_for_who_deletes_the_run_of_an_approval(self, fast, another, ok) -> None:
        fast.flow("f", "a", "ok < a", "z < ok")
        (run,) = fast.start("f", {})
        (task,) = fast.claim("f")
        fast.finish("f", ok(task))
        fast.declare_approval()  # of a task that has been queued
        fast.do("set lock_timeout = '1s'")
        deleting = another()
        with deleting.connection.transaction():
            deleting.rows("select from pgflow.runs for update")
            assert fast.claim("f") == []
        assert fast.task(run, "ok")["status"] == "queued"

    def test_a_due_wait_of_a_locked_run_is_put_off_for_a_moment(self, fast, another) -> None:
        fast.approval()
        (run,) = fast.start("f", {})
        fast.work("f")
        fast.pass_deadlines()
        holder = another()
        with holder.connection.transaction():
            holder.rows("select from pgflow.runs for update")
            assert fast.claim("f") == []
            assert 500 < fast.value("select pgflowc.next_due(array['f'])") <= 1000
        fast.do("update pgflowc.task_signals set due_at = now()")
        fast.claim("f")
        assert fast.run(run)["status"] == "failed"


def _wait_until_blocked(watcher: Any) -> None:
    deadline = time.monotonic() + 10
    while not watcher.value(
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and wait_event_type = 'Lock'"
    ):
        assert time.monotonic() < deadline, "nobody waits for a lock"
