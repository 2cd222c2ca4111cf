"""Steps with `isolation: process`: what works there, and how it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import textwrap
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pgflowc_runtime import Registry, RegistryError, telemetry

HANDLERS = """
    import asyncio, logging, os, subprocess, sys, threading, time
    from pathlib import Path
    from pgflowc_runtime import PermanentFailure, RetryAfter

    def where(input, ctx):
        return {"pid": os.getpid(), "doubled": input["n"] * 2}

    async def asynchronous(input, ctx):
        await asyncio.sleep(0)
        return [os.getpid(), (await ctx.flow_input())["n"]]

    def told(input, ctx):
        ctx.logger.info("from %s", "within", extra={"pgflow": {"card": object()}})
        logging.getLogger("elsewhere").debug("not wanted")
        assert ctx.deadline is not None and not ctx.cancelled.is_set()
        return [ctx.attempt, ctx.max_attempts, ctx.task_index, ctx.flow_slug, ctx.step_slug, str(ctx.run_id),
                ctx.flow_input_in_thread()["n"]]

    def endless(input, ctx):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        Path(input["pids"]).write_text(f"{os.getpid()} {child.pid}")
        while True:
            pass

    def fails(input, ctx):
        raise globals()[input["what"]](*input.get("arguments", []))

    class Odd(Exception):
        def __init__(self, a, b):
            super().__init__(a)

    def looks(input, ctx):
        Path(input["begun"], f"{ctx.step_slug}.{input['number']}").touch()
        while not ctx.cancelled.is_set():
            time.sleep(0.005)
        return ctx.cancelled.is_set()

    async def waits(input, ctx):
        Path(input["begun"], f"{ctx.step_slug}.{input['number']}").touch()
        return await ctx.cancelled.wait()

    def dies(input, ctx):
        os.kill(os.getpid(), 9)

    def leaves(input, ctx):
        os._exit(7)

    def exits(input, ctx):
        sys.exit(3)

    def unsendable(input, ctx):
        return threading.Lock()

    def large(input, ctx):
        return "x" * len(input["text"])
"""


@pytest.fixture(scope="module")
def handlers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The module above, importable here and in other processes."""
    directory = tmp_path_factory.mktemp("isolated")
    (directory / "isolated_handlers.py").write_text(textwrap.dedent(HANDLERS), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(directory))
        yield import_module("isolated_handlers")


@pytest.fixture
def flow(bench, step) -> Callable[..., Any]:
    """Defines a flow of one isolated step."""

    def define(**options: Any) -> Any:
        return bench.flow("isolated", step("only", isolation="process"), **options)

    return define


