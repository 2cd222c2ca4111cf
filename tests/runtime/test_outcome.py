"""What becomes of results and exceptions, without a worker."""

from __future__ import annotations

import asyncio
import pickle
from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pgflowc_runtime import JsonValue, Payload, PermanentFailure, RetryAfter, outcome
from pgflowc_runtime.outcome import Completed, Failed


class Item(Payload):
    sku: str
    price: float | None = None


def result(annotation: Any, value: Any, **options: Any) -> outcome.Outcome:
    """The outcome of a handler of that output type that returns this."""
    return outcome.from_result(TypeAdapter(annotation), value, **options)


def test_outputs_are_compact_json() -> None:
    assert result(Item, Item(sku="Ö", price=1.5)) == Completed('{"sku":"Ö","price":1.5}')
    assert result(Item, Item(sku="a")) == Completed('{"sku":"a","price":null}')
    assert result(JsonValue, None) == Completed("null")


@pytest.mark.parametrize("value", [float("nan"), {"a": [float("inf")]}, [None, -float("inf")]])
def test_what_is_no_number_in_json_fails_for_good(value: Any) -> None:
    failed = result(JsonValue, value)
    assert isinstance(failed, Failed)
    assert failed.permanent
    assert failed.error == "invalid output: Out of range float values are not JSON compliant"


def test_invalid_payloads_fail_for_good() -> None:
    failed = result(Item, {"price": "x"})
    assert isinstance(failed, Failed)
    assert failed.permanent
    assert failed.error.startswith("invalid output: sku: Field required; price: ")
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Item).validate_json("{}")
    assert outcome.invalid_input(caught.value) == Failed("invalid input: sku: Field required", permanent=True)


def test_an_output_over_the_limit_fails_for_good_and_says_its_size() -> None:
    limit = 1024 * 1024
    assert isinstance(result(str, "x" * (limit - 2), limit=limit), Completed)
    failed = result(str, "ö" * limit, limit=limit)
    assert isinstance(failed, Failed)
    assert failed.permanent
    assert failed.error.startswith(
        "invalid output: 2 MiB of JSON, more than output_limit_size (1 MiB); store it elsewhere"
    )


def test_exceptions_are_tried_again_after_the_backoff() -> None:
    failed = outcome.from_exception(ValueError("no"))
    assert failed.error.startswith("ValueError: no\n")
    assert (failed.permanent, failed.retry_delay) == (False, None)


def test_permanent_failure() -> None:
    failed = outcome.from_exception(PermanentFailure("the card was refused"))
    assert failed.error.partition("\n")[0] == "PermanentFailure: the card was refused"
    assert failed.permanent


@pytest.mark.parametrize(
    ("seconds", "delay"),
    [(0, 0), (7, 7), (0.2, 1), (timedelta(minutes=2), 120), (timedelta(days=366), 31622400)],
)
def test_retry_after(seconds: Any, delay: int) -> None:
    failed = outcome.from_exception(RetryAfter(seconds, "busy"))
    assert failed.error.partition("\n")[0] == "RetryAfter: busy"
    assert (failed.permanent, failed.retry_delay) == (False, delay)


def test_retry_after_without_a_message_says_when() -> None:
    assert str(RetryAfter(30)) == "try again after 30 s"


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 10**9, timedelta(days=-1)])
def test_a_delay_that_cannot_be_is_the_handlers_mistake(seconds: Any) -> None:
    with pytest.raises(ValueError, match="cannot try again after"):
        RetryAfter(seconds)


def test_a_group_is_as_permanent_as_any_of_its_members() -> None:
    group = ExceptionGroup("g", [RetryAfter(5), ExceptionGroup("h", [RetryAfter(9), ValueError()])])
    assert outcome.from_exception(group).retry_delay == 9
    worse = outcome.from_exception(ExceptionGroup("g", [group, PermanentFailure("x")]))
    assert (worse.permanent, worse.retry_delay) == (True, None)


def test_a_subclass_of_permanent_failure_has_its_own_name() -> None:
    class Refused(PermanentFailure):
        pass

    failed = outcome.from_exception(Refused("no"))
    assert failed.permanent
    assert "Refused: no" in failed.error.partition("\n")[0]


def test_retry_after_survives_the_way_out_of_a_process() -> None:
    copy = pickle.loads(pickle.dumps(RetryAfter(3.5, "busy")))
    assert (copy.seconds, str(copy)) == (4, "busy")


def test_an_exception_without_a_text_and_one_that_cannot_say_it() -> None:
    class SilentError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert outcome.from_exception(SilentError()).error.partition("\n")[0].endswith("<exception str() failed>")
    assert outcome.from_exception(asyncio.CancelledError()).error.startswith("asyncio.exceptions.Cancelled")


async def test_the_database_obeys(bench, step) -> None:
    flow = bench.flow("f", step("only"), max_attempts=3)
    times: list[str] = []

    async def only(input: Any, ctx: Any) -> Any:
        times.append(input)
        if input == "permanent":
            raise PermanentFailure("never")
        if len(times) == 2:
            raise RetryAfter(0, "busy")

    async with bench.working((flow, {"only": only})):
        run = await bench.run(flow, "permanent")
        assert run.status == "failed"
        assert run.error.startswith("PermanentFailure: never")
        assert (await bench.run(flow, "busy")).status == "completed"
    assert times == ["permanent", "busy", "busy"]
