"""The database goes away in the middle of things; no outcome is lost and none overrides another worker's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from pgflowc_runtime import Context, startup, telemetry

KILL_WORKERS = """
    select count(pg_terminate_backend(pid)) from pg_stat_activity
    where application_name like 'pgflowc worker%' and datname = current_database()
"""


def echo(input: Any, ctx: Any) -> Any:
    return input


async def test_outcomes_are_recorded_after_all_connections_were_lost(bench, step) -> None:
    flow = bench.flow("outage", step("each", kind="map"), step("sum", "each"), input=list[int])
    started = asyncio.Event()
    release = asyncio.Event()

    async def each(item: int, ctx: Context[Any]) -> int:
        started.set()
        await release.wait()
        return item

    async with bench.working((flow, {"each": each, "sum": lambda deps, ctx: sum(deps["each"])})):
        run_id = await bench.client.start_flow(flow, list(range(10)))
        await started.wait()
        assert bench.value(KILL_WORKERS) >= 2
        release.set()
        run = await bench.client.wait(run_id, timeout=20)
    assert run.output == {"sum": 45}
    assert bench.value("select max(attempts_count) from pgflow.step_tasks") == 1


async def test_work_goes_on_while_connections_are_cut_again_and_again(bench, step) -> None:
    flow = bench.flow("shaky", step("first"), step("second", "first"), max_attempts=5)
    handlers = {"first": lambda input, ctx: input["n"], "second": lambda deps, ctx: deps["first"]}
    async with bench.working((flow, handlers), recovery_interval=200, stale_threshold=0):
        ids = [await bench.client.start_flow(flow, {"n": n}) for n in range(40)]
        for _ in range(5):
            bench.value(KILL_WORKERS)
            await asyncio.sleep(0.05)  # some of each cut's damage must be repaired before the next one
        runs = [await bench.client.wait(run_id, timeout=30) for run_id in ids]
    assert [run.output for run in runs] == [{"second": n} for n in range(40)]


async def test_an_outcome_that_comes_too_late_does_not_end_somebody_elses_attempt(
    bench, step, caplog
) -> None:
    flow = bench.flow("stolen", step("only"), max_attempts=3)
    started = asyncio.Event()
    release = asyncio.Event()

    async def only(input: Any, ctx: Context[Any]) -> Any:
        if ctx.attempt == 1:
            started.set()
            await release.wait()
        return f"attempt {ctx.attempt}"

    async with bench.working((flow, {"only": only}), recovery_interval=100, stale_threshold=0):
        run_id = await bench.client.start_flow(flow, {})
        await started.wait()
        # As if this worker had been away for long: another attempt begins while ours still runs.
        bench.rows("update pgflow.step_tasks set queued_at = now() - interval '1 h'")
        bench.rows("update pgflow.step_tasks set started_at = now() - interval '1 h'")
        run = await bench.client.wait(run_id, timeout=20)
        release.set()
        await bench.until(lambda: any("no longer ours" in message for message in caplog.messages))
    assert run.output == {"only": "attempt 2"}
    assert (await bench.client.get_run(run_id)).output == {"only": "attempt 2"}


async def test_a_flow_whose_queue_is_gone_does_not_stop_the_others(bench, step, caplog) -> None:
    gone, fine = bench.flow("gone", step("only")), bench.flow("fine", step("only"))
    async with bench.working(
        (gone, {"only": echo}), (fine, {"only": echo}), signal="polling", min_poll_interval=20
    ):
        assert (await bench.run(gone)).status == "completed"
        bench.rows("select pgflow.delete_flow_and_data('gone')")

        async def told() -> bool:
            # A busy worker looks round, at all its flows.
            assert (await bench.run(fine)).status == "completed"
            return any("cannot claim tasks of flow gone" in text for text in caplog.messages)

        await bench.until(told)
        assert (await bench.run(fine)).status == "completed"


async def test_a_worker_whose_row_was_pruned_registers_again(bench, step) -> None:
    flow = bench.flow("pruned", step("only"))
    async with bench.working((flow, {"only": echo}), heartbeat_interval=50):
        await bench.until(lambda: bench.rows("select 1 from pgflow.workers"))
        bench.rows("delete from pgflow.workers")
        await bench.until(lambda: bench.rows("select 1 from pgflow.workers"))
        assert (await bench.run(flow)).status == "completed"


async def test_a_deprecated_worker_takes_no_more_and_leaves(bench, step) -> None:
    flow = bench.flow("old", step("only"))
    async with bench.working((flow, {"only": echo}), heartbeat_interval=50) as worker:
        running = asyncio.create_task(worker.run())
        assert (await bench.run(flow)).status == "completed"
        bench.rows("update pgflow.workers set deprecated_at = now()")
        async with asyncio.timeout(10):
            await running
        waiting = await bench.client.start_flow(flow, {})
    assert (await bench.client.get_run(waiting)).status == "started"
    assert bench.value("select count(*) from pgflow.workers where stopped_at is null") == 0


class Wire:
    """A way to the server that can be cut, as when the server is restarted or the network fails."""

    def __init__(self, server: str, directory: Path) -> None:
        self._server = server
        self._place = directory / ".s.PGSQL.5432"
        self._listening: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self.answers = True  # whether what the server says comes through

    async def mend(self) -> None:
        """Let connections through."""
        self._listening = await asyncio.start_unix_server(self._connect, self._place)

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        assert self._listening is not None
        self._listening.close()
        self._place.unlink(missing_ok=True)
        for end in self._ends:
            end.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(self._server)
        self._ends |= {writer, server_writer}
        await asyncio.gather(
            self._pump(reader, server_writer, answer=False), self._pump(server_reader, writer, answer=True)
        )

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answer: bool
    ) -> None:
        try:
            while data := await reader.read(65536):
                if answer and not self.answers:
                    continue
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def wire(bench, tmp_path) -> AsyncIterator[Wire]:
    """The worker's way to the database; `bench.far` is a bench that uses it."""
    parts = psycopg.conninfo.conninfo_to_dict(bench.dsn)
    wire = Wire(f"{parts['host']}/.s.PGSQL.{parts['port']}", tmp_path)
    await wire.mend()
    bench.far = type(bench)(psycopg.conninfo.make_conninfo(bench.dsn, host=str(tmp_path), port=5432))
    yield wire
    wire.cut()


