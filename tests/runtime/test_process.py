"""What handlers do to the event loop of a worker process does not end it, nor keeps it from being stopped."""

from __future__ import annotations

import signal

REGISTRY = """
    import asyncio, sys, threading, time
    from pathlib import Path
    from pgflowc_runtime import Flow, JsonValue, Registry, Step, process

    HERE = Path(__file__).parent
    process._AT_ONCE_SECONDS = process._LAST_SECONDS = 0.2

    async def only(input, ctx):
        if input.get("exit"):
            loop = asyncio.get_running_loop()
            loop.call_soon(sys.exit, 1)
            await asyncio.sleep(0)
            await asyncio.create_task(leave())
        if input.get("thread"):
            threading.Thread(target=time.sleep, args=[60], name="endless").start()
            asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)
            return
        (HERE / "begun").touch()
        time.sleep(60)

    async def leave():
        sys.exit(3)

    step = Step(slug="only", argument=JsonValue, output=JsonValue)
    options = {"max_attempts": 1, "base_delay": 0, "timeout": 60, "definition_hash": ""}
    registry = Registry()
    registry.add(Flow(slug="f", input=JsonValue, steps=(step,), **options), {"only": only})
"""


async def test_sys_exit_ends_no_worker_and_a_second_signal_ends_a_blocked_one(
    bench, step, app, worker_process
) -> None:
    bench.flow("f", step("only"), timeout=60)
    directory = app(REGISTRY)
    worker = worker_process(directory, bench.dsn, "--log-polls")
    worker.until_logged("polled worker=app flow=f tasks=0")
    run = await bench.client.start_flow_sync("f", {"exit": True}, timeout=20)
    assert (run.error or "").startswith("SystemExit: 3")
    assert worker.log.count("in a task of a handler's own: the worker goes on") == 2
    await bench.client.start_flow("f", {})
    await bench.until(lambda: (directory / "app" / "begun").exists())
    worker.signal(signal.SIGTERM)
    worker.signal(signal.SIGINT)
    assert worker.wait(30) in (128 + signal.SIGTERM, 128 + signal.SIGINT)
    assert "leaving without giving tasks back: the event loop is blocked" in worker.log


async def test_threads_of_handlers_that_do_not_end_are_left(bench, step, app, worker_process) -> None:
    bench.flow("f", step("only"), timeout=60)
    worker = worker_process(app(REGISTRY), bench.dsn)
    run = await bench.client.start_flow_sync("f", {"thread": True}, timeout=20)
    assert run.status == "completed"
    worker.signal(signal.SIGTERM)
    assert worker.wait(20) == 0
    assert "threads refuse to end: leaving without " in worker.log
    assert "endless" in worker.log
