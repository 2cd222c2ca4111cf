"""A driver of the SQL core: it speaks to the database as workers and clients do, one call per method."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

Row = dict[str, Any]

# Stands in for Supabase's: appends what it is given to a table, in order.
REALTIME = """
create schema realtime;
create table realtime.messages (
  id bigint generated always as identity primary key,
  payload jsonb, event text, topic text, private boolean, inserted_at timestamptz default now()
);
create function realtime.send(payload jsonb, event text, topic text, private boolean default true)
returns void language sql as $$
  insert into realtime.messages (payload, event, topic, private) values (payload, event, topic, private)
$$;
"""

# Just enough of pg_cron, and of pg_net with Supabase's vault.
_CRON = """
create schema cron;
create table cron.job (jobid bigint generated always as identity, jobname text, schedule text, command text);
create table cron.job_run_details (jobid bigint, end_time timestamptz);
create function cron.schedule(name text, schedule text, command text) returns bigint language sql as
  'insert into cron.job (jobname, schedule, command) values (name, schedule, command) returning jobid';
create function cron.unschedule(id bigint) returns boolean language sql as
  'delete from cron.job where jobid = id returning true';
"""
_NET = """
create schema net;
create table net.requests (id bigint generated always as identity, url text, headers jsonb);
create function net.http_post(url text, body jsonb default '{}', params jsonb default '{}',
  headers jsonb default '{}', timeout_milliseconds int default 5000) returns bigint language sql as
  'insert into net.requests (url, headers) values (url, headers) returning id';
create schema vault;
create table vault.decrypted_secrets (name text, decrypted_secret text);
insert into vault.decrypted_secrets
  values ('supabase_project_id', 'abc'), ('supabase_service_role_key', 'key');
