"""A process that dies around the commit of `ctx.transaction()`: what it wrote is there exactly once."""

from __future__ import annotations

import signal
from typing import Any

import psycopg
import pytest

REGISTRY = """
    import os, signal, time
    from pathlib import Path
    from pgflowc_runtime import Flow, JsonValue, Registry, Step, telemetry

    HERE = Path(__file__).parent

    def at(point, ctx):
        if (HERE / f"die_{point}").exists():
            (HERE / f"die_{point}").unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    async def pay(input, ctx):
        async with ctx.transaction() as conn:
            at("before_writing", ctx)
            await conn.execute("insert into effects values (%s)", [ctx.attempt])
            at("after_writing", ctx)
        at("after_the_block", ctx)
        return {"attempt": ctx.attempt}

    def pay_in_thread(input, ctx):
        with ctx.transaction_in_thread() as conn:
            at("before_writing", ctx)
            conn.execute("insert into effects values (%s)", [ctx.attempt])
            at("after_writing", ctx)
        at("after_the_block", ctx)
        return {"attempt": ctx.attempt}

    def flow(slug):
        step = Step(slug="only", argument=JsonValue, output=JsonValue)
        options = {"max_attempts": 9, "base_delay": 0, "timeout": 60, "definition_hash": ""}
        return Flow(slug=slug, input=JsonValue, steps=(step,), **options)

    registry = Registry()
    registry.add(flow("coroutine"), {"only": pay})
    registry.add(flow("thread"), {"only": pay_in_thread})
"""

# Holds the completion up until the lock is free; then the process may die before or after the commit.
_GATE = """
    create function gate() returns trigger language plpgsql as $$
    begin
      if new.status = 'completed' then
        perform pg_advisory_xact_lock_shared(42);
      end if;
      return new;
    end;
    $$;
    create constraint trigger gate after update on pgflow.step_tasks deferrable initially deferred
    for each row execute function gate()
"""


@pytest.fixture
def effects(bench) -> Any:
    """What handlers have written, as a function."""
    bench.rows("create table effects (attempt integer)")
    return lambda: [row[0] for row in bench.rows("select attempt from effects order by attempt")]


def made_late(bench) -> None:
    """As if the time of what is started were over."""
    bench.rows("update pgflow.step_tasks set queued_at = now() - interval '3 m' where status = 'started'")
    bench.rows("update pgflow.step_tasks set started_at = now() - interval '3 m' where status = 'started'")


@pytest.fixture
def project(app, bench, step) -> Any:
    """The package above, migrated."""
    for slug in ("coroutine", "thread"):
        bench.flow(slug, step("only"), max_attempts=9, timeout=60)
    return app(REGISTRY)


@pytest.mark.parametrize("kind", ["coroutine", "thread"])
async def test_killed_at_every_point_before_the_commit(
    bench, project, effects, worker_process, kind: str
) -> None:
    points = ["before_writing", "after_writing", "after_the_block"]
    for point in points:
        (project / "app" / f"die_{point}").touch()
    run_id = await bench.client.start_flow(kind, {})
    for _ in points:
        worker = worker_process(project, bench.dsn)
        assert worker.wait() == -signal.SIGKILL
        assert effects() == []
        made_late(bench)
    worker_process(project, bench.dsn)
    run = await bench.client.wait(run_id, timeout=20)
    assert run.output == {"only": {"attempt": 4}}
    assert effects() == [4]


@pytest.mark.parametrize("commits", [False, True])
async def test_killed_in_the_middle_of_the_commit(
    bench, project, effects, worker_process, commits: bool
) -> None:
    bench.rows(_GATE)
    committing = (
        "select pid from pg_stat_activity where wait_event = 'advisory' and datname = current_database()"
    )
    with psycopg.connect(bench.dsn) as gatekeeper:
        gatekeeper.execute("select pg_advisory_xact_lock(42)")
        first = worker_process(project, bench.dsn)
        run_id = await bench.client.start_flow("coroutine", {})
        await bench.until(lambda: bench.rows(committing))
        first.signal(signal.SIGKILL)
        first.wait()
        assert effects() == []
        if not commits:
            # The server notices that nobody is there only afterwards, and commits: end it before.
            bench.rows(f"select pg_terminate_backend(pid) from ({committing}) c")
    await bench.until(lambda: not bench.rows(committing))
    bench.rows("drop trigger gate on pgflow.step_tasks")
    await bench.until(lambda: effects() == ([1] if commits else []))
    made_late(bench)
    worker_process(project, bench.dsn)
    run = await bench.client.wait(run_id, timeout=20)
    attempt = 1 if commits else 2
    assert run.output == {"only": {"attempt": attempt}}
    assert effects() == [attempt]
