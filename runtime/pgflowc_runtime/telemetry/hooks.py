"""Handlers of events: attach, detach, emit.

Emitting with nobody attached costs one look into a dict, and `wanted` is there so that callers need not even
build what they would tell. Handlers are called where the event happens, one after the other, in the order in
which they were attached: in the event loop for a worker, in the caller's thread for a sync client. So they
must be quick. One that raises is detached and logged, and hurts nobody.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping

from pgflowc_language.words import did_you_mean
from pgflowc_runtime.errors import ConfigurationError
from pgflowc_runtime.telemetry.events import EVENTS

Handler = Callable[[str, Mapping[str, float], Mapping[str, object]], None]

log = logging.getLogger("pgflowc.telemetry")

_lock = threading.Lock()
_attached: dict[str, tuple[frozenset[str], Handler]] = {}
# Event -> (name, handler) of whom to tell. Replaced, never changed, so that readers need no lock.
_listeners: dict[str, tuple[tuple[str, Handler], ...]] = {}


def attach(name: str, events: Iterable[str], handler: Handler) -> None:
    """Call `handler(event, measurements, metadata)` at each of these events, until `detach(name)`.

    ConfigurationError if the name is taken or there is no such event.
    """
    wanted_events = frozenset((events,) if isinstance(events, str) else events)
    for event in sorted(wanted_events - EVENTS.keys()):
        raise ConfigurationError(
            f"there is no telemetry event '{event}'",
            help=did_you_mean(event, EVENTS) or f"the events are {', '.join(EVENTS)}",
        )
    with _lock:
        if name in _attached:
            raise ConfigurationError(
                f"a telemetry handler named '{name}' is attached already", help="detach it first"
            )
        _attached[name] = (wanted_events, handler)
        _rebuild()


def detach(name: str) -> bool:
    """Call that handler no more; False if there is none of that name."""
    with _lock:
        found = _attached.pop(name, None) is not None
        _rebuild()
    return found


def wanted(event: str) -> bool:
    """Whether anybody is attached to the event."""
    return event in _listeners


def emit(event: str, measurements: Mapping[str, float], metadata: Mapping[str, object]) -> None:
    """Tell whoever is attached to the event. Never raises what a handler raises."""
    for name, handler in _listeners.get(event, ()):
        try:
            handler(event, measurements, metadata)
        except (Exception, SystemExit):
            detach(name)
            log.exception("telemetry handler '%s' failed at %s and was detached", name, event)


def _rebuild() -> None:
    global _listeners
    listeners: dict[str, tuple[tuple[str, Handler], ...]] = {}
    for name, (events, handler) in _attached.items():
        for event in events:
            listeners[event] = (*listeners.get(event, ()), (name, handler))
    _listeners = listeners
