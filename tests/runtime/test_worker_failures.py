"""What goes wrong in a handler fails its attempt with a clear text, and never the worker."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from pgflowc_runtime import Context, Payload


class Item(Payload):
    sku: str
    quantity: int


async def test_attempts_are_counted_and_the_last_one_may_succeed(bench, step) -> None:
    flow = bench.flow("flaky", step("only"), max_attempts=3)
    attempts: list[int] = []

    async def only(input: Any, ctx: Context[Any]) -> Any:
        attempts.append(ctx.attempt)
        if ctx.attempt < 3:
            raise ConnectionError(f"attempt {ctx.attempt}")
        return "done"

    async with bench.working((flow, {"only": only})):
        run = await bench.run(flow)
    assert run.output == {"only": "done"}
    assert attempts == [1, 2, 3]
    [task] = await bench.client.list_step_tasks(run.run_id)
    assert (task.status, task.attempts) == ("completed", 3)


async def test_a_run_fails_with_the_last_error_and_its_traceback(bench, step) -> None:
    flow = bench.flow("broken", step("only"), max_attempts=2)

    def deeper() -> None:
        raise ValueError("no such order: 'Ö'")

    async def only(input: Any, ctx: Context[Any]) -> Any:
        deeper()

    async with bench.working((flow, {"only": only})):
        run = await bench.run(flow)
    assert run.status == "failed"
    assert run.error is not None
    first, _, trace = run.error.partition("\n")
    assert first == "ValueError: no such order: 'Ö'"
    assert "in deeper" in trace
    assert "pgflowc_runtime" not in trace, "only the user's frames are of interest"
    [task] = await bench.client.list_step_tasks(run.run_id)
    assert (task.status, task.attempts) == ("failed", 2)


async def test_retries_wait_for_their_backoff_and_then_come_at_once(bench, step) -> None:
    flow = bench.flow("flaky", step("only"), max_attempts=2, base_delay=1)
    times: list[float] = []

    async def only(input: Any, ctx: Context[Any]) -> Any:
        times.append(time.monotonic())
        assert len(times) == 2, "the first attempt fails"

    async with bench.working((flow, {"only": only})):
        run = await bench.run(flow)
    assert run.status == "completed"
    # base_delay 1: the first retry waits 2 s. The fallback would have come after 30 s.
    assert 2.0 <= times[1] - times[0] < 3.5


async def test_an_async_handler_is_cancelled_when_its_time_is_over(bench, step) -> None:
    flow = bench.flow("slow", step("only", timeout=1))
    cleaned: list[bool] = []

    async def only(input: Any, ctx: Context[Any]) -> Any:
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(ctx.cancelled.is_set())

    async with bench.working((flow, {"only": only})):
        run = await bench.run(flow)
    assert run.error == "timed out after 1 s"
    assert cleaned == [True]


async def test_a_thread_is_abandoned_when_its_time_is_over_and_does_not_take_a_slot(bench, step) -> None:
    flow = bench.flow("slow", step("only", timeout=1))
    quick = bench.flow("quick", step("only"))
    release = threading.Event()

    def stuck(input: Any, ctx: Context[Any]) -> Any:
        release.wait(30)

    async with bench.working(
        (flow, {"only": stuck}), (quick, {"only": lambda input, ctx: 1}), max_concurrency=1
    ):
        run = await bench.run(flow)
        assert run.error == "timed out after 1 s (the handler could not be stopped and was abandoned)"
        assert (await bench.run(quick)).status == "completed"
        release.set()


async def test_an_async_handler_that_refuses_to_be_cancelled_is_abandoned(bench, step) -> None:
    flow = bench.flow("stubborn", step("only", timeout=1))
    release = asyncio.Event()

    async def only(input: Any, ctx: Context[Any]) -> Any:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    async with bench.working((flow, {"only": only})):
        run = await bench.run(flow)
        assert run.error == "timed out after 1 s (the handler could not be stopped and was abandoned)"
        release.set()


async def test_a_timeout_of_the_handlers_own_is_an_ordinary_error(bench, step) -> None:
    flow = bench.flow("inner", step("only"))

    async def only(input: Any, ctx: Context[Any]) -> Any:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(5)

    async with bench.working((flow, {"only": only})):
        run = await bench.run(flow)
    assert run.error is not None
    assert run.error.startswith("TimeoutError")


async def test_invalid_input_is_told_with_its_places(bench, step) -> None:
    flow = bench.flow("typed", step("only", argument=Item))
    async with bench.working((flow, {"only": lambda input, ctx: "unreachable"})):
        run = await bench.run(flow, {"quantity": "many"})
    assert run.error == (
        "invalid input: sku: Field required; "
        "quantity: Input should be a valid integer, unable to parse string as an integer"
    )


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({"sku": "a"}, "invalid output: quantity: Field required"),
        (
            Item.model_construct(sku="a", quantity="x"),
            "invalid output: quantity: Input should be a valid integer",
        ),
        ("text", "invalid output: Input should be a valid dictionary or instance of Item"),
        (None, "invalid output: Input should be a valid dictionary or instance of Item"),
    ],
)
async def test_invalid_output_is_told_with_its_places(bench, step, result: Any, reason: str) -> None:
    flow = bench.flow("typed", step("only", output=Item))
    async with bench.working((flow, {"only": lambda input, ctx: result})):
        run = await bench.run(flow)
    assert run.error is not None
    assert run.error.startswith(reason)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({"x": float("nan")}, "invalid output: "),
        ([float("inf")], "invalid output: "),
        ({"x": object()}, "invalid output: "),
        ("a\x00b", "invalid output: PostgreSQL refuses it: unsupported Unicode escape sequence"),
        ("\ud800", "invalid output: "),
        ([10**5000], "invalid output: Exceeds the limit (4300 digits)"),
    ],
)
async def test_what_json_or_postgresql_cannot_hold_is_refused(bench, step, result: Any, reason: str) -> None:
    flow = bench.flow("any", step("only"))
    async with bench.working((flow, {"only": lambda input, ctx: result})):
        run = await bench.run(flow)
    assert run.error is not None
    assert run.error.startswith(reason)


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        asyncio.CancelledError("inner"),
        StopIteration(),
        GeneratorExit(),
        RuntimeError("NUL \x00 and a lone surrogate \ud800"),
        ExceptionGroup("several", [ValueError("one"), KeyError("two")]),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_whatever_a_handler_raises_ends_its_task_only(
    bench, step, error: BaseException, kind: str
) -> None:
    flow = bench.flow("raises", step("only"))

    def plain(input: Any, ctx: Context[Any]) -> Any:
        if input:
            raise error
        return "alive"

    async def coroutine(input: Any, ctx: Context[Any]) -> Any:
        return plain(input, ctx)

    async with bench.working((flow, {"only": plain if kind == "plain" else coroutine})):
        run = await bench.run(flow, {"raise": True})
        alive = await bench.run(flow)
    assert run.status == "failed"
    assert run.error is not None
    # A coroutine that raises StopIteration is an error of its own in Python.
    expected = (
        "RuntimeError" if isinstance(error, StopIteration) and kind == "async" else type(error).__name__
    )
    assert run.error.split(":")[0].split("\n")[0].split("(")[0].strip().endswith(expected)
    assert alive.output == {"only": "alive"}


async def test_a_huge_error_is_cut(bench, step) -> None:
    flow = bench.flow("loud", step("only"))

    def only(input: Any, ctx: Context[Any]) -> Any:
        raise ValueError("x" * 1_000_000)

    async with bench.working((flow, {"only": only})):
        run = await bench.run(flow)
    assert run.error is not None
    assert run.error.startswith("ValueError: xxxx")
    assert len(run.error) < 10_000