async def test_a_connection_lost_at_the_start_is_no_reason_to_stop(bench, step, monkeypatch) -> None:
    flow = bench.flow("f", step("only"))
    check, killed = startup.check_flows, []

    async def check_flows(*args: Any) -> Any:
        if not killed:
            killed.append(bench.value(KILL_WORKERS))
        return await check(*args)

    monkeypatch.setattr(startup, "check_flows", check_flows)
    async with bench.working((flow, {"only": echo})):
        assert (await bench.run(flow)).status == "completed"
    assert killed


async def test_connections_to_a_standby_are_given_up_in_favour_of_its_successor(bench, step, caplog) -> None:
    def read_only(value: str) -> None:
        with psycopg.connect(bench.dsn, autocommit=True) as connection:
            connection.execute("set default_transaction_read_only = off")
            name = sql.Identifier(connection.info.dbname)
            statement = sql.SQL("alter database {} set default_transaction_read_only = {}")
            connection.execute(statement.format(name, value))

    flow = bench.flow("f", step("only"))
    await bench.client.open()
    polls: list[str] = []
    telemetry.attach(bench.dsn, ["poll.stop"], lambda *event: polls.append(event[0]))
    async with bench.working((flow, {"only": echo}), signal="polling", min_poll_interval=20):
        read_only("on")
        bench.value(KILL_WORKERS)
        run_id = await bench.client.start_flow(flow, {})
        before = len(polls)
        await bench.until(lambda: len(polls) > before + 3)
        assert (await bench.client.get_run(run_id)).status == "started"
        assert caplog.text.count("trying again") < 3, "trouble is told once"
        read_only("off")
        assert (await bench.client.wait(run_id, timeout=20)).status == "completed"
    telemetry.detach(bench.dsn)


async def test_a_limit_on_the_time_of_statements_holds_up_no_outcome(bench, step) -> None:
    flow = bench.flow("f", step("only"))
    bench.rows(
        """
        create function slow() returns trigger language plpgsql as
        $$begin if new.status = 'completed' then perform pg_sleep(0.5); end if; return new; end$$;
        create trigger slow before update on pgflow.step_tasks for each row execute function slow()
        """
    )
    together = bench.flow("g", step("only"))

    async def in_transaction(input: Any, ctx: Context[Any]) -> Any:
        async with ctx.transaction():
            return 1

    limited = psycopg.conninfo.make_conninfo(bench.dsn, options="-c statement_timeout=300")
    async with type(bench)(limited).working((flow, {"only": echo}), (together, {"only": in_transaction})):
        assert (await bench.run(flow)).status == "completed"
        run = await bench.run(together)
    # It is the role's limit for what handlers do, and to try again without counting would not end.
    assert "canceling statement due to statement timeout" in (run.error or "")


