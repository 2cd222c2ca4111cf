"""Carries the trace context of whoever starts a run to the handlers of its steps.

A carrier is the text that a tracing library makes of its context (W3C `traceparent` and the like, as JSON).
The client stores one per run in `pgflowc.run_traces`, the worker hands it on in the metadata of
`task.start`. Only while a tracing integration is attached: otherwise nothing is made, stored or read.
"""

from __future__ import annotations

from collections.abc import Callable

_current: Callable[[], str | None] | None = None


def install(current: Callable[[], str | None] | None) -> None:
    """From now on `current()` makes the carrier of the caller's context; None ends this."""
    global _current
    _current = current


def traced() -> bool:
    """Whether somebody wants carriers."""
    return _current is not None


def carrier() -> str | None:
    """The caller's context; None if there is no trace, or nobody traces."""
    return _current() if _current is not None else None


def resume(carrier: str) -> None:
    """In another process than that which made the carrier: make its context the current one."""
    from pgflowc_runtime.telemetry import otel  # whoever made the carrier has the extra

    otel.resume(carrier)
