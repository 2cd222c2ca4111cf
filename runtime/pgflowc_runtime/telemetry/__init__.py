"""What happens in workers and clients, told to whoever asks.

    telemetry.attach("slow-tasks", ["task.stop"], lambda event, measurements, metadata: ...)

`events` lists every event with its measurements and metadata. The integrations with OpenTelemetry (`otel`)
and Prometheus (`prometheus`) are handlers like any other; their libraries are imported only with them.
"""

from pgflowc_runtime.telemetry.events import EVENTS, Event
from pgflowc_runtime.telemetry.hooks import Handler, attach, detach, emit, wanted

__all__ = ["EVENTS", "Event", "Handler", "attach", "detach", "emit", "wanted"]
