"""Hooks, and the two integrations that use them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import psycopg
import pytest

from pgflowc_runtime import Client, ConfigurationError, FlowNotFound, telemetry
from pgflowc_runtime.telemetry import EVENTS


@pytest.fixture
def heard() -> Iterator[list[tuple[str, dict[str, float], dict[str, Any]]]]:
    """Every event while the test runs."""
    events: list[tuple[str, dict[str, float], dict[str, Any]]] = []
    telemetry.attach(
        "heard", EVENTS, lambda event, numbers, about: events.append((event, {**numbers}, {**about}))
    )
    yield events
    telemetry.detach("heard")


def test_attach_and_detach() -> None:
    calls: list[str] = []

    def handler(event: str, measurements: Mapping[str, float], metadata: Mapping[str, object]) -> None:
        calls.append(event)

    assert not telemetry.wanted("task.stop")
    telemetry.attach("mine", ["task.stop", "task.start"], handler)
    try:
        assert telemetry.wanted("task.stop")
        telemetry.emit("task.stop", {}, {})
        telemetry.emit("poll.stop", {}, {})
        with pytest.raises(ConfigurationError, match="'mine' is attached already"):
            telemetry.attach("mine", ["task.stop"], handler)
    finally:
        assert telemetry.detach("mine")
    telemetry.emit("task.stop", {}, {})
    assert calls == ["task.stop"]
    assert not telemetry.detach("mine")
    assert not telemetry.wanted("task.start")


def test_an_unknown_event_is_refused_with_the_near_miss() -> None:
    with pytest.raises(ConfigurationError, match=r"no telemetry event 'task\.stpo'") as caught:
        telemetry.attach("mine", ["task.stpo"], print)
    assert caught.value.help == "did you mean 'task.stop'?"
    assert not telemetry.detach("mine")


@pytest.mark.parametrize("error", [ValueError("oops"), SystemExit(3)])
def test_a_handler_that_raises_is_detached_and_logged(heard, caplog, error: BaseException) -> None:
    def broken(event: str, measurements: Any, metadata: Any) -> None:
        raise error

    telemetry.attach("broken", ["task.stop"], broken)
    telemetry.emit("task.stop", {"duration": 1}, {})
    telemetry.emit("task.stop", {"duration": 2}, {})
    assert [numbers["duration"] for _, numbers, _ in heard] == [1, 2]
    [record] = caplog.records
    assert record.getMessage() == "telemetry handler 'broken' failed at task.stop and was detached"
    assert not telemetry.detach("broken")


async def test_what_a_worker_tells_about_tasks(bench, step, heard) -> None:
    flow = bench.flow("f", step("only"), max_attempts=2)

    async def only(input: Any, ctx: Any) -> Any:
        if ctx.attempt == 1:
            raise ValueError("no")
        return "done"

    async with bench.working((flow, {"only": only})):
        run = await bench.run(flow)
    tasks = [entry for entry in heard if entry[0].startswith("task.")]
    assert [event for event, _, _ in tasks] == ["task.start", "task.exception", "task.start", "task.stop"]
    for event, numbers, about in tasks:
        assert set(numbers) == set(EVENTS[event].measurements)
        assert set(about) == set(EVENTS[event].metadata) - {"trace_context"}
        assert (about["flow_slug"], about["step_slug"], about["run_id"]) == ("f", "only", run.run_id)
    assert [about["attempt"] for _, _, about in tasks] == [1, 1, 2, 2]
    failure = tasks[1][2]
    assert failure["error"].startswith("ValueError: no")
    assert isinstance(failure["exception"], ValueError)
    assert tasks[3][1]["output_size"] == len('"done"')


async def test_all_events_carry_what_is_documented_and_runs_are_told_once(bench, step, heard) -> None:
    flow = bench.flow("f", step("first"), step("left", "first"), step("right", "first"))

    async def handler(payload: Any, ctx: Any) -> Any:
        if await ctx.flow_input() == ctx.step_slug:
            raise ValueError("no")

    handlers = {"first": handler, "left": handler, "right": handler}
    async with bench.working((flow, handlers)), bench.working((flow, handlers)):
        for input in ("", "left", "first"):
            await bench.run(flow, input)
    ends = [(event, about) for event, _, about in heard if event in ("run.completed", "run.failed")]
    assert sorted(event for event, _ in ends) == ["run.completed", "run.failed", "run.failed"]
    assert len({about["run_id"] for _, about in ends}) == 3
    assert all("ValueError: no" in about["error"] for event, about in ends if event == "run.failed")
    for event, numbers, about in heard:
        assert set(numbers) == set(EVENTS[event].measurements), event
        assert set(about) == set(EVENTS[event].metadata) - {"trace_context"}, event
    for event in (
        "worker.start",
        "worker.stop",
        "poll.start",
        "poll.stop",
        "starter.attempt",
        "starter.success",
    ):
        assert event in {name for name, _, _ in heard}
    durations = [numbers["duration"] for event, numbers, _ in heard if event == "run.completed"]
    assert 0 < durations[0] < 20


async def test_prometheus_counts(bench, step) -> None:
    prometheus = pytest.importorskip("pgflowc_runtime.telemetry.prometheus")
    flow = bench.flow("f", step("only"))

    async def only(input: Any, ctx: Any) -> Any:
        assert 'pgflowc_tasks_running{flow="f",step="only"} 1.0' in metrics.render()[1]
        if input == "fail":
            raise ValueError

    metrics = prometheus.Metrics()
    metrics.attach()
    try:
        async with bench.working((flow, {"only": only})):
            await bench.run(flow, "fail")
            await bench.run(flow, "go")
    finally:
        metrics.detach()
    kind, text = metrics.render()
    assert kind.startswith("text/plain")
    for line in (
        'pgflowc_tasks_total{flow="f",outcome="completed",step="only"} 1.0',
        'pgflowc_tasks_total{flow="f",outcome="failed",step="only"} 1.0',
        'pgflowc_task_duration_seconds_count{flow="f",step="only"} 2.0',
        'pgflowc_tasks_running{flow="f",step="only"} 0.0',
        'pgflowc_runs_total{flow="f",status="completed"} 1.0',
        'pgflowc_runs_total{flow="f",status="failed"} 1.0',
        'pgflowc_runs_total{flow="f",status="started"} 2.0',
    ):
        assert line in text.splitlines()


@pytest.fixture
def spans() -> Iterator[Any]:
    """What OpenTelemetry was told: a provider of tracers, spans that ended, a reader of metrics."""
    pytest.importorskip("opentelemetry.sdk")
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from pgflowc_runtime.telemetry import otel

    exporter, reader, tracers = InMemorySpanExporter(), InMemoryMetricReader(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    otel.attach(tracers, MeterProvider([reader]))
    yield tracers, exporter, reader
    otel.detach()
    tracers.shutdown()


@pytest.mark.parametrize("how", ["async", "sync", "bulk", "joined"])
async def test_the_trace_goes_on_in_the_handlers_of_a_run(bench, step, spans, how: str) -> None:
    tracers, exporter, _ = spans
    flow = bench.flow("f", step("first"), step("second", "first"))

    async def handler(payload: Any, ctx: Any) -> Any:
        return 1

    async with bench.working((flow, {"first": handler, "second": handler})):
        with tracers.get_tracer("mine").start_as_current_span("request"):
            if how == "async":
                run_id = await bench.client.start_flow(flow, {})
            elif how == "bulk":
                [run_id] = await bench.client.start_flows(flow, [{}])
            else:
                with Client(bench.dsn) as client, psycopg.connect(bench.dsn) as connection:
                    options = {"connection": connection} if how == "joined" else {}
                    run_id = client.start_flow(flow, {}, **options)
        await bench.client.wait(run_id, timeout=20)
    ended = {
        span.name + span.attributes.get("pgflowc.step", ""): span for span in exporter.get_finished_spans()
    }
    request, send = ended["request"], ended["send f"]
    assert send.parent.span_id == request.context.span_id
    for name in ("process ffirst", "process fsecond"):
        assert ended[name].context.trace_id == request.context.trace_id
        assert ended[name].parent.span_id == send.context.span_id


async def test_a_start_that_fails_ends_its_span(bench, spans) -> None:
    tracers, exporter, _ = spans
    with tracers.get_tracer("mine").start_as_current_span("request"):
        with pytest.raises(FlowNotFound):
            await bench.client.start_flow("no_such_flow", {})
        with pytest.raises(FlowNotFound):
            await bench.client.start_flow("no_such_flow", {})
    first, second, request = exporter.get_finished_spans()
    assert "no_such_flow" in first.status.description
    assert {first.parent.span_id, second.parent.span_id} == {request.context.span_id}


async def test_without_tracing_nothing_is_kept(bench, step) -> None:
    flow = bench.flow("f", step("only"))
    await bench.client.start_flow(flow, {})
    assert bench.value("select count(*) from pgflowc.run_traces") == 0


async def test_opentelemetry_makes_a_current_span_of_each_attempt(bench, step, spans) -> None:
    from opentelemetry import trace

    tracers, exporter, reader = spans
    flow = bench.flow("f", step("asynchronous"), step("plain", "asynchronous"))
    tracer = tracers.get_tracer("mine")

    async def asynchronous(input: Any, ctx: Any) -> Any:
        with tracer.start_as_current_span("inner"):
            return "done"

    def plain(deps: Any, ctx: Any) -> Any:
        trace.get_current_span().set_attribute("mine", 1)
        raise ValueError("no")

    async with bench.working((flow, {"asynchronous": asynchronous, "plain": plain})):
        run = await bench.run(flow)
    ended = {
        span.name + span.attributes.get("pgflowc.step", ""): span for span in exporter.get_finished_spans()
    }
    first, second = ended["process fasynchronous"], ended["process fplain"]
    assert ended["inner"].parent.span_id == first.context.span_id
    assert first.kind is trace.SpanKind.CONSUMER
    assert first.attributes["messaging.destination.name"] == "f"
    assert first.attributes["messaging.operation.type"] == "process"
    assert first.attributes["messaging.message.conversation_id"] == str(run.run_id)
    assert second.attributes["mine"] == 1
    assert second.attributes["error.type"] == "ValueError"
    assert second.status.description == "ValueError: no"
    assert second.events[0].name == "exception"
    data = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    durations = next(each for each in data if each.name == "messaging.process.duration")
    assert sum(point.count for point in durations.data.data_points) == 2


async def test_a_task_that_is_given_back_ends_its_span_and_counts_for_nothing(bench, step, spans) -> None:
    _, exporter, _ = spans
    metrics = pytest.importorskip("pgflowc_runtime.telemetry.prometheus").Metrics()
    metrics.attach()
    flow = bench.flow("f", step("only"))
    begun = asyncio.Event()

    async def handler(input: Any, ctx: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    try:
        async with bench.working((flow, {"only": handler}), drain_timeout=0):
            await bench.client.start_flow(flow, {})
            await asyncio.wait_for(begun.wait(), 20)
        text = metrics.render()[1]
    finally:
        metrics.detach()
    [span] = [span for span in exporter.get_finished_spans() if span.name == "process f"]
    assert span.attributes["pgflowc.released"] == "given back"
    assert span.status.is_unset
    assert 'pgflowc_tasks_running{flow="f",step="only"} 0.0' in text
    assert 'pgflowc_tasks_total{flow="f",outcome="released",step="only"} 1.0' in text
    assert bench.value("select attempts_count from pgflow.step_tasks") == 0


async def test_the_trace_goes_on_in_a_handlers_process(bench, step, spans, tmp_path, monkeypatch) -> None:
    _, exporter, _ = spans
    (tmp_path / "traced_handlers.py").write_text(
        "from opentelemetry import trace\n\n\n"
        "def where(input, ctx):\n"
        "    current = trace.get_current_span().get_span_context()\n"
        "    return [current.trace_id, current.span_id]\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    flow = bench.flow("f", step("only", isolation="process"))
    async with bench.working((flow, {"only": import_module("traced_handlers").where})):
        runs = [await bench.run(flow), await bench.run(flow)]
    ended = [span.context for span in exporter.get_finished_spans() if span.name == "process f"]
    assert [run.output["only"] for run in runs] == [[span.trace_id, span.span_id] for span in ended]
    assert ended[0].trace_id != ended[1].trace_id
