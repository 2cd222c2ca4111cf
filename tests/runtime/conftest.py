"""A bench for worker tests: a fresh database, flows written down in a line, a worker beside a client."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import traceback
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest
from pydantic import TypeAdapter

from pgflowc_runtime import AsyncClient, Client, Flow, JsonValue, Registry, Run, Step, Worker, WorkerConfig

WAIT_SECONDS = 20.0


class Bench:
    """What a worker test needs. `client` starts runs; `rows` looks at the database directly."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.client = AsyncClient(dsn)

    def rows(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        """Execute on a connection of its own; the rows, if there are any."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement, params or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, statement: str, *params: object) -> Any:
        """The one value that the statement returns."""
        [(value,)] = self.rows(statement, *params)
        return value

    def flow(self, slug: str, *steps: Step, input: Any = JsonValue, **options: Any) -> Flow[Any]:
        """Define a flow, here and in the database; base_delay 0 unless given: retries come at once."""
        options = {"max_attempts": 1, "base_delay": 0, "timeout": 10, **options}
        flow: Flow[Any] = Flow(slug=slug, input=input, definition_hash="", steps=steps, **options)
        self.migrate(flow)
        return flow

    def migrate(self, flow: Flow[Any]) -> None:
        """Define the flow in the database as its migration would."""
        self.rows(
            "select pgflow.create_flow(%s, %s, %s, %s)",
            *(flow.slug, flow.max_attempts, flow.base_delay, flow.timeout),
        )
        for step in flow.steps:
            self.rows(
                """
                select pgflow.add_step(%s, %s, %s::text[], max_attempts => %s, base_delay => %s, timeout =>
                %s,
                                       start_delay => %s, step_type => %s)
                """,
                *(flow.slug, step.slug, list(step.depends_on), step.max_attempts, step.base_delay),
                *(step.timeout, step.start_delay, step.kind),
            )
            if step.approval or step.declares_signal:
                self.rows(
                    "select pgflowc.set_signal(%s, %s, %s::jsonb, null, %s)",
                    *(
                        flow.slug,
                        step.slug,
                        json.dumps(TypeAdapter(step.output if step.approval else step.signal).json_schema()),
                        step.approval,
                    ),
                )

    @asynccontextmanager
    async def working(
        self, *flows: tuple[Flow[Any], dict[str, Callable[..., Any]]], **config: Any
    ) -> AsyncIterator[Worker]:
        """A worker that serves these flows while the block runs."""
        registry = Registry()
        for flow, handlers in flows:
            registry.add(flow, handlers)
        worker = Worker(registry, dsn=self.dsn, config=WorkerConfig(**{"drain_timeout": 5, **config}))
        async with worker:
            yield worker

    def work(self, flow_slug: str, outputs: Mapping[str, Any] | None = None, *, rounds: int = 100) -> int:
        """Do what a worker would: claim what is ready and complete it with its step's output (null if none is
        given), until nothing is left or for so many rounds; an exception as output fails the task. Returns
        the number of tasks.
        """
        done = 0
        for _ in range(rounds):
            claimed = self.rows(
                "select run_id, step_slug, task_index from pgflowc.claim_batch(%s, null, 100)", flow_slug
            )
            if not claimed:
                break
            for task in claimed:
                output = (outputs or {}).get(task[1])
                if isinstance(output, Exception):
                    self.rows("select pgflow.fail_task(%s, %s, %s, %s)", *task, str(output))
                else:
                    self.rows("select pgflow.complete_task(%s, %s, %s, %s::jsonb)", *task, json.dumps(output))
                done += 1
        return done

    async def run(self, flow: Flow[Any], input: Any = None) -> Run:
        """Start a run and wait for its end."""
        return await self.client.start_flow_sync(flow, {} if input is None else input, timeout=WAIT_SECONDS)

    async def until(
        self, condition: Callable[[], object] | Callable[[], Awaitable[object]], seconds: float = WAIT_SECONDS
    ) -> None:
        """Wait until the condition is true; fails after the deadline."""
        deadline = time.monotonic() + seconds
        while True:
            result = condition()
            if asyncio.iscoroutine(result):
                result = await result
            if result:
                return
            assert time.monotonic() < deadline, "the condition did not come true in time"
            await asyncio.sleep(0.01)


@pytest.fixture
async def bench(core_dsn: str) -> AsyncIterator[Bench]:
    """A bench on a fresh database."""
    bench = Bench(core_dsn)
    yield bench
    await bench.client.close()


class Threaded:
    """A `Client` whose methods are awaited, each in a thread."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._client = Client(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        return lambda *args, **kwargs: asyncio.to_thread(method, *args, **kwargs)


