"""What migrations that change a flow do to its runs: those alive go on, or the migration is refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from pgflowc.compile import compile_sources
from pgflowc.render import Layout

SPEC = """\
flow: order
on_change: drain
max_attempts: 1
input: {id: int}
steps:
  check: {output: {ok: bool}}
  charge: {depends_on: [check], output: int}
"""
MAIL = "  mail: {depends_on: [charge]}\n"


class Database:
    """A project and its database: specs are compiled and applied, runs started, tasks worked off."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.connection = psycopg.connect(dsn, autocommit=True)
        self._files: dict[str, bytes] = {}
        self._worker = uuid4()
        self.connection.execute(
            "insert into pgflow.workers (worker_id, queue_name, function_name) values (%s, 'order', 'test')",
            [self._worker],
        )

    def compile(self, spec: str | None) -> tuple[str, str]:
        """The migration that the spec needs next, and its down."""
        sources = {"flows/order.yaml": spec} if spec else {}
        compilation = compile_sources(sources, Layout("shop"), self._files, allow_data_loss=True)
        assert not compilation.failed, compilation.diagnostics
        files = compilation.rendered.files
        self._files |= {path: text.encode() for path, text in files.items()}
        up, down = sorted((path for path in files if path.endswith(".sql")), key=len)
        return files[up], files[down]

    def apply(self, migration: str) -> None:
        """In one transaction, as every tool does."""
        with self.connection.transaction():
            self.connection.execute(migration.encode())

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.connection.execute(query.encode(), parameters or None).fetchall()

    def start(self) -> UUID:
        ((run_id,),) = self.rows("select run_id from pgflow.start_flow('order', '{\"id\": 1}')")
        return UUID(str(run_id))

    def work(self, *, batch: bool = False) -> list[str]:
        """Complete every task there is, and what becomes ready; the steps in the order of completion."""
        done = []
        while tasks := self.rows(
            "select run_id, step_slug, task_index from pgflow.start_tasks('order', "
            "array(select msg_id from pgmq.read('order', 0, 100)), %s)",
            self._worker,
        ):
            for run_id, step, index in tasks:
                output = json.dumps({"ok": True} if step == "check" else 7)
                if batch:
                    self.finish(run_id, step, index, output)
                else:
                    self.rows("select pgflow.complete_task(%s, %s, %s, %s)", run_id, step, index, output)
                done.append(step)
        return done

    def finish(self, run_id: UUID, step: str, index: int, output: str) -> None:
        """Complete a task as our own workers do."""
        ((outcome,),) = self.rows(
            "select outcome from pgflowc.finish_batch("
            "'order', %s, array[%s::uuid], array[%s], array[%s::int], array[null::int], array[%s::jsonb])",
            *(self._worker, run_id, step, index, output),
        )
        assert outcome == "completed"

    def run(self, run_id: UUID) -> tuple[str, Any]:
        """Status and output."""
        ((status, output),) = self.rows("select status, output from pgflow.runs where run_id = %s", run_id)
        return status, output


@pytest.fixture
def database(core_dsn: str) -> Iterator[Database]:
    one = Database(core_dsn)
    yield one
    one.connection.close()


@pytest.mark.parametrize("batch", [False, True])
def test_runs_go_on_when_a_leaf_step_is_added(batch: bool, database: Database) -> None:
    database.apply(database.compile(SPEC)[0])
    alive = database.start()
    up, down = database.compile(SPEC + MAIL)
    database.apply(up)
    later = database.start()
    assert sorted(database.work(batch=batch)) == ["charge", "charge", "check", "check", "mail"]
    # The run started before has not got the step, and its output is what it would have been.
    assert database.run(alive) == ("completed", {"charge": 7})
    assert database.run(later) == ("completed", {"mail": 7})
    # The way back needs a drained flow: a run may be in the middle of the step.
    third = database.start()
    with pytest.raises(errors.ObjectInUse, match='flow "order" has 1 run alive'):
        database.apply(down)
    database.work()
    database.apply(down)
    assert database.run(third) == ("completed", {"mail": 7})
    assert database.rows("select step_slug from pgflow.step_states where step_slug = 'mail'") == []


def test_changed_options_count_for_runs_that_are_alive(database: Database) -> None:
    database.apply(database.compile(SPEC)[0])
    alive = database.start()
    spec = SPEC.replace("max_attempts: 1", "max_attempts: 2\nbase_delay: 0").replace(
        "[check]", "[check], timeout: 7"
    )
    database.apply(database.compile(spec)[0])
    ((step,),) = database.rows(
        "select step_slug from pgflow.start_tasks('order', array("
        "select msg_id from pgmq.read('order', 0, 100)), null)"
    )
    # With one attempt, as when it started, this would have been the end of the run.
    database.rows("select pgflow.fail_task(%s, %s, 0, 'no')", alive, step)
    assert database.run(alive) == ("started", None)
    assert database.work() == ["check", "charge"]
    assert database.run(alive) == ("completed", {"charge": 7})