async def test_outcomes_wait_until_the_database_is_back(bench, step, wire) -> None:
    flow = bench.flow("away", step("each", kind="map"), input=list[int])
    begun: list[int] = []
    ended: list[int] = []
    release = asyncio.Event()

    async def each(item: int, ctx: Context[Any]) -> int:
        begun.append(item)
        await release.wait()
        ended.append(item)
        return item

    async with bench.far.working((flow, {"each": each})):
        run_id = await bench.client.start_flow(flow, list(range(10)))
        await bench.until(lambda: len(begun) == 10)
        wire.cut()
        release.set()
        await bench.until(lambda: len(ended) == 10)
        assert bench.value("select count(*) from pgflow.step_tasks where status = 'completed'") == 0
        await wire.mend()
        run = await bench.client.wait(run_id, timeout=20)
    assert run.output == {"each": list(range(10))}
    assert bench.value("select max(attempts_count) from pgflow.step_tasks") == 1


async def test_tasks_of_a_claim_whose_answer_got_lost_are_not_left_lying(bench, step, wire) -> None:
    flow = bench.flow("unheard", step("only"))
    waits = "select pid from pg_stat_activity where wait_event_type = 'Lock' and query like '%claim_batch%'"
    async with bench.far.working((flow, {"only": echo}), signal="polling", min_poll_interval=20):
        assert (await bench.run(flow)).status == "completed"
        with psycopg.connect(bench.dsn) as connection:
            connection.execute("select from pgflow.workers for update")  # the claim waits for it
            run_id = await bench.client.start_flow(flow, {"n": 1})
            await bench.until(lambda: bench.rows(waits))
            wire.answers = False
        await bench.until(lambda: bench.rows("select 1 from pgflow.step_tasks where status = 'started'"))
        wire.cut()
        wire.answers = True
        await wire.mend()
        # Otherwise it would take the step's timeout and the threshold, 70 s together.
        assert (await bench.client.wait(run_id, timeout=20)).output == {"only": {"n": 1}}
    assert bench.value("select max(attempts_count) from pgflow.step_tasks") == 1


@pytest.mark.parametrize("busy", [False, True])
async def test_a_worker_stops_in_time_though_the_database_is_away(bench, step, wire, busy: bool) -> None:
    flow = bench.flow("away", step("only"))
    started, release = asyncio.Event(), asyncio.Event()

    async def only(input: Any, ctx: Context[Any]) -> None:
        started.set()
        await release.wait()

    async with bench.far.working((flow, {"only": only}), drain_timeout=1) as worker:
        running = asyncio.create_task(worker.run())
        if busy:
            await bench.client.start_flow(flow, {})
            await started.wait()
        wire.cut()
        release.set()
        began = time.monotonic()
        worker.stop()
        stopped = await running
        assert time.monotonic() - began < 1 + 3
    assert stopped.given_back == int(busy), (
        "an outcome that is not recorded counts as a task to be done again"
    )


async def test_one_refused_outcome_of_a_batch_does_not_hurt_the_others(bench, step) -> None:
    flow = bench.flow("mixed", step("only"))
    release = asyncio.Event()

    async def only(input: Any, ctx: Context[Any]) -> Any:
        await release.wait()
        return "a\x00b" if input["n"] == 3 else input["n"]

    async with bench.working((flow, {"only": only})):
        ids = [await bench.client.start_flow(flow, {"n": n}) for n in range(8)]
        await bench.until(
            lambda: bench.value("select count(*) from pgflow.step_tasks where status = 'started'") == 8
        )
        release.set()
        runs = [await bench.client.wait(run_id, timeout=20) for run_id in ids]
    assert [run.output for run in runs if run.status == "completed"] == [
        {"only": n} for n in range(8) if n != 3
    ]
    assert "PostgreSQL refuses it" in (runs[3].error or "")
    assert bench.value("select max(attempts_count) from pgflow.step_tasks") == 1