def gone(pid: int) -> bool:
    """Whether there is no such process, or only its remains."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def test_it_runs_elsewhere_and_the_process_is_used_again(bench, flow, handlers: ModuleType) -> None:
    defined = flow()
    async with bench.working((defined, {"only": handlers.where})):
        outputs = [(await bench.run(defined, {"n": n})).output["only"] for n in range(5)]
    assert [output["doubled"] for output in outputs] == [0, 2, 4, 6, 8]
    pids = {output["pid"] for output in outputs}
    # One that was getting ready when the first call came, and one for that call.
    assert len(pids) <= 2
    assert os.getpid() not in pids
    await bench.until(lambda: all(gone(pid) for pid in pids))


async def test_a_process_is_ready_before_the_first_call(bench, flow, handlers: ModuleType) -> None:
    defined = flow(timeout=1)

    def ready() -> bool:
        return any(child.name == "pgflowc-handler" for child in multiprocessing.active_children())

    async with bench.working((defined, {"only": handlers.where})):
        await bench.until(ready)
        assert (await bench.run(defined, {"n": 4})).status == "completed"
    await bench.until(lambda: not ready())


async def test_context_logs_and_async_handlers(bench, flow, handlers: ModuleType, caplog) -> None:
    defined = flow(max_attempts=4)
    with caplog.at_level("INFO"):
        async with bench.working((defined, {"only": handlers.told})):
            run = await bench.run(defined, {"n": 4})
    assert run.output == {"only": [1, 4, 0, "isolated", "only", str(run.run_id), 4]}
    [record] = [each for each in caplog.records if each.name == "pgflowc.handlers.isolated.only"]
    assert record.getMessage() == "from within"
    assert (record.pgflow["step"], record.pgflow["attempt"]) == ("only", 1)
    assert record.pgflow["card"].startswith("<object")
    assert not [each for each in caplog.records if each.name == "elsewhere"]


async def test_an_async_handler_has_a_loop_there(bench, flow, handlers: ModuleType) -> None:
    defined = flow()
    async with bench.working((defined, {"only": handlers.asynchronous})):
        pid, n = (await bench.run(defined, {"n": 4})).output["only"]
    assert pid != os.getpid()
    assert n == 4


async def test_when_its_time_is_over_it_is_killed_with_its_children(
    bench, flow, handlers: ModuleType, tmp_path: Path
) -> None:
    defined = flow(timeout=1)
    async with bench.working((defined, {"only": handlers.endless})):
        run = await bench.run(defined, {"pids": str(tmp_path / "pids")})
        assert run.error == "timed out after 1 s"
        pids = [int(pid) for pid in (tmp_path / "pids").read_text(encoding="utf-8").split()]
        await bench.until(lambda: all(gone(pid) for pid in pids))


async def test_wherever_it_runs_it_is_told_of_the_end_of_its_run(
    bench, step, handlers: ModuleType, tmp_path: Path
) -> None:
    told: list[Any] = []
    telemetry.attach("told", ["task.stop"], lambda *event: told.append(event))
    places: tuple[Any, ...] = ("thread", "process")
    defined = bench.flow(
        "told",
        *(step(f"{name}_{place}", isolation=place) for name in ("looks", "waits") for place in places),
        timeout=30,
    )
    bound = {one.slug: getattr(handlers, one.slug.partition("_")[0]) for one in defined.steps}
    try:
        async with bench.working((defined, bound), heartbeat_interval=50):
            for number in (1, 2):  # once more in the same processes
                run_id = await bench.client.start_flow(defined, {"begun": str(tmp_path), "number": number})
                await bench.until(lambda number=number: len(list(tmp_path.glob(f"*.{number}"))) == 4)
                assert await bench.client.cancel_run(run_id)
                await bench.until(lambda number=number: len(told) == 4 * number)
    finally:
        telemetry.detach("told")


async def test_a_worker_that_gives_its_task_back_kills_the_process(
    bench, flow, handlers: ModuleType, tmp_path: Path
) -> None:
    defined = flow(max_attempts=2)
    pids = tmp_path / "pids"
    async with bench.working((defined, {"only": handlers.endless}), drain_timeout=0):
        run_id = await bench.client.start_flow(defined, {"pids": str(pids)})
        await bench.until(lambda: pids.exists() and len(pids.read_text(encoding="utf-8").split()) == 2)
    await bench.until(lambda: all(gone(int(pid)) for pid in pids.read_text(encoding="utf-8").split()))
    assert bench.value("select status from pgflow.step_tasks where run_id = %s", run_id) == "queued"


@pytest.mark.parametrize(
    ("handler", "input", "error"),
    [
        ("dies", {}, "the handler's process was killed by SIGKILL (out of memory, perhaps)"),
        ("leaves", {}, "the handler ended its process with exit code 7"),
        ("exits", {}, "SystemExit: 3"),
        ("fails", {"what": "Odd", "arguments": [1, 2]}, "isolated_handlers.Odd: 1"),
        ("fails", {"what": "PermanentFailure", "arguments": ["no"]}, "PermanentFailure: no"),
        ("unsendable", {}, "invalid output: cannot be sent from its process: cannot pickle"),
    ],
)
async def test_however_it_ends_the_worker_lives(
    bench, flow, handlers: ModuleType, handler: str, input: Any, error: str
) -> None:
    defined = flow()
    async with bench.working((defined, {"only": getattr(handlers, handler)})):
        run = await bench.run(defined, input)
    assert run.status == "failed"
    assert run.error.startswith(error)
    assert "pgflowc_runtime/" not in run.error, "only the user's frames are of interest"


async def test_large_payloads_pass(bench, flow, handlers: ModuleType) -> None:
    defined = flow()
    async with bench.working((defined, {"only": handlers.large})):
        run = await bench.run(defined, {"text": "y" * 3_000_000})
    assert run.output == {"only": "x" * 3_000_000}


def test_a_handler_that_has_no_name_elsewhere_is_refused(step) -> None:
    from pgflowc_runtime import Flow

    flow: Flow[Any] = Flow(
        slug="f", input=Any, max_attempts=1, base_delay=0, timeout=1, definition_hash="",
        steps=(step("only", isolation="process"),),
    )  # fmt: skip
    with pytest.raises(RegistryError, match="step 'only': isolation is 'process', and the handler") as caught:
        Registry().add(flow, {"only": lambda input, ctx: None})
    assert "top level of a module" in caught.value.help


async def test_processes_die_with_a_worker_that_is_killed_and_ignore_its_signals(
    bench, app, worker_process, tmp_path: Path
) -> None:
    registry = """
        import os, time
        from pathlib import Path
        from pgflowc_runtime import Flow, JsonValue, Registry, Step

        HERE = Path(__file__).parent

        def only(input, ctx):
            (HERE / "pid").write_text(str(os.getpid()))
            while not (HERE / "release").exists():
                time.sleep(0.01)

        step = Step(slug="only", argument=JsonValue, output=JsonValue, isolation="process")
        options = {"max_attempts": 3, "base_delay": 0, "timeout": 60, "definition_hash": ""}
        registry = Registry()
        registry.add(Flow(slug="f", input=JsonValue, steps=(step,), **options), {"only": only})
    """
    from pgflowc_runtime import Step

    bench.flow("f", Step(slug="only", argument=Any, output=Any), max_attempts=3, timeout=60)
    directory = app(registry)
    worker = worker_process(directory, bench.dsn)
    await bench.client.start_flow("f", {})
    pid_file = directory / "app" / "pid"
    await bench.until(lambda: pid_file.exists() and pid_file.read_text(encoding="utf-8"))
    pid = int(pid_file.read_text(encoding="utf-8"))
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(pid, number)
    assert not gone(pid), "signals for the whole group are the worker's business"
    worker.signal(signal.SIGKILL)
    await bench.until(lambda: gone(pid))