# A change that is None removes the spec.
CHANGES = {
    "renamed": SPEC.replace("  charge: {", "  pay: {was: charge, "),
    "removed": SPEC[: SPEC.index("  charge")],
    "dependency": SPEC.replace("depends_on: [check], ", ""),
    "condition": SPEC.replace("depends_on: [check]", "depends_on: [check], if: {check: {ok: true}}"),
    "dropped": None,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_runs_would_not_survive_is_refused_while_they_are_alive(
    change: str, database: Database
) -> None:
    database.apply(database.compile(SPEC)[0])
    database.start()
    alive = database.start()
    definition = "select * from pgflow.steps natural full join pgflow.deps order by step_index"
    before = database.rows(definition)
    up, _ = database.compile(CHANGES[change])
    with pytest.raises(errors.ObjectInUse, match='flow "order" has 2 runs alive, and this change needs it'):
        database.apply(up)
    assert database.rows(definition) == before
    database.work()
    database.apply(up)
    assert database.rows(definition) != before
    if change == "dropped":
        assert database.rows("select from pgflow.runs") == []
        return
    # Finished runs stay, with all that has still a step to belong to.
    assert database.run(alive) == ("completed", {"charge": 7})
    kept = {step for (step,) in database.rows("select step_slug from pgflow.step_states")}
    assert kept == {"renamed": {"check", "pay"}, "removed": {"check"}}.get(change, {"check", "charge"})
    tasks = {step for (step,) in database.rows("select step_slug from pgflow.step_tasks")}
    assert tasks == kept
    database.start()
    assert len(database.work()) == len(database.rows("select from pgflow.steps"))


def test_recreating_deletes_runs_that_are_alive(database: Database) -> None:
    recreate = SPEC.replace("drain", "recreate")
    database.apply(database.compile(recreate)[0])
    database.start()
    database.work()
    database.start()
    up, down = database.compile(recreate.replace("charge:", "pay:"))
    assert "-- It deletes all its runs" in up
    assert "-- Irreversible: it does not bring back all its runs" in down
    database.apply(up)
    assert database.rows("select from pgflow.runs") == database.work() == []
    database.start()
    assert database.work() == ["check", "pay"]


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (
            "update pgflow.steps set opt_timeout = 11",
            'step "check" of flow "order" has timeout 11, where null was',
        ),
        (
            "update pgflow.flows set opt_max_attempts = 9",
            'flow "order" has max_attempts 9, where 1 was expected',
        ),
        ("select pgflow.delete_flow_and_data('order')", 'flow "order" does not exist'),
    ],
)
def test_nothing_is_written_over_that_somebody_changed_by_hand(
    statement: str, problem: str, database: Database
) -> None:
    database.apply(database.compile(SPEC)[0])
    database.rows(f"{statement} returning 1" if statement.startswith("update") else statement)
    options = "select opt_timeout from pgflow.steps union all select opt_max_attempts from pgflow.flows"
    before = database.rows(options)
    spec = SPEC.replace("max_attempts: 1", "max_attempts: 2").replace("check: {", "check: {timeout: 5, ")
    with pytest.raises(psycopg.Error, match=problem):
        database.apply(database.compile(spec)[0])
    assert database.rows(options) == before


def test_a_run_that_starts_meanwhile_has_the_steps_of_before_or_of_after(database: Database) -> None:
    database.apply(database.compile(SPEC)[0])
    up, _ = database.compile(SPEC + MAIL)
    started: list[UUID] = []

    def start() -> None:
        with psycopg.connect(database.dsn, autocommit=True) as other:
            row = other.execute("select run_id from pgflow.start_flow('order', '{}')").fetchone()
            assert row is not None
            started.append(UUID(str(row[0])))

    other = threading.Thread(target=start)
    with database.connection.transaction():
        database.connection.execute(up.encode())
        other.start()
        _wait_for_lock(database)
    other.join(10)
    assert database.work() == ["check", "charge", "mail"]
    assert database.run(started[0]) == ("completed", {"mail": 7})


def test_a_migration_does_not_wait_for_ever(database: Database) -> None:
    database.apply(database.compile(SPEC)[0])
    up, _ = database.compile(CHANGES["removed"])
    assert "SET LOCAL lock_timeout = '5s';" in up
    with psycopg.connect(database.dsn) as other:
        other.execute("select pgflow.start_flow('order', '{}')")
        with pytest.raises(errors.LockNotAvailable):
            database.apply(up.replace("'5s'", "'50ms'"))


def _wait_for_lock(database: Database) -> None:
    deadline = monotonic() + 10
    with psycopg.connect(database.dsn, autocommit=True) as watch:
        while not watch.execute(
            "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        ).fetchall():
            assert monotonic() < deadline
