"""A driver of the batch functions, and of the one-by-one functions that they must agree with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

Row = dict[str, Any]

_DECISION = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}, "note": {"type": ["string", "null"]}},
    "required": ["ok"],
}


class SqlNull:
    """An output of SQL NULL, which Jsonb(None) is not."""


class Fast:
    """One autocommit connection to a database with everything installed, and a registered worker."""

    NULL = SqlNull()

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.connection = psycopg.connect(dsn, autocommit=True, row_factory=dict_row)
        self.worker = uuid4()
        self.do(
            "insert into pgflow.workers (worker_id, queue_name, function_name) values (%s, 'q', 'f')",
            self.worker,
        )

    def rows(self, query: str, *parameters: Any) -> list[Row]:
        return self.connection.execute(query, parameters or None).fetchall()

    def row(self, query: str, *parameters: Any) -> Row:
        (row,) = self.rows(query, *parameters)
        return row

    def value(self, query: str, *parameters: Any) -> Any:
        (value,) = self.row(query, *parameters).values()
        return value

    def column(self, query: str, *parameters: Any) -> list[Any]:
        return [next(iter(row.values())) for row in self.rows(query, *parameters)]

    def do(self, query: str, *parameters: Any) -> None:
        self.connection.execute(query, parameters or None)

    def flush_statistics(self) -> None:
        """Make what the server has counted visible; skips on PostgreSQL 14, which takes its time."""
        if self.connection.info.server_version < 150000:
            pytest.skip("PostgreSQL 14 cannot be asked for its statistics now")
        self.do("select pg_stat_force_next_flush()")

    # Definitions

    def flow(self, slug: str, *steps: str, **options: Any) -> None:
        """Define a flow from steps like `"a"`, `"b < a c"` (single) or `"m[] < a"` (map)."""
        self.do(
            "select pgflow.create_flow(%s, %s, %s, %s)",
            slug,
            options.get("max_attempts", 1),
            options.get("base_delay", 5),
            options.get("timeout", 60),
        )
        for step in steps:
            name, _, deps = step.partition("<")
            name = name.strip()
            kind = "map" if name.endswith("[]") else "single"
            self.step(slug, name.removesuffix("[]"), deps.split(), step_type=kind)

    def step(self, flow: str, slug: str, deps: Sequence[str] = (), **options: Any) -> None:
        named = "".join(f", {name} => %s" for name in options)
        values = [Jsonb(value) if isinstance(value, dict) else value for value in options.values()]
        self.do(f"select pgflow.add_step(%s, %s, %s::text[]{named})", flow, slug, list(deps), *values)

    # The batch functions

    def start(self, flow: str, *inputs: Any, run_ids: Sequence[UUID | None] | None = None) -> list[UUID]:
        return self.column(
            "select pgflowc.start_flow_batch(%s, %s::jsonb[], %s::uuid[])",
            flow,
            [json_or_null(value) for value in inputs],
            run_ids,
        )

    def claim(self, flow: str, quantity: int = 100) -> list[Row]:
        return self.rows("select * from pgflowc.claim_batch(%s, %s, %s)", flow, self.worker, quantity)

    def finish(self, flow: str, *outcomes: Row, claim: int = 0) -> list[Row]:
        """Outcomes are made by `ok` and `failed`; returns the rows of finish_batch."""
        return self.rows(
            "select * from pgflowc.finish_batch(%s, %s, %s::uuid[], %s::text[], %s::int[], %s::int[],"
            " %s::jsonb[], %s::text[], %s::int[], %s::boolean[], %s)",
            flow,
            self.worker,
            [outcome["task"]["run_id"] for outcome in outcomes],
            [outcome["task"]["step_slug"] for outcome in outcomes],
            [outcome["task"]["task_index"] for outcome in outcomes],
            [outcome["task"].get("attempts_count") for outcome in outcomes],
            [json_or_null(outcome.get("output", self.NULL)) for outcome in outcomes],
            [outcome.get("error") for outcome in outcomes],
            [outcome.get("delay") for outcome in outcomes],
            [outcome.get("permanent") for outcome in outcomes],
            claim,
        )

    def outcomes(self, flow: str, *outcomes: Row) -> list[str]:
        """`finish` without a claim: what became of each outcome."""
        rows = self.finish(flow, *outcomes)
        assert [row["ordinal"] for row in rows] == list(range(1, len(outcomes) + 1))
        return [row["outcome"] for row in rows]

    def work(self, flow: str, output: Any = None) -> list[str]:
        """Claim and complete in batches of 10 until nothing is visible; the step of each task worked on."""
        done = []
        tasks = self.claim(flow, 10)
        while tasks:
            done += [task["step_slug"] for task in tasks]
            rows = self.finish(flow, *(ok(task, output) for task in tasks), claim=10)
            tasks = [row for row in rows if row["outcome"] == "claimed"]
        return done

    # The state of things

    def run(self, run_id: UUID) -> Row:
        return self.row("select * from pgflow.runs where run_id = %s", run_id)

    def state(self, run_id: UUID, step: str) -> Row:
        return self.row("select * from pgflow.step_states where run_id = %s and step_slug = %s", run_id, step)

    def statuses(self, run_id: UUID) -> dict[str, str]:
        """Step slug to status."""
        rows = self.rows("select step_slug, status from pgflow.step_states where run_id = %s", run_id)
        return {row["step_slug"]: row["status"] for row in rows}

    def tasks(self, run_id: UUID, step: str | None = None) -> list[Row]:
        return self.rows(
            "select * from pgflow.step_tasks where run_id = %s and step_slug = coalesce(%s, step_slug)"
            " order by step_slug, task_index",
            run_id,
            step,
        )

    def task(self, run_id: UUID, step: str, index: int = 0) -> Row:
        return self.tasks(run_id, step)[index]

    def messages(self, flow: str, prefix: str = "q") -> list[Row]:
        """Rows of the queue (q) or archive (a), with `due`, the seconds until they become visible."""
        return self.rows(
            f"select *, extract(epoch from vt - clock_timestamp())::float as due"
            f' from pgmq."{prefix}_{flow.lower()}" order by msg_id'
        )

    def make_visible(self, flow: str) -> None:
        """Let every message of the queue be read now, as if delays had passed."""
        self.do(f"update pgmq.\"q_{flow.lower()}\" set vt = clock_timestamp() - interval '1 second'")

    # Signals, in flow f

    def parked(self, wait_for: float | None = 60) -> tuple[UUID, Row]:
        """A run of flow f whose step a is parked, and the task as it had been claimed."""
        self.flow("f", "a", "b < a", max_attempts=2)
        (run,) = self.start("f", {})
        (task,) = self.claim("f")
        assert self.consume(task, wait_for) == ("waiting", None)
        assert self.park(task) == ["parked"]
        return run, task

    def approval(self, when_exhausted: str = "fail", wait_for: int | None = 60) -> None:
        """Flow f: a, then the approval ok, whose payload is ok and maybe a note, then z."""
        self.flow("f", "a")
        self.step("f", "ok", ["a"], when_exhausted=when_exhausted)
        self.step("f", "z", ["ok"])
        self.declare_approval(wait_for)

    def declare_approval(self, wait_for: int | None = 60) -> None:
        self.do("select pgflowc.set_signal('f', 'ok', %s, %s, true)", Jsonb(_DECISION), wait_for)

    def consume(self, task: Row, wait_for: float | None = None) -> tuple[str, Any]:
        """What the handler of the task learns: status and payload."""
        row = self.row(
            "select * from pgflowc.consume_task_signal(%s, %s, %s, %s, %s)",
            task["run_id"],
            task["step_slug"],
            task["task_index"],
            task["attempts_count"],
            wait_for,
        )
        return row["status"], row["payload"]

    def park(self, *tasks: Row) -> list[str]:
        """Report that the handlers of the tasks wait; what became of each."""
        rows = self.rows(
            "select * from pgflowc.finish_batch('f', %s, %s::uuid[], %s::text[], %s::int[], %s::int[], null,"
            " p_parked => array_fill(true, array[%s]))",
            self.worker,
            [task["run_id"] for task in tasks],
            [task["step_slug"] for task in tasks],
            [task["task_index"] for task in tasks],
            [task["attempts_count"] for task in tasks],
            len(tasks),
        )
        return [row["outcome"] for row in rows]

    def signal(self, run: UUID, step: str, payload: Any, index: int = 0) -> str:
        return str(self.value("select pgflowc.signal_task(%s, %s, %s, %s)", run, step, Jsonb(payload), index))

    def pass_deadlines(self) -> None:
        """Let a day pass for everything that waits."""
        self.do(
            "update pgflowc.task_signals set waiting_since = waiting_since - interval '1 day',"
            " deadline = deadline - interval '1 day', due_at = due_at - interval '1 day'"
        )

    def waits(self) -> int:
        """How many rows tell of tasks that wait or were sent something."""
        return int(self.value("select count(*) from pgflowc.task_signals"))

    # One by one

    def complete_task(self, task: Row, output: Any) -> None:
        self.do(
            "select from pgflow.complete_task(%s, %s, %s, %s)",
            task["run_id"],
            task["step_slug"],
            task["task_index"],
            json_or_null(output),
        )

    def fail_task(self, task: Row, error: str) -> None:
        self.do(
            "select from pgflow.fail_task(%s, %s, %s, %s)",
            task["run_id"],
            task["step_slug"],
            task["task_index"],
            error,
        )


def json_or_null(value: Any) -> Jsonb | None:
    return None if isinstance(value, SqlNull) else Jsonb(value)


def ok(task: Row, output: Any = None) -> Row:
    return {"task": task, "output": output}


def failed(task: Row, error: str = "boom", delay: int | None = None, permanent: bool | None = None) -> Row:
    return {"task": task, "error": error, "delay": delay, "permanent": permanent}


@pytest.fixture(name="ok")
def _ok() -> Any:
    """An outcome: success of a task with an output (None is JSON null, `Fast.NULL` SQL NULL)."""
    return ok


@pytest.fixture(name="failed")
def _failed() -> Any:
    """An outcome: failure of a task with an error, maybe with a retry delay in seconds, maybe permanent."""
    return failed


@pytest.fixture
def fast(core_dsn: str) -> Iterator[Fast]:
    """A database with everything installed, and the calls of its batch functions."""
    driver = Fast(core_dsn)
    with driver.connection:
        yield driver


@pytest.fixture
def another(fast: Fast) -> Iterator[Any]:
    """Opens further connections, each a worker of its own."""
    opened: list[Fast] = []

    def connect() -> Fast:
        opened.append(Fast(fast.dsn))
        return opened[-1]

    yield connect
    for driver in opened:
        driver.connection.close()


@pytest.fixture
def at_once(another: Callable[[], Fast]) -> Callable[[int, Callable[[Fast, int], object]], None]:
    """`at_once(3, call)` runs call(driver, number) in three threads, each with a connection of its own.

    Returns when all have ended, and raises what the first of them raised.
    """

    def run(threads: int, call: Callable[[Fast, int], object]) -> None:
        drivers = [another() for _ in range(threads)]
        with ThreadPoolExecutor(threads) as pool:
            for future in [pool.submit(call, driver, number) for number, driver in enumerate(drivers)]:
                future.result(60)

    return run


@pytest.fixture
def realtime(fast: Fast) -> Callable[[], list[tuple[str, Row]]]:
    """From now on events go to realtime.send; call it for those sent so far, names and payloads in order."""
    fast.do("create schema realtime")
    fast.do(
        "create table realtime.messages (id bigint generated always as identity, event text, payload jsonb)"
    )
    fast.do(
        "create function realtime.send(payload jsonb, event text, topic text, private boolean default true)"
        " returns void language sql as"
        " $$ insert into realtime.messages (event, payload) values (event, payload) $$"
    )
    return lambda: [
        (row["event"], row["payload"])
        for row in fast.rows("select event, payload from realtime.messages order by id")
    ]