"""

# A flow's shape, of two steps that differ in everything.
_UNDEFINED = {"defined": False}
_SHAPE: dict[str, Any] = {
    "steps": [
        {
            "slug": "a",
            "stepType": "single",
            "dependencies": [],
            "whenUnmet": "skip",
            "whenExhausted": "fail",
            "requiredInputPattern": _UNDEFINED,
            "forbiddenInputPattern": {"defined": True, "value": {"x": 1}},
        },
        {
            "slug": "b",
            "stepType": "map",
            "dependencies": ["a"],
            "whenUnmet": "skip-cascade",
            "whenExhausted": "skip",
            "requiredInputPattern": _UNDEFINED,
            "forbiddenInputPattern": _UNDEFINED,
        },
    ]
}


class Core:
    """One autocommit connection to a database with the SQL core, and the calls of its interface."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.connection = psycopg.connect(dsn, autocommit=True, row_factory=dict_row)

    def rows(self, query: str, *params: Any) -> list[Row]:
        return self.connection.execute(query, params or None).fetchall()

    def row(self, query: str, *params: Any) -> Row:
        (row,) = self.rows(query, *params)
        return row

    def value(self, query: str, *params: Any) -> Any:
        (value,) = self.row(query, *params).values()
        return value

    def column(self, query: str, *params: Any) -> list[Any]:
        return [next(iter(row.values())) for row in self.rows(query, *params)]

    def do(self, query: str, *params: Any) -> None:
        self.connection.execute(query, params or None)

    def flush_statistics(self) -> None:
        """Make what the server has counted visible; skips on PostgreSQL 14, which takes its time."""
        if self.connection.info.server_version < 150000:
            pytest.skip("PostgreSQL 14 cannot be asked for its statistics now")
        self.do("select pg_stat_force_next_flush()")

    # Definitions

    def create_flow(self, flow_slug: str, **options: Any) -> Row:
        return self.call("create_flow", flow_slug=flow_slug, **options)[0]

    def add_step(self, flow_slug: str, step_slug: str, deps: Any = (), **options: Any) -> Row:
        return self.call(
            "add_step", flow_slug=flow_slug, step_slug=step_slug, deps_slugs=list(deps), **options
        )[0]

    def flow(self, flow_slug: str, *steps: str, **options: Any) -> None:
        """Define a flow from steps like `"a"`, `"b < a c"` (single) or `"m[] < a"` (map)."""
        self.create_flow(flow_slug, **options)
        for step in steps:
            name, _, deps = step.partition("<")
            slug = name.strip()
            kind = "map" if slug.endswith("[]") else "single"
            self.add_step(flow_slug, slug.removesuffix("[]"), deps.split(), step_type=kind)

    def conditional(
        self, flow: str, step: str, deps: Any = (), *, want: Any = None, refuse: Any = None, **more: Any
    ) -> None:
        """Add a step with patterns: required `want`, forbidden `refuse`; None means no pattern."""
        self.add_step(
            flow,
            step,
            deps,
            required_input_pattern=None if want is None else Jsonb(want),
            forbidden_input_pattern=None if refuse is None else Jsonb(refuse),
            **more,
        )

    # Runs

    def start(self, flow_slug: str, input: Any = None, **more: Any) -> UUID:
        """Start a run (input {} unless given) and return its id."""
        return self.call(
            "start_flow", flow_slug=flow_slug, input=Jsonb({} if input is None else input), **more
        )[0]["run_id"]

    def run(self, run_id: UUID) -> Row:
        return self.row("select * from pgflow.runs where run_id = %s", run_id)

    def step(self, run_id: UUID, step_slug: str) -> Row:
        return self.row(
            "select * from pgflow.step_states where run_id = %s and step_slug = %s", run_id, step_slug
        )

    def statuses(self, run_id: UUID) -> dict[str, str]:
        """Step slug to status."""
        found = self.rows("select step_slug, status from pgflow.step_states where run_id = %s", run_id)
        return {row["step_slug"]: row["status"] for row in found}

    def tasks(self, run_id: UUID, step_slug: str | None = None) -> list[Row]:
        return self.rows(
            "select * from pgflow.step_tasks where run_id = %s and step_slug = coalesce(%s, step_slug)"
            " order by step_slug, task_index",
            run_id,
            step_slug,
        )

    def task(self, run_id: UUID, step_slug: str, task_index: int = 0) -> Row:
        (task,) = [t for t in self.tasks(run_id, step_slug) if t["task_index"] == task_index]
        return task

    # Work

    def read(self, flow_slug: str, quantity: int = 100, vt: int = 5) -> list[int]:
        """Read visible messages; their ids."""
        return self.column(
            "select msg_id from pgmq.read(%s, %s, %s) order by msg_id", flow_slug, vt, quantity
        )

    def start_tasks(self, flow_slug: str, message_ids: list[int], worker_id: UUID | None = None) -> list[Row]:
        return self.call("start_tasks", flow_slug=flow_slug, msg_ids=message_ids, worker_id=worker_id)

    def claim(self, flow_slug: str, quantity: int = 100, worker_id: UUID | None = None) -> list[Row]:
        """Read and start: the records of what was claimed."""
        return self.start_tasks(flow_slug, self.read(flow_slug, quantity), worker_id)

    def complete(self, task: Row, output: Any = None) -> list[Row]:
        """Complete a task (a record of `claim` or a row of step_tasks); an output of None is JSON null."""
        return self.call(
            "complete_task",
            run_id=task["run_id"],
            step_slug=task["step_slug"],
            task_index=task["task_index"],
            output=Jsonb(output),
        )

    def fail(self, task: Row, message: str = "boom") -> list[Row]:
        return self.call(
            "fail_task",
            run_id=task["run_id"],
            step_slug=task["step_slug"],
            task_index=task["task_index"],
            error_message=message,
        )

    def work(self, flow_slug: str, outputs: Callable[[Row], Any] | None = None) -> list[str]:
        """Claim and complete until nothing is visible; the steps worked on, in order, once per task."""
        done = []
        while claimed := self.claim(flow_slug):
            for task in claimed:
                done.append(task["step_slug"])
                self.complete(task, outputs(task) if outputs else {"from": task["step_slug"]})
        return done

    def age(self, seconds: int) -> None:
        """Make every started task so many seconds older."""
        self.do(
            "update pgflow.step_tasks set queued_at = queued_at - make_interval(secs => %s),"
            " started_at = started_at - make_interval(secs => %s) where status = 'started'",
            seconds,
            seconds,
        )

    def make_visible(self, flow_slug: str) -> None:
        """Let every message of the queue be read now, as if delays had passed."""
        table = self.value("select pgmq.format_table_name(%s, 'q')", flow_slug)
        self.do(f"update pgmq.\"{table}\" set vt = clock_timestamp() - interval '1 second'")

    def queued_messages(self, flow_slug: str) -> list[int]:
        table = self.value("select pgmq.format_table_name(%s, 'q')", flow_slug)
        return self.column(f'select msg_id from pgmq."{table}" order by msg_id')

    def archived_messages(self, flow_slug: str) -> list[int]:
        table = self.value("select pgmq.format_table_name(%s, 'a')", flow_slug)
        return self.column(f'select msg_id from pgmq."{table}" order by msg_id')

    def visible_in(self, flow_slug: str, message_id: int) -> float:
        """Seconds until the message becomes visible."""
        table = self.value("select pgmq.format_table_name(%s, 'q')", flow_slug)
        return float(
            self.value(
                f'select extract(epoch from vt - clock_timestamp()) from pgmq."{table}" where msg_id = %s',
                message_id,
            )
        )

    def wait_until_blocked(self, other: Core) -> None:
        """Return when `other`'s call waits for a lock; fail after ten seconds."""
        deadline = monotonic() + 10
        while not self.value(
            "select exists (select from pg_stat_activity where pid = %s and wait_event_type = 'Lock')",
            other.connection.info.backend_pid,
        ):
            assert monotonic() < deadline, "nothing waited"

    # What a hosted database has

    def install_cron(self) -> None:
        self.do(_CRON)

    def install_net(self) -> None:
        self.do(_NET)

    # Events

    def record_events(self) -> None:
        """From now on events go to realtime.messages."""
        self.do(REALTIME)

    def events(self, run_id: UUID) -> list[Row]:
        """Event names and payloads sent about a run, in order."""
        return self.rows(
            "select event, payload, private from realtime.messages"
            " where topic = 'pgflow:run:' || %s order by id",
            str(run_id),
        )

    def call(self, function: str, **arguments: Any) -> list[Row]:
        named = ", ".join(f"{name} => %s" for name in arguments)
        return self.rows(f"select * from pgflow.{function}({named})", *arguments.values())


