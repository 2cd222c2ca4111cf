"""Spans and metrics in OpenTelemetry, after its conventions for messaging. Needs the extra `otel`.

    from pgflowc_runtime.telemetry import otel
    otel.attach()

A start of runs is a span `send FLOW` (producer), an attempt at a task is a span `process FLOW` (consumer)
whose parent is the span that started the run, whichever process that was. In handlers the span is the current
one, so what they do becomes its children; in those with `isolation: process` too, as a remote parent: their
process has the providers that the handler's module sets up, or none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import metrics, propagate, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

from pgflowc_runtime.telemetry import hooks, tracing

_NAME = "pgflowc.otel"
_SYSTEM = "pgmq"

_sending: ContextVar[tuple[Span, Any] | None] = ContextVar("pgflowc_sending", default=None)


def attach(
    tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
) -> None:
    """Begin to make spans and metrics, with these providers or the global ones.

    ConfigurationError if it is attached already.
    """
    instrumentation = _Instrumentation(tracer_provider, meter_provider)
    hooks.attach(_NAME, instrumentation.handlers, instrumentation.handle)
    tracing.install(_carrier)


def detach() -> None:
    """Make no more of them."""
    hooks.detach(_NAME)
    tracing.install(None)


def resume(carrier: str) -> None:
    """Make the context that this text carries the current one, for as long as the caller's context lives."""
    parent = _parent(carrier)
    if parent is not None:
        contexts.attach(parent)


def _carrier() -> str | None:
    fields: dict[str, str] = {}
    propagate.inject(fields)
    return json.dumps(fields) if fields else None


def _parent(carrier: object) -> contexts.Context | None:
    if not isinstance(carrier, str):
        return None
    try:
        fields = json.loads(carrier)
    except ValueError:
        return None
    return propagate.extract(fields) if isinstance(fields, dict) else None


class _Instrumentation:
    def __init__(self, tracers: TracerProvider | None, meters: MeterProvider | None) -> None:
        self._tracer = trace.get_tracer("pgflowc", tracer_provider=tracers)
        meter = metrics.get_meter("pgflowc", meter_provider=meters)
        self._duration = meter.create_histogram(
            "messaging.process.duration", "s", "How long attempts at tasks took."
        )
        self._consumed = meter.create_counter(
            "messaging.client.consumed.messages", "{message}", "Tasks claimed."
        )
        self._sent = meter.create_counter("messaging.client.sent.messages", "{message}", "Runs started.")
        self._operation = meter.create_histogram(
            "messaging.client.operation.duration", "s", "How long claims and starts took."
        )
        self._spans: dict[tuple[object, ...], Span] = {}
        self.handlers = {
            "task.start": self._task_start,
            "task.stop": self._task_stop,
            "task.exception": self._task_exception,
            "task.released": self._task_released,
            "poll.stop": self._poll_stop,
            "starter.attempt": self._starter_attempt,
            "run.started": self._run_started,
            "starter.success": self._starter_success,
            "starter.retry": self._starter_failure,
            "starter.permanent_failure": self._starter_failure,
        }

    def handle(self, event: str, numbers: Mapping[str, float], about: Mapping[str, object]) -> None:
        self.handlers[event](numbers, about)

    # Tasks

    def _task_start(self, numbers: Mapping[str, float], about: Mapping[str, object]) -> None:
        attributes = {
            **_destination(about, "process"),
            "messaging.message.id": str(about["message_id"]),
            "messaging.message.conversation_id": str(about["run_id"]),
            "messaging.client.id": str(about["worker_id"]),
            "pgflowc.step": str(about["step_slug"]),
            "pgflowc.task_index": int(str(about["task_index"])),
            "pgflowc.attempt": int(str(about["attempt"])),
        }
        span = self._tracer.start_span(
            f"process {about['flow_slug']}",
            context=_parent(about.get("trace_context")),
            kind=SpanKind.CONSUMER,
            attributes=attributes,
        )
        self._spans[_key(about)] = span
        # This is the handler's own asyncio task: its context ends with it, so nothing has to be detached.
        contexts.attach(trace.set_span_in_context(span))

    def _task_stop(self, numbers: Mapping[str, float], about: Mapping[str, object]) -> None:
        self._end_task(numbers, about, None)

    def _task_exception(self, numbers: Mapping[str, float], about: Mapping[str, object]) -> None:
        exception = about.get("exception")
        kind = type(exception).__name__ if isinstance(exception, BaseException) else "failure"
        self._end_task(numbers, about, kind)

    def _task_released(self, numbers: Mapping[str, float], about: Mapping[str, object]) -> None:
        span = self._spans.pop(_key(about), None)
        if span is not None:
            span.set_attribute("pgflowc.released", str(about["reason"]))
            span.end()

    def _end_task(
        self, numbers: Mapping[str, float], about: Mapping[str, object], error_type: str | None
    ) -> None:
        attributes = {**_destination(about, "process"), "pgflowc.step": str(about["step_slug"])}
        if error_type is not None:
            attributes["error.type"] = error_type
        self._duration.record(numbers["duration"], attributes)
        span = self._spans.pop(_key(about), None)
        if span is None:  # it began before this was attached
            return
        if error_type is not None:
            span.set_attribute("error.type", error_type)
            span.set_status(Status(StatusCode.ERROR, str(about.get("error", "")).partition("\n")[0]))
            exception = about.get("exception")
            if isinstance(exception, Exception):
                span.record_exception(exception)
        span.end()

    def _poll_stop(self, numbers: Mapping[str, float], about: Mapping[str, object]) -> None:
        attributes = _destination(about, "receive")
        self._consumed.add(int(numbers.get("tasks", 0)), attributes)
        self._operation.record(numbers.get("duration", 0.0), attributes)

    # Starts

    def _starter_attempt(self, numbers: Mapping[str, float], about: Mapping[str, object]) -> None:
        self._end_start(None)  # of a start that was interrupted
        span = self._tracer.start_span(
            f"send {about['flow_slug']}", kind=SpanKind.PRODUCER, attributes=_destination(about, "send")
        )
        if (runs := int(numbers.get("runs", 1))) > 1:
            span.set_attribute("messaging.batch.message_count", runs)
        _sending.set((span, contexts.attach(trace.set_span_in_context(span))))

    def _run_started(self, numbers: Mapping[str, float], about: Mapping[str, object]) -> None:
        self._sent.add(1, _destination(about, "send"))

    def _starter_success(self, numbers: Mapping[str, float], about: Mapping[str, object]) -> None:
        self._operation.record(numbers.get("duration", 0.0), _destination(about, "send"))
        self._end_start(None)

    def _starter_failure(self, numbers: Mapping[str, float], about: Mapping[str, object]) -> None:
        self._end_start(str(about.get("error", "")).partition("\n")[0])

    def _end_start(self, error: str | None) -> None:
        sending = _sending.get()
        if sending is None:
            return
        span, token = sending
        _sending.set(None)
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end()
        contexts.detach(token)


def _key(about: Mapping[str, object]) -> tuple[object, ...]:
    return about["run_id"], about["step_slug"], about["task_index"], about["attempt"], about["worker_id"]


def _destination(about: Mapping[str, object], operation: str) -> dict[str, Any]:
    return {
        "messaging.system": _SYSTEM,
        "messaging.destination.name": str(about.get("flow_slug", "")),
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }
