"""Workers as processes: signals, exit codes, and what another worker does after a sudden death."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

REGISTRY = """
    import asyncio, time
    from pathlib import Path
    from pgflowc_runtime import Flow, JsonValue, Registry, Step

    HERE = Path(__file__).parent

    async def slow(input, ctx):
        (HERE / f"begun.{ctx.attempt}.{ctx.run_id}").touch()
        while not (HERE / "release").exists():
            await asyncio.sleep(0.01)
        return {"attempt": ctx.attempt}

    def blocking(input, ctx):
        (HERE / f"begun.{ctx.attempt}.{ctx.run_id}").touch()
        while not (HERE / "release").exists():
            time.sleep(0.01)
        return {"attempt": ctx.attempt}

    async def stubborn(input, ctx):
        (HERE / f"begun.{ctx.attempt}.{ctx.run_id}").touch()
        while not (HERE / "release").exists():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                pass
        return {"attempt": ctx.attempt}

    def flow(slug):
        step = Step(slug="only", argument=JsonValue, output=JsonValue)
        options = {"max_attempts": 3, "base_delay": 0, "timeout": 60, "definition_hash": ""}
        return Flow(slug=slug, input=JsonValue, steps=(step,), **options)

    registry = Registry()
    registry.add(flow("slow"), {"only": slow})
    registry.add(flow("blocking"), {"only": blocking})
    registry.add(flow("stubborn"), {"only": stubborn})
"""


@pytest.fixture
def project(app, bench, step) -> Path:
    """The package above, migrated."""
    for slug in ("slow", "blocking", "stubborn"):
        bench.flow(slug, step("only"), max_attempts=3, timeout=60)
    return app(REGISTRY)


async def begun(bench, project: Path, count: int = 1) -> None:
    """Until so many attempts have begun, in any process."""
    await bench.until(lambda: len(list((project / "app").glob("begun.*"))) >= count)


async def test_sigterm_lets_handlers_end_and_exits_0(bench, project, worker_process) -> None:
    worker = worker_process(project, bench.dsn)
    run_id = await bench.client.start_flow("slow", {})
    await begun(bench, project)
    worker.signal(signal.SIGTERM)
    worker.until_logged("waiting for 1 running tasks")
    later = await bench.client.start_flow("slow", {})
    (project / "app" / "release").touch()
    assert worker.wait() == 0
    assert (await bench.client.get_run(run_id)).output == {"only": {"attempt": 1}}
    assert (await bench.client.get_run(later)).status == "started", "it claims no more"
    assert bench.value("select count(*) from pgflow.workers where stopped_at is null") == 0


async def test_heartbeats_go_on_while_it_drains(bench, project, worker_process) -> None:
    worker = worker_process(project, bench.dsn, "--heartbeat-interval", "50")
    await bench.client.start_flow("slow", {})
    await begun(bench, project)
    worker.signal(signal.SIGTERM)
    worker.until_logged("waiting for 1 running tasks")
    now = bench.value("select clock_timestamp()")
    await bench.until(lambda: bench.value("select min(last_heartbeat_at) > %s from pgflow.workers", now))
    (project / "app" / "release").touch()
    assert worker.wait() == 0


@pytest.mark.parametrize("flow", ["slow", "blocking", "stubborn"])
async def test_after_the_drain_time_tasks_go_back_with_their_attempt(
    bench, project, worker_process, flow: str
) -> None:
    worker = worker_process(project, bench.dsn, "--drain-timeout", "0.2")
    run_id = await bench.client.start_flow(flow, {})
    await begun(bench, project)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 3
    [task] = await bench.client.list_step_tasks(run_id)
    assert (task.status, task.attempts) == ("queued", 0)
    (project / "app" / "release").touch()
    began = time.monotonic()
    worker_process(project, bench.dsn)
    run = await bench.client.wait(run_id, timeout=20)
    assert run.output == {"only": {"attempt": 1}}
    assert time.monotonic() - began < 10, "the message was visible at once"


async def test_a_second_signal_ends_it_at_once(bench, project, worker_process) -> None:
    worker = worker_process(project, bench.dsn, "--drain-timeout", "60")
    run_id = await bench.client.start_flow("blocking", {})
    await begun(bench, project)
    worker.signal(signal.SIGINT)
    worker.until_logged("waiting for 1 running tasks")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 128 + signal.SIGTERM
    [task] = await bench.client.list_step_tasks(run_id)
    assert (task.status, task.attempts) == ("queued", 0)


async def test_tasks_of_a_killed_worker_are_executed_by_another(bench, project, worker_process) -> None:
    first = worker_process(project, bench.dsn)
    ids = [await bench.client.start_flow("slow", {}) for _ in range(3)]
    await begun(bench, project, 3)
    first.signal(signal.SIGKILL)
    first.wait()
    (project / "app" / "release").touch()
    # As if its time were over: timeout and threshold make two minutes.
    bench.rows(
        "update pgflow.step_tasks set queued_at = now() - interval '3 m', started_at = now() - interval '3 m'"
    )
    second = worker_process(project, bench.dsn)
    runs = [await bench.client.wait(run_id, timeout=20) for run_id in ids]
    assert [run.output for run in runs] == [{"only": {"attempt": 2}}] * 3
    assert "3 stalled tasks are back in their queues" in second.log
    second.signal(signal.SIGTERM)
    assert second.wait() == 0


async def test_a_signal_while_it_waits_for_the_database_ends_it(tmp_path, app, worker_process) -> None:
    worker = worker_process(app(REGISTRY), "host=/nonexistent dbname=x")
    worker.until_logged("trying again for up to 30 s")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


async def test_logs_are_json_lines_on_request(bench, project, worker_process) -> None:
    import json

    worker = worker_process(project, bench.dsn, "--log-format", "json", "--flow", "slow")
    (project / "app" / "release").touch()
    run = await bench.client.start_flow_sync("slow", {}, timeout=20)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    entries = [json.loads(line) for line in worker.log.splitlines()]
    [done] = [entry for entry in entries if entry["message"] == "completed"]
    assert (done["flow"], done["step"], done["run"], done["attempt"]) == ("slow", "only", str(run.run_id), 1)
    assert entries[0]["message"] == "worker app serves slow"
