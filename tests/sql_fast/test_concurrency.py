"""Batches and single calls at once from eight connections: no deadlock, no lost or double transition.

PGFLOWC_HAMMER_SECONDS sets how long.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.types.json import Jsonb

SECONDS = float(os.environ.get("PGFLOWC_HAMMER_SECONDS", "5"))
CONNECTIONS = 8
FLOWS = ("diamond", "maps", "fragile", "asked")
# Ids that all connections start runs with.
SHARED_RUNS = {flow: [uuid4() for _ in range(100)] for flow in FLOWS}

REALTIME = """
create schema realtime;
create table realtime.messages (id bigint generated always as identity, event text, topic text);
create function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language sql as $$ insert into realtime.messages (event, topic) values (event, topic) $$;
"""

INVARIANTS = (Path(__file__).parents[1] / "sql" / "invariants.sql").read_text()


def define(fast: Any) -> None:
    fast.flow("diamond", "a", "b < a", "c < a", "d < b c", max_attempts=2, base_delay=0)
    fast.flow("maps", "m[]", "n[] < m", "z < n", max_attempts=3, base_delay=0)
    fast.flow("fragile", base_delay=0)
    fast.step("fragile", "a", when_exhausted="skip")
    fast.step("fragile", "b", when_exhausted="skip-cascade")
    fast.step("fragile", "m", ["a"], step_type="map", when_exhausted="skip")
    fast.step("fragile", "c", ["b", "m"], required_input_pattern={"b": {}}, when_unmet="skip")
    fast.step("fragile", "d", ["a"], forbidden_input_pattern={"a": []}, when_unmet="skip-cascade")
    fast.step("fragile", "e", ["d", "c"], required_input_pattern={}, when_unmet="fail")
    fast.flow("asked", "a", base_delay=0)
    fast.step("asked", "b", ["a"], when_exhausted="skip")
    fast.step("asked", "c", ["a"], when_exhausted="skip-cascade")
    fast.step("asked", "d", ["b", "c"])
    for step in ("b", "c"):
        fast.do("select pgflowc.set_signal('asked', %s, '{}', 1, true)", step)


class Hammer(threading.Thread):
    """One connection that calls everything at random until the deadline."""

    def __init__(self, fast: Any, ok: Any, failed: Any, seed: int, deadline: float) -> None:
        super().__init__(daemon=True)
        self.fast, self.ok, self.failed, self.deadline = fast, ok, failed, deadline
        self.random = random.Random(seed)
        self.held: dict[str, list[Any]] = {flow: [] for flow in FLOWS}
        self.retried: set[str] = set()
        self.done: Counter[str] = Counter()
        self.errors: list[str] = []

    def run(self) -> None:
        actions = [
            *[self.start_batch] * 3,
            *[self.start_one] * 2,
            *[self.claim_batch] * 4,
            *[self.claim_one_by_one] * 4,
            *[self.finish_batch] * 14,
            *[self.finish_one] * 6,
            *[self.release] * 2,
            *[self.park] * 4,
            *[self.signal] * 6,
            self.expire,
            self.start_again,
            self.cancel,
            self.retry,
            self.recover,
            self.prune,
            self.tune,
        ]
        while monotonic() < self.deadline and not self.errors:
            action = self.random.choice(actions)
            try:
                action(self.random.choice(FLOWS))
            except psycopg.Error as error:
                self.errors.append(f"{action.__name__}: {type(error).__name__} {error}")
            self.done[action.__name__] += 1

    def start_batch(self, flow: str) -> None:
        inputs = [list(range(self.random.choice([0, 1, 4]))) for _ in range(self.random.choice([1, 3, 10]))]
        self.fast.start(flow, *inputs)

    def start_one(self, flow: str) -> None:
        self.fast.do("select from pgflow.start_flow(%s, '[1, 2]')", flow)

    def claim_batch(self, flow: str) -> None:
        self.held[flow] += self.fast.claim(flow, self.random.choice([1, 5, 20]))

    def claim_one_by_one(self, flow: str) -> None:
        ids = self.fast.column("select msg_id from pgmq.read(%s, 1, 10)", flow)
        self.held[flow] += self.fast.rows(
            "select * from pgflowc.start_tasks(%s, %s::bigint[], %s)", flow, ids, self.fast.worker
        )

    def finish_batch(self, flow: str) -> None:
        """Some of the tasks held; some of them stay held, and are reported again later."""
        held = self.held[flow]
        self.random.shuffle(held)
        batch = held[: self.random.choice([1, 4, 30])]
        if self.random.random() < 0.8:
            del held[: len(batch)]
        rows = self.fast.finish(flow, *map(self.outcome, batch), claim=self.random.choice([0, 0, 3, 20]))
        held += [row for row in rows if row["outcome"] == "claimed"]

    def outcome(self, task: Any) -> Any:
        if self.random.random() < 0.2:
            return self.failed(
                task, delay=self.random.choice([None, 0]), permanent=self.random.random() < 0.3
            )
        return self.ok(task, self.random.choice([[1, 2, 3], [], [{}], [0]]))

    def finish_one(self, flow: str) -> None:
        if self.held[flow]:
            task = self.random.choice(self.held[flow])
            if self.random.random() < 0.2:
                self.fast.fail_task(task, "boom")
            else:
                self.fast.complete_task(task, [1, 2])

    def release(self, flow: str) -> None:
        """Some of the tasks held, maybe with some of another flow; some of them stay held all the same."""
        tasks = [task for tasks in (self.held[flow], self.held["diamond"]) for task in tasks]
        self.random.shuffle(tasks)
        tasks = tasks[: self.random.choice([1, 5, 30])]
        self.fast.do(
            "select pgflowc.release_tasks(%s::uuid[], %s::text[], %s::int[], %s::uuid[], %s::int[])",
            [task["run_id"] for task in tasks],
            [task["step_slug"] for task in tasks],
            [task["task_index"] for task in tasks],
            [self.fast.worker] * len(tasks),
            [task["attempts_count"] for task in tasks],
        )

    def park(self, flow: str) -> None:
        """Some of the tasks held wait for a signal; some of them stay held all the same."""
        tasks = self.held[flow][:5]
        if self.random.random() < 0.8:
            del self.held[flow][:5]
        for task in tasks:
            self.fast.do(
                "select from pgflowc.consume_task_signal(%s, %s, %s, %s, %s)",
                *(task["run_id"], task["step_slug"], task["task_index"], task["attempts_count"]),
                self.random.choice([0, 0.5, 60]),
            )
        self.fast.do(
            "select from pgflowc.finish_batch(%s, %s, %s::uuid[], %s::text[], %s::int[], %s::int[], null,"
            " p_claim_max => 0, p_parked => array_fill(true, array[%s]))",
            flow,
            self.fast.worker,
            [task["run_id"] for task in tasks],
            [task["step_slug"] for task in tasks],
            [task["task_index"] for task in tasks],
            [task["attempts_count"] for task in tasks],
            len(tasks),
        )

    def signal(self, flow: str) -> None:
        """To tasks that wait, to some others, and to some approvals that have not begun."""
        for task in self.fast.rows(
            "select run_id, step_slug, task_index from pgflow.step_tasks"
            " where flow_slug = %s and (status = 'waiting' or random() < 0.1) limit 3",
            flow,
        ) + self.fast.rows(
            "select run_id, step_slug, 0 as task_index from pgflow.step_states"
            " where flow_slug = %s and flow_slug = 'asked' and status = 'created' and random() < 0.1 limit 2",
            flow,
        ):
            key = task["run_id"], task["step_slug"]
            self.end_or_retry("signal_task", *key, Jsonb([1]), task["task_index"])

    def expire(self, flow: str) -> None:
        self.fast.do("select pgflowc.expire_waiting_tasks(%s)", flow)

    def start_again(self, flow: str) -> None:
        """A run that several may start at this moment."""
        run_id = uuid4() if self.random.random() < 0.5 else SHARED_RUNS[flow][self.random.randrange(100)]
        self.fast.do("select pgflowc.start_run(%s, %s, %s, now())", flow, Jsonb([1, 2]), run_id)

    def some_run(self, flow: str, status: str) -> Any:
        found = self.fast.column(
            "select run_id from pgflow.runs where flow_slug = %s and status = %s", flow, status
        )
        return self.random.choice(found) if found else None

    def cancel(self, flow: str) -> None:
        self.end_or_retry("cancel_run", self.some_run(flow, "started"))

    def retry(self, flow: str) -> None:
        run = self.some_run(flow, "failed")
        self.retried.add(f"pgflow:run:{run}")
        self.end_or_retry("retry_run", run)

    def end_or_retry(self, function: str, run: Any, *more: Any) -> None:
        try:
            if run:
                places = ", ".join(["%s"] * (1 + len(more)))
                self.fast.do(f"select pgflowc.{function}({places})", run, *more)
        except psycopg.errors.NoDataFound:
            pass  # pruned meanwhile

    def recover(self, flow: str) -> None:
        self.fast.do("select pgflow.recover_stalled_tasks(-59.5)")

    def prune(self, flow: str) -> None:
        self.fast.do("select pgflow.prune_data_older_than(interval '2 seconds', array[%s])", flow)

    def tune(self, flow: str) -> None:
        self.fast.do("select pgflowc.tune_queue(%s)", flow)


def violations(fast: Any) -> list[Any]:
    return [row for flow in FLOWS for row in fast.rows(INVARIANTS.replace("{flow}", flow))]


def test_everything_at_once(fast: Any, another: Any, ok: Any, failed: Any) -> None:
    define(fast)
    fast.do(REALTIME)
    # Pruning takes workers whose heartbeat is old; these must stay.
    hammers = [Hammer(another(), ok, failed, seed, monotonic() + SECONDS) for seed in range(CONNECTIONS)]
    fast.do("update pgflow.workers set last_heartbeat_at = now() + interval '1 day'")
    for hammer in hammers:
        hammer.start()
    for hammer in hammers:
        hammer.join(SECONDS + 60)
        assert not hammer.is_alive()

    assert [error for hammer in hammers for error in hammer.errors] == []
    done = sum((hammer.done for hammer in hammers), Counter())
    assert len(done) == 16, done
    assert violations(fast) == []

    # What is left can be worked off: nothing was lost on the way.
    fast.do("select pgflow.recover_stalled_tasks(-1000)")
    for flow in FLOWS:
        for _ in range(2):  # what waits may begin after another has been answered
            fast.make_visible(flow)
            fast.work(flow, [1])
            fast.do(
                "select pgflowc.signal_task(t.run_id, t.step_slug, '[1]', t.task_index)"
                " from pgflow.step_tasks t where t.flow_slug = %s and t.status = 'waiting'",
                flow,
            )
        fast.work(flow, [1])
    assert violations(fast) == []
    assert not fast.rows(
        "select from pgflow.runs r where r.status = 'started' and not exists ("
        " select from pgflow.step_tasks t"
        " where t.run_id = r.run_id and t.permanently_stalled_at is not null)"
    )
    # Runs that are retried, or started again after they were pruned, may send an event twice; a
    # step waits once more for each of its tasks.
    again = {f"pgflow:run:{run}" for runs in SHARED_RUNS.values() for run in runs}
    again.update(*(hammer.retried for hammer in hammers))
    assert not fast.rows(
        "select from realtime.messages where topic <> all (%s) and event !~ ':waiting$'"
        " group by topic, event having count(*) > 1",
        list(again),
    )


def test_a_task_is_claimed_once(fast: Any, another: Any) -> None:
    fast.flow("f", "a")
    fast.start("f", *range(400))
    claimed: list[Any] = []

    def claim(driver: Any) -> None:
        while tasks := driver.claim("f", 7):
            claimed.extend((task["run_id"], task["step_slug"]) for task in tasks)

    threads = [threading.Thread(target=claim, args=(another(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(claimed) == len(set(claimed)) == 400


def test_two_batches_that_end_the_last_steps_of_the_same_runs(fast: Any, another: Any, ok: Any) -> None:
    fast.flow("f", "a", "b", "z < a b")
    runs = fast.start("f", *range(50))
    tasks = fast.claim("f", 100)
    batches = [[t for t in tasks if t["step_slug"] == step] for step in ("a", "b")]
    batches[1].reverse()
    drivers = [another() for _ in batches]
    threads = [
        threading.Thread(target=driver.finish, args=("f", *map(ok, batch)), kwargs={"claim": 100})
        for driver, batch in zip(drivers, batches, strict=True)
    ]
    for driver in drivers:
        driver.worker = fast.worker  # connections of one worker
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {fast.task(run, "z")["status"] for run in runs} == {"started"}
    assert len(fast.messages("f")) == 50


def test_a_claim_passes_over_messages_and_tasks_that_others_hold(fast: Any, another: Any) -> None:
    fast.flow("f", "a")
    first, second, third = fast.start("f", 1, 2, 3)
    with another().connection as holder, holder.transaction():
        holder.execute("select from pgmq.q_f order by msg_id limit 1 for update")
        holder.execute("select from pgflow.step_tasks where run_id = %s for update", [second])
        assert [task["run_id"] for task in fast.claim("f")] == [third]
    # A claim gave up on the second message for the read's timeout.
    assert [task["run_id"] for task in fast.claim("f")] == [first]
    fast.make_visible("f")
    assert [task["run_id"] for task in fast.claim("f")] == [second]
