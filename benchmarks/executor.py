"""What a task costs in the worker beside the database: validate, call, validate again, decide the outcome.

    python benchmarks/executor.py [--profile]

A no-op async handler with typed payloads, ten tasks at a time, no database. Prints microseconds per task, the
median of five rounds, beside those of an empty asyncio task as a measure of the machine.
"""

from __future__ import annotations

import asyncio
import cProfile
import pstats
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast
from uuid import uuid4

from pgflowc_runtime import Context, Flow, Payload, Registry, Step
from pgflowc_runtime.database import Database
from pgflowc_runtime.executor import Executor
from pgflowc_runtime.outcome import Completed, Outcome
from pgflowc_runtime.rows import ClaimedTask, StoredStep
from pgflowc_runtime.threads import Threads

TASKS = 20_000
ROUNDS = 5
AT_ONCE = 10


class Order(Payload):
    """What the handler takes."""

    order_id: int
    customer: str
    note: str | None = None


class Receipt(Payload):
    """What it returns."""

    order_id: int
    total: float


async def handler(input: Order, ctx: Context[Order]) -> Receipt:
    """Does nothing."""
    return Receipt(order_id=input.order_id, total=1.5)


def executor() -> Executor:
    """One that knows the handler, and no database."""
    step = Step(slug="only", argument=Order, output=Receipt)
    flow: Flow[Order] = Flow(
        slug="f", input=Order, max_attempts=1, base_delay=0, timeout=60, definition_hash="", steps=(step,)
    )
    registry = Registry()
    registry.add(flow, {"only": handler})
    stored = StoredStep(slug="only", kind="single", depends_on=(), max_attempts=1, timeout=60)
    return Executor(registry, {("f", "only"): stored}, cast(Database, None), Threads(spare=1))


def task() -> ClaimedTask:
    """A task as a claim gives it."""
    return ClaimedTask(
        flow_slug="f",
        run_id=uuid4(),
        step_slug="only",
        task_index=0,
        argument='{"order_id": 17, "customer": "Zoe"}',
        message_id=1,
        attempt=1,
        worker_id=uuid4(),
    )


async def execute(count: int) -> float:
    """Seconds for so many tasks."""
    under_test = executor()
    tasks = [task() for _ in range(count)]
    done = asyncio.Event()
    left = count

    def ended(_: ClaimedTask, result: Outcome) -> None:
        nonlocal left
        assert isinstance(result, Completed), result
        left -= 1
        if left % AT_ONCE == 0:
            done.set()

    began = time.perf_counter()
    for start in range(0, count, AT_ONCE):
        done.clear()
        for each in tasks[start : start + AT_ONCE]:
            under_test.begin(each, ended)
        await done.wait()
    seconds = time.perf_counter() - began
    under_test.close()
    return seconds


async def baseline(count: int) -> float:
    """Seconds for as many asyncio tasks that do nothing."""

    async def nothing() -> None:
        pass

    began = time.perf_counter()
    for _ in range(0, count, AT_ONCE):
        await asyncio.gather(*(nothing() for _ in range(AT_ONCE)))
    return time.perf_counter() - began


def median(measure: Callable[[int], Awaitable[float]]) -> float:
    """Microseconds per task."""

    async def once() -> float:
        return await measure(TASKS)

    return statistics.median(asyncio.run(once()) for _ in range(ROUNDS)) / TASKS * 1e6


def main() -> None:
    """Measure and print."""
    if "--profile" in sys.argv:
        profile: Any = cProfile.Profile()
        profile.runcall(asyncio.run, execute(TASKS))
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    ours, empty = median(execute), median(baseline)
    print(f"{ours:.1f} us per task; an empty asyncio task {empty:.1f} us; ratio {ours / empty:.1f}")


if __name__ == "__main__":
    main()