@pytest.fixture
def core(core_dsn: str) -> Iterator[Core]:
    """A database with everything installed, and the calls of its interface."""
    driver = Core(core_dsn)
    with driver.connection:
        yield driver


@pytest.fixture
def shape() -> Row:
    """A flow's shape: `a`, then map `b` over it, with modes and a pattern."""
    return deepcopy(_SHAPE)


@pytest.fixture
def core_type() -> type[Core]:
    """The driver's class, for tests that install a database of their own."""
    return Core


@pytest.fixture
def another(core: Core) -> Iterator[Callable[[], Core]]:
    """Opens further connections to the database of `core`."""
    opened: list[Core] = []

    def connect() -> Core:
        opened.append(Core(core.dsn))
        return opened[-1]

    yield connect
    for driver in opened:
        driver.connection.close()


@pytest.fixture
def raises() -> Callable[[str], Any]:
    """`with raises("text"):` expects a database error of exactly that message and yields its diagnostics."""

    @contextmanager
    def expect(message: str) -> Iterator[Row]:
        details: Row = {}
        with pytest.raises(psycopg.Error) as caught:
            yield details
        assert caught.value.diag.message_primary == message
        details["sqlstate"] = caught.value.diag.sqlstate
        details["detail"] = caught.value.diag.message_detail
        details["hint"] = caught.value.diag.message_hint

    return expect


@pytest.fixture
def in_thread() -> Callable[[Callable[[], Any]], threading.Thread]:
    """Runs a call in a thread; `join()` of what it returns ends the wait and raises what the call raised."""

    class Running(threading.Thread):
        error: BaseException | None = None

        def __init__(self, call: Callable[[], Any]) -> None:
            super().__init__(daemon=True)
            self._call = call

        def run(self) -> None:
            try:
                self._call()
            except BaseException as error:
                self.error = error

        def join(self, timeout: float | None = 30) -> None:
            super().join(timeout)
            assert not self.is_alive()
            if self.error:
                raise self.error

    def start(call: Callable[[], Any]) -> threading.Thread:
        thread = Running(call)
        thread.start()
        return thread

    return start
