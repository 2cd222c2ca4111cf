"""The events, and what comes with each.

Durations are seconds, sizes bytes. Ids are UUID objects. What is not known where an event happens is left out
(a foreign core does not tell everything), so handlers read metadata with `.get`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of event: when it happens, and the names of its measurements and metadata."""

    name: str
    when: str
    measurements: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()


_WORKER = ("worker_name", "flows")
_POLL = ("worker_name", "flow_slug")
_TASK = (
    "flow_slug",
    "step_slug",
    "run_id",
    "task_index",
    "attempt",
    "max_attempts",
    "worker_id",
    "message_id",
)
_RUN = ("flow_slug", "run_id")
_START = ("flow_slug",)

EVENTS: dict[str, Event] = {
    event.name: event
    for event in (
        Event("worker.start", "a worker has begun to claim", (), _WORKER),
        Event("worker.stop", "a worker has stopped", ("duration", "given_back"), _WORKER),
        Event("poll.start", "a worker is about to claim tasks", ("quantity",), _POLL),
        Event("poll.stop", "the claim has come back", ("duration", "tasks"), _POLL),
        Event("task.start", "a handler is about to be called", (), (*_TASK, "trace_context")),
        Event("task.stop", "a handler has returned a valid output", ("duration", "output_size"), _TASK),
        Event(
            "task.exception",
            "an attempt has failed: an exception, a timeout, an invalid input or output",
            ("duration",),
            (*_TASK, "error", "permanent", "retry_delay", "exception"),
        ),
        Event(
            "task.released",
            "an attempt has ended without an outcome, and is not counted",
            ("duration",),
            (*_TASK, "reason"),
        ),
        Event(
            "outcome.retry",
            "outcomes could not be recorded yet, and will be sent again",
            ("delay", "outcomes", "attempt"),
            ("flow_slug", "error"),
        ),
        Event("run.started", "a client or a schedule has started a run", (), _RUN),
        Event(
            "run.completed",
            "a run has completed with an outcome that this worker recorded",
            ("duration",),
            _RUN,
        ),
        Event(
            "run.failed",
            "a run has failed with an outcome that this worker recorded",
            ("duration",),
            (*_RUN, "error"),
        ),
        Event(
            "runs.pruned",
            "this worker has deleted runs that were older than the retention of their flow",
            ("runs", "tasks"),
            _START,
        ),
        Event("queue.pause", "a client has paused the queue of a flow", (), _START),
        Event("queue.resume", "a client has ended such a pause", (), _START),
        Event("starter.attempt", "a client is about to start runs", ("runs",), _START),
        Event("starter.success", "the runs are started", ("duration", "runs"), _START),
        Event(
            "starter.retry", "the database was away; the start is tried again", ("delay",), (*_START, "error")
        ),
        Event(
            "starter.permanent_failure",
            "the start was refused, or the database was away for too long",
            ("duration",),
            (*_START, "error"),
        ),
    )
}
