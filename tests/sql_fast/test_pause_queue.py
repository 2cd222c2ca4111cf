"""pgflowc.pause_queue, resume_queue: nothing of a paused queue is claimed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import psycopg
import pytest


def test_a_paused_queue_gives_no_task(fast) -> None:
    fast.flow("f", "a")
    fast.flow("g", "a")
    (run,) = fast.start("f", 1)
    fast.start("g", 1)
    assert fast.value("select pgflowc.pause_queue('f', 'the gateway is down')") is True
    assert fast.value("select pgflowc.pause_queue('f', 'again')") is False
    assert fast.row("select flow_slug, reason from pgflowc.paused_queues") == {
        "flow_slug": "f",
        "reason": "the gateway is down",
    }
    assert fast.claim("f") == []
    assert [message["read_ct"] for message in fast.messages("f")] == [0]
    assert [task["flow_slug"] for task in fast.claim("g")] == ["g"]

    assert fast.value("select pgflowc.resume_queue('f')") is True
    assert fast.value("select pgflowc.resume_queue('f')") is False
    assert [task["run_id"] for task in fast.claim("f")] == [run]


def test_outcomes_are_recorded_in_a_pause_and_bring_no_task(fast, ok) -> None:
    fast.flow("f", "a", "b < a")
    (run, _) = fast.start("f", 1, 2)
    (task,) = fast.claim("f", 1)
    fast.do("select pgflowc.pause_queue('f')")
    assert [row["outcome"] for row in fast.finish("f", ok(task), claim=10)] == ["completed"]
    assert fast.statuses(run) == {"a": "completed", "b": "started"}
    assert [task["status"] for task in fast.tasks(run, "b")] == ["queued"]
    fast.do("select pgflowc.resume_queue('f')")
    assert {task["step_slug"] for task in fast.claim("f")} == {"a", "b"}


def test_a_name_stands_for_all_its_versions(fast) -> None:
    fast.flow("f", "a")
    fast.flow("f_2", "a")
    fast.do("select pgflowc.add_version('f', 2, 'f_2')")
    fast.start("f", 1)
    fast.start("f_2", 1)
    fast.do("select pgflowc.pause_queue('f')")
    fast.do("select pgflowc.switch_version('f', 1, 2)")
    assert [len(fast.claim(slug)) for slug in ("f", "f_2")] == [0, 0]
    fast.do("select pgflowc.resume_queue('f')")
    assert [len(fast.claim(slug)) for slug in ("f", "f_2")] == [1, 1]
    fast.do("select pgflowc.pause_queue('f_2')")
    assert fast.value("select pgflowc._is_paused('f')") is False


@pytest.mark.parametrize("function", ["pause_queue", "resume_queue"])
def test_a_flow_that_is_not_there_is_refused(fast, function) -> None:
    with pytest.raises(psycopg.errors.NoDataFound, match='flow "f" is not defined'):
        fast.do(f"select pgflowc.{function}('f')")


def test_a_pause_waits_for_a_claim_in_flight_and_for_nothing_else(fast, another) -> None:
    fast.flow("f", "a")
    fast.start("f", 1, 2)
    claiming, starting = another(), another()
    with starting.connection.transaction(), ThreadPoolExecutor(1) as pool:
        starting.start("f", 3)
        with claiming.connection.transaction():
            assert len(claiming.claim("f", 1)) == 1
            begun = Event()

            def pause() -> None:
                begun.set()
                fast.do("select pgflowc.pause_queue('f')")

            paused = pool.submit(pause)
            begun.wait(10)
            with pytest.raises(TimeoutError):
                paused.result(0.1)
        paused.result(10)
    assert another().claim("f") == []


def test_nothing_is_claimed_after_a_pause_returned(fast, another, ok) -> None:
    fast.flow("f", "a", "b < a", "c < b")
    fast.start("f", *range(300))
    after: list[object] = []
    paused, enough = Event(), Event()

    def work(number: int) -> None:
        driver = another()
        tasks: list[dict] = []
        while not enough.is_set():
            was_paused = paused.is_set()
            if tasks:
                rows = driver.finish("f", *(ok(task) for task in tasks), claim=3)
                tasks = [row for row in rows if row["outcome"] == "claimed"]
            else:
                tasks = driver.claim("f", 3)
            if was_paused:
                after.extend(tasks)
                if not tasks:
                    return

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(work, number) for number in range(4)]
        try:
            # In the middle: some are done, some are not.
            while fast.value("select count(*) from pgflow.step_tasks where status = 'completed'") < 30:
                pass
            fast.do("select pgflowc.pause_queue('f')")
            paused.set()
        finally:
            for worker in workers:
                worker.result(30)
    assert after == []
    # What was being executed has been recorded, the rest is where it was.
    assert fast.value("select count(*) from pgflow.step_tasks where status = 'started'") == 0
    assert fast.value("select count(*) from pgflow.runs where status = 'started'") > 0
    fast.do("select pgflowc.resume_queue('f')")
    fast.work("f")
    assert fast.value("select count(*) from pgflow.runs where status <> 'completed'") == 0
