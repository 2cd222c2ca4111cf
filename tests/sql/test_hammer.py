"""All mutating functions at once from eight connections: no deadlock, no lost or double transition.

PGFLOWC_HAMMER_SECONDS sets how long.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from time import monotonic
from uuid import uuid4

import psycopg
from psycopg.types.json import Jsonb

SECONDS = float(os.environ.get("PGFLOWC_HAMMER_SECONDS", "5"))
CONNECTIONS = 8
FLOWS = ("diamond", "maps", "fragile")

# Shared with tests/sql_fast.
INVARIANTS = (Path(__file__).parent / "invariants.sql").read_text()


def define(core) -> None:
    core.flow("diamond", "a", "b < a", "c < a", "d < b c", max_attempts=2, base_delay=0)
    core.flow("maps", "m[]", "n[] < m", "z < n", max_attempts=3, base_delay=0)
    core.create_flow("fragile", max_attempts=1, base_delay=0)
    core.add_step("fragile", "a", when_exhausted="skip")
    core.add_step("fragile", "b", when_exhausted="skip-cascade")
    core.add_step("fragile", "m", ["a"], step_type="map", when_exhausted="skip")
    core.add_step("fragile", "c", ["b", "m"], required_input_pattern=Jsonb({"b": {}}), when_unmet="skip")
    core.add_step("fragile", "d", ["a"], forbidden_input_pattern=Jsonb({"a": []}), when_unmet="skip-cascade")
    core.add_step("fragile", "e", ["d", "c"], required_input_pattern=Jsonb({}), when_unmet="fail")


class Hammer(threading.Thread):
    """One connection that calls everything at random until the deadline."""

    def __init__(self, core, seed: int, deadline: float) -> None:
        super().__init__(daemon=True)
        self.core, self.deadline = core, deadline
        self.random = random.Random(seed)
        self.claimed: list[dict] = []
        self.runs: list = []
        self.worker = uuid4()
        self.retried: set[str] = set()
        self.done: Counter[str] = Counter()
        self.errors: list[str] = []

    def run(self) -> None:
        actions = [
            *[self.start_one] * 4,
            *[self.claim] * 8,
            *[self.finish] * 16,
            *[self.finish_late] * 3,
            self.cancel,
            self.retry,
            self.recover,
            self.requeue,
            self.prune,
            self.compile,
            *[self.churn] * 3,
            *[self.redefine] * 2,
            self.delay,
            self.heartbeat,
        ]
        self.heartbeat()
        while monotonic() < self.deadline and not self.errors:
            action = self.random.choice(actions)
            try:
                action()
            except (psycopg.errors.ForeignKeyViolation, psycopg.errors.UndefinedTable) as error:
                # Churn deletes flow and queue under those who use it; pruning deletes workers.
                if "churn" not in str(error) and "worker" not in str(error) and "runs" not in str(error):
                    self.errors.append(f"{action.__name__}: {error}")
            except psycopg.Error as error:
                self.errors.append(f"{action.__name__}: {error}")
            self.done[action.__name__] += 1

    def start_one(self) -> None:
        flow = self.random.choice([*FLOWS, "churn"])
        self.runs.append(self.core.start(flow, list(range(self.random.choice([0, 1, 4])))))

    def claim(self) -> None:
        flow = self.random.choice([*FLOWS, "churn"])
        worker = self.random.choice([None, self.worker])
        self.claimed += self.core.claim(flow, self.random.choice([1, 5, 20]), worker)

    def finish(self) -> None:
        if self.claimed:
            self._report(self.claimed.pop(self.random.randrange(len(self.claimed))))

    def finish_late(self) -> None:
        """Report on a task without forgetting it: it is reported again later."""
        if self.claimed:
            self._report(self.random.choice(self.claimed))

    def _report(self, task: dict) -> None:
        if self.random.random() < 0.2:
            self.core.fail(task)
        else:
            self.core.complete(task, self.random.choice([[1, 2, 3], [], [{}]]))

    def some_run(self, status: str):
        found = self.core.column("select run_id from pgflow.runs where status = %s", status)
        return self.random.choice(found) if found else None

    def cancel(self) -> None:
        self.end_or_retry("cancel_run", self.some_run("started"))

    def retry(self) -> None:
        run = self.some_run("failed")
        self.retried.add(f"pgflow:run:{run}")
        self.end_or_retry("retry_run", run)

    def end_or_retry(self, function: str, run) -> None:
        try:
            if run:
                self.core.do(f"select pgflowc.{function}(%s)", run)
        except psycopg.errors.NoDataFound:
            pass  # deleted meanwhile

    def recover(self) -> None:
        self.core.do("select pgflow.recover_stalled_tasks(-59.5)")

    def requeue(self) -> None:
        self.core.do("select pgflow.requeue_stalled_tasks()")

    def prune(self) -> None:
        self.core.do("select pgflow.prune_data_older_than(interval '2 seconds')")

    def compile(self) -> None:
        flow = self.random.choice(FLOWS)
        shape = self.core.value("select pgflow._get_flow_shape(%s)", flow)
        self.core.call("ensure_flow_compiled", flow_slug=flow, shape=Jsonb(shape))

    def churn(self) -> None:
        self.core.do("select pgflow.delete_flow_and_data('churn')")
        with self.core.connection.transaction():
            self.core.flow("churn", "a", "m[]", "b < a")

    def redefine(self) -> None:
        """Change the flow that comes and goes, if it happens to be there, as expected and drained."""
        call = self.random.choice(
            [
                "add_step('churn', 'c', array['m'])",
                "order_steps('churn', array['m', 'a', 'b'])",
                "rename_step('churn', 'b', 'c')",
                "remove_step('churn', 'b')",
                """change_step('churn', 'b', '{"deps_slugs": ["a"]}', '{"deps_slugs": []}')""",
                """change_flow('churn', '{"timeout": 60}', '{"timeout": 50}')""",
            ]
        )
        with suppress(
            psycopg.errors.ObjectInUse,
            psycopg.errors.NoDataFound,
            psycopg.errors.InvalidParameterValue,
            psycopg.errors.ObjectNotInPrerequisiteState,
            psycopg.errors.DependentObjectsStillExist,
            psycopg.errors.UniqueViolation,
            psycopg.errors.ForeignKeyViolation,
        ):
            self.core.do(f"select {'pgflow' if call.startswith('add') else 'pgflowc'}.{call}")

    def delay(self) -> None:
        if self.runs:
            self.core.do(
                "select pgflow.delay_run(%s, %s, 0)", self.random.choice(FLOWS), self.random.choice(self.runs)
            )

    def heartbeat(self) -> None:
        self.core.do("select pgflow.register_worker(%s, 'q', 'w')", self.worker)


def violations(core) -> list[dict]:
    return [row for flow in FLOWS for row in core.rows(INVARIANTS.replace("{flow}", flow))]


def test_everything_at_once(core, another) -> None:
    define(core)
    core.record_events()
    deadline = monotonic() + SECONDS
    hammers = [Hammer(another(), seed, deadline) for seed in range(CONNECTIONS)]
    for hammer in hammers:
        hammer.start()
    for hammer in hammers:
        hammer.join(SECONDS + 60)
        assert not hammer.is_alive()

    assert [error for hammer in hammers for error in hammer.errors] == []
    done = sum((hammer.done for hammer in hammers), Counter())
    assert len(done) == 14, done
    assert violations(core) == []

    # What is left can be worked off: nothing was lost on the way.
    core.do("select pgflow.recover_stalled_tasks(-1000)")
    for flow in FLOWS:
        core.make_visible(flow)
        core.work(flow, lambda task: [1])
    assert violations(core) == []
    stuck = core.rows(
        "select r.run_id from pgflow.runs r where r.status = 'started' and r.flow_slug = any (%s)"
        " and not exists (select from pgflow.step_tasks t"
        " where t.run_id = r.run_id and t.permanently_stalled_at is not null)",
        list(FLOWS),
    )
    assert stuck == []
    twice = core.rows(
        "select topic, event from realtime.messages where topic <> all (%s)"
        " group by topic, event having count(*) > 1",
        list(set().union(*(hammer.retried for hammer in hammers))),
    )
    assert twice == []
