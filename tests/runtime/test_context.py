"""A context by itself, as a test of a handler makes one."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pgflowc_runtime import Context

RUN = UUID(int=1)


def make(loads: list[int] | None = None, **options: object) -> Context[str]:
    """A context whose flow input is counted when it is loaded."""

    async def load() -> str:
        if loads is not None:
            loads.append(1)
        await asyncio.sleep(0)
        return "input"

    return Context(run_id=RUN, flow_slug="f", step_slug="s", load_flow_input=load, **options)  # type: ignore[arg-type]


def test_what_it_says_without_being_told() -> None:
    context = make()
    assert (context.task_index, context.attempt, context.max_attempts) == (0, 1, 1)
    assert context.deadline is None
    assert not context.cancelled.is_set()
    assert not context.cancelled  # as one writes it first
    assert context.cancelled is context.cancelled
    assert context.flow_input_in_thread() == "input"


def test_the_deadline_is_in_utc_however_it_was_given() -> None:
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert make(deadline=moment).deadline == moment
    context = make(deadline=moment.timestamp())
    assert context.deadline == moment
    assert context.deadline.utcoffset() == timedelta(0)


async def test_the_flow_input_is_loaded_once_for_all_who_ask() -> None:
    loads: list[int] = []
    context = make(loads, loop=asyncio.get_running_loop())
    asked = [context.flow_input(), context.flow_input(), asyncio.to_thread(context.flow_input_in_thread)]
    assert await asyncio.gather(*asked) == ["input"] * 3
    assert loads == [1]


async def test_a_loop_of_another_thread_may_ask() -> None:
    context = make(loop=asyncio.get_running_loop())
    assert await asyncio.to_thread(lambda: asyncio.run(context.flow_input())) == "input"


async def test_one_who_is_cancelled_does_not_cancel_the_loading_for_others() -> None:
    loads: list[int] = []
    context = make(loads, loop=asyncio.get_running_loop())
    first = asyncio.ensure_future(context.flow_input())
    await asyncio.sleep(0)
    first.cancel()
    assert await context.flow_input() == "input"
    assert loads == [1]


def test_the_logger_says_which_task_it_is(caplog) -> None:
    context = make(task_index=3, attempt=2)
    with caplog.at_level("INFO"):
        context.logger.info("hello", extra={"pgflow": {"card": 1}})
    [record] = caplog.records
    assert record.name == "pgflowc.handlers.f.s"
    fields = {"flow": "f", "step": "s", "run": str(RUN), "index": 3, "attempt": 2, "card": 1}
    assert record.pgflow == fields


def test_it_belongs_to_no_thread() -> None:
    context = make()
    seen: list[bool] = []
    thread = threading.Thread(target=lambda: seen.append(context.cancelled.is_set()))
    thread.start()
    thread.join()
    assert seen == [False]