@pytest.fixture(params=[Threaded, AsyncClient], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Any:
    """Makes a client of either kind; both are awaited."""
    return request.param


@pytest.fixture
async def client(connect: Any, core_dsn: str) -> AsyncIterator[Any]:
    """A client of either kind on a fresh database."""
    client = connect(core_dsn)
    yield client
    await client.close()


def step(
    slug: str,
    *after: str,
    kind: Any = "single",
    argument: Any = JsonValue,
    output: Any = JsonValue,
    **options: Any,
) -> Step:
    """A step that takes and gives any JSON unless told otherwise."""
    return Step(slug=slug, depends_on=after, kind=kind, argument=argument, output=output, **options)


@pytest.fixture(name="step")
def _step() -> Callable[..., Step]:
    return step


class WorkerProcess:
    """`python -m pgflowc_runtime worker app` in a directory of its own."""

    def __init__(self, directory: Path, dsn: str, *options: str) -> None:
        self._log = directory / "worker.log"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pgflowc_runtime", "worker", "app", "--dsn", dsn, *options],
                cwd=directory,
                stderr=log,
                stdout=log,
                env={**os.environ, "PYTHONWARNINGS": "default"},
            )

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text(encoding="utf-8")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self, seconds: float = WAIT_SECONDS) -> int:
        """Its exit code."""
        return self.process.wait(seconds)

    def until_logged(self, text: str, seconds: float = WAIT_SECONDS) -> None:
        """Wait for a text in the log."""
        deadline = time.monotonic() + seconds
        while text not in self.log:
            assert self.process.poll() is None or text in self.log, f"the worker has ended:\n{self.log}"
            assert time.monotonic() < deadline, f"'{text}' was not logged:\n{self.log}"
            time.sleep(0.02)


@pytest.fixture
def app(tmp_path: Path) -> Callable[..., Path]:
    """Writes package `app` with this registry module (dedented) and other files; returns its project
    directory.
    """

    def write(registry: str | None, **files: str) -> Path:
        package = tmp_path / "app"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
        if registry is not None:
            (package / "registry.py").write_text(textwrap.dedent(registry), encoding="utf-8")
        for name, text in files.items():
            (package / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
        return tmp_path

    return write


@pytest.fixture
def worker_process() -> Iterator[Callable[..., WorkerProcess]]:
    """Starts worker processes; those that are left are killed at the end."""
    started: list[WorkerProcess] = []

    def start(directory: Path, dsn: str, *options: str) -> WorkerProcess:
        started.append(WorkerProcess(directory, dsn, *options))
        return started[-1]

    yield start
    for worker in started:
        if worker.process.poll() is None:
            worker.process.kill()
        worker.process.wait()


Forked = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def forked() -> Forked:
    """Runs a command's `main` in a process that is forked from this one, so without half a second of imports.

    What the command does to modules and signals goes with its process.
    """

    def run(
        main: Callable[[], int | None],
        *arguments: str,
        directory: Path,
        environment: Mapping[str, str],
        input: str = "",
    ) -> subprocess.CompletedProcess[str]:
        with ExitStack() as stack:
            streams = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(3)]
            streams[0].write(input.encode())
            streams[0].seek(0)
            code = _exit_code(_fork(lambda: _as_a_command(main, arguments, directory, environment), streams))
            for stream in streams:
                stream.seek(0)
            output, errors = (stream.read().decode() for stream in streams[1:])
        return subprocess.CompletedProcess(arguments, code, output, errors)

    return run


def _fork(act: Callable[[], int], streams: Sequence[IO[bytes]]) -> int:
    """The id of a process like this one, with these streams, that does this and no more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process may have threads
        child = os.fork()
    if child == 0:
        code = 70
        try:
            for number, stream in enumerate(streams):
                os.dup2(stream.fileno(), number)
            code = act()
        finally:
            os._exit(code)
    return child


def _exit_code(child: int) -> int:
    """Waits for it, for a minute at most."""
    deadline = time.monotonic() + 60
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            deadline = math.inf
        time.sleep(0.005)
    return os.waitstatus_to_exitcode(ended[1])


def _as_a_command(
    main: Callable[[], int | None],
    arguments: tuple[str, ...],
    directory: Path,
    environment: Mapping[str, str],
) -> int:
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115
        for number in range(3)
    )
    warnings.resetwarnings()
    logging.getLogger().handlers.clear()
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["pgflowc", *arguments]
    try:
        code = main()
    except SystemExit as exit:
        code = exit.code if isinstance(exit.code, int | None) else 1
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return code or 0
